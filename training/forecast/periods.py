"""Calendar weeks, months and quarters, and the steps of time that they are all made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from features.times import IntArray, from_micros, to_micros

KINDS = ("week", "month", "quarter", "horizon")


@dataclass(frozen=True)
class Period:
    """A stretch of the calendar, in microseconds, begin inclusive, end exclusive.

    Attributes:
        kind: of `KINDS`; "horizon" is the whole from the forecast's instant on.
        steps: which steps of the forecast lie in it.
        whole: False where the forecast ends before the period does.
    """

    kind: str
    begin: int
    end: int
    steps: slice
    whole: bool


@dataclass(frozen=True)
class Calendar:
    """Steps from `as_of` on, and the periods that are sums of them.

    Attributes:
        edges: microseconds, steps + 1; the first is `as_of`.
        periods: by kind, in time's order.
    """

    edges: IntArray
    periods: tuple[Period, ...]

    @property
    def weeks(self) -> IntArray:
        """The end of each step in microseconds after `as_of`."""
        return np.asarray(self.edges[1:] - self.edges[0])


def calendar(as_of: int, until: int, time_zone: str = "UTC") -> Calendar:
    """The calendar from `as_of` to `until`; days begin at midnight of a time zone, weeks on Mondays."""
    zone = ZoneInfo(time_zone)
    starts = {kind: _starts(kind, as_of, until, zone) for kind in KINDS[:-1]}
    inside = {b for bounds in starts.values() for b in bounds if as_of < b < until}
    edges = np.array(sorted({as_of, until, *inside}), np.int64)
    found = []
    for kind, bounds in starts.items():
        for begin, end in pairwise(bounds):
            found.append(_period(kind, begin, end, edges))
    found.append(Period("horizon", as_of, until, slice(0, len(edges) - 1), True))
    return Calendar(edges, tuple(found))


def quarter_begin(at: int, time_zone: str, back: int = 0) -> int:
    """The begin of the quarter that holds an instant, or of one so many quarters before it."""
    zone = ZoneInfo(time_zone)
    local = from_micros(at).astimezone(zone)
    months = local.year * 12 + (local.month - 1) // 3 * 3 - 3 * back
    return to_micros(datetime(months // 12, months % 12 + 1, 1, tzinfo=zone))


def _period(kind: str, begin: int, end: int, edges: IntArray) -> Period:
    first = int(np.searchsorted(edges, max(begin, int(edges[0]))))
    last = int(np.searchsorted(edges, min(end, int(edges[-1]))))
    return Period(kind, begin, end, slice(first, last), end <= int(edges[-1]))


def _starts(kind: str, as_of: int, until: int, zone: ZoneInfo) -> list[int]:
    """Begins of the periods of a kind, from the one that holds `as_of` to the first not before `until`."""
    day = from_micros(as_of).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "week":
        day -= timedelta(days=day.weekday())
    else:
        day = day.replace(day=1, month=day.month if kind == "month" else (day.month - 1) // 3 * 3 + 1)
    found = [to_micros(day)]
    while found[-1] < until:
        day = _next(kind, day)
        found.append(to_micros(day))
    return found


def _next(kind: str, day: datetime) -> datetime:
    if kind == "week":
        return day + timedelta(days=7)
    months = day.year * 12 + day.month - 1 + (1 if kind == "month" else 3)
    return day.replace(year=months // 12, month=months % 12 + 1)
