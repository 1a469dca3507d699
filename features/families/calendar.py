"""When a snapshot lies in the quarter, the month, the week and the day, local to the data set."""

from __future__ import annotations

import numpy as np

from features.calendars import BASE_DAY, local_shift
from features.compiled import compiled
from features.families.months import month_of, month_start
from features.times import DAY, HOUR, FloatArray, IntArray

COLUMNS = (
    "days_to_month_end", "days_to_quarter_end", "month_of_quarter", "weekday", "hour_of_day", "holiday",
    "working_days_to_quarter_end",
)  # fmt: skip
_WIDTH = len(COLUMNS)
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday, day 3 from Monday


@compiled("void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], float64[:, ::1])")
def calendar(
    as_of: IntArray,
    zone_starts: IntArray,
    zone_shifts: IntArray,
    working_before: IntArray,
    is_holiday: IntArray,
    place: IntArray,
    out: FloatArray,
) -> None:
    """The columns of `COLUMNS` of each snapshot; Monday is weekday 1."""
    v = np.empty(_WIDTH, np.float64)
    zone = 0
    for row in range(len(as_of)):
        zone = local_shift(as_of[row], zone_starts, zone)
        local = as_of[row] + zone_shifts[zone]
        day = local // DAY
        month = month_of(local)
        quarter_end = month_start(month // 3 * 3 + 3)
        v[0] = (month_start(month + 1) - local) / DAY
        v[1] = (quarter_end - local) / DAY
        v[2] = month % 3 + 1
        v[3] = (day + _EPOCH_WEEKDAY) % 7 + 1
        v[4] = (local - day * DAY) // HOUR
        v[5] = is_holiday[day - BASE_DAY]
        v[6] = working_before[quarter_end // DAY - BASE_DAY] - working_before[day + 1 - BASE_DAY]
        for c in range(_WIDTH):
            if place[c] >= 0:
                out[row, place[c]] = v[c]
