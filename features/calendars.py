"""Local time, working days and public holidays, as tables that kernels can look up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from features.compiled import compiled
from features.locales import holidays_of
from features.times import DAY, FIRST_YEAR, LAST_YEAR, SECOND, IntArray

_EPOCH = date(1970, 1, 1)
BASE_DAY = (date(FIRST_YEAR, 1, 1) - _EPOCH).days - 400
LAST_DAY = (date(LAST_YEAR, 12, 31) - _EPOCH).days + 400
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday, day 3 from Monday


@dataclass(frozen=True)
class Calendar:
    """Where a firm is in time.

    Attributes:
        zone_starts: int64 microseconds; from each on the zone is `zone_offsets` ahead of UTC. The
            first one lies before every time there is.
        zone_offsets: int64 microseconds.
        working_before: int64; working_before[d - BASE_DAY] working days lie before local day d, a
            number of days since 1970-01-01.
        is_holiday: int64, 1 where local day d is a public holiday; as long.
    """

    zone_starts: IntArray
    zone_offsets: IntArray
    working_before: IntArray
    is_holiday: IntArray


@cache
def calendar_of(time_zone: str, working_days: tuple[int, ...], locale: str) -> Calendar:
    """The calendar of a zone, of the ISO weekdays on which a firm works, and of a country ("" for none)."""
    starts, shifts = _zone(time_zone)
    days = np.arange(BASE_DAY, LAST_DAY + 1)
    holiday = np.zeros(len(days), np.int64)
    holiday[[(day - _EPOCH).days - BASE_DAY for day in holidays_of(locale)]] = 1
    works = np.isin((days + _EPOCH_WEEKDAY) % 7 + 1, working_days) & (holiday == 0)
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(works)])
    return Calendar(starts, shifts, before, np.append(holiday, 0))


@compiled()
def local_shift(instant: int, starts: IntArray, guess: int) -> int:
    """Index of the zone's offset at an instant; `guess` is tried first, with the one after it."""
    last = len(starts) - 1
    if starts[guess] <= instant and (guess == last or instant < starts[guess + 1]):
        return guess
    low, high = 0, last + 1
    while high - low > 1:
        middle = (low + high) >> 1
        if starts[middle] <= instant:
            low = middle
        else:
            high = middle
    return low


@compiled("int64[::1](int64[::1], int64[::1], int64[::1])")
def local_times(instants: IntArray, starts: IntArray, shifts: IntArray) -> IntArray:
    """Local wall time of instants, as microseconds since the local 1970-01-01."""
    local = np.empty_like(instants)
    guess = 0
    for i in range(len(instants)):
        guess = local_shift(instants[i], starts, guess)
        local[i] = instants[i] + shifts[guess]
    return local


def _zone(time_zone: str) -> tuple[IntArray, IntArray]:
    """When a zone's offset from UTC changes, to the second, and what it is from then on."""
    begin = (BASE_DAY + 2) * DAY // SECOND
    if time_zone == "UTC":
        return np.array([begin * SECOND]), np.zeros(1, np.int64)
    zone = ZoneInfo(time_zone)
    first = datetime(1970, 1, 1, tzinfo=UTC)

    def shift(second: int) -> int:
        offset = (first + timedelta(seconds=second)).astimezone(zone).utcoffset()
        return 0 if offset is None else offset.days * 86_400 + offset.seconds

    days = range(begin, (LAST_DAY - 2) * DAY // SECOND, 86_400)
    starts, shifts = [begin], [shift(begin)]
    for day in days[1:]:
        if shift(day) != shifts[-1]:
            starts.append(_change(shift, day - 86_400, day))
            shifts.append(shift(day))
    return np.array(starts, np.int64) * SECOND, np.array(shifts, np.int64) * SECOND


def _change(shift: Callable[[int], int], low: int, high: int) -> int:
    """The second at which the offset of `low` gives way to that of `high`."""
    before = shift(low)
    while high - low > 1:
        middle = (low + high) // 2
        if shift(middle) == before:
            low = middle
        else:
            high = middle
    return high
