"""How much was done: each kind in each window, days with activity, ways of contact, days off."""

from __future__ import annotations

from dataclasses import replace

from tests.features.stories.telling import CONVENTIONS, Story, activity, before, history_of, on

# Each kind happens twice, ten days apart, and no two on one day.
FIRST = {
    "calls": 1, "emails": 2, "meetings": 3, "visits": 4, "messages": 5, "demos": 6, "proposals": 7,
    "crm_updates": 8,
}  # fmt: skip


def _twice(k: float) -> dict[str, dict[float, int]]:
    """How often something was done that is done at the days k and k + 10."""
    return {
        "7d": {before(k): 0, k: 1, before(k + 7): 1, k + 7: 0, k + 10: 1, before(k + 17): 1, k + 17: 0},
        "14d": {before(k): 0, k: 1, k + 10: 2, before(k + 14): 2, k + 14: 1, before(k + 24): 1, k + 24: 0},
        "30d": {before(k): 0, k: 1, k + 10: 2, before(k + 30): 2, k + 30: 1, before(k + 40): 1, k + 40: 0},
        "90d": {before(k): 0, k: 1, k + 10: 2, before(k + 90): 2, k + 90: 1, before(k + 100): 1, k + 100: 0},
        "total": {before(k): 0, k: 1, before(k + 10): 1, k + 10: 2, 500: 2},
    }


KINDS = Story(
    "kinds",
    "opportunity",
    history_of(
        activities=[
            activity(f"{kind}{number}", FIRST[kind] + number, kind.removesuffix("s"))
            for kind in FIRST
            for number in (0, 10)
        ]
    ),
    {
        f"{kind}_{window}": expected
        for kind, first in FIRST.items()
        for window, expected in _twice(first).items()
    },
)

# Local time is 8 hours ahead, so that the day ends at 16:00; 1970-01-05, day 4, was a Monday.
WEEK = Story(
    "week",
    "opportunity",
    history_of(
        activities=[
            activity("x1", 4, "call"),
            activity("x2", 4.5, "email"),
            activity("x3", 4.75, "message"),  # on Tuesday, locally
            activity("x4", 9, "meeting"),  # on a Saturday
            activity("x5", 10, "task"),  # on a Sunday
            activity("x6", 12, "other", recorded_at=14),
            activity("x7", 40, "visit", recorded_at=20),  # planned
            activity("x8", 50, "crm_update"),
        ]
    ),
    {
        "activities_7d": {before(4): 0, 4: 1, before(11): 5, 11: 4},
        "activities_14d": {before(4): 0, 4: 1, before(18): 6, 18: 5},
        "activities_30d": {before(4): 0, 4: 1, before(34): 6, 34: 5, before(34.5): 5, 34.5: 4},
        "activities_90d": {before(4): 0, 4: 1, before(94): 8, 94: 7},
        "activities_total": {before(4): 0, 4: 1, before(14): 5, 14: 6, before(40): 6, 40: 7, 200: 8},
        "internal_work_total": {before(10): 0, 10: 1, before(14): 1, 14: 2, 50: 3},
        "activities_per_working_day_30d": {
            before(4): 0,
            4: 1 / 21,  # four weeks, a Sunday and this Monday
            before(8 + 2 / 3): 3 / 22,  # the last moment of a Friday: four weeks, Thursday and Friday
            8 + 2 / 3: 3 / 21,  # the first one of Saturday: four weeks, Friday and Saturday
            100: 0,
        },
        "activities_per_week": {before(4): None, 4: 1, before(9): 3, 9: 4, before(14): 3.5, 14: 4.2, 18: 3},
        "activity_trend_30d": {before(4): 0, before(34): 6, 34: 5 - 1, before(50): 1 - 6, 50: 2 - 6},
        "activity_momentum": {
            before(4): None, before(34): 1, 34: 2 / 3, 50: -1 / 2, before(110): -1, 110: None,
        },
        "busiest_day_activities": {before(4): 0, 4: 1, before(4.5): 1, 4.5: 2, 4.75: 2, 60: 2},
        "active_days_30d": {
            before(4): 0, 4: 1, before(4.75): 1, 4.75: 2, before(14): 4, 14: 5,
            34: 5, before(34.5): 5, 34.5: 4, before(34.75): 4, 34.75: 3,
        },
        "active_days_total": {before(4): 0, 4: 1, before(4.75): 1, 4.75: 2, before(14): 4, 14: 5, 40: 6},
        "activities_per_active_day": {before(4): None, 4: 1, before(4.75): 2, 4.75: 3 / 2, 14: 6 / 5},
        "channels_30d": {before(4): 0, 4: 1, before(9): 3, 9: 4, before(34): 4, 34: 3, before(40): 0, 40: 1},
        "channels_total": {before(4): 0, before(9): 3, 9: 4, 14: 4, before(40): 4, 40: 5},
        "off_day_share": {before(4): None, 4: 0, before(9): 0, 9: 1 / 4, 10: 2 / 5, 14: 2 / 6},
        "planned_activities": {before(20): 0, 20: 1, before(40): 1, 40: 0},
    },
)  # fmt: skip

# 2025-10-01, a Wednesday, begins a week of holidays in China: 1-3 and 6-8 October, then work again.
OCTOBER = on("2025-10-01")
HOLIDAYS = Story(
    "holidays",
    "opportunity",
    history_of(
        replace(CONVENTIONS, holidays="CN"),
        activities=[
            activity("x1", OCTOBER - 1 + 0.5, "call"),  # a working Tuesday, 20:00
            activity("x2", OCTOBER - 1 + 2 / 3, "call"),  # the first moment of the holiday
            activity("x3", OCTOBER + 7 + 2 / 3, "call"),  # the first moment of the Thursday after
        ],
    ),
    {
        "off_day_share": {
            OCTOBER - 0.5: 0, before(OCTOBER - 1 / 3): 0, OCTOBER - 1 / 3: 1 / 2, OCTOBER + 8: 1 / 3,
        },
        # Of the 30 days to Tuesday, 30 September 22 are working days; of those to 8 October 22 - 6.
        "activities_per_working_day_30d": {
            before(OCTOBER - 0.5): 0,
            OCTOBER - 0.5: 1 / 22,
            before(OCTOBER + 7 + 2 / 3): 2 / 16,
            OCTOBER + 7 + 2 / 3: 3 / 16,  # 9 September, a Tuesday, has left and 9 October come
        },
    },
)  # fmt: skip

NO_WORKING_DAYS = Story(
    "no working days",
    "opportunity",
    history_of(replace(CONVENTIONS, working_days=()), activities=[activity("x1", 4, "call")]),
    {"activities_per_working_day_30d": {before(4): None, 4: None}, "off_day_share": {4: 1}},
)

TOLD = (KINDS, WEEK, HOLIDAYS, NO_WORKING_DAYS)
