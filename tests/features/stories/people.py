"""Whom the rep has reached, and whom there is to reach; for the deal and for its account."""

from __future__ import annotations

from tests.factories import Row, deal
from tests.features.stories.telling import Story, activity, before, change, contact, history_of

CONTACTS = [
    contact("p1", "decision_maker", 13),
    contact("p2", "user", 9),
    contact("p3", "champion", 7),
    contact("p4", None, 5),
    contact("p5", "decision_maker", None, "b"),  # of another account, always known
]
ACTIVITIES: list[Row] = [
    activity("x1", 12, "call", "outbound", contact_id="p1", rep_id="r"),
    activity("x2", 16, "email", "inbound", contact_id="p2", rep_id="s", recorded_at=18),
    activity("x3", 22, "meeting", "outbound", contact_id="p1", rep_id="r"),
    activity("x4", 24, "call", "inbound", contact_id="p3"),
    activity("x5", 26, "email", "outbound", contact_id="stranger"),
    activity("x6", 28, "visit", "outbound", contact_id="p5", rep_id="q"),
    activity("x7", 29, "task", rep_id="q"),
]
PEOPLE = Story(
    "people",
    "opportunity",
    history_of(contacts=CONTACTS, activities=ACTIVITIES),
    {
        "contacts_reached_7d": {before(12): 0, 12: 1, before(18): 1, 18: 2, before(19): 2, 19: 1, 40: 0},
        "contacts_reached_14d": {before(12): 0, 12: 1, before(30): 5, 30: 4, 60: 0},
        "contacts_reached_30d": {before(12): 0, 12: 1, before(46): 5, 46: 4, 60: 0},
        "contacts_reached_90d": {before(12): 0, 12: 1, before(106): 5, 106: 4, 120: 0},
        "contacts_reached_total": {before(12): 0, 12: 1, before(18): 1, 18: 2, 28: 5, 200: 5},
        "new_contacts_30d": {before(12): 0, 12: 1, before(18): 1, 18: 2, before(42): 5, 42: 4, 60: 0},
        "days_since_new_contact": {before(12): None, 12: 0, before(18): 6, 18: 2, 24: 0, 30: 2},
        "contacts_known": {before(5): 0, 5: 1, 7: 2, 9: 3, before(13): 3, 13: 4},
        "decision_makers_known": {before(13): 0, 13: 1, 40: 1},
        "contacts_reached_share": {before(5): None, 5: 0, before(12): 0, 12: 1 / 3, 13: 1 / 4, 28: 5 / 4},
        "roles_reached": {before(13): 0, 13: 1, before(18): 1, 18: 2, 24: 3, 26: 3, 28: 3},
        "decision_makers_reached": {before(13): 0, 13: 1, before(28): 1, 28: 2},
        "champions_reached": {before(24): 0, 24: 1},
        "decision_maker_meetings": {before(22): 0, 22: 1, before(28): 1, 28: 2},
        "days_since_last_decision_maker": {before(13): None, 13: 1, before(22): 10, 22: 0, 27: 5},
        "top_contact_share": {before(12): None, 12: 1, before(18): 1, 18: 1 / 2, 22: 2 / 3, 29: 2 / 6},
        "contacts_answering": {before(18): 0, 18: 1, before(24): 1, 24: 2},
        "reps_involved": {before(12): 0, 12: 1, before(18): 1, 18: 2, 28: 3, 29: 3},
    },
)
PEOPLE_OF_ACCOUNT = Story(
    "people",
    "account",
    history_of(contacts=CONTACTS, activities=ACTIVITIES),
    {
        "account_contacts_known": {before(5): 0, 5: 1, 7: 2, 9: 3, before(13): 3, 13: 4},
        "decision_makers_known": {before(13): 0, 13: 1},
        "new_contacts_known_90d": {before(5): 0, 5: 1, 13: 4, before(95): 4, 95: 3},
        "contacts_reached_90d": {before(12): 0, 12: 1, before(106): 5, 106: 4, 120: 0},
        "contacts_reached_total": {before(12): 0, 12: 1, before(18): 1, 18: 2, 28: 5, 200: 5},
        "reps_involved": {before(12): 0, 12: 1, before(18): 1, 18: 2, 28: 3},
    },
)

# Who has the deal is told by its changes alone.
OWNERS = Story(
    "owners",
    "opportunity",
    history_of(
        opportunities=[deal(created_at=5)],
        field_changes=[
            change(10, "rep_id", "r"),
            change(20, "rep_id", "s", recorded_at=22),
            change(30, "rep_id", "r"),
        ],
    ),
    {
        "rep_changes": {before(10): 0, 10: 0, before(22): 0, 22: 1, before(30): 1, 30: 2},
        "days_with_rep": {before(10): None, 10: 0, before(22): 12, 22: 2, before(30): 10, 30: 0},
    },
)

TOLD = (PEOPLE, PEOPLE_OF_ACCOUNT, OWNERS)
