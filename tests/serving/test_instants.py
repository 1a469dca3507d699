"""Times read all at once are those that the standard library reads; what it refuses is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.times import MISSING, to_micros
from serving.instants import usual_instants

MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(2200, 12, 30, 23, 59, 59)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


def written(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat()}Z"


@given(st.lists(MOMENTS, min_size=1, max_size=20))
@example(
    [datetime(2000, 2, 29, tzinfo=UTC), datetime(1900, 3, 1, tzinfo=UTC), datetime(2100, 3, 1, tzinfo=UTC)]
)
def test_they_are_those_of_the_standard_library(moments: list[datetime]) -> None:
    found = usual_instants([written(m) for m in moments])
    assert found is not None
    assert found.tolist() == [to_micros(m) for m in moments]


@given(moment=MOMENTS, place=st.integers(0, 19), sign=st.sampled_from("0123456789-:TZ /é"))
def test_a_changed_letter_is_read_as_the_standard_library_reads_it_or_not_at_all(
    moment: datetime, place: int, sign: str
) -> None:
    text = written(moment)
    text = text[:place] + sign + text[place + 1 :]
    found = usual_instants([text])
    if found is not None:
        assert found.tolist() == [to_micros(datetime.fromisoformat(text))]


@pytest.mark.parametrize(
    "text",
    [
        "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2025-04-31T00:00:00Z", "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z", "2025-01-00T00:00:00Z", "2025-01-01T24:00:00Z", "2025-01-01T00:60:00Z",
        "2025-01-01T00:00:60Z", "0000-01-01T00:00:00Z", "2025-01-01 00:00:00Z", "2025-01-01T00:00:00z",
        "2025-01-01T00:00:00+", "2025-01-01T00:00:00.5Z", "2025-01-01", "",
    ],
)  # fmt: skip
def test_what_is_not_plainly_such_a_time_is_left_to_others(text: str) -> None:
    assert usual_instants(["2025-01-01T00:00:00Z", text]) is None


def test_what_is_not_given_is_missing_and_no_text_looks_like_it() -> None:
    found = usual_instants([None, "1970-01-01T00:00:01Z", None])
    assert found is not None
    assert found.tolist() == [MISSING, 1_000_000, MISSING]
    assert usual_instants(["-" * 20, None]) is None


@pytest.mark.parametrize("day", ["1900-01-01", "2200-12-31", "0001-01-01", "9999-12-31"])
def test_about_the_ends_of_the_years_that_are_read_others_are_asked(day: str) -> None:
    assert usual_instants([f"{day}T12:00:00Z"]) is None


def test_of_no_text_nothing_is_said() -> None:
    assert usual_instants([]) is None
