"""All families of one deal in one call: each call from the interpreter costs more than such a deal's work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from features.calendars import Calendar
from features.clustering import seats
from features.compiled import compiled
from features.families import account_work, accounts, activities, calendar, leads, purchases, stages, terms
from features.history import History
from features.packing import by_account_into
from features.records import Records
from features.snapshots import Snapshots
from features.times import FloatArray, IntArray

Clocks = tuple[IntArray, IntArray, IntArray, IntArray]  # of records: first, at, known, until
MOST = 4_096  # activities; beyond, what a history keeps between calls is worth more

_INTS, _INT32 = "int64[::1]", "int32[::1]"
_MATRIX = "float64[:, ::1]"
_PAIR = f"UniTuple({_INTS}, 2)"
_CLOCKS = f"UniTuple({_INTS}, 4)"


@compiled(
    f"void(int64, {_INTS}, {_INTS}, {_MATRIX}, {_MATRIX}, "
    f"{_CLOCKS}, {_INT32}, UniTuple(int64, 2), {_INTS}, "
    f"{_CLOCKS}, {_INT32}, float64[::1], {_INTS}, {_MATRIX}, int64[:, ::1], {_INTS}, "
    f"{_CLOCKS}, int16[::1], UniTuple({_INT32}, 4), {_INTS}, {_PAIR}, boolean, {_INTS}, "
    f"{_CLOCKS}, {_PAIR}, {_PAIR}, {_PAIR}, "
    f"{_PAIR}, {_CLOCKS}, UniTuple({_INTS}, 3), UniTuple({_INTS}, 3), {_PAIR}, "
    f"UniTuple({_INTS}, 5), {_INTS}, UniTuple({_INTS}, 4), {_PAIR})"
)
def _fill(
    account: int,
    entity: IntArray,
    as_of: IntArray,
    told: FloatArray,
    out: FloatArray,
    moves: Clocks,
    stage: Any,
    stage_counts: tuple[int, int],
    stages_place: IntArray,
    changes: Clocks,
    field: Any,
    value: FloatArray,
    fixed: IntArray,
    fixed_value: FloatArray,
    fixed_since: IntArray,
    terms_place: IntArray,
    done: Clocks,
    tag: Any,
    coded: tuple[Any, Any, Any, Any],
    heard: IntArray,
    people: tuple[IntArray, IntArray],
    deep: bool,
    activities_place: IntArray,
    orders: Clocks,
    bought: tuple[IntArray, IntArray],
    purchases_place: tuple[IntArray, IntArray],
    account_work_place: tuple[IntArray, IntArray],
    deal_times: tuple[IntArray, IntArray],
    deals: Clocks,
    known_contacts: tuple[IntArray, IntArray, IntArray],
    account_facts: tuple[IntArray, IntArray, IntArray],
    accounts_place: tuple[IntArray, IntArray],
    leads_of: tuple[IntArray, IntArray, IntArray, IntArray, IntArray],
    leads_place: IntArray,
    calendars: tuple[IntArray, IntArray, IntArray, IntArray],
    calendar_places: tuple[IntArray, IntArray],
) -> None:
    """The families of `run.fill_deals` but the rates, and of `run.fill_accounts`, for the only snapshot.

    Args:
        coded: of the activities: seconds, contact, rep, account.
    """
    order, groups, accounts_of = np.zeros(1, np.int64), np.array([0, 1]), np.array([account])
    first, at, _, until = done
    seconds, contact, rep, its_account = coded
    created_at, closed_at = deal_times
    zones, shifts, working_before, is_holiday = calendars
    stages.stages(
        order, groups, entity, as_of, *moves, stage, stage_counts[0], stage_counts[1], created_at, told,
        stages_place, out,
    )  # fmt: skip
    terms.terms(
        order, groups, entity, as_of, *changes, field, value, fixed, fixed_value, fixed_since, created_at,
        zones, shifts, told, terms_place, out,
    )  # fmt: skip
    # What is worked out on the way: of each entity where its people begin, who they are, each one's number.
    begins, count = np.empty((3, len(first)), np.int64), len(at)
    seat = np.empty((5, count), np.int32)
    contacts, reps = (begins[0], seat[0], seat[1]), (begins[1], seat[2], seat[3])
    seats(first, contact, *contacts)
    seats(first, rep, *reps)
    activities.activities(
        order, groups, entity, as_of, *done, tag, seconds, *contacts, reps[0], reps[2], people[0], people[1],
        created_at, told, zones, shifts, working_before, deep, activities_place, out,
    )  # fmt: skip
    purchases.purchases(
        order, groups, accounts_of, as_of, *orders, bought[0], bought[1], told, purchases_place[0],
        purchases_place[1], out,
    )  # fmt: skip
    account_first, rows = np.empty(len(account_facts[0]) + 1, np.int64), seat[4]
    mine = by_account_into(its_account, at, heard, tag, seconds, contact, rep, account_first, rows)
    account_work.account_work(
        order, groups, accounts_of, as_of, account_first, rows[:mine], at, heard, until, tag, contact, rep,
        account_work_place[0], account_work_place[1], out,
    )  # fmt: skip
    accounts.accounts(
        accounts_of, as_of, entity, *deals, *known_contacts, *account_facts, created_at, closed_at, told,
        accounts_place[0], accounts_place[1], out,
    )  # fmt: skip
    leads.leads(entity, as_of, *leads_of, created_at, leads_place, out)
    for place in calendar_places:
        calendar.calendar(as_of, zones, shifts, working_before, is_holiday, place, out)


def fill_deal(
    history: History,
    calendars: Calendar,
    snapshots: Snapshots,
    place: Mapping[str, IntArray],
    pair: Mapping[str, tuple[IntArray, IntArray]],
    calendar_places: tuple[IntArray, IntArray],
    deep: bool,
    told: FloatArray,
    out: FloatArray,
) -> None:
    """The only snapshot's columns of every family but the rates into `out`; see `run.Plan`, `run.Task`.

    Args:
        pair: where what is known of the account goes, as its own columns and as the deal's.
        calendar_places: the same of the day's.
    """
    known: tuple[Any, tuple[Any, ...]] | None = history.at_hand.get(_fill)
    if known is None or known[0] is not pair:  # each plan has its own
        known = pair, _taken(history, calendars, place, pair, calendar_places, deep)
        history.at_hand[_fill] = known
    account = history.opportunities.account.item(snapshots.entity.item(0))
    _fill(account, snapshots.entity, snapshots.as_of, told, out, *known[1])


def _taken(
    history: History,
    calendars: Calendar,
    place: Mapping[str, IntArray],
    pair: Mapping[str, tuple[IntArray, IntArray]],
    calendar_places: tuple[IntArray, IntArray],
    deep: bool,
) -> tuple[Any, ...]:
    """What `_fill` takes whatever the snapshot."""
    h, deals, fields, done = history, history.opportunities, history.fields, history.activities
    return (
        _clocks(h.stage_changes), h.stage_changes["stage"],
        (len(h.conventions.stages), len(h.stage_names)), place["stages"],
        _clocks(fields.changes), fields.changes["field"], fields.changes["value"], fields.fixed,
        fields.value, fields.since, place["terms"],
        _clocks(done), done["tag"], (done["duration_s"], done["contact"], done["rep"], done["account"]),
        done["heard"], (h.contacts.role, h.contacts.since), deep, place["activities"],
        _clocks(h.orders), (h.orders["cents"], h.orders["product"]), pair["purchases"],
        pair["account_work"], (deals.created_at, deals.closed_at),
        (h.deals.first, h.deals.at, h.deals["closed_at"], h.deals["won"]),
        (h.contacts.of_accounts.first, h.contacts.of_accounts.at, h.contacts.of_accounts["role"]),
        (h.accounts.created_at, h.accounts.industry, h.accounts.region), pair["accounts"],
        (h.leads.first, h.leads.at, h.leads.known, h.leads["response_at"], h.leads["source"]), place["leads"],
        (calendars.zone_starts, calendars.zone_offsets, calendars.working_before, calendars.is_holiday),
        calendar_places,
    )  # fmt: skip


def _clocks(records: Records) -> Clocks:
    return records.first, records.at, records.known, records.until
