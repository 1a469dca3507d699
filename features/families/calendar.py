"""When a snapshot lies in the quarter, the week and the day; from `as_of` and the time zone alone."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from features.families import Values
from features.history import History
from features.snapshots import Snapshots
from features.times import DAY, HOUR, IntArray, from_micros

_QUARTER_HOUR = HOUR // 4  # every zone changes its offset on one of these
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday, day 3 from Monday


def calendar(history: History, snapshots: Snapshots) -> Values:
    """Days to the end of the quarter, the month within it, the weekday and the hour.

    Local to the data set's time zone but for the quarter's end, which is taken in UTC. Monday is
    weekday 1.
    """
    as_of = snapshots.as_of.astype("datetime64[us]")
    number = as_of.astype("datetime64[M]").astype(np.int64)
    quarter_end = (number - number % 3 + 3).astype("datetime64[M]").astype("datetime64[us]")
    local = snapshots.as_of + _utc_offset(snapshots.as_of, history.conventions.time_zone)
    return {
        "days_to_quarter_end": (quarter_end - as_of).astype(np.int64) / DAY,
        "month_of_quarter": (number % 3 + 1).astype(np.float64),
        "weekday": ((local // DAY + _EPOCH_WEEKDAY) % 7 + 1).astype(np.float64),
        "hour_of_day": (local % DAY // HOUR).astype(np.float64),
    }


def _utc_offset(as_of: IntArray, time_zone: str) -> IntArray:
    """Microseconds by which local time is ahead of UTC, asked once per quarter of an hour."""
    if time_zone == "UTC":
        return np.zeros(len(as_of), np.int64)
    zone = ZoneInfo(time_zone)
    starts, place = np.unique(as_of // _QUARTER_HOUR, return_inverse=True)
    offsets = [from_micros(start * _QUARTER_HOUR).astimezone(zone).utcoffset() for start in starts.tolist()]
    seconds = [0 if offset is None else int(offset.total_seconds()) for offset in offsets]
    return np.array(seconds, np.int64)[place] * 1_000_000
