"""How long ago, how regularly, what is planned; and how the CRM is kept."""

from __future__ import annotations

import math

from tests.factories import deal
from tests.features.stories.telling import Story, activity, before, change, history_of

RHYTHM = Story(
    "rhythm",
    "opportunity",
    history_of(
        opportunities=[deal(created_at=5)],
        activities=[
            activity("x1", 10, "call", "outbound", outcome="connected"),
            activity("x2", 14, "email", "inbound", recorded_at=15),
            activity("x3", 22, "meeting", "outbound", outcome="held"),
            activity("x4", 24, "message", "outbound"),
            activity("x5", 25, "demo"),
            activity("x6", 26, "proposal", "outbound"),
            activity("x7", 32, "task"),
            activity("x8", 60, "visit", "outbound", recorded_at=40),  # planned
            activity("x9", 50, "call", "outbound", recorded_at=41),  # planned
            activity("x9", 70, "call", "outbound", recorded_at=45),  # and put off
        ],
    ),
    {
        "days_since_last_activity": {before(10): None, 10: 0, before(15): 5, 15: 1, before(22): 8, 22: 0},
        "days_since_last_inbound": {before(15): None, 15: 1, 20: 6, 80: 66},
        "days_since_last_outbound": {before(10): None, 10: 0, before(22): 12, 22: 0, 30: 4},
        "days_since_last_call": {before(10): None, 10: 0, 20: 10, 55: 45, before(70): 60, 70: 0},
        "days_since_last_email": {before(15): None, 15: 1, 20: 6},
        "days_since_last_meeting": {before(22): None, 22: 0, before(25): 3, 25: 0, before(60): 35, 60: 0},
        "days_since_last_message": {before(24): None, 24: 0, 26: 2},
        "days_since_last_demo": {before(25): None, 25: 0, 60: 35},
        "days_since_last_proposal": {before(26): None, 26: 0, 30: 4},
        "days_since_last_internal_work": {before(32): None, 32: 0, 33.5: 1.5},
        "days_since_last_connected": {before(10): None, 10: 0, 16: 6},
        "days_since_last_held": {before(22): None, 22: 0, 30: 8},
        "first_activity_delay_days": {before(10): None, 10: 5, 100: 5},
        "mean_gap_days": {before(15): None, 15: 4, before(22): 4, 22: 6},
        "last_gap_days": {before(15): None, 15: 4, before(22): 4, 22: 8, 24: 2},
        "longest_silence_days": {
            before(10): None, 10: 0, before(15): 5, 15: 4, before(22): 8, 22: 8, 40: 8, 41: 9,
        },
        "gap_variation": {before(22): None, 22: 1 / 3, 24: math.sqrt(2 / 7)},  # of 4, 8; and of 4, 8, 2
        "silence_over_gap": {before(15): None, 15: 1 / 4, before(22): 2, 22: 0, 23: 1 / 6},
        "silence_over_longest_gap": {before(15): None, 15: 1 / 4, before(22): 2, 22: 0, 23: 1 / 8},
        "days_to_next_activity": {
            before(40): None, 40: 20, before(41): 19, 41: 9, before(45): 5, 45: 15, before(60): 0, 60: 10,
            70: None,
        },
    },
)  # fmt: skip

CRM_USE = Story(
    "crm use",
    "opportunity",
    history_of(
        opportunities=[deal(created_at=8, kind="new", product="x")],
        field_changes=[
            change(10, "amount", "100"),
            change(20, "amount", "120"),
            change(20, "colour", "red", recorded_at=22),
        ],
        activities=[
            activity("x1", 10, "email", recorded_at=11),
            activity("x2", 12, "email", recorded_at=14),
            activity("x3", 16, "email"),
            activity("s1", 30, "task", recorded_at=20),
            activity("s1", 30, "task", outcome="held", recorded_at=36),
            activity("s2", 32, "call", recorded_at=21),
            activity("s3", 33, "email", recorded_at=22),  # no step
            activity("s4", 34, "meeting"),  # never planned
            activity("s5", 50, "visit", outcome="cancelled", recorded_at=23),  # has its outcome
        ],
    ),
    {
        "recorded_within_day_share": {before(11): None, 11: 1, before(14): 1, 14: 1 / 2, 16: 2 / 3},
        "mean_recording_delay_hours": {before(11): None, 11: 24, before(14): 24, 14: 36, 16: 24, 30: 72 / 4},
        "last_recording_delay_hours": {before(11): None, 11: 24, before(14): 24, 14: 48, 16: 0, 36: 0},
        "edits_total": {before(10): 0, 10: 1, before(20): 1, 20: 2, before(22): 2, 22: 3, 200: 3},
        "edits_30d": {before(10): 0, 10: 1, before(40): 3, 40: 2, before(50): 2, 50: 0},
        "days_since_last_edit": {before(10): None, 10: 0, before(20): 10, 20: 0, 25: 5},
        "fields_filled_share": {before(8): 0, 8: 2 / 5, before(10): 2 / 5, 10: 3 / 5},
        "overdue_steps": {before(30): 0, 30: 1, before(32): 1, 32: 2, before(36): 2, 36: 1, 60: 1},
        "oldest_overdue_step_days": {before(30): None, 30: 0, before(36): 6, 36: 4},
    },
)

TOLD = (RHYTHM, CRM_USE)
