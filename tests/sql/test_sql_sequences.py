"""Literal worlds, values worked out by hand. Times are in days unless said otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from features.times import DAY, parse_instant
from tests.factories import STAGES, Row, day, deal, in_days
from tests.sql.oracle import Value, sql_features
from tests.sql.world import Entity
from tests.sql.worlds import Reading

SECOND = 1 / 86_400
TICK = 1e-6 * SECOND  # a microsecond


def features(
    as_of: float, *, reading: Reading | None = None, entity: Entity = "opportunity", **tables: Iterable[Row]
) -> dict[str, Value]:
    rows = in_days(**{"opportunities": [deal()], **tables})
    name = "d" if entity == "opportunity" else "a"
    [found] = sql_features(rows, reading or Reading(STAGES), [(name, day(as_of))], entity)
    return found


def acts(*records: tuple[Any, ...]) -> list[Row]:
    """(at, kind, direction, outcome, recorded_at), the last ones may be left out."""
    columns = ("at", "kind", "direction", "outcome", "recorded_at")
    return [
        {"opportunity_id": "d", "activity_id": f"x{n}", **dict(zip(columns, record, strict=False))}
        for n, record in enumerate(records)
    ]


def changes(field: str, *values: tuple[float, str]) -> list[Row]:
    return [{"opportunity_id": "d", "field": field, "at": at, "value": value} for at, value in values]


def moves(*stages: tuple[float, str]) -> list[Row]:
    return [{"opportunity_id": "d", "at": at, "stage": stage} for at, stage in stages]


def assert_found(expected: Mapping[str, Value], found: Mapping[str, Value]) -> None:
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_responses_wait_from_the_first_of_several_to_the_first_answer() -> None:
    talk = acts(
        (0, "email", "inbound"), (1, "call", "inbound"), (2, "task", None), (3, "email", "outbound"),
        (4, "email", "outbound"), (5, "email", "inbound"), (5.5, "call", "outbound"), (8, "email", "inbound"),
    )  # fmt: skip
    at_nine = {
        "mean_response_hours": 42.0, "last_response_hours": 12.0, "slowest_response_hours": 72.0,
        "unanswered_hours": 24.0, "prompt_response_share": 1 / 2, "mean_customer_response_hours": 54.0,
        "outbound_since_last_inbound": 0.0,
    }  # fmt: skip
    assert_found(at_nine, features(9, activities=talk))
    assert_found({"prompt_response_share": 1 / 3}, features(9 + TICK, activities=talk))
    nothing = {"mean_response_hours": None, "unanswered_hours": None, "prompt_response_share": None}
    assert_found(nothing, features(9, activities=talk[3:5]))


def test_at_one_instant_the_order_of_the_kinds_says_who_answers_whom() -> None:
    call_asks = acts((1, "email", "outbound"), (1, "call", "inbound"))
    assert_found({"last_response_hours": 0.0, "unanswered_hours": None}, features(2, activities=call_asks))
    email_asks = acts((1, "email", "inbound"), (1, "call", "outbound"))
    assert_found(
        {"last_response_hours": None, "unanswered_hours": 24.0, "mean_customer_response_hours": 0.0},
        features(2, activities=email_asks),
    )


def test_a_follow_up_comes_later_in_order_and_within_two_days_inclusive() -> None:
    held = acts(
        (0, "meeting", None, "held"), (2, "email", "outbound"),
        (10, "visit", None, "held"), (12 + TICK, "call", "outbound"),
        (20, "demo", None, "cancelled"),
        (30, "demo", None, "held"), (30, "email", "outbound"),  # in order the e-mail comes first
    )  # fmt: skip
    assert features(31, activities=held)["meeting_follow_up_share"] == 1 / 2
    assert features(32, activities=held)["meeting_follow_up_share"] == 1 / 3
    assert features(1, activities=held)["meeting_follow_up_share"] is None
    assert features(31, activities=held)["outbound_since_last_demo"] == 0


def test_a_proposal_may_follow_up_another_and_counts_itself_once_its_time_is_over() -> None:
    offers = acts((20, "proposal", "outbound"), (21, "proposal", "outbound"))
    assert features(20.5, activities=offers)["proposal_follow_up_share"] is None
    assert features(22, activities=offers)["proposal_follow_up_share"] == 1
    assert features(23, activities=offers)["proposal_follow_up_share"] == 1 / 2


def test_gap_variation_is_of_whole_seconds() -> None:
    assert features(9, activities=acts((0, "call"), (1, "call"), (4, "call")))["gap_variation"] == 0.5
    short = acts((0, "call"), (1.9 * SECOND, "call"), (2 * SECOND, "call"))
    assert features(9, activities=short)["gap_variation"] == 1  # 1 s and 0 s
    instants = acts((0, "call"), (0.9 * SECOND, "call"), (1.5 * SECOND, "call"))
    assert features(9, activities=instants)["gap_variation"] is None
    assert features(9, activities=short[:2])["gap_variation"] is None


def test_silences_and_gaps() -> None:
    found = features(20, activities=acts((2, "call"), (4, "call"), (10, "call")))
    expected = {
        "mean_gap_days": 4.0, "last_gap_days": 6.0, "longest_silence_days": 10.0, "silence_over_gap": 2.5,
        "silence_over_longest_gap": 10 / 6, "first_activity_delay_days": 2.0,
    }  # fmt: skip
    assert_found(expected, found)


def test_entries_moves_and_stays() -> None:
    path = moves((0, "lead"), (1, "lead"), (2, "parked"), (3, "offer"), (5, "demo"), (6, "lead"), (8, "lead"))
    found = features(10, stage_changes=path, activities=acts((5.9, "call"), (6, "demo", "outbound")))
    expected = {
        "stage": "lead", "previous_stage": "demo", "stage_position": 0.0, "stage_progress": 0.0,
        "stages_below_peak": 2.0, "days_in_stage": 4.0, "days_to_reach_stage": 6.0, "stage_moves_total": 5.0,
        "forward_moves": 1.0, "backward_moves": 2.0, "skipped_stages": 1.0, "times_in_stage": 2.0,
        "days_per_stage_move": 2.0, "days_since_forward_move": 7.0, "days_since_backward_move": 4.0,
        "longest_dwell_days": 4.0, "activities_in_stage": 1.0, "appointments_in_stage": 1.0,
        "outbound_in_stage": 1.0, "inbound_in_stage": 0.0, "activities_per_week_in_stage": 1.0,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


def test_a_stage_off_the_list_has_a_name_and_no_position() -> None:
    found = features(6, stage_changes=moves((0, "lead"), (1, "parked"), (2, "lead"), (4, "parked")))
    expected = {
        "stage": "parked", "stage_position": None, "stages_below_peak": None, "stage_progress": None,
        "times_in_stage": 2.0, "forward_moves": 0.0, "backward_moves": 0.0, "stages_per_30d": None,
        "days_in_stage": 2.0,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


def test_pushes_pulls_and_plans_of_the_close() -> None:
    told = changes(
        "expected_close_at",
        (1, "1970-01-11"), (2, "1970-01-16"), (3, "soon"), (4, "1970-01-21"), (5, "1970-01-19T00:00:00Z"),
    )  # fmt: skip
    found = features(19, field_changes=told)
    expected = {
        "close_date_changes": 4.0, "close_date_pushes": 1.0, "close_date_pulls": 1.0,
        "pushed_days_total": 5.0, "close_date_shift_days": 8.0, "days_since_close_date_change": 14.0,
        "days_to_expected_close": -1.0, "overdue_days": 1.0, "planned_cycle_days": 10.0,
        "plan_elapsed_share": 1.9, "close_in_quarter": 1.0, "edits_total": 5.0,
    }  # fmt: skip
    assert_found(expected, found)
    unread = features(3, field_changes=told)
    assert_found({"days_to_expected_close": None, "overdue_days": None, "close_in_quarter": None}, unread)
    assert_found({"close_date_shift_days": None, "fields_filled_share": 0.0}, unread)


def test_a_close_on_the_first_local_day_of_the_next_quarter_lies_outside() -> None:
    berlin = Reading(STAGES, time_zone="Europe/Berlin")
    for text, expected in (("1970-03-31T22:59:59Z", 1), ("1970-03-31T23:00:00Z", 0)):
        told = changes("expected_close_at", (1, text))
        assert features(19, field_changes=told, reading=berlin)["close_in_quarter"] == expected


def test_cuts_and_changes_of_the_amount() -> None:
    told = changes("amount", (1, "100"), (2, "80.125"), (3, "much"), (4, "50"), (4.5, "50"), (5, "75"))
    expected = {
        "amount": 75.0, "amount_changes": 5.0, "amount_cuts": 1.0, "amount_change_share": -0.25,
        "last_amount_change_share": 0.5, "days_since_amount_change": 4.0,
    }  # fmt: skip
    assert_found(expected, features(9, field_changes=told))
    assert features(2, field_changes=told)["amount"] == 80.125  # as it is told, not in hundredths
    assert features(4, field_changes=told)["last_amount_change_share"] is None
    assert features(9, field_changes=changes("amount", (1, "inf")))["amount"] is None


def test_late_planned_and_corrected_records() -> None:
    records = acts(
        (5, "call", None, None, 8),  # told three days late
        (12, "meeting", None, None, 2),  # planned
        (15, "visit", None, None, 3),
    )
    records.append({**records[2], "at": 16, "recorded_at": 14, "outcome": "held"})
    at_seven = {"activities_total": 0.0, "planned_activities": 2.0, "days_to_next_activity": 5.0}
    assert_found(at_seven, features(7, activities=records))
    at_ten = {"activities_total": 1.0, "mean_recording_delay_hours": 72.0, "recorded_within_day_share": 0.0}
    assert_found(at_ten, features(10, activities=records))
    at_thirteen = {"overdue_steps": 1.0, "oldest_overdue_step_days": 1.0, "last_recording_delay_hours": 0.0}
    assert_found(at_thirteen, features(13, activities=records))
    assert_found({"planned_activities": 1.0, "meetings_total": 1.0}, features(15, activities=records))
    assert_found({"overdue_steps": 1.0, "held_total": 1.0}, features(16, activities=records))


def test_the_latest_seen_lead_speaks_for_all() -> None:
    leads: list[Row] = [
        {"lead_id": "a", "opportunity_id": "d", "created_at": 1, "source": "web", "converted_at": 4},
        {"lead_id": "b", "opportunity_id": "d", "created_at": 2, "source": "fair", "first_response_at": 6},
        {"lead_id": "c", "opportunity_id": "d", "created_at": 2, "source": "call", "converted_at": 9},
        {"lead_id": "z", "opportunity_id": "other", "created_at": 2, "source": "mail"},
    ]
    early = {"leads_total": 1.0, "lead_response_hours": None, "lead_age_days": 1.0, "lead_to_deal_days": 1.0}
    found = features(3, leads=leads, opportunities=[deal(created_at=3)])
    assert_found(early, found)
    assert found["lead_source"] == "fair"
    assert_found({"leads_total": 2.0, "lead_response_hours": 96.0}, features(6, leads=leads))
    assert features(9, leads=leads)["lead_source"] == "call"  # of one age the greater id
    undated: list[Row] = [{"lead_id": "u", "opportunity_id": "d", "source": "web"}]
    assert_found({"leads_total": 1.0, "lead_age_days": None}, features(-5, leads=undated))


def test_the_calendar_is_the_local_one() -> None:
    berlin = Reading(STAGES, time_zone="Europe/Berlin", holidays="DE-BY")
    late = parse_instant("2025-12-24T23:30Z") / DAY
    expected = {
        "holiday": 1.0, "weekday": 4.0, "hour_of_day": 0.0, "month_of_quarter": 3.0,
        "days_to_month_end": 7 - 0.5 / 24, "days_to_quarter_end": 7 - 0.5 / 24,
        "working_days_to_quarter_end": 3.0,  # the 26th is a holiday, the 27th and 28th a weekend
    }  # fmt: skip
    assert_found(expected, features(late, reading=berlin))
    last_day = parse_instant("2025-12-31T12:00Z") / DAY
    assert features(last_day, reading=berlin)["working_days_to_quarter_end"] == 0


def test_working_days_and_off_days() -> None:
    sunday_to_thursday = Reading(STAGES, working_days=(7, 1, 2, 3, 4))
    week = acts((2, "call"), (3, "call"), (3.5, "email"), (4, "call"))  # from Saturday, 1970-01-03, on
    found = features(30, activities=week, reading=sunday_to_thursday)
    expected = {
        "off_day_share": 1 / 4, "busiest_day_activities": 2.0, "active_days_total": 3.0,
        "activities_per_working_day_30d": 4 / 20,  # 2 to 31 January, less five Fridays and five Saturdays
    }  # fmt: skip
    assert_found(expected, found)


def test_activities_of_the_account_have_their_own_account_or_their_deals() -> None:
    deals = [deal(), deal("e"), deal("f", "b")]
    records: list[Row] = [
        {"activity_id": "1", "at": 1, "kind": "call", "opportunity_id": "e"},
        {"activity_id": "2", "at": 2, "kind": "email", "account_id": "a"},
        {"activity_id": "3", "at": 3, "kind": "demo", "account_id": "b", "opportunity_id": "d"},
        {"activity_id": "4", "at": 4, "kind": "visit", "account_id": "a", "opportunity_id": "f"},
        {"activity_id": "5", "at": 5, "kind": "visit", "opportunity_id": "f"},
    ]
    found = features(9, opportunities=deals, activities=records)
    assert_found({"account_activities_total": 3.0, "account_channels_90d": 3.0}, found)
    assert_found({"activities_total": 1.0, "days_since_account_activity": 5.0}, found)
    of_account = features(9, opportunities=deals, activities=records, entity="account")
    assert_found({"activities_total": 3.0, "appointments_90d": 1.0}, of_account)


def test_orders_of_an_account() -> None:
    bought: list[Row] = [
        {"order_id": n, "account_id": "a", "at": at, "amount": amount, "product": product}
        for n, at, amount, product in [
            ("1", 0, 100.125, "x"), ("2", 10, 50.0, None), ("3", 40, -20.0, "x"), ("4", 40, 30.0, "y"),
        ]
    ]  # fmt: skip
    found = features(100, orders=bought, entity="account")
    expected = {
        "order_value_total": 160.12, "orders_90d": 2.0, "order_value_90d": 10.0,
        "order_value_trend_90d": 10.0 - 150.12, "order_trend_90d": 0.0, "last_order_value": 30.0,
        "largest_order_value": 100.12, "mean_order_value": 40.03, "last_order_over_mean": 30 / 40.03,
        "mean_order_gap_days": 40 / 3, "last_order_gap_days": 0.0, "longest_order_silence_days": 60.0,
        "silence_over_gap": 4.5, "silence_over_longest_gap": 2.0, "orders_per_year": 4.0,
        "products_bought": 2.0, "refunds_total": 1.0,
        "order_gap_variation": ((100 + 900) / 3 - (40 / 3) ** 2) ** 0.5 / (40 / 3),
    }  # fmt: skip
    assert_found(expected, found)


def test_owners_of_a_deal() -> None:
    told = changes("rep_id", (1, "r"), (4, "s"), (7, "q"))
    reps: list[Row] = [{"rep_id": "s", "hired_at": 2}, {"rep_id": "q", "hired_at": 30}]
    at_five = {"rep_changes": 1.0, "days_with_rep": 1.0, "rep_tenure_days": 3.0}
    assert_found(at_five, features(5, field_changes=told, reps=reps))
    at_nine = {"rep_changes": 2.0, "days_with_rep": 2.0, "rep_tenure_days": None}
    assert_found(at_nine, features(9, field_changes=told, reps=reps))
    fixed = features(9, field_changes=told, reps=reps, reading=Reading(STAGES, fixed=("rep_id",)))
    assert_found({"rep_changes": 0.0, "days_with_rep": 9.0, "rep_tenure_days": None}, fixed)


def test_people_are_known_from_their_creation_on_and_new_for_less_than_thirty_days() -> None:
    contacts: list[Row] = [
        {"contact_id": "p", "account_id": "a", "role": "decision_maker"},
        {"contact_id": "q", "account_id": "a", "role": "champion", "created_at": 15},
        {"contact_id": "elsewhere", "account_id": "b", "role": "decision_maker"},
    ]
    met = [
        {**row, "contact_id": contact}
        for row, contact in zip(
            acts((0, "meeting", "inbound"), (10, "call"), (10, "call"), (12, "visit"), (13, "email")),
            ("p", "q", "stranger", "p", None),
            strict=True,
        )
    ]
    expected = {
        "contacts_known": 2.0, "decision_makers_known": 1.0, "contacts_reached_total": 3.0,
        "contacts_reached_share": 1.5, "new_contacts_30d": 0.0, "days_since_new_contact": 30.0,
        "roles_reached": 2.0, "decision_makers_reached": 1.0, "champions_reached": 1.0,
        "decision_maker_meetings": 2.0, "days_since_last_decision_maker": 28.0, "top_contact_share": 0.5,
        "contacts_answering": 1.0,
    }  # fmt: skip
    assert_found(expected, features(40, contacts=contacts, activities=met))
    assert features(40 - TICK, contacts=contacts, activities=met)["new_contacts_30d"] == 2
    before = {"contacts_known": 1.0, "champions_reached": 0.0, "contacts_reached_share": 3.0}
    assert_found(before, features(14, contacts=contacts, activities=met))
    for as_of, number in ((105 - TICK, 1), (105, 0)):
        of_account = features(as_of, contacts=contacts, entity="account")
        assert of_account["new_contacts_known_90d"] == number
