"""Odd and hard records, one by one: what each of them says, and what it must not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.conventions import Conventions
from features.from_rows import history_from_rows
from features.from_tables import history_from_tables
from features.shown import shown_of
from tests.factories import STAGES, Row, data_of, day, deal, features_at, snapshots_of
from tests.features.stories.telling import (
    CONVENTIONS,
    MICROSECOND,
    activity,
    before,
    change,
    contact,
    history_of,
    in_days,
    move,
    order,
    value,
    values,
)

AMOUNTS = (
    "amount",
    "amount_changes",
    "amount_change_share",
    "days_to_expected_close",
    "close_date_shift_days",
)


def test_a_mutable_column_without_a_history_is_not_given_whatever_its_last_value() -> None:
    history = history_of(opportunities=[deal(amount=500.0, expected_close_at=90)])
    assert values(history, AMOUNTS, 20) == [None, 0, None, None, None]
    assert values(history, ("rep_closed_deals", "days_with_rep", "rep_changes"), 20) == [None, None, 0]


def test_a_column_that_the_configuration_calls_fixed_is_read_from_the_row_and_never_changes() -> None:
    history = history_of(
        Conventions(STAGES, ("amount", "expected_close_at", "rep_id")),
        opportunities=[deal(amount=500.0, expected_close_at=90)],
        field_changes=[change(5, "amount", "7"), change(5, "rep_id", "s")],
    )
    assert values(history, AMOUNTS, 20) == [500, 0, 0, 70, 0]
    assert values(history, ("rep_closed_deals", "days_with_rep", "rep_changes"), 20) == [None, 20, 0]
    assert value(history, "edits_total", 20) == 2  # they were edited all the same


def test_a_fixed_column_that_is_empty_is_not_given() -> None:
    history = history_of(Conventions(STAGES, ("amount", "expected_close_at", "kind")), opportunities=[deal()])
    assert values(history, (*AMOUNTS, "kind"), 20) == [None, 0, None, None, None, None]


def test_a_category_that_has_changed_is_read_from_its_changes_alone() -> None:
    history = history_of(
        Conventions(STAGES, ("source", "product")),
        opportunities=[deal(kind="upsell")],
        field_changes=[change(5, "kind", "new"), change(9, "kind", "upsell", recorded_at=12)],
    )
    assert [value(history, "kind", as_of) for as_of in (4, 5, 11, 12)] == [None, "new", "new", "upsell"]


def test_a_changed_value_that_is_no_number_is_not_given_but_counts_as_a_change() -> None:
    for odd in ("lots", "nan", "inf", ""):
        history = history_of(field_changes=[change(0, "amount", "100"), change(5, "amount", odd)])
        assert values(history, AMOUNTS[:3], 6) == [None, 1, None]


def test_a_changed_value_that_is_no_time_is_not_given_but_counts_as_a_change() -> None:
    close = "expected_close_at"
    history = history_of(field_changes=[change(0, close, "1970-02-01"), change(5, close, "soon")])
    assert values(history, ("days_to_expected_close", "close_date_changes", "overdue_days"), 6) == [
        None,
        1,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("1970-01-11", -8),
        ("1970-01-11T00:00", -8),
        ("1970-01-11T00:00:00Z", 0),
        ("1970-01-11T00:00-05:00", 5),
    ],
)
def test_a_time_without_an_offset_is_read_in_the_zone_of_the_data(text: str, hours: float) -> None:
    history = history_of(field_changes=[change(0, "expected_close_at", text)])
    assert value(history, "days_to_expected_close", 0) == pytest.approx(10 + hours / 24)


def test_a_first_amount_of_zero_gives_no_share() -> None:
    history = history_of(field_changes=[change(0, "amount", "0"), change(5, "amount", "100")])
    shares = ("amount_change_share", "last_amount_change_share", "amount_changes")
    assert values(history, shares, 6) == [None, None, 1]


def test_the_same_amount_told_again_is_a_change_but_no_cut() -> None:
    history = history_of(field_changes=[change(0, "amount", "100"), change(5, "amount", "100.0")])
    assert values(history, ("amount_changes", "amount_cuts", "days_since_amount_change"), 6) == [1, 0, 1]


def test_a_stage_outside_the_order_is_named_but_is_neither_a_position_nor_a_peak() -> None:
    history = history_of(stage_changes=[move(0, "offer"), move(5, "parked"), move(8, "lead")])
    assert value(history, "stages_below_peak", 9) == 2
    named = ("stage", "stage_position", "stages_below_peak", "days_in_stage", "backward_moves")
    assert values(history, named, 6) == ["parked", None, None, 1, 0]
    assert value(history, "backward_moves", 9) == 1


def test_a_stage_that_was_corrected_is_what_was_known_of_it() -> None:
    history = history_of(stage_changes=[move(0, "lead"), move(5, "offer"), move(5, "demo", recorded_at=8)])
    assert [value(history, "stage", as_of) for as_of in (before(8), 8)] == ["offer", "demo"]
    assert values(history, ("stages_below_peak", "stage_moves_total", "skipped_stages"), 8) == [0, 2, 0]


def test_the_same_stage_written_twice_does_not_restart_the_dwell() -> None:
    history = history_of(stage_changes=[move(0, "lead"), move(5, "demo"), move(9, "demo")])
    named = ("days_in_stage", "stage_moves_total", "times_in_stage", "longest_dwell_days", "previous_stage")
    assert values(history, named, 12) == [7, 2, 1, 7, "lead"]


def test_a_stage_between_two_of_one_name_that_is_corrected_away_joins_them() -> None:
    moves = [move(0, "lead"), move(5, "demo"), move(5, "lead", recorded_at=20), move(9, "lead")]
    history = history_of(stage_changes=moves)
    assert values(history, ("days_in_stage", "stage_moves_total"), before(20)) == pytest.approx([11, 3])
    assert values(history, ("days_in_stage", "stage_moves_total"), 20) == [20, 1]


def test_exactly_a_day_of_delay_is_still_within_a_day() -> None:
    late = activity("b", 0, "call", recorded_at=1 + MICROSECOND)
    history = history_of(activities=[activity("a", 0, "call", recorded_at=1), late])
    assert value(history, "recorded_within_day_share", 2) == 1 / 2


def test_recording_ahead_is_no_delay() -> None:
    history = history_of(activities=[activity("a", 5, "call", recorded_at=1)])
    assert values(history, ("mean_recording_delay_hours", "last_recording_delay_hours"), 6) == [0, 0]


def test_a_meeting_of_exactly_a_quarter_of_an_hour_is_effective_and_a_call_of_a_minute_not_short() -> None:
    seconds = {"a": 900.0, "b": 899.5, "c": 899.4, "d": None}  # 899.5 is rounded to 900, an even number
    meetings = [activity(name, 1, "meeting", outcome="held", duration_s=s) for name, s in seconds.items()]
    calls = [activity(f"c{s}", 2, "call", duration_s=s) for s in (60.0, 59.5, 59.4)]
    history = history_of(activities=[*meetings, *calls])
    assert values(history, ("effective_meeting_share", "short_call_share"), 3) == [3 / 4, 1 / 3]
    assert value(history, "mean_call_s", 3) == pytest.approx(179 / 3)


def test_what_happened_at_one_moment_is_ordered_by_when_it_was_recorded() -> None:
    rows = [activity("a", 3, "call", "inbound", recorded_at=6), activity("b", 3, "call", "outbound")]
    history = history_of(activities=rows)
    named = ("outbound_since_last_inbound", "last_gap_days", "unanswered_hours", "mean_response_hours")
    assert values(history, named, before(6))[0] == 1
    assert values(history, named, 6) == [0, 0, 72, None]


def test_a_contact_of_unknown_age_was_always_known() -> None:
    row = contact("p", "decision_maker", None)
    history = history_of(contacts=[row], activities=[activity("m", 3, "demo", contact_id="p")])
    named = ("contacts_known", "decision_makers_known", "decision_makers_reached", "decision_maker_meetings")
    assert values(history, named, 3) == [1, 1, 1, 1]
    assert value(history, "new_contacts_known_90d", 3, "account") == 0


def test_an_activity_that_is_moved_to_another_deal_leaves_the_first_when_that_is_told() -> None:
    moved = {**activity("x", 3, "call", recorded_at=7), "opportunity_id": "e"}
    history = history_of(opportunities=[deal(), deal("e")], activities=[activity("x", 3, "call"), moved])
    frame = features_at(history, [(name, day(as_of)) for as_of in (before(7), 7) for name in "de"])
    assert frame.columns["calls_total"].tolist() == [1, 0, 0, 1]
    assert value(history, "activities_total", 8, "account") == 1


def test_an_activity_of_another_account_counts_for_the_deal_that_it_names_and_for_that_account() -> None:
    rows = [activity("x", 3, "call", account_id="b"), activity("y", 4, "visit", account_id="nobody's")]
    history = history_of(opportunities=[deal(), deal("e", "b")], activities=rows)
    assert values(history, ("activities_total", "account_activities_total"), 5) == [2, 0]
    frame = features_at(history, [("b", day(5)), ("nobody's", day(5))], "account")
    assert frame.columns["activities_total"].tolist() == [1, 1]


def test_activities_that_all_name_one_deal_which_is_not_there_count_for_their_account() -> None:
    gone = [
        activity(name, at, "call", account_id="a", opportunity_id="gone") for name, at in (("x", 3), ("y", 4))
    ]
    rows = in_days(opportunities=[deal()], activities=gone)
    for history in (history_from_rows(rows, CONVENTIONS), history_from_tables(data_of(rows), CONVENTIONS)):
        assert values(history, ("activities_total", "account_activities_total"), 5) == [0, 2]


def test_money_is_summed_exactly() -> None:
    history = history_of(orders=[order(f"o{i}", i, 0.1) for i in range(3)])
    assert value(history, "order_value_total", 9, "account") == 0.3


def test_an_account_whose_mean_order_is_not_above_zero_gives_no_ratio() -> None:
    orders = [order("o1", 1, 10.0), order("o2", 2, -10.0)]
    history = history_of(orders=orders, field_changes=[change(0, "amount", "5")])
    assert value(history, "amount_over_mean_order", 1) == 1 / 2
    assert value(history, "amount_over_mean_order", 2) is None
    assert value(history, "last_order_over_mean", 2, "account") is None


def test_a_number_beyond_all_sense_overflows_nowhere() -> None:
    history = history_of(
        orders=[order("o1", 1, 1e300), order("o2", 2, -1e300)],
        activities=[activity("a", 1, "call", duration_s=1e300), activity("b", 1, "call", duration_s=1e300)],
    )
    assert value(history, "order_value_total", 1, "account") == 2.0**53 / 100
    assert value(history, "order_value_total", 2, "account") == 0
    assert values(history, ("longest_call_s", "activity_time_s_total"), 1) == [2**31 - 1, 2**32 - 2]


def test_a_gap_of_centuries_overflows_nowhere() -> None:
    rows = [activity(f"x{i}", 40_000 * i - 25_000, "call") for i in range(3)]  # 1901, 2011, 2120
    history = history_of(activities=rows)
    named = ("longest_silence_days", "mean_gap_days", "gap_variation")
    assert values(history, named, 80_000) == [40_000, 40_000, 0]


def test_a_snapshot_before_the_creation_sees_what_was_recorded_ahead_but_not_the_row() -> None:
    history = history_of(
        replace(CONVENTIONS, fixed=("kind", "amount", "rep_id")),
        opportunities=[deal(created_at=10, kind="new", amount=5.0)],
        activities=[activity("c", 4, "call")],
        field_changes=[change(3, "expected_close_at", "1970-02-01T00:00:00Z")],
    )
    named = ("kind", "amount", "deal_age_days", "days_to_reach_stage", "first_activity_delay_days")
    assert values(history, ("calls_total", "days_to_expected_close", *named), 6) == [1, 25, *[None] * 5]
    assert values(history, ("planned_cycle_days", "days_with_rep", "fields_filled_share"), 6) == [
        None,
        None,
        0.2,
    ]
    assert values(history, ("open_deals", "deals_365d"), before(10), "account") == [0, 0]


def test_an_account_known_by_reference_alone_has_its_deals_and_orders_and_nothing_of_its_own() -> None:
    history = history_of(orders=[order("o", 3, 5.0)])
    named = ("account_tenure_days", "industry", "region", "orders_total", "open_deals")
    assert values(history, named, 4, "account") == [None, None, None, 1, 1]


def lead(lead_id: str, created_at: float | None, converted_at: float | None, source: str) -> Row:
    ids = {"lead_id": lead_id, "opportunity_id": "d", "source": source}
    return {**ids, "created_at": created_at, "converted_at": converted_at}


def test_a_lead_without_a_creation_counts_but_has_no_age_and_comes_before_the_dated_ones() -> None:
    history = history_of(
        leads=[lead("l1", None, 5, "web"), lead("l2", 8, 9, "fair"), lead("l0", None, 20, "ad")]
    )
    named = ("leads_total", "lead_source", "lead_age_days", "lead_to_deal_days")
    assert values(history, named, before(5)) == [0, None, None, None]
    assert values(history, named, 5) == [1, "web", None, None]
    assert values(history, named, 9) == [2, "fair", 1, -8]
    assert values(history, named, 20) == [3, "fair", 12, -8]


def test_a_lead_without_any_time_is_always_known() -> None:
    history = history_of(leads=[lead("l1", None, None, "web")])
    assert values(history, ("leads_total", "lead_source"), -10) == [1, "web"]


def test_of_leads_of_one_moment_the_last_by_its_id_speaks() -> None:
    history = history_of(leads=[lead("l2", 3, None, "web"), lead("l1", 3, None, "fair")])
    assert values(history, ("leads_total", "lead_source"), 4) == [2, "web"]


def test_the_amount_the_stage_and_the_owner_beside_a_score_are_those_of_the_snapshot() -> None:
    history = history_of(
        opportunities=[deal("e") | {"rep_id": "of e"}, deal("d") | {"rep_id": "heir"}],
        field_changes=[change(3, "rep_id", "first"), change(3, "amount", "7"), change(9, "rep_id", "heir")],
        stage_changes=[move(4, "lead")],
    )
    shown = shown_of(
        history, snapshots_of(history, [("d", day(2)), ("d", day(5)), ("d", day(9)), ("e", day(9))])
    )
    assert shown.rep.tolist() == ["heir", "first", "heir", "of e"]  # where none is told, the row's last
    assert shown.stage.tolist() == [None, "lead", "lead", None]
    assert shown.amount.tolist() == pytest.approx([float("nan"), 7, 7, float("nan")], nan_ok=True)
