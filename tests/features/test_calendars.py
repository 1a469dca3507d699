"""Local time against `zoneinfo`, working days and holidays against plain dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.calendars import BASE_DAY, LAST_DAY, calendar_of, local_times
from features.errors import ConfigError
from features.locales import check_locale, holidays_of
from features.times import DAY, FIRST_YEAR, HOUR, LAST_YEAR, SECOND, to_micros
from tests.factories import features_at
from tests.features.stories.telling import CONVENTIONS, activity, history_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WEEK = (1, 2, 3, 4, 5)
ZONES = (
    "UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe",
    "America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "Europe/Dublin",
)  # fmt: skip
LOCALES = ("", "CN", "DE", "DE-BY", "US-CA")
FIRST = to_micros(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
LAST = to_micros(datetime(LAST_YEAR, 12, 31, tzinfo=UTC)) + DAY - 1
CALENDAR = (
    "days_to_month_end", "days_to_quarter_end", "month_of_quarter", "weekday", "hour_of_day", "holiday",
    "working_days_to_quarter_end",
)  # fmt: skip


def local(instant: int, zone: str) -> datetime:
    return (EPOCH + timedelta(microseconds=instant)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def micros(wall: datetime) -> int:
    return (wall - datetime(1970, 1, 1)) // timedelta(microseconds=1)


@cache
def changes_of(zone: str) -> list[int]:
    return calendar_of(zone, WEEK, "").zone_starts.tolist()


def instants_in(zone: str) -> st.SearchStrategy[int]:
    """Any instant, and often one beside a change of the clocks."""
    beside = st.builds(
        lambda change, shift: min(max(change + shift, FIRST), LAST),
        st.sampled_from(changes_of(zone)),
        st.sampled_from([0, -1, 1, -SECOND, SECOND, -HOUR, HOUR]),
    )
    return st.integers(FIRST, LAST) | beside


@pytest.mark.parametrize("zone", ZONES)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_local_times_are_those_of_zoneinfo(zone: str, data: st.DataObject) -> None:
    instants = data.draw(st.lists(instants_in(zone), min_size=1, max_size=20))
    calendar = calendar_of(zone, WEEK, "")
    found = local_times(np.array(instants, np.int64), calendar.zone_starts, calendar.zone_offsets)
    assert found.tolist() == [micros(local(instant, zone)) for instant in instants]


def test_a_zone_covers_every_time_there_is() -> None:
    for zone in ZONES:
        starts = changes_of(zone)
        assert starts[0] < FIRST - DAY
        assert starts == sorted(set(starts))
    assert BASE_DAY * DAY < FIRST - 366 * DAY
    assert LAST_DAY * DAY > LAST + 366 * DAY


@pytest.mark.parametrize("locale", LOCALES)
@settings(deadline=None, max_examples=40)
@given(
    day=st.dates(date(1990, 1, 1), date(2055, 12, 31)),
    days=st.integers(0, 400),
    week=st.sets(st.integers(1, 7)),
)
def test_working_days_and_holidays_are_those_of_plain_dates(
    locale: str, day: date, days: int, week: set[int]
) -> None:
    free = free_days(locale)
    calendar = calendar_of("UTC", tuple(sorted(week)), locale)
    low = (day - EPOCH.date()).days - BASE_DAY
    span = [day + timedelta(days=n) for n in range(days)]
    works = [d.isoweekday() in week and d not in free for d in span]
    assert calendar.working_before[low + days] - calendar.working_before[low] == sum(works)
    assert calendar.is_holiday[low : low + days].tolist() == [int(d in free) for d in span]


@cache
def free_days(locale: str) -> set[date]:
    if not locale:
        return set()
    country, _, part = locale.partition("-")
    return set(holidays.country_holidays(country, subdiv=part or None, years=range(1995, 2051)))


@pytest.mark.parametrize(
    ("zone", "locale", "week"),
    [
        ("Europe/Berlin", "DE-BY", WEEK),
        ("Asia/Shanghai", "CN", WEEK),
        ("America/New_York", "US", (7, 1, 2, 3, 4)),
        ("Australia/Lord_Howe", "", (1, 2, 3, 4, 5, 6)),
    ],
)
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_the_calendar_of_a_snapshot_is_what_dates_say(
    zone: str, locale: str, week: tuple[int, ...], data: st.DataObject
) -> None:
    instants = data.draw(st.lists(instants_in(zone), min_size=1, max_size=8))
    conventions = type(CONVENTIONS)(CONVENTIONS.stages, time_zone=zone, working_days=week, holidays=locale)
    history, free = history_of(conventions), free_days(locale)
    for entity, name in (("opportunity", "d"), ("account", "a")):
        frame = features_at(history, [(name, instant) for instant in instants], entity, only=CALENDAR)
        for found, instant in zip(frame.to_polars().rows(), instants, strict=True):
            wall = local(instant, zone)
            month_end = datetime(wall.year + wall.month // 12, wall.month % 12 + 1, 1)
            last = (wall.month - 1) // 3 * 3 + 3
            quarter_end = datetime(wall.year + last // 12, last % 12 + 1, 1)
            ahead = [wall.date() + timedelta(days=n) for n in range(1, 93)]
            works = [d for d in ahead if d < quarter_end.date() and d.isoweekday() in week and d not in free]
            expected = (
                (month_end - wall) / timedelta(days=1), (quarter_end - wall) / timedelta(days=1),
                (wall.month - 1) % 3 + 1, wall.isoweekday(), wall.hour, int(wall.date() in free), len(works),
            )  # fmt: skip
            assert found == pytest.approx(expected, rel=1e-12)


def test_days_are_local_where_clocks_go_back_over_midnight() -> None:
    """In St. John's they went back from 00:01 to 23:01 of the day before; that day does not come again."""
    back = to_micros(datetime(2006, 10, 29, 2, 31, tzinfo=UTC))
    days = [
        local(back + shift, "America/St_Johns").day for shift in (-HOUR, -SECOND * 30, HOUR // 2, 2 * HOUR)
    ]
    assert days == [28, 29, 28, 29]
    rows = [activity(f"x{n}", 0, "call") for n in range(4)]
    conventions = type(CONVENTIONS)(CONVENTIONS.stages, time_zone="America/St_Johns")
    at = [(back + shift) / DAY for shift in (-HOUR, -SECOND * 30, HOUR // 2, 2 * HOUR)]
    history = history_of(
        conventions, activities=[{**row, "at": time} for row, time in zip(rows, at, strict=True)]
    )
    names = ("active_days_total", "busiest_day_activities")
    assert features_at(history, [("d", back + DAY)], only=names).to_polars().row(0) == (2, 3)


@pytest.mark.parametrize("locale", ["CN", "DE", "DE-BY", "US-CA"])
def test_a_country_and_a_part_of_it_are_known(locale: str) -> None:
    check_locale(locale, "pipeline.toml")
    assert len({day.year for day in holidays_of(locale)}) > 20


@pytest.mark.parametrize(
    ("locale", "wrong"), [("XX", "use an ISO code"), ("DE-XX", "no part of DE"), ("de", "use an ISO code")]
)
def test_a_country_that_is_not_known_is_refused(locale: str, wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        check_locale(locale, "pipeline.toml")


def test_holidays_that_are_told_for_fewer_years_come_without_a_warning() -> None:
    calendar = calendar_of("UTC", WEEK, "IN")
    assert calendar.is_holiday[(date(2025, 8, 15) - EPOCH.date()).days - BASE_DAY] == 1
