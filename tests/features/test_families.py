"""Each feature of the catalogue on one small story: a value, a null, a boundary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest

from features.build import Entity, build_features
from features.catalog import FEATURES
from features.conventions import Conventions
from features.errors import UnknownEntity
from features.history import History, history_from_tables
from features.snapshots import Snapshots
from features.times import DAY
from tests.factories import STAGES, Row, bits, data_of, day, deal, features_at, in_days

CONVENTIONS = Conventions(STAGES, ("kind", "source", "product"), "Asia/Shanghai")
Expected = Mapping[str, Mapping[float, Any]]  # feature -> day of the snapshot -> value
BEHAVIOUR_OF_NO_NULL = "calendar"


def before(number: float) -> float:
    """The last microsecond before a day."""
    return number - 1 / DAY


def activity(activity_id: str, at: float, kind: str, direction: str | None = None, **columns: Any) -> Row:
    ids = {"activity_id": activity_id, "opportunity_id": "d"}
    return {**ids, "at": at, "kind": kind, "direction": direction, **columns}


def move(at: float, stage: str, **columns: Any) -> Row:
    return {"opportunity_id": "d", "at": at, "stage": stage, **columns}


def change(at: float, field: str, value: str, **columns: Any) -> Row:
    return {"opportunity_id": "d", "at": at, "field": field, "value": value, **columns}


def order(order_id: str, at: float, amount: float, **columns: Any) -> Row:
    return {"order_id": order_id, "account_id": "a", "at": at, "amount": amount, **columns}


def history_of(conventions: Conventions = CONVENTIONS, **tables: Iterable[Row]) -> History:
    """The history of a few rows with times in days; one deal `d` unless others are given."""
    return history_from_tables(data_of(in_days(**{"opportunities": [deal()], **tables})), conventions)


def value(history: History, name: str, as_of: float, entity: Entity = "opportunity") -> Any:
    """One feature of deal `d` or account `a`; None where it is not given."""
    found = features_at(history, [("d" if entity == "opportunity" else "a", day(as_of))], entity)
    return found.to_polars()[name].item()


ACCOUNT = {"account_id": "a", "created_at": 8, "industry": "steel", "region": "east"}
CONTACTS = [
    {"contact_id": "p1", "account_id": "a", "role": "decision_maker", "created_at": 13},
    {"contact_id": "p2", "account_id": "a", "role": "user", "created_at": 9},
]

# amount and expected_close_at of the deal itself are last values, which no snapshot may see.
DEAL_STORY = history_of(
    accounts=[ACCOUNT],
    contacts=CONTACTS,
    opportunities=[
        deal(created_at=10, kind="new", source="web", product="x", amount=999.0, expected_close_at=999)
    ],
    stage_changes=[move(10, "lead"), move(20, "offer"), move(30, "demo")],
    field_changes=[
        change(10, "amount", "100"),
        change(20, "amount", "150", recorded_at=21),
        change(10, "expected_close_at", "1970-04-11T00:00:00Z"),  # day 100
        change(40, "expected_close_at", "1970-05-01"),  # day 120, 8 hours earlier in Shanghai
    ],
    activities=[
        activity(
            "c1", 12, "call", "outbound", outcome="connected", duration_s=600.0, contact_id="p1", rep_id="r"
        ),
        activity("c2", 14, "call", "outbound", outcome="no_answer", rep_id="r"),
        activity("e1", 16, "email", "outbound", outcome="sent", contact_id="p2", rep_id="s"),
        activity(
            "e1", 16, "email", "outbound", outcome="replied", contact_id="p2", rep_id="s", recorded_at=24
        ),
        activity("e2", 18, "email", "inbound", contact_id="p2", recorded_at=20),
        activity(
            "m1", 22, "meeting", "outbound", outcome="held", duration_s=1800.0, contact_id="p1", rep_id="r"
        ),
        activity("m2", 26, "visit", "outbound", outcome="no_show", rep_id="r"),
        activity("w1", 28, "message", "inbound"),
        activity("p1", 30, "proposal", "outbound"),
        activity("t1", 32, "task"),
        activity("m3", 50, "meeting", "outbound", recorded_at=40),  # planned
    ],
    orders=[order("o1", 3, 50.25), order("o2", 34, 10.5, recorded_at=36)],
)
DEAL_EXPECTED: Expected = {
    "activities_7d": {before(12): 0, 12: 1, before(19): 3, 19: 2},
    "activities_30d": {11: 0, before(42): 9, 42: 8},
    "activities_total": {11: 0, before(20): 3, 20: 4, 60: 10},
    "activity_trend_30d": {11: 0, before(42): 9, 42: 7, 100: -1},
    "calls_30d": {11: 0, before(42): 2, 42: 1},
    "calls_total": {11: 0, before(14): 1, 14: 2},
    "emails_30d": {11: 0, before(46): 2, 46: 1},
    "emails_total": {11: 0, before(20): 1, 20: 2},
    "meetings_30d": {11: 0, before(52): 3, 52: 2},
    "meetings_total": {11: 0, before(50): 2, 50: 3},
    "messages_30d": {before(58): 1, 58: 0},
    "messages_total": {before(28): 0, 28: 1},
    "proposals_total": {before(30): 0, 30: 1},
    "internal_work_total": {before(32): 0, 32: 1},
    "inbound_30d": {before(20): 0, 20: 1, before(48): 2, 48: 1},
    "inbound_total": {before(20): 0, 20: 1, 60: 2},
    "outbound_30d": {11: 0, before(42): 6, 42: 5},
    "inbound_share": {11: None, before(20): 0, 20: 1 / 4},
    "reply_share": {before(16): None, 16: 0, before(24): 0, 24: 1},
    "connected_share": {before(12): None, 12: 1, 14: 1 / 2},
    "no_show_share": {before(22): None, before(26): 0, 26: 1 / 2},
    "mean_duration_s": {before(12): None, before(22): 600, 22: 1200},
    "days_since_last_activity": {before(12): None, 12: 0, before(20): 4, 20: 2},
    "days_since_last_inbound": {before(20): None, 20: 2, before(28): 10, 28: 0},
    "days_since_last_outbound": {before(12): None, 12: 0, 29: 3},
    "days_since_last_call": {before(12): None, 12: 0, 20: 6},
    "days_since_last_email": {before(16): None, before(20): 4, 20: 2},
    "days_since_last_meeting": {before(22): None, before(50): 24, 50: 0},
    "days_since_last_message": {before(28): None, 28: 0, 30: 2},
    "days_since_last_internal_work": {before(32): None, 32: 0, 33.5: 1.5},
    "silence_over_gap": {before(14): None, 14: 0, 15: 1 / 2},
    "mean_gap_days": {before(14): None, 14: 2, 22: 2.5},
    "planned_activities": {before(40): 0, 40: 1, before(50): 1, 50: 0},
    "recorded_within_day_share": {before(12): None, before(20): 1, 20: 3 / 4},
    "mean_recording_delay_hours": {before(12): None, before(20): 0, 20: 12},
    "stage": {before(10): None, 10: "lead", before(20): "lead", 20: "offer", 30: "demo"},
    "stage_position": {before(10): None, before(20): 0, 20: 2, 30: 1},
    "stages_below_peak": {before(10): None, before(30): 0, 30: 1},
    "days_in_stage": {before(10): None, before(20): 10, 20: 0, 23: 3},
    "days_to_reach_stage": {before(10): None, before(20): 0, 20: 10, 23: 10},
    "stage_moves_total": {before(10): 0, 10: 1, 20: 2},
    "deal_age_days": {before(10): None, 10: 0, 25: 15},
    "days_per_stage_move": {before(10): None, before(20): 10, 20: 5},
    "contacts_reached_30d": {11: 0, before(48): 2, 48: 1, 52: 0},
    "contacts_reached_total": {11: 0, before(16): 1, 16: 2},
    "decision_makers_reached": {before(13): 0, 13: 1},
    "decision_maker_meetings": {before(22): 0, 22: 1},
    "days_since_last_decision_maker": {before(13): None, 13: 1, before(22): 10, 22: 0},
    "reps_involved": {11: 0, before(16): 1, 16: 2},
    "contacts_known": {before(9): 0, 9: 1, 13: 2},
    "amount": {before(10): None, before(21): 100, 21: 150},
    "amount_changes": {before(21): 0, 21: 1},
    "amount_change_share": {before(10): None, before(21): 0, 21: 1 / 2},
    "days_to_expected_close": {before(10): None, before(40): 60, 40: 80 - 8 / 24},
    "close_date_changes": {before(40): 0, 40: 1},
    "close_date_shift_days": {before(10): None, before(40): 0, 40: 20 - 8 / 24},
    "kind": {before(10): None, 10: "new"},
    "source": {before(10): None, 10: "web"},
    "product": {before(10): None, 10: "x"},
    "account_orders_total": {before(3): 0, 3: 1, before(36): 1, 36: 2},
    "account_orders_365d": {2: 0, before(368): 2, 368: 1},
    "account_order_value_365d": {2: 0, before(36): 50.25, 36: 60.75, 368: 10.5},
    "days_since_account_order": {before(3): None, before(36): 33, 36: 2},
    "account_tenure_days": {before(8): None, 8: 0, 20: 12},
    "industry": {before(8): None, 8: "steel"},
    "region": {before(8): None, 8: "east"},
    "days_to_quarter_end": {before(90): 0, 90: 91},
    "month_of_quarter": {before(31): 1, 31: 2, 90: 1},
    "weekday": {before(2 / 3): 4, 2 / 3: 5},  # midnight in Shanghai; 1970-01-01 was a Thursday
    "hour_of_day": {before(2 / 3): 23, 2 / 3: 0},
}

ACCOUNT_STORY = history_of(
    accounts=[ACCOUNT],
    contacts=CONTACTS,
    orders=[
        order("o1", 10, 20.0),
        order("o2", 20, 30.5, recorded_at=22),
        order("o3", 50, 10.0),
        order("o3", 50, 12.0, recorded_at=60),
    ],
)
ACCOUNT_EXPECTED: Expected = {
    "orders_total": {before(10): 0, 10: 1, before(22): 1, 22: 2, 60: 3},
    "orders_30d": {5: 0, before(40): 2, 40: 1},
    "orders_90d": {5: 0, before(100): 3, 100: 2},
    "orders_365d": {5: 0, before(375): 3, 375: 2},
    "order_trend_90d": {5: 0, before(100): 3, 100: 1, 150: -3},
    "order_value_total": {5: 0, before(60): 60.5, 60: 62.5},
    "order_value_90d": {5: 0, before(100): 62.5, 100: 42.5},
    "mean_order_value": {before(10): None, before(22): 20, 22: 25.25},
    "days_since_last_order": {before(10): None, before(22): 12, 22: 2},
    "days_since_first_order": {before(10): None, 10: 0, 25: 15},
    "mean_order_gap_days": {before(22): None, 22: 10, 50: 20},
    "silence_over_gap": {before(22): None, 22: 1 / 5},
    "account_contacts_known": {before(9): 0, 9: 1, 13: 2},
    **{
        name: DEAL_EXPECTED[name]
        for name in (
            "account_tenure_days", "industry", "region",
            "days_to_quarter_end", "month_of_quarter", "weekday", "hour_of_day",
        )
    },
}  # fmt: skip
STORIES: Mapping[Entity, tuple[History, Expected]] = {
    "opportunity": (DEAL_STORY, DEAL_EXPECTED),
    "account": (ACCOUNT_STORY, ACCOUNT_EXPECTED),
}


@pytest.mark.parametrize(
    ("entity", "name"), [(entity, name) for entity, (_, expected) in STORIES.items() for name in expected]
)
def test_each_feature_has_its_values_by_the_story(entity: Entity, name: str) -> None:
    history, expected = STORIES[entity]
    found = {as_of: value(history, name, as_of, entity) for as_of in expected[name]}
    if any(isinstance(cell, str) for cell in expected[name].values()):
        assert found == expected[name]
    else:
        assert found == pytest.approx(dict(expected[name]), abs=1e-6)


@pytest.mark.parametrize("entity", STORIES)
def test_the_story_holds_a_value_a_null_and_a_boundary_of_every_feature(entity: Entity) -> None:
    _, expected = STORIES[entity]
    assert set(expected) == {feature.name for feature in FEATURES[entity]}
    for feature in FEATURES[entity]:
        values = expected[feature.name]
        assert any(values.values()), f"{feature.name}: no value"
        assert any(values[a] != values[b] for a in values for b in values if a == before(b)), feature.name
        nothing = 0 if feature.unit in ("count", "currency") else None
        if feature.behaviour != BEHAVIOUR_OF_NO_NULL:
            assert nothing in values.values() or None in values.values(), f"{feature.name}: no null"


def test_a_mutable_column_without_a_history_is_not_given_whatever_its_last_value() -> None:
    history = history_of(opportunities=[deal(amount=500.0, expected_close_at=90)])
    for name in ("amount", "amount_change_share", "days_to_expected_close", "close_date_shift_days"):
        assert value(history, name, 20) is None, name


def test_a_column_that_the_configuration_calls_fixed_is_read_from_the_row_and_never_changes() -> None:
    history = history_of(
        Conventions(STAGES, ("amount", "expected_close_at")),
        opportunities=[deal(amount=500.0, expected_close_at=90)],
        field_changes=[change(5, "amount", "7")],
    )
    named = (
        "amount",
        "amount_changes",
        "amount_change_share",
        "days_to_expected_close",
        "close_date_shift_days",
    )
    assert [value(history, name, 20) for name in named] == [500, 0, 0, 70, 0]


def test_a_category_that_has_changed_is_read_from_its_changes_alone() -> None:
    history = history_of(
        Conventions(STAGES, ("source", "product")),
        opportunities=[deal(kind="upsell")],
        field_changes=[change(5, "kind", "new"), change(9, "kind", "upsell", recorded_at=12)],
    )
    assert [value(history, "kind", as_of) for as_of in (4, 5, 11, 12)] == [None, "new", "new", "upsell"]


def test_a_changed_value_that_is_no_number_is_not_given_but_counts_as_a_change() -> None:
    history = history_of(field_changes=[change(0, "amount", "100"), change(5, "amount", "lots")])
    assert [value(history, "amount", 6), value(history, "amount_changes", 6)] == [None, 1]


def test_a_first_amount_of_zero_gives_no_share() -> None:
    history = history_of(field_changes=[change(0, "amount", "0"), change(5, "amount", "100")])
    assert value(history, "amount_change_share", 6) is None


def test_a_stage_outside_the_order_is_named_but_is_neither_a_position_nor_a_peak() -> None:
    history = history_of(stage_changes=[move(0, "offer"), move(5, "parked"), move(8, "lead")])
    assert value(history, "stages_below_peak", 9) == 2
    named = ("stage", "stage_position", "stages_below_peak", "days_in_stage")
    assert [value(history, name, 6) for name in named] == ["parked", None, None, 1]


def test_a_stage_that_was_corrected_is_what_was_known_of_it() -> None:
    history = history_of(stage_changes=[move(0, "lead"), move(5, "offer"), move(5, "demo", recorded_at=8)])
    assert [value(history, "stage", as_of) for as_of in (before(8), 8)] == ["offer", "demo"]
    assert value(history, "stages_below_peak", 8) == 0
    assert value(history, "stage_moves_total", 8) == 2


def test_exactly_a_day_of_delay_is_still_within_a_day() -> None:
    rows = [activity("a", 0, "call", recorded_at=1), activity("b", 0, "call", recorded_at=1 + 1 / DAY)]
    assert value(history_of(activities=rows), "recorded_within_day_share", 2) == 1 / 2


def test_recording_ahead_is_no_delay() -> None:
    history = history_of(activities=[activity("a", 5, "call", recorded_at=1)])
    assert value(history, "mean_recording_delay_hours", 6) == 0


def test_a_contact_of_unknown_age_was_always_known() -> None:
    contact = {"contact_id": "p", "account_id": "a", "role": "decision_maker"}
    history = history_of(contacts=[contact], activities=[activity("m", 3, "demo", contact_id="p")])
    named = ("contacts_known", "decision_makers_reached", "decision_maker_meetings")
    assert [value(history, name, 3) for name in named] == [1, 1, 1]


def test_an_activity_that_is_moved_to_another_deal_leaves_the_first_when_that_is_told() -> None:
    history = history_of(
        opportunities=[deal(), deal("e")],
        activities=[
            activity("x", 3, "call"),
            {**activity("x", 3, "call", recorded_at=7), "opportunity_id": "e"},
        ],
    )
    frame = features_at(history, [(name, day(as_of)) for as_of in (before(7), 7) for name in "de"])
    assert frame.columns["calls_total"].tolist() == [1, 0, 0, 1]


def test_money_is_summed_exactly() -> None:
    history = history_of(orders=[order(f"o{i}", i, 0.1) for i in range(3)])
    assert value(history, "order_value_total", 9, "account") == 0.3


def test_a_number_beyond_all_sense_overflows_nowhere() -> None:
    history = history_of(
        orders=[order("o1", 1, 1e300), order("o2", 2, -1e300)],
        activities=[activity("a", 1, "call", duration_s=1e300)],
    )
    assert value(history, "order_value_total", 1, "account") == 2.0**53 / 100
    assert value(history, "order_value_total", 2, "account") == 0
    assert value(history, "mean_duration_s", 1) == 2.0**53


def test_a_snapshot_before_the_creation_sees_what_was_recorded_ahead_but_not_the_row() -> None:
    history = history_of(
        Conventions(STAGES, ("kind", "amount")),
        opportunities=[deal(created_at=10, kind="new", amount=5.0)],
        activities=[activity("c", 4, "call")],
    )
    named = ("calls_total", "kind", "amount", "deal_age_days", "days_to_reach_stage")
    assert [value(history, name, 6) for name in named] == [1, None, None, None, None]


def test_the_same_snapshot_twice_gives_the_same_row_twice() -> None:
    once = features_at(DEAL_STORY, [("d", day(25))])
    twice = features_at(DEAL_STORY, [("d", day(25)), ("d", day(25))])
    assert bits(twice) == {name: column * 2 for name, column in bits(once).items()}


def test_a_snapshot_of_an_unknown_deal_is_refused_with_its_name() -> None:
    with pytest.raises(UnknownEntity, match=r"1 of 2 snapshots name an opportunity .*first: nobody.*"):
        DEAL_STORY.opportunity_codes(["d", "nobody"])
    with pytest.raises(UnknownEntity, match="name an account that the data set lacks"):
        DEAL_STORY.account_codes(["nobody"])


@pytest.mark.parametrize("entity", STORIES)
def test_no_snapshots_give_no_rows_and_every_column(entity: Entity) -> None:
    none = np.zeros(0, np.int64)
    frame = build_features(DEAL_STORY, Snapshots(none, none), entity).to_polars()
    assert frame.shape == (0, len(FEATURES[entity]))


def test_without_optional_tables_counts_are_zero_and_the_rest_is_not_given() -> None:
    bare = history_of(stage_changes=[move(0, "lead")])
    for feature in FEATURES["opportunity"]:
        if feature.behaviour not in ("stage", "calendar"):
            nothing = 0 if feature.unit == "count" or feature.name == "account_order_value_365d" else None
            assert value(bare, feature.name, 20) == nothing, feature.name


def test_a_frame_has_null_where_a_feature_is_not_given_and_text_for_categories() -> None:
    frame = features_at(DEAL_STORY, [("d", day(5)), ("d", day(25))]).to_polars()
    assert frame["amount"].to_list() == [None, 150.0]
    assert frame["stage"].to_list() == [None, "offer"]


@pytest.mark.parametrize("entity", STORIES)
def test_the_columns_stand_in_the_order_of_the_catalogue(entity: Entity) -> None:
    frame = features_at(DEAL_STORY, [("d" if entity == "opportunity" else "a", day(25))], entity)
    names = [feature.name for feature in FEATURES[entity]]
    assert list(frame.columns) == frame.to_polars().columns == names


def test_the_rep_shown_beside_a_score_is_that_of_the_deal() -> None:
    history = history_of(opportunities=[deal("e") | {"rep_id": "of e"}, deal("d") | {"rep_id": "of d"}])
    codes = history.opportunity_codes(["d", "e"])
    assert history.opportunities.shown["rep_id"][codes].tolist() == ["of d", "of e"]
