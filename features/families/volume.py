"""How much was done."""

from __future__ import annotations

import math

from features.compiled import compiled
from features.families.state import (
    ALL,
    CRM_UPDATE,
    DAY_BUSIEST,
    DAYS,
    DEMO,
    FIRST,
    INTERNAL,
    N_OFF_DAY,
)
from features.families.values import ratio
from features.times import WEEK, FloatArray, Int32Array, IntArray

WINDOWS = ("7d", "14d", "30d", "90d", "total")
KINDS = ("calls", "emails", "meetings", "visits", "messages", "demos", "proposals", "crm_updates")
COLUMNS = (
    *(f"{kind}_{window}" for window in WINDOWS for kind in KINDS),
    *(f"activities_{window}" for window in WINDOWS),
    "internal_work_total", "activities_per_working_day_30d", "activities_per_week",
    "activity_trend_30d", "activity_momentum", "busiest_day_activities", "active_days_30d",
    "active_days_total", "activities_per_active_day", "channels_30d", "channels_total",
    "off_day_share", "planned_activities",
)  # fmt: skip
WIDTH = len(COLUMNS)
_COUNTED = len(KINDS)  # the first of `ACTIVITY_KINDS`, in their order
_ALL = len(WINDOWS) * _COUNTED
_REST = _ALL + len(WINDOWS)
TREND = _REST + 3
CORE = (*COLUMNS[:_REST], COLUMNS[TREND])


@compiled()
def write(v: FloatArray, c: int, totals: Int32Array, edge: IntArray, end: int) -> None:
    """The counts and the trend, from v[c] on.

    Args:
        edge: rows of `totals` at which the windows of 7, 14, 30, 60 and 90 days begin.
        end: the row of `totals` behind the last activity.
    """
    now = totals[end]
    for w in range(4):
        then = totals[edge[w if w < 3 else 4]]
        for kind in range(_COUNTED):
            v[c + _COUNTED * w + kind] = float(now[kind]) - float(then[kind])
        v[c + _ALL + w] = now[ALL] - then[ALL]
    for kind in range(_COUNTED):
        v[c + _COUNTED * 4 + kind] = now[kind]
    v[c + _ALL + 4] = now[ALL]
    month, two_months = totals[edge[2], ALL], totals[edge[3], ALL]
    v[c + TREND] = (now[ALL] - month) - (month - two_months)


@compiled()
def write_deeply(
    v: FloatArray,
    c: int,
    state: IntArray,
    totals: Int32Array,
    edge: IntArray,
    end: int,
    as_of: int,
    working_days: int,
    first_is_new_day: bool,
    planned: int,
) -> None:
    """The family's other columns.

    Args:
        working_days: in the 30 local days that end with today.
        first_is_new_day: whether the first activity of the 30-day window is the first of its day.
        planned: activities that lie ahead.
    """
    now, w30 = totals[end], totals[edge[2]]
    count = now[ALL]
    month, before = count - w30[ALL], w30[ALL] - totals[edge[3], ALL]
    c += _REST
    v[c] = now[CRM_UPDATE] + now[INTERNAL]
    v[c + 1] = ratio(month, working_days)
    v[c + 2] = count / max(1.0, (as_of - state[FIRST]) / WEEK) if count else math.nan
    v[c + 4] = ratio(month - before, month + before)
    v[c + 5] = state[DAY_BUSIEST]
    v[c + 6] = now[DAYS] - w30[DAYS] + (month > 0 and not first_is_new_day)
    v[c + 7] = now[DAYS]
    v[c + 8] = ratio(count, now[DAYS])
    recent = channels = 0
    for kind in range(DEMO + 1):
        recent += now[kind] > w30[kind]
        channels += now[kind] > 0
    v[c + 9] = recent
    v[c + 10] = channels
    v[c + 11] = ratio(state[N_OFF_DAY], count)
    v[c + 12] = planned
