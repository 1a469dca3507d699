"""What a dated reference of four closed deals says of a deal: of its rep, team, stage and kind.

Rows are dated on Mondays, 00:00 UTC: days 4, 11, 18, 25. A deal counts from the Monday after its close.
"""

from __future__ import annotations

from dataclasses import replace

from features.norms import reference_of
from tests.factories import Row, day, deal
from tests.features.stories.telling import CONVENTIONS, Story, activity, before, history_of, move

FIXED = replace(CONVENTIONS, fixed=("kind", "source", "product", "amount", "rep_id"))


def _closed(name: str, days: tuple[float, float], outcome: str, rep: str, **columns: str | float) -> Row:
    begin, end = days
    own = {"opportunity_id": name, "account_id": "a", "rep_id": rep, "created_at": begin, "closed_at": end}
    return {**own, "outcome": outcome, **columns}


def _moved(name: str, at: float, stage: str) -> Row:
    return {**move(at, stage), "opportunity_id": name}


def _done(name: str, at: float, recorded_at: float | None = None) -> Row:
    return activity(name, at, "call", opportunity_id="k1", rep_id="r", recorded_at=recorded_at)


REPS = [
    {"rep_id": "r", "team_id": "east", "hired_at": 1},
    {"rep_id": "s", "team_id": "east", "hired_at": 2},
    {"rep_id": "q", "team_id": None, "hired_at": None},
]
PAST = history_of(
    FIXED,
    accounts=[
        {"account_id": "a", "created_at": 3, "industry": "steel"},
        {"account_id": "b", "created_at": 3, "industry": "food"},
    ],
    reps=REPS,
    opportunities=[
        _closed("k1", (4, 8), "won", "r", kind="new", source="web", product="y", amount=1000.0),
        _closed("k2", (4, 9), "lost", "q", kind="renewal", source="fair", product="x", account_id="b"),
        _closed("k3", (5, 15), "won", "s", kind="new", source="fair", product="x", amount=500.0,
                account_id="b"),
        _closed("k4", (5, 20), "lost", "r"),
    ],
    stage_changes=[
        _moved("k1", 4, "lead"), _moved("k1", 6, "demo"), _moved("k2", 4, "lead"), _moved("k3", 5, "lead"),
        _moved("k3", 8, "demo"),
    ],
    activities=[_done("z1", 5), _done("z2", 6, recorded_at=8), _done("z3", 12)],
)  # fmt: skip
REFERENCE = reference_of(PAST, day(100))

# On day 11 one of two deals was won, k1 of r in the team east; on day 18 two of three, both of the team.
# A rate is drawn to that of all deals, or of the team, as by 20 deals; a cycle as by 5 wins.
EAST_11, EAST_18 = (1 + 20 * 1 / 2) / 21, (2 + 20 * 2 / 3) / 22
ONE_OF_ONE = (1 + 20 * 2 / 3) / 21  # on day 18
PRESENT = Story(
    "reference",
    "opportunity",
    history_of(
        FIXED,
        accounts=[{"account_id": "a", "created_at": 3, "industry": "steel"}],
        reps=REPS,
        opportunities=[
            deal(created_at=6, rep_id="r", kind="new", source="web", product="x", amount=300.0),
        ],
        stage_changes=[move(6, "lead"), move(13, "demo")],
    ),
    {
        "rep_win_rate": {
            before(11): None,
            11: (1 + 20 * EAST_11) / 21,
            before(18): (1 + 20 * EAST_11) / 21,
            18: (1 + 20 * EAST_18) / 21,
        },
        "team_win_rate": {before(11): None, 11: EAST_11, before(18): EAST_11, 18: EAST_18},
        "rep_cycle_days": {before(11): None, 11: 4, before(18): 4, 18: (4 + 5 * 7) / 6},
        "rep_closed_deals": {before(6): None, 6: 0, before(11): 0, 11: 1, before(25): 1, 25: 2},
        "rep_open_deals": {before(6): None, 6: 0, before(11): 0, 11: 1, before(25): 1, 25: 0},
        "rep_tenure_days": {before(6): None, 6: 5, 20: 19},
        "rep_prompt_recording_share": {before(11): None, 11: 1 / 2, before(18): 1 / 2, 18: 2 / 3},
        "team_open_deals_per_rep": {
            before(6): None, 6: 0, before(11): 0, 11: 2 / 2, before(18): 2 / 2, 18: 1 / 2,
        },
        "stage_win_rate": {
            before(11): None, 11: 1 / 2, before(13): 1 / 2, 13: 11 / 21, before(18): 11 / 21, 18: EAST_18,
        },
        "source_win_rate": {before(11): None, 11: 11 / 21, before(18): 11 / 21, 18: ONE_OF_ONE},
        "product_win_rate": {before(11): None, 11: 10 / 21, before(18): 10 / 21, 18: (1 + 20 * 2 / 3) / 22},
        "kind_win_rate": {before(11): None, 11: 11 / 21, before(18): 11 / 21, 18: EAST_18},
        "industry_win_rate": {before(11): None, 11: 11 / 21, before(18): 11 / 21, 18: ONE_OF_ONE},
        # Won deals had been 2 days in either stage by day 11; by day 18 also 3 and 7.
        "dwell_over_norm": {
            before(11): None, 11: 5 / 2, before(13): 7 / 2, 13: 0, before(18): 5 / 2, 18: 5 / 4.5,
        },
        "age_over_norm": {before(11): None, 11: 5 / 4, before(18): 12 / 4, 18: 12 / 7},
        "amount_over_typical": {before(11): None, 11: 0.3, before(18): 0.3, 18: 300 / 750},
        "rep_changes": {20: 0},
        "days_with_rep": {before(6): None, 6: 0, 20: 14},
    },
    REFERENCE,
)  # fmt: skip

STRANGER = Story(
    "a rep whom the reference does not know",
    "opportunity",
    history_of(
        FIXED,
        reps=[{"rep_id": "new", "team_id": "east", "hired_at": 1}],  # known here, and not when it was made
        opportunities=[deal(created_at=6, rep_id="new", kind="odd", source="odd", product="odd")],
        stage_changes=[move(6, "odd")],
    ),
    {
        "rep_win_rate": {before(11): None, 11: 1 / 2, 18: 2 / 3},
        "team_win_rate": {18: None},
        "rep_cycle_days": {before(11): None, 11: 4, 18: 7},
        "rep_closed_deals": {before(6): None, 6: 0, 18: 0},
        "rep_open_deals": {before(6): None, 6: 0, 18: 0},
        "rep_tenure_days": {18: None},
        "rep_prompt_recording_share": {18: None},
        "team_open_deals_per_rep": {18: None},
        "stage_win_rate": {before(11): None, 11: 1 / 2, 18: 2 / 3},
        "source_win_rate": {before(11): None, 11: 1 / 2, 18: 2 / 3},
        "product_win_rate": {before(11): None, 11: 1 / 2, 18: 2 / 3},
        "kind_win_rate": {before(11): None, 11: 1 / 2, 18: 2 / 3},
        "industry_win_rate": {18: None},
        "dwell_over_norm": {18: None},
    },
    REFERENCE,
)

TOLD = (PRESENT, STRANGER)
