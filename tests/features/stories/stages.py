"""Where the deal stands, for how long, and how it came there."""

from __future__ import annotations

from dataclasses import replace

from tests.factories import deal
from tests.features.stories.telling import CONVENTIONS, Story, activity, before, history_of, move

STAGE = Story(
    "stage",
    "opportunity",
    history_of(
        replace(CONVENTIONS, stages=("lead", "demo", "offer", "contract")),
        opportunities=[deal(created_at=10)],
        stage_changes=[
            move(10, "lead"),
            move(20, "offer"),  # skips the demo
            move(24, "offer"),  # told again
            move(30, "parked", recorded_at=31),  # outside the order
            move(35, "demo"),  # back
            move(50, "contract"),  # skips the offer
            move(60, "lead"),  # all the way back
        ],
        activities=[
            activity("x1", 15, "call", "outbound"),
            activity("x2", 20, "email", "inbound"),  # at the very entry
            activity("x3", 22, "meeting", "outbound"),
            activity("x4", 26, "visit", "inbound"),
            activity("x5", 36, "call", "outbound"),
        ],
    ),
    {
        "stage": {
            before(10): None, 10: "lead", before(20): "lead", 20: "offer", before(31): "offer", 31: "parked",
        },
        "previous_stage": {
            before(20): None, 20: "lead", 24: "lead", before(31): "lead", 31: "offer", 35: "parked",
        },
        "stage_position": {before(10): None, before(20): 0, 20: 2, 31: None, 35: 1, 50: 3, 60: 0},
        "stage_progress": {before(10): None, before(20): 0, 20: 2 / 3, 31: None, 35: 1 / 3, 50: 1},
        "stages_below_peak": {before(10): None, 10: 0, before(35): None, 35: 1, 50: 0, 60: 3},
        "days_in_stage": {before(10): None, before(20): 10, 20: 0, 24: 4, before(31): 11, 31: 1, 35: 0},
        "days_to_reach_stage": {before(10): None, before(20): 0, 20: 10, 26: 10, 31: 20},
        "stage_moves_total": {before(10): 0, 10: 1, before(20): 1, 20: 2, 24: 2, before(31): 2, 31: 3, 60: 6},
        "forward_moves": {before(20): 0, 20: 1, 35: 1, before(50): 1, 50: 2},
        "backward_moves": {before(35): 0, 35: 1, before(60): 1, 60: 2},
        "skipped_stages": {before(20): 0, 20: 1, before(50): 1, 50: 2, 60: 2},
        "times_in_stage": {before(10): 0, 10: 1, 24: 1, 31: 1, before(60): 1, 60: 2},
        "deal_age_days": {before(10): None, 10: 0, 25: 15},
        "days_per_stage_move": {before(10): None, 10: 0, before(20): 10, 20: 5},
        "stages_per_30d": {before(10): None, 10: 0, before(20): 0, 20: 6, 31: None, 35: 1 / 25 * 30},
        "days_since_forward_move": {before(20): None, 20: 0, 35: 15, before(50): 30, 50: 0},
        "days_since_backward_move": {before(35): None, 35: 0, before(60): 25, 60: 0},
        "longest_dwell_days": {
            before(10): None, 10: 0, before(20): 10, 20: 10, before(31): 11, 31: 10, before(50): 15, 60: 15,
            80: 20,
        },
        "activities_in_stage": {
            before(10): 0, before(15): 0, 15: 1, 20: 1, 22: 2, 26: 3, before(31): 3, 31: 0, 36: 1,
        },
        "outbound_in_stage": {before(15): 0, 15: 1, before(20): 1, 20: 0, 22: 1, before(31): 1, 31: 0, 36: 1},
        "inbound_in_stage": {before(20): 0, 20: 1, 26: 2, before(31): 2, 31: 0},
        "appointments_in_stage": {before(22): 0, 22: 1, 26: 2, before(31): 2, 31: 0},
        "activities_per_week_in_stage": {before(10): None, 10: 0, 15: 1, before(31): 3 / (11 / 7), 31: 0},
    },
)  # fmt: skip

AHEAD = Story(
    "a stage before the deal was opened",
    "opportunity",
    history_of(opportunities=[deal(created_at=10)], stage_changes=[move(4, "demo")]),
    {
        "stage_position": {before(4): None, 4: 1},
        "days_in_stage": {before(4): None, 4: 0, 12: 8},
        "days_to_reach_stage": {before(10): None, 10: -6, 12: -6},
        "days_per_stage_move": {before(10): None, 10: 0, 12: 2},
        "stages_per_30d": {before(10): None, 10: 30, 10.5: 30, 12: 15},  # an age below a day counts as one
        "age_over_norm": {12: None},
        "dwell_over_norm": {12: None},
        "stage_win_rate": {12: None},
    },
)

ONE_STAGE = Story(
    "an order of one stage",
    "opportunity",
    history_of(replace(CONVENTIONS, stages=("lead",)), stage_changes=[move(0, "lead")]),
    {"stage_position": {1: 0}, "stage_progress": {1: None}, "stages_below_peak": {1: 0}},
)

TOLD = (STAGE, AHEAD, ONE_STAGE)
