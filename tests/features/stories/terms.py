"""Amount, expected close and categories of the deal, each as it was told."""

from __future__ import annotations

from tests.factories import deal
from tests.features.stories.telling import Story, before, change, history_of

# Amount and expected close of the deal itself are last values, which no snapshot may see.
TERMS = Story(
    "terms",
    "opportunity",
    history_of(
        opportunities=[
            deal(created_at=10, kind="new", source="web", product="x", amount=999.0, expected_close_at=999)
        ],
        field_changes=[
            change(10, "amount", "100"),
            change(20, "amount", "150", recorded_at=21),
            change(30, "amount", "120"),
            change(40, "amount", "lots"),
            change(10, "expected_close_at", "1970-04-11T00:00:00Z"),  # day 100
            change(40, "expected_close_at", "1970-05-11T08:00:00+08:00"),  # day 130
            change(50, "expected_close_at", "1970-04-26T08:00"),  # day 115, in Shanghai
            change(60, "expected_close_at", "1970-05-06T00:00:00Z"),  # day 125
            change(140, "expected_close_at", "1970-05-31T00:00:00Z"),  # day 150
        ],
    ),
    {
        "amount": {before(10): None, 10: 100, before(21): 100, 21: 150, 30: 120, before(40): 120, 40: None},
        "amount_changes": {before(21): 0, 21: 1, 30: 2, before(40): 2, 40: 3},
        "amount_cuts": {before(30): 0, 30: 1, 40: 1},
        "amount_change_share": {before(10): None, 10: 0, before(21): 0, 21: 1 / 2, 30: 1 / 5, 40: None},
        "last_amount_change_share": {before(21): None, 21: 1 / 2, before(30): 1 / 2, 30: -1 / 5, 40: None},
        "days_since_amount_change": {before(21): None, 21: 1, before(30): 10, 30: 0, 41: 1},
        "days_to_expected_close": {before(10): None, 10: 90, before(40): 60, 40: 90, 50: 65, 60: 65, 130: -5},
        "overdue_days": {before(10): None, 10: 0, 125: 0, 130: 5, before(140): 15, 140: 0},
        "close_date_changes": {before(40): 0, 40: 1, before(50): 1, 50: 2, 60: 3, 140: 4},
        "close_date_pushes": {before(40): 0, 40: 1, 50: 1, before(60): 1, 60: 2, 140: 3},
        "close_date_pulls": {before(50): 0, 50: 1, 140: 1},
        "pushed_days_total": {before(40): 0, 40: 30, 50: 30, before(60): 30, 60: 40, 140: 65},
        "close_date_shift_days": {before(10): None, 10: 0, before(40): 0, 40: 30, 50: 15, 60: 25},
        "days_since_close_date_change": {before(40): None, 40: 0, before(50): 10, 50: 0},
        "planned_cycle_days": {before(10): None, 10: 90, 200: 90},
        "plan_elapsed_share": {before(10): None, 10: 0, 55: 1 / 2, 190: 2},
        # The second quarter begins at 16:00 of 31 March, day 89: local midnight in Shanghai.
        "close_in_quarter": {before(10): None, 10: 0, before(89 + 2 / 3): 0, 89 + 2 / 3: 1, 160: 1},
        "kind": {before(10): None, 10: "new"},
        "source": {before(10): None, 10: "web"},
        "product": {before(10): None, 10: "x"},
        "amount_over_typical": {20: None},
        "fields_filled_share": {before(10): 0, 10: 1, before(40): 1, 40: 4 / 5},
    },
)  # fmt: skip

PLANS = Story(
    "a plan that lies behind the opening of the deal",
    "opportunity",
    history_of(
        opportunities=[deal(created_at=10)],
        field_changes=[change(5, "expected_close_at", "1970-01-08T00:00:00Z")],  # day 7
    ),
    {
        "planned_cycle_days": {before(10): None, 10: -3},
        "plan_elapsed_share": {12: None},
        "days_to_expected_close": {before(5): None, 5: 2, 12: -5},
        "close_in_quarter": {before(5): None, 5: 1, 400: 1},  # once past it stays so
    },
)

TOLD = (TERMS, PLANS)
