"""What is around a deal: its account, that account's orders, deals and activities, its leads, and the date.

Most of it is told once more from the account's side.
"""

from __future__ import annotations

from dataclasses import replace

from tests.factories import Row, deal
from tests.features.stories.telling import CONVENTIONS, Story, activity, before, change, history_of, on, order

ORDERS = Story(
    "orders of the account",
    "opportunity",
    history_of(
        field_changes=[change(10, "amount", "100")],
        orders=[order("o1", 3, 50.25), order("o2", 13, 10.5), order("o3", 33, 20.0, recorded_at=36)],
    ),
    {
        "account_orders_365d": {before(3): 0, 3: 1, before(36): 2, 36: 3, before(368): 3, 368: 2},
        "account_orders_total": {before(3): 0, 3: 1, before(36): 2, 36: 3, 500: 3},
        "account_order_value_365d": {before(3): 0, 3: 50.25, before(368): 80.75, 368: 30.5},
        "account_order_value_total": {before(3): 0, 3: 50.25, before(36): 60.75, 36: 80.75, 400: 80.75},
        "account_mean_order_value": {before(3): None, 3: 50.25, before(13): 50.25, 13: 30.375, 36: 80.75 / 3},
        "days_since_account_order": {before(3): None, 3: 0, before(36): 23, 36: 3},
        "account_order_gap_days": {before(13): None, 13: 10, before(36): 10, 36: 15},
        "account_silence_over_gap": {before(13): None, 13: 0, before(36): 2.3, 36: 3 / 15},
        "amount_over_mean_order": {
            before(10): None,
            10: 100 / 50.25,
            before(13): 100 / 50.25,
            13: 100 / 30.375,
        },
    },
)

_ACCOUNTS = [
    {"account_id": "a", "created_at": 8, "industry": "steel", "region": "east"},
    {"account_id": "b", "created_at": 1, "industry": "food", "region": "west"},
]
_DEALS = [
    deal("d", created_at=10, closed_at=50, outcome="won"),
    deal("e", created_at=5, closed_at=20, outcome="won"),
    deal("f", created_at=12, closed_at=30, outcome="lost"),
    deal("x", "b", created_at=2, closed_at=3, outcome="won"),
]
_ACTIVITIES: list[Row] = [
    activity("x1", 10, "call", "inbound", account_id="a", opportunity_id=None, contact_id="p1", rep_id="r"),
    activity("x2", 14, "email", "outbound", opportunity_id="e", contact_id="p2", rep_id="s", recorded_at=15),
    activity("x3", 16, "meeting", account_id="b"),  # of deal d, yet of account b
    activity("x4", 18, "visit", "outbound", account_id="a", opportunity_id="x", contact_id="p1", rep_id="r"),
    activity("x5", 25, "demo"),
]
_WHO = {
    "account_tenure_days": {before(8): None, 8: 0, 20: 12},
    "industry": {before(8): None, 8: "steel"},
    "region": {before(8): None, 8: "east"},
}
_AROUND = history_of(accounts=_ACCOUNTS, opportunities=_DEALS, activities=_ACTIVITIES)
ACCOUNT = Story(
    "the account of a deal",
    "opportunity",
    _AROUND,
    {
        "other_open_deals": {before(5): 0, 5: 1, before(12): 1, 12: 2, before(20): 2, 20: 1, 30: 0},
        "past_wins": {before(20): 0, 20: 1, before(50): 1, 50: 2},
        "past_losses": {before(30): 0, 30: 1},
        "past_win_share": {before(20): None, 20: 1, before(30): 1, 30: 1 / 2, 50: 2 / 3},
        "days_since_past_win": {before(20): None, 20: 0, before(50): 30, 50: 0},
        "days_since_past_loss": {before(30): None, 30: 0, 34: 4},
        "account_activities_30d": {before(10): 0, 10: 1, before(15): 1, 15: 2, before(40): 4, 40: 3},
        "account_activities_total": {before(10): 0, 10: 1, before(15): 1, 15: 2, 17: 2, 18: 3, 200: 4},
        "days_since_account_activity": {before(10): None, 10: 0, before(15): 5, 15: 1, 17: 3},
        "account_channels_90d": {before(10): 0, 10: 1, 15: 2, 18: 3, before(100): 4, 100: 3},
        "activities_total": {before(16): 0, 16: 1, 25: 2},
        **_WHO,
    },
)
OWN = Story(
    "an account and its deals",
    "account",
    _AROUND,
    {
        "open_deals": {before(5): 0, 5: 1, before(10): 1, 10: 2, 12: 3, 20: 2, 30: 1, before(50): 1, 50: 0},
        "deals_won": {before(20): 0, 20: 1, before(50): 1, 50: 2},
        "deals_lost": {before(30): 0, 30: 1},
        "deal_win_share": {before(20): None, 20: 1, before(30): 1, 30: 1 / 2, 50: 2 / 3},
        "days_since_last_win": {before(20): None, 20: 0, before(50): 30, 50: 0},
        "days_since_last_loss": {before(30): None, 30: 0, 34: 4},
        "days_since_last_deal": {before(5): None, 5: 0, before(10): 5, 10: 0, 20: 8},
        "deals_365d": {before(5): 0, 5: 1, 12: 3, before(370): 3, 370: 2},
        "activities_30d": {before(10): 0, 10: 1, before(15): 1, 15: 2, before(40): 4, 40: 3},
        "activities_90d": {before(10): 0, 10: 1, before(100): 4, 100: 3},
        "activities_total": {before(10): 0, 10: 1, before(15): 1, 15: 2, 17: 2, 18: 3, 200: 4},
        "activity_trend_30d": {before(10): 0, before(40): 4, 40: 3 - 1, 70: -3},
        "appointments_90d": {before(18): 0, 18: 1, 25: 2, before(108): 2, 108: 1},
        "inbound_share": {before(10): None, 10: 1, before(15): 1, 15: 1 / 2, 18: 1 / 3},
        "channels_90d": {before(10): 0, 10: 1, 15: 2, 18: 3, before(100): 4, 100: 3},
        "days_since_last_activity": {before(10): None, 10: 0, before(15): 5, 15: 1, 17: 3},
        "days_since_last_inbound": {before(10): None, 10: 0, 18: 8},
        "days_since_last_meeting": {before(18): None, 18: 0, before(25): 7, 25: 0},
        "contacts_reached_90d": {before(10): 0, 10: 1, before(15): 1, 15: 2, before(104): 2, 104: 1, 108: 0},
        "reps_involved": {before(10): 0, 10: 1, before(15): 1, 15: 2},
        **_WHO,
    },
)

LEADS = Story(
    "leads",
    "opportunity",
    history_of(
        opportunities=[deal(created_at=9), deal("e")],
        leads=[
            {
                "lead_id": "l1", "created_at": 2, "source": "web", "first_response_at": 2.5,
                "converted_at": 10, "opportunity_id": "d",
            },
            {
                "lead_id": "l2", "created_at": 6, "source": "fair", "first_response_at": 13,
                "converted_at": 12, "opportunity_id": "d",
            },
            {"lead_id": "l3", "created_at": 7, "source": "phone", "opportunity_id": None},
            {"lead_id": "l4", "created_at": 7, "source": "phone", "opportunity_id": "e"},
        ],
    ),
    {
        "leads_total": {before(10): 0, 10: 1, before(12): 1, 12: 2},
        "lead_source": {before(10): None, 10: "web", before(12): "web", 12: "fair"},
        "lead_response_hours": {before(10): None, 10: 12, 12: None, before(13): None, 13: 7 * 24},
        "lead_age_days": {before(10): None, 10: 8, before(12): 10, 12: 6},
        "lead_to_deal_days": {before(10): None, 10: 7, before(12): 7, 12: 3},
    },
)  # fmt: skip

# Midnight in Shanghai is 16:00 of the day before; 1970-01-01, day 0, was a Thursday.
_DATES = {
    "days_to_month_end": {before(30 + 2 / 3): 0, 30 + 2 / 3: 28, 31: 28 - 1 / 3},
    "days_to_quarter_end": {before(89 + 2 / 3): 0, 89 + 2 / 3: 91, 90: 91 - 1 / 3},
    "month_of_quarter": {before(30 + 2 / 3): 1, 30 + 2 / 3: 2, before(89 + 2 / 3): 3, 89 + 2 / 3: 1},
    "weekday": {before(2 / 3): 4, 2 / 3: 5, 2.7: 7, 3.7: 1},
    "hour_of_day": {before(2 / 3): 23, 2 / 3: 0, 1: 8},
}
DATES = tuple(Story("dates", entity, history_of(), _DATES) for entity in ("opportunity", "account"))

# 2025-06-19, a Thursday, is a holiday in Bavaria and not in Berlin; local midnight is 22:00 in summer.
JUNE = on("2025-06-01")
_FEAST = JUNE + 17 + 22 / 24
_DAYS = {
    "holiday": {before(_FEAST): 0, _FEAST: 1, before(_FEAST + 1): 1, _FEAST + 1: 0},
    "working_days_to_quarter_end": {
        before(_FEAST - 1): 8,  # Tuesday, with 18, 20, 23 to 27 and 30 June ahead
        _FEAST - 1: 7,
        before(_FEAST): 7,
        _FEAST: 7,
        before(_FEAST + 2): 6,
        JUNE + 29.5: 0,
        JUNE + 30: 65,  # 1 July: a quarter of 92 days with 66 working ones, this one among them
    },
}
DAYS = tuple(
    Story(
        "working days",
        entity,
        history_of(replace(CONVENTIONS, time_zone="Europe/Berlin", holidays="DE-BY")),
        _DAYS,
    )
    for entity in ("opportunity", "account")
)

TOLD = (ORDERS, ACCOUNT, OWN, LEADS, *DATES, *DAYS)
