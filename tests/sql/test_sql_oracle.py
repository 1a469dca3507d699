"""The SQL against the plain loops where both say the same, and against walks over the records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import pytest

from features.tables import ACTIVITY_KINDS, ACTIVITY_OUTCOMES, DIRECTIONS
from features.times import DAY
from tests import oracle
from tests.factories import Row, Rows, conventions_for, random_instants, random_rows
from tests.sql.oracle import Value, sql_features
from tests.sql.world import Entity
from tests.sql.worlds import Reading, moved_to, random_more, reading_for

WORLDS = 15
HOUR = DAY // 24
COUNTS = (
    "activities_7d", "calls_total", "held_total", "outbound_since_last_inbound", "decision_makers_known",
    "edits_30d", "overdue_steps", "other_open_deals", "account_activities_30d", "leads_total", "rep_changes",
    "working_days_to_quarter_end", "pushed_days_total", "activity_time_s_7d", "fields_filled_share",
)  # fmt: skip
ACCOUNT_COUNTS = ("orders_30d", "refunds_total", "open_deals", "channels_90d", "new_contacts_known_90d")

# What the plain loops call alike and mean alike, whatever the time zone.
SAME: Mapping[Entity, Sequence[str]] = {
    "opportunity": (
        "activities_7d", "activities_30d", "activities_total", "activity_trend_30d", "planned_activities",
        "calls_30d", "calls_total", "emails_30d", "emails_total", "messages_30d", "messages_total",
        "proposals_total", "internal_work_total", "inbound_30d", "inbound_total", "outbound_30d",
        "inbound_share", "reply_share", "connected_share", "no_show_share",
        "activity_intensity", "inbound_intensity", "outbound_intensity", "held_intensity",
        "days_since_last_activity", "days_since_last_inbound", "days_since_last_outbound",
        "days_since_last_call", "days_since_last_email", "days_since_last_meeting",
        "days_since_last_message", "days_since_last_internal_work", "mean_gap_days", "silence_over_gap",
        "recorded_within_day_share", "mean_recording_delay_hours",
        "contacts_reached_30d", "contacts_reached_total", "decision_makers_reached",
        "decision_maker_meetings", "days_since_last_decision_maker", "reps_involved", "contacts_known",
        "stage", "stage_position", "stages_below_peak", "deal_age_days",
        "amount", "amount_changes", "amount_change_share", "days_to_expected_close", "close_date_changes",
        "close_date_shift_days", "kind", "source", "product",
        "account_orders_total", "account_orders_365d", "account_order_value_365d",
        "days_since_account_order", "account_tenure_days", "industry", "region", "weekday", "hour_of_day",
    ),
    "account": (
        "orders_30d", "orders_90d", "orders_365d", "orders_total", "order_trend_90d", "order_value_total",
        "order_value_90d", "mean_order_value", "days_since_last_order", "days_since_first_order",
        "mean_order_gap_days", "silence_over_gap", "account_contacts_known", "account_tenure_days",
        "industry", "region", "weekday", "hour_of_day",
    ),
}  # fmt: skip
ALIKE_IN_UTC = ("days_to_quarter_end", "month_of_quarter")
PER_MOVE = ("days_in_stage", "days_to_reach_stage", "days_per_stage_move", "stage_moves_total")


def alike(found: Value, expected: Value) -> bool:
    if isinstance(found, str) or isinstance(expected, str) or found is None or expected is None:
        return found == expected
    return math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-9)


def unequal(found: Mapping[str, Value], expected: Mapping[str, Value], names: Sequence[str]) -> object:
    return {name: (found[name], expected[name]) for name in names if not alike(found[name], expected[name])}


@pytest.mark.parametrize("entity", ["opportunity", "account"])
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "UTC"])
def test_the_sql_says_what_the_plain_loops_say(entity: Entity, zone: str) -> None:
    compute = oracle.opportunity_features if entity == "opportunity" else oracle.account_features
    ids = [f"d{i}" for i in range(4)] if entity == "opportunity" else ["a0", "a1"]
    names = [*SAME[entity], *(ALIKE_IN_UTC if zone == "UTC" else ())]
    for seed in range(WORLDS):
        rows, conventions = random_rows(seed), replace(conventions_for(seed), time_zone=zone)
        snapshots = [(name, as_of) for as_of in random_instants(rows, seed, 10) for name in ids]
        found = sql_features(rows, conventions, snapshots, entity)
        for (name, as_of), features in zip(snapshots, found, strict=True):
            expected = compute(rows, conventions, name, as_of)
            assert unequal(features, expected, names) == {}, (seed, name, as_of)
            if entity == "opportunity":
                assert_moves_agree(features, expected)


def assert_moves_agree(found: Mapping[str, Value], expected: Mapping[str, Value]) -> None:
    """The loops count a move into the present stage anew, the SQL does not."""
    if alike(found["stage_moves_total"], expected["stage_moves_total"]):
        assert unequal(found, expected, PER_MOVE) == {}
    else:
        assert moves(found) < moves(expected)


def moves(features: Mapping[str, Value]) -> float:
    return float(features["stage_moves_total"] or 0)


def test_a_walk_over_the_records_finds_the_same_responses_and_follow_ups() -> None:
    answered = followed = 0
    for seed in range(WORLDS):
        for rows, name, as_of, features in random_features(seed):
            records = in_order(rows, name, as_of)
            expected = {**responses(records, as_of), **follow_ups(records, as_of), **sequel(records)}
            assert unequal(features, expected, list(expected)) == {}, (seed, name, as_of)
            answered += expected["mean_response_hours"] is not None
            followed += expected["meeting_follow_up_share"] is not None
    assert answered > 100
    assert followed > 50


def test_counts_are_never_null_and_every_snapshot_has_every_feature() -> None:
    bare: Rows = {
        "opportunities": [{"opportunity_id": "d", "account_id": "a", "rep_id": "r", "created_at": 0}]
    }
    names: dict[Entity, Sequence[str]] = {"opportunity": COUNTS, "account": ACCOUNT_COUNTS}
    for entity, counts in names.items():
        [features] = sql_features(bare, Reading(("lead",)), [("d", 5)], entity)
        assert {features[name] for name in counts if name != "working_days_to_quarter_end"} == {0.0}
    for seed in range(3):
        for *_, of_random in random_features(seed):
            assert all(of_random[name] is not None for name in COUNTS)
            assert not any(value != value for value in of_random.values())  # noqa: PLR0124


def test_the_wider_worlds_let_every_feature_be_something_and_nothing() -> None:
    seen: dict[str, set[Value]] = {}
    for seed in range(WORLDS):
        for *_, features in random_features(seed):
            for name, value in features.items():
                seen.setdefault(name, set()).add(value)
    assert {name for name, values in seen.items() if len(values) < 2} == set()


@lru_cache
def random_features(seed: int) -> Sequence[tuple[Rows, str, int, Mapping[str, Value]]]:
    """Snapshots of a random world of 2024 and 2025, with their features."""
    rows, reading = moved_to(random_more(seed, random_rows(seed)), 54 * 365), reading_for(seed)
    names = [row["opportunity_id"] for row in rows["opportunities"]]
    snapshots = [(name, as_of) for as_of in random_instants(rows, seed, 6) for name in names]
    found = sql_features(rows, reading, snapshots, "opportunity")
    return [(rows, name, as_of, features) for (name, as_of), features in zip(snapshots, found, strict=True)]


def in_order(rows: Rows, name: str, as_of: int) -> list[Row]:
    """The deal's visible activities in the order in which they happened."""
    current = oracle.current(rows, "activities", as_of)
    mine = [row for row in current if row["opportunity_id"] == name and row["at"] <= as_of]
    return sorted(mine, key=place)


def place(row: Row) -> tuple[object, ...]:
    enums = ((ACTIVITY_KINDS, "kind"), (DIRECTIONS, "direction"), (ACTIVITY_OUTCOMES, "outcome"))
    known = row["at"] if row["recorded_at"] is None else row["recorded_at"]
    places = [-1 if row[name] is None else allowed.index(row[name]) for allowed, name in enums]
    seconds = -1 if row["duration_s"] is None else round(row["duration_s"])
    return (row["at"], known, *places, seconds, row["contact_id"] or "", row["rep_id"] or "")


def responses(records: Sequence[Row], as_of: int) -> dict[str, Value]:
    ours, waiting = waits(records, "inbound", "outbound")
    theirs, _ = waits(records, "outbound", "inbound")
    late = waiting is not None and as_of - waiting > DAY
    return {
        "mean_response_hours": sum(ours) / len(ours) / HOUR if ours else None,
        "last_response_hours": ours[-1] / HOUR if ours else None,
        "slowest_response_hours": max(ours) / HOUR if ours else None,
        "unanswered_hours": None if waiting is None else (as_of - waiting) / HOUR,
        "prompt_response_share": (
            sum(wait <= DAY for wait in ours) / (len(ours) + late) if ours or late else None
        ),
        "mean_customer_response_hours": sum(theirs) / len(theirs) / HOUR if theirs else None,
    }


def waits(records: Sequence[Row], asking: str, answering: str) -> tuple[list[int], int | None]:
    found, waiting = [], None
    for row in records:
        if row["direction"] == asking and waiting is None:
            waiting = row["at"]
        elif row["direction"] == answering and waiting is not None:
            found.append(row["at"] - waiting)
            waiting = None
    return found, waiting


def follow_ups(records: Sequence[Row], as_of: int) -> dict[str, Value]:
    done: dict[str, list[bool]] = {"meeting_follow_up_share": [], "proposal_follow_up_share": []}
    for number, row in enumerate(records):
        is_meeting = row["kind"] in ("meeting", "visit", "demo") and row["outcome"] == "held"
        if not is_meeting and row["kind"] != "proposal":
            continue
        followed = any(
            later["direction"] == "outbound"
            and later["kind"] in ("call", "email", "message", "proposal")
            and later["at"] - row["at"] <= 2 * DAY
            for later in records[number + 1 :]
        )
        if followed or as_of - row["at"] >= 2 * DAY:
            done["meeting_follow_up_share" if is_meeting else "proposal_follow_up_share"].append(followed)
    return {name: sum(all_) / len(all_) if all_ else None for name, all_ in done.items()}


def sequel(records: Sequence[Row]) -> dict[str, Value]:
    since_inbound, since_demo = 0, None
    for row in records:
        since_inbound = 0 if row["direction"] == "inbound" else since_inbound + (row["direction"] is not None)
        if row["kind"] == "demo":
            since_demo = 0
        elif since_demo is not None and row["direction"] == "outbound":
            since_demo += 1
    return {"outbound_since_last_inbound": since_inbound, "outbound_since_last_demo": since_demo}
