"""Whether the customer answers, whether contacts come to anything, and whether they are followed up."""

from __future__ import annotations

from tests.features.stories.telling import MICROSECOND, Story, activity, before, history_of

CONTACTS = Story(
    "contacts",
    "opportunity",
    history_of(
        activities=[
            activity("c1", 10, "call", "outbound", outcome="no_answer"),
            activity("c2", 12, "call", "outbound", outcome="connected", duration_s=30.0),
            activity("c3", 14, "call", "inbound", outcome="connected", duration_s=600.0),
            activity("e1", 16, "email", "outbound", outcome="sent"),
            activity("e1", 16, "email", "outbound", outcome="opened", recorded_at=20),
            activity("e1", 16, "email", "outbound", outcome="replied", recorded_at=24),
            activity("e2", 18, "email", "outbound", outcome="opened"),
            activity("m1", 22, "meeting", "outbound", outcome="held", duration_s=1800.0),
            activity("m2", 26, "visit", "outbound", outcome="held", duration_s=600.0),
            activity("m3", 30, "demo", "outbound", outcome="no_show"),
            activity("m4", 34, "demo", "outbound", outcome="held", recorded_at=35),
            activity("e3", 38, "email", "inbound"),
            activity("c4", 40, "call", "outbound", outcome="cancelled", duration_s=60.0),
        ]
    ),
    {
        "inbound_30d": {before(14): 0, 14: 1, before(44): 2, 44: 1, before(68): 1, 68: 0},
        "inbound_total": {before(14): 0, 14: 1, before(38): 1, 38: 2, 200: 2},
        "outbound_30d": {before(10): 0, 10: 1, before(35): 7, 35: 8, before(42): 8, 42: 7},
        "outbound_total": {before(10): 0, 10: 1, before(35): 7, 35: 8, 40: 9, 200: 9},
        "inbound_share": {before(10): None, 10: 0, before(14): 0, 14: 1 / 3, 40: 2 / 11},
        "inbound_trend_30d": {before(14): 0, 14: 1, before(44): 2, 44: 1 - 1, before(68): 1 - 1, 68: -2},
        "connected_share": {before(10): None, 10: 0, before(12): 0, 12: 1 / 2, 14: 2 / 3},
        "activity_time_s_7d": {before(12): 0, 12: 30, 14: 630, before(19): 630, 19: 600, 21: 0},
        "activity_time_s_14d": {before(12): 0, 12: 30, before(26): 30 + 600 + 1800, 26: 600 + 1800 + 600},
        "activity_time_s_30d": {before(12): 0, 12: 30, before(42): 3090, 42: 3060},
        "activity_time_s_90d": {before(12): 0, 12: 30, before(102): 3090, 102: 3060},
        "activity_time_s_total": {before(12): 0, 12: 30, before(14): 30, 14: 630, 26: 3030, 200: 3090},
        "mean_duration_s_7d": {before(12): None, 12: 30, before(19): 315, 19: 600, before(21): 600, 21: None},
        "mean_duration_s_14d": {before(12): None, 12: 30, before(26): 2430 / 3, 26: 3000 / 3},
        "mean_duration_s_30d": {before(12): None, 12: 30, before(42): 3090 / 5, 42: 3060 / 4},
        "mean_duration_s_90d": {before(12): None, 12: 30, before(102): 3090 / 5, 102: 3060 / 4},
        "mean_duration_s_total": {before(12): None, 12: 30, before(14): 30, 14: 315, 200: 3090 / 5},
        "mean_call_s": {before(12): None, 12: 30, before(14): 30, 14: 315, before(40): 315, 40: 230},
        "short_call_share": {before(12): None, 12: 1, before(14): 1, 14: 1 / 2, 40: 1 / 3},
        "longest_call_s": {before(12): None, 12: 30, before(14): 30, 14: 600, 40: 600},
        "mean_appointment_s": {before(22): None, 22: 1800, before(26): 1800, 26: 1200, 40: 1200},
        "activity_intensity": {before(10): 0, 10: 1, before(12): 0.5 ** (47 / 336), 12: 1 + 0.5 ** (1 / 7)},
        "inbound_intensity": {
            before(14): 0, 14: 1, 28: 1 / 2, 38: 1 + 0.5 ** (24 / 14), 294: 0.5 ** (256 / 14), 318: 0,
        },
        "outbound_intensity": {before(10): 0, 10: 1, before(12): 0.5 ** (47 / 336), 12: 1 + 0.5 ** (1 / 7)},
        "held_intensity": {
            before(22): 0, 22: 1, 26: 1 + 0.5 ** (4 / 14),
            before(35): 0.5 ** (311 / 336) + 0.5 ** (215 / 336),
            36: 0.5 ** (14 / 14) + 0.5 ** (10 / 14) + 0.5 ** (2 / 14),
        },
        "open_share": {before(16): None, 16: 0, before(18): 0, 18: 1 / 2, before(20): 1 / 2, 20: 1},
        "reply_share": {before(16): None, 16: 0, before(24): 0, 24: 1 / 2},
        "held_total": {before(22): 0, 22: 1, 26: 2, before(35): 2, 35: 3},
        "missed_total": {before(30): 0, 30: 1, before(40): 1, 40: 2},
        "no_show_share": {before(22): None, 22: 0, before(30): 0, 30: 1 / 3, 35: 1 / 4, 40: 2 / 5},
        "effective_meeting_share": {
            before(22): None, 22: 1, before(26): 1, 26: 1 / 2, 30: 1 / 3, before(35): 1 / 3, 35: 2 / 4,
        },
        "outbound_since_last_inbound": {
            before(10): 0, 10: 1, before(14): 2, 14: 0, 16: 1, before(35): 5, 35: 6, 38: 0, 40: 1,
        },
        "outbound_since_last_demo": {before(30): None, 30: 0, 35: 0, before(40): 0, 40: 1},
    },
)  # fmt: skip

FOLLOW_UPS = Story(
    "follow-ups",
    "opportunity",
    history_of(
        activities=[
            activity("m1", 10, "meeting", outcome="held"),
            activity("f1", 12, "call", "outbound"),  # in time, to the microsecond
            activity("m2", 20, "visit", outcome="held"),
            activity("f2", 22 + MICROSECOND, "email", "outbound"),  # too late
            activity("m3", 30, "demo", outcome="held"),
            activity("f3", 31, "message", "inbound"),  # the customer's own
            activity("p1", 31.5, "proposal", "outbound"),  # follows the demo up and wants that itself
            activity("f4", 33.5, "call", "outbound"),
            activity("m4", 40, "meeting", outcome="no_show"),  # nothing to follow up
            activity("f5", 41, "message", "outbound"),
            activity("p2", 50, "proposal"),
            activity("v1", 51, "visit", "outbound"),  # a visit is no follow-up
            activity("m5", 60, "demo", outcome="held"),
            activity("f6", 61, "call", "outbound", recorded_at=65),
        ]
    ),
    {
        "meeting_follow_up_share": {
            before(12): None, 12: 1, before(22): 1, 22: 1 / 2, before(31.5): 1 / 2, 31.5: 2 / 3,
            before(62): 2 / 3, 62: 2 / 4, before(65): 2 / 4, 65: 3 / 4,
        },
        "proposal_follow_up_share": {before(33.5): None, 33.5: 1, before(52): 1, 52: 1 / 2},
    },
)  # fmt: skip

RESPONSES = Story(
    "responses",
    "opportunity",
    history_of(
        activities=[
            activity("i1", 10, "email", "inbound"),
            activity("i2", 10.5, "email", "inbound"),  # still the same wait
            activity("o1", 11, "call", "outbound"),  # answered after 24 hours
            activity("o2", 12, "call", "outbound"),
            activity("i3", 14, "email", "inbound"),  # answers o1 after 72 hours
            activity("o3", 15.5, "call", "outbound"),  # after 36 hours
            activity("i4", 20, "email", "inbound", recorded_at=22),  # answers o3 after 108 hours
            activity("o4", 23, "call", "outbound"),  # after 72 hours
            activity("i5", 30, "email", "inbound"),  # answers o4 after 168 hours
            activity("o5", 30.25, "call", "outbound"),  # after 6 hours
        ]
    ),
    {
        "mean_response_hours": {before(11): None, 11: 24, before(15.5): 24, 15.5: 30, 23: 44, 30.25: 34.5},
        "last_response_hours": {before(11): None, 11: 24, before(15.5): 24, 15.5: 36, 23: 72, 30.25: 6},
        "slowest_response_hours": {before(11): None, 11: 24, before(15.5): 24, 15.5: 36, 23: 72, 30.25: 72},
        "unanswered_hours": {
            before(10): None, 10: 0, 10.75: 18, before(11): 24, 11: None, 14: 0, before(22): None, 22: 48,
            before(23): 72, 23: None,
        },
        "prompt_response_share": {
            before(11): None, 11: 1, 15: 1, 15 + MICROSECOND: 1 / 2, 15.5: 1 / 2, before(22): 1 / 2,
            22: 1 / 3, 23: 1 / 3, 30.25: 2 / 4,
        },
        "mean_customer_response_hours": {before(14): None, 14: 72, before(22): 72, 22: 90, 30: 116},
    },
)  # fmt: skip

TOLD = (CONTACTS, FOLLOW_UPS, RESPONSES)
