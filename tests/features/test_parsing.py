"""Text and typed cells become columns of the declared type, or null."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.parsing import category_of, number_of, text_of, tidy, time_of, value_kind
from features.tables import DIRECTIONS
from features.times import parse_instant, to_micros


def times(cells: list[Any], time_zone: str = "UTC", dtype: Any = None) -> list[datetime | None]:
    frame = tidy(pl.DataFrame({"at": pl.Series(cells, dtype=dtype)}))
    result = frame.select(time_of("at", frame.schema["at"], time_zone)).to_series()
    assert result.dtype == pl.Datetime("us", "UTC")
    return [None if when is None else when.replace(tzinfo=UTC) for when in result.to_list()]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-05T09:30:15Z", utc(2024, 1, 5, 9, 30, 15)),
        ("2024-01-05 09:30:15z", utc(2024, 1, 5, 9, 30, 15)),
        (" 2024-01-05 09:30 ", utc(2024, 1, 5, 9, 30)),
        ("2024-01-05", utc(2024, 1, 5)),
        ("2024-01-05T09:30:15.5Z", utc(2024, 1, 5, 9, 30, 15, 500_000)),
        ("2024-01-05T09:30:15.123456999", utc(2024, 1, 5, 9, 30, 15, 123_456)),
        ("2024-01-05T09:30:15,000001Z", utc(2024, 1, 5, 9, 30, 15, 1)),
        ("2024-01-05T09:30+08:00", utc(2024, 1, 5, 1, 30)),
        ("2024-01-05T09:30:00-0530", utc(2024, 1, 5, 15, 0)),
        ("2024-01-05T09:30:00 +08", utc(2024, 1, 5, 1, 30)),
        ("2024-01-05T00:10-00:30", utc(2024, 1, 5, 0, 40)),
        ("1900-01-01", utc(1900, 1, 1)),
        ("2200-12-31T23:59:59.999999Z", utc(2200, 12, 31, 23, 59, 59, 999_999)),
    ],
)
def test_an_iso_8601_time_becomes_utc_microseconds(text: str, expected: datetime) -> None:
    assert times([text]) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "2024", "2024-01", "20240105", "05.01.2024", "1/5/2024", "2024-02-30", "2024-13-01",
        "2024-01-05T24:00", "2024-01-05T09:60", "2024-01-05T09:30:60Z", "2024-01-05T9:30", "2024-01-05T",
        "2024-01-05T09:30+", "2024-01-05T09:30+25:00", "2024-01-05T09:30+08:0", "2024-01-05T09:30ZZ",
        "1899-12-31T23:59:59Z", "2201-01-01T00:00:00Z", "9999-12-31", "0000-01-01", "1704445200",
        "２０２４-01-05", "2024-01-05T09:30:15.Z", "12024-01-05",
    ],
)  # fmt: skip
def test_what_is_no_possible_iso_8601_time_becomes_null(text: str) -> None:
    assert times([text]) == [None]


def test_a_time_without_offset_is_read_in_the_time_zone_and_one_with_offset_is_not() -> None:
    cells = ["2024-01-05 09:00", "2024-07-05", "2024-01-05T09:00Z", None]
    expected = [utc(2024, 1, 5, 8), utc(2024, 7, 4, 22), utc(2024, 1, 5, 9), None]
    assert times(cells, "Europe/Berlin") == expected


def test_a_time_that_occurs_twice_is_the_earlier_and_one_that_is_skipped_is_null() -> None:
    assert times(["2024-10-27T02:30", "2024-03-31T02:30"], "Europe/Berlin") == [
        utc(2024, 10, 27, 0, 30),
        None,
    ]


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
def test_typed_times_of_every_unit_are_read_like_text(unit: Any) -> None:
    naive = pl.Datetime(unit)
    aware = pl.Datetime(unit, "Asia/Shanghai")
    assert times([datetime(2024, 1, 5, 9)], "Europe/Berlin", naive) == [utc(2024, 1, 5, 8)]
    assert times([utc(2024, 1, 5, 9)], "Europe/Berlin", aware) == [utc(2024, 1, 5, 9)]


def test_typed_dates_are_midnights_of_the_time_zone_and_bare_numbers_are_no_times() -> None:
    assert times([date(2024, 1, 5), None], "Asia/Shanghai") == [utc(2024, 1, 4, 16), None]
    assert times([1_704_445_200, 2024]) == [None, None]
    assert times([datetime(9999, 1, 1)]) == [None]


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(2200, 12, 30)),
    st.sampled_from(["T", " "]),
    st.sampled_from(["auto", "seconds", "minutes", "milliseconds"]),
    st.sampled_from(["", "Z", "+00:00", "-05:30", "+14:00", "+0800"]),
)
def test_parsed_times_are_those_of_the_standard_library(
    when: datetime, sep: str, spec: str, offset: str
) -> None:
    text = when.isoformat(sep, spec) + offset
    [got] = times([text])
    assert got is not None
    assert to_micros(got) == parse_instant(text)


def numbers(cells: list[Any], dtype: Any = None) -> list[float | None]:
    frame = tidy(pl.DataFrame({"x": pl.Series(cells, dtype=dtype)}))
    return frame.select(number_of("x", frame.schema["x"])).to_series().to_list()


def test_plain_and_scientific_numbers_are_read() -> None:
    assert numbers(["1", " -2.50 ", "+3", "1e3", "1.5E-2", ".5"]) == [1.0, -2.5, 3.0, 1000.0, 0.015, 0.5]


def test_what_is_no_finite_number_becomes_null() -> None:
    cells = ["nan", "inf", "-Infinity", "1e999", "1,5", "1 000", "0x10", "12 EUR", "true", "", None]
    assert numbers(cells) == [None] * len(cells)


def test_typed_numbers_are_read_and_those_that_are_not_finite_are_not() -> None:
    assert numbers([1, None]) == [1.0, None]
    assert numbers([Decimal("1.25")]) == [1.25]
    assert numbers([float("nan"), float("inf"), 2.0]) == [None, None, 2.0]
    assert numbers([True, False]) == [None, None]


def test_a_category_is_compared_without_case_blanks_and_hyphens() -> None:
    frame = pl.DataFrame({"x": ["Inbound", "IN BOUND", "out-bound", "outbound", None]})
    result = frame.select(category_of("x", pl.String(), DIRECTIONS)).to_series().to_list()
    assert result == ["inbound", None, None, "outbound", None]


def texts(series: pl.Series) -> list[str | None]:
    frame = tidy(series.to_frame("x"))
    return frame.select(text_of("x", frame.schema["x"]).alias("x")).to_series().to_list()


def test_numeric_ids_become_text_without_a_decimal_point() -> None:
    assert texts(pl.Series([12, None])) == ["12", None]
    assert texts(pl.Series([12.0, None, 12.5])) == ["12", None, "12.5"]
    assert texts(pl.Series([Decimal("12.00")])) == ["12"]


def test_every_stored_type_becomes_text() -> None:
    assert texts(pl.Series([" a ", "", "\u00a0"])) == ["a", None, None]
    assert texts(pl.Series(["a", None], dtype=pl.Categorical)) == ["a", None]
    assert texts(pl.Series(["a"], dtype=pl.Enum(["a"]))) == ["a"]
    assert texts(pl.Series([True])) == ["true"]
    assert texts(pl.Series([None, None])) == [None, None]
    assert texts(pl.Series([b"a"])) == ["a"]
    assert texts(pl.Series([b"\xff\x00"])) == ["ff00"]
    assert texts(pl.Series([date(2024, 1, 5)])) == ["2024-01-05"]
    assert texts(pl.Series([datetime(2024, 1, 5)], dtype=pl.Datetime("us", "UTC"))) == [
        "2024-01-05T00:00:00Z"
    ]
    assert texts(pl.Series([[1, 2]])) == ['{"x":[1,2]}']


def test_the_kind_of_a_value_says_nothing_of_the_value() -> None:
    cells = pl.Series("x", ["12.5", None, "Jane Doe", "31.12.2024", "2024-13-01T00:00"])
    assert value_kind(cells).to_list() == ["number", "empty", "text", "date-like", "date-like"]
    assert value_kind(pl.Series("x", [datetime(2024, 1, 5)])).to_list() == ["date-like"]
