"""The dated reference: a literal world by hand, and random ones by loops."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from features.times import DAY
from tests import oracle
from tests.factories import STAGES, Row, Rows, day, deal, in_days, random_instants, random_rows
from tests.sql.reference import MEASURES, monday_of, reference_at, reference_features
from tests.sql.worlds import Reading, random_more, reading_for

MONDAY = day(39)  # 1970-02-09


def closed(name: str, rep: str, closes: float, outcome: str, **columns: Any) -> Row:
    return deal(name, closed_at=closes, outcome=outcome, **{"rep_id": rep, "kind": "new", **columns})


READING = Reading(STAGES, fixed=("rep_id", "kind", "source", "product", "amount"))
ROWS = in_days(
    accounts=[{"account_id": "a", "industry": "steel", "created_at": 12}],
    reps=[
        {"rep_id": "r", "team_id": "east", "hired_at": 0},
        {"rep_id": "s", "team_id": "east"},
        {"rep_id": "q", "team_id": "east", "hired_at": 39},
    ],
    opportunities=[
        closed("1", "r", 10, "won", amount=100.0),
        closed("2", "r", 20, "lost", amount=400.0),
        closed("3", "s", 30, "won", amount=50.0, kind="renewal"),
        closed("4", "x", 38.5, "won", kind=None),
        closed("5", "r", 39, "won", amount=7.0),  # as of the Monday it is still open
        deal("d", rep_id="r", kind="new", amount=150.0),
        deal("e", rep_id="t", kind="new", created_at=39),
    ],
    stage_changes=[
        {"opportunity_id": "1", "at": 0, "stage": "lead"},
        {"opportunity_id": "1", "at": 4, "stage": "parked"},
        {"opportunity_id": "1", "at": 5, "stage": "lead"},
        {"opportunity_id": "1", "at": 7, "stage": "demo"},
        {"opportunity_id": "1", "at": 10, "stage": "offer"},  # with the close: no stay
        {"opportunity_id": "2", "at": 0, "stage": "lead"},
        {"opportunity_id": "3", "at": 2, "stage": "lead", "recorded_at": 31},  # told after the close
        {"opportunity_id": "3", "at": 20, "stage": "demo"},
        {"opportunity_id": "d", "at": 36, "stage": "lead"},
    ],
    activities=[
        {"activity_id": "1", "at": 1, "kind": "call", "rep_id": "r", "recorded_at": 2},
        {"activity_id": "2", "at": 1, "kind": "call", "rep_id": "r", "recorded_at": 2 + 1e-6},
        {"activity_id": "3", "at": 30, "kind": "call", "rep_id": "r", "recorded_at": 39},
    ],
)  # fmt: skip


def test_the_sums_of_a_small_world() -> None:
    found = reference_at(ROWS, READING, MONDAY)
    cycles = (10 + 30 + 38.5) * 86_400
    assert found["all", ""] == {
        "closed": 4, "won": 3, "cycle_s": cycles, "cycles": 3, "amount_cents": 15_000, "amounts": 2,
    }  # fmt: skip
    assert found["rep", "r"] == {
        "closed": 2, "won": 1, "cycle_s": 864_000, "cycles": 1, "open": 2, "records": 2, "prompt": 1,
    }  # fmt: skip
    assert ("rep", "t") not in found
    assert found["team", "east"] == {
        "closed": 3, "won": 2, "cycle_s": 40 * 86_400, "cycles": 2, "open": 2, "reps": 2,
    }  # fmt: skip
    assert found["kind", "new"] == {"closed": 2, "won": 1, "cycle_s": 864_000, "cycles": 1}
    assert found["industry", "steel"] == {"closed": 3, "won": 2, "cycle_s": 68.5 * 86_400, "cycles": 2}
    assert found["stage", "lead"] == {
        "closed": 2, "won": 1, "cycle_s": 864_000, "cycles": 1, "dwell_s": 6 * 86_400, "dwells": 1,
    }  # fmt: skip
    assert found["stage", "demo"] == {
        "closed": 2, "won": 2, "cycle_s": 40 * 86_400, "cycles": 2, "dwell_s": 13 * 86_400, "dwells": 2,
    }  # fmt: skip
    assert ("stage", "offer") not in found
    assert ("stage", "parked") not in found


def test_the_rates_of_a_small_world() -> None:
    [found] = reference_features(ROWS, READING, [("d", MONDAY + 3 * DAY)])
    team, mean = (2 + 20 * 0.75) / 23, (10 + 30 + 38.5) / 3
    team_mean = (40 + 5 * mean) / 7
    assert found == pytest.approx(
        {
            "kind_win_rate": (1 + 20 * 0.75) / 22, "source_win_rate": None, "product_win_rate": None,
            "industry_win_rate": (2 + 20 * 0.75) / 23, "stage_win_rate": (1 + 20 * 0.75) / 22,
            "team_win_rate": team, "rep_win_rate": (1 + 20 * team) / 22,
            "rep_cycle_days": (10 + 5 * team_mean) / 6, "rep_closed_deals": 2.0, "rep_open_deals": 2.0,
            "rep_tenure_days": 42.0, "rep_prompt_recording_share": 0.5, "team_open_deals_per_rep": 1.0,
            "dwell_over_norm": 1.0, "age_over_norm": 42 / mean, "amount_over_typical": 2.0,
        }
    )  # fmt: skip


def test_before_the_first_close_there_is_no_rate_but_counts() -> None:
    [found] = reference_features(ROWS, READING, [("d", day(4))])
    given = {name for name, value in found.items() if value is not None}
    assert given == {
        "rep_closed_deals", "rep_open_deals", "rep_tenure_days", "rep_prompt_recording_share",
        "team_open_deals_per_rep",
    }  # fmt: skip


def test_a_deal_created_on_the_monday_is_not_yet_open_even_if_its_owner_was_told_before() -> None:
    for created_at, expected in ((39 - 1e-6, True), (39, False)):
        rows = in_days(
            opportunities=[deal(created_at=created_at)],
            field_changes=[{"opportunity_id": "d", "field": "rep_id", "value": "r", "at": 1}],
        )
        assert (("rep", "r") in reference_at(rows, Reading(STAGES), MONDAY)) == expected


def test_mondays_begin_at_midnight() -> None:
    assert [monday_of(day(4) + shift) for shift in (-1, 0, 7 * DAY - 1)] == [day(-3), day(4), day(4)]


def test_loops_over_random_worlds_find_the_same_sums() -> None:
    seen: Counter[str] = Counter()
    for seed in range(15):
        rows, reading = random_more(seed, random_rows(seed)), reading_for(seed)
        for as_of in random_instants(rows, seed, 3):
            monday = monday_of(as_of)
            found = reference_at(rows, reading, monday)
            flat = {
                (*key, name): number
                for key, measures in found.items()
                for name, number in measures.items()
                if number
            }
            assert flat == {key: number for key, number in looped(rows, reading, monday).items() if number}
            seen.update(f"{scope} {name}" for scope, _, name in flat)
    assert set(seen) == {f"{scope} {name}" for scope, names in MEASURES.items() for name in names}


def looped(rows: Rows, reading: Reading, monday: int) -> Counter[tuple[str, str, str]]:
    """The reference again, a deal at a time: (scope, key, measure) -> number."""
    sums: Counter[tuple[str, str, str]] = Counter()
    teams = {row["rep_id"]: row["team_id"] for row in rows["reps"]}
    for row in rows["opportunities"]:
        if row["closed_at"] is not None and row["closed_at"] < monday:
            add_closed(sums, rows, reading, row)
        elif row["created_at"] < monday and (rep := told(rows, reading, row, "rep_id", monday - 1)):
            sums["rep", rep, "open"] += 1
            if teams.get(rep):
                sums["team", teams[rep], "open"] += 1
    for row in oracle.current(rows, "activities", monday - 1):
        if row["rep_id"] is not None and row["at"] < monday:
            known = row["at"] if row["recorded_at"] is None else row["recorded_at"]
            sums["rep", row["rep_id"], "records"] += 1
            sums["rep", row["rep_id"], "prompt"] += known - row["at"] <= DAY
    for row in rows["reps"]:
        if row["team_id"] and (row["hired_at"] is None or row["hired_at"] < monday):
            sums["team", row["team_id"], "reps"] += 1
    return sums


def add_closed(sums: Counter[tuple[str, str, str]], rows: Rows, reading: Reading, row: Row) -> None:
    teams = {rep["rep_id"]: rep["team_id"] for rep in rows["reps"]}
    at, won = row["closed_at"], row["outcome"] == "won"
    stays = stays_of(rows, row, reading.stages)
    rep = told(rows, reading, row, "rep_id", at)
    industries = [
        account["industry"]
        for account in rows["accounts"]
        if account["account_id"] == row["account_id"] and (account["created_at"] or 0) <= at
    ]
    keys = [("all", ""), ("rep", rep), ("team", teams.get(rep)), ("industry", (industries or [None])[0])]
    keys += [(field, told(rows, reading, row, field, at)) for field in ("kind", "source", "product")]
    keys += [("stage", stage) for stage in stays]
    for scope, key in keys:
        if key is not None:
            sums[scope, key, "closed"] += 1
            sums[scope, key, "won"] += won
            sums[scope, key, "cycles"] += won
            sums[scope, key, "cycle_s"] += won * ((at - row["created_at"]) // 1_000_000)
    for stage, seconds in stays.items():
        sums["stage", stage, "dwells"] += won
        sums["stage", stage, "dwell_s"] += won * seconds
    amount = number(told(rows, reading, row, "amount", at))
    if won and amount is not None:
        sums["all", "", "amounts"] += 1
        sums["all", "", "amount_cents"] += round(amount * 100)


def told(rows: Rows, reading: Reading, row: Row, field: str, as_of: int) -> str | None:
    if field in reading.fixed:
        return row[field] if row["created_at"] <= as_of else None
    changes = [
        change
        for change in oracle.current(rows, "field_changes", as_of)
        if (change["opportunity_id"], change["field"]) == (row["opportunity_id"], field)
        and change["at"] <= as_of
    ]
    return max(changes, key=lambda change: change["at"])["value"] if changes else None


def number(value: str | float | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def stays_of(rows: Rows, row: Row, stages: tuple[str, ...]) -> dict[str, int]:
    """Listed stage -> whole seconds in it before the close."""
    moves = [
        move
        for move in oracle.current(rows, "stage_changes", row["closed_at"])
        if move["opportunity_id"] == row["opportunity_id"] and move["at"] < row["closed_at"]
    ]
    moves.sort(key=lambda move: move["at"])
    entries = [m for n, m in enumerate(moves) if n == 0 or moves[n - 1]["stage"] != m["stage"]]
    ends = [*(entry["at"] for entry in entries[1:]), row["closed_at"]]
    found: Counter[str] = Counter()
    for entry, end in zip(entries, ends, strict=False):
        if entry["stage"] in stages:
            found[entry["stage"]] += (end - entry["at"]) // 1_000_000
    return dict(found)
