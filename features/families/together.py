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
from features.times import FloatArray, Int32Array, IntArray

Clocks = tuple[IntArray, IntArray, IntArray, IntArray]  # of records: first, at, known, until
Seats = tuple[IntArray, Int32Array, Int32Array]
MOST = 4_096  # activities; beyond, what a history keeps between calls is worth more

_INTS, _INT32 = "int64[::1]", "int32[::1]"
_MATRIX = "float64[:, ::1]"
_PAIR = f"UniTuple({_INTS}, 2)"
_CLOCKS, _SEATS = f"UniTuple({_INTS}, 4)", f"Tuple(({_INTS}, {_INT32}, {_INT32}))"


@compiled(
    f"void(int64, {_INTS}, {_INTS}, {_MATRIX}, {_MATRIX}, "
    f"{_CLOCKS}, {_INT32}, UniTuple(int64, 2), {_INTS}, "
    f"{_CLOCKS}, {_INT32}, float64[::1], {_INTS}, {_MATRIX}, int64[:, ::1], {_INTS}, "
    f"{_CLOCKS}, int16[::1], UniTuple({_INT32}, 4), {_INTS}, {_SEATS}, {_SEATS}, {_PAIR}, boolean, {_INTS}, "
    f"{_CLOCKS}, {_PAIR}, {_PAIR}, Tuple(({_INTS}, {_INT32})), {_PAIR}, "
    f"{_PAIR}, {_CLOCKS}, UniTuple({_INTS}, 3), UniTuple({_INTS}, 3), {_PAIR}, "
    f"UniTuple({_INTS}, 5), {_INTS}, UniTuple({_INTS}, 4), {_INTS})"
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
    contacts: Seats,
    reps: Seats,
    people: tuple[IntArray, IntArray],
    deep: bool,
    activities_place: IntArray,
    orders: Clocks,
    bought: tuple[IntArray, IntArray],
    purchases_place: tuple[IntArray, IntArray],
    of_account: tuple[IntArray, Int32Array],
    account_work_place: tuple[IntArray, IntArray],
    deal_times: tuple[IntArray, IntArray],
    deals: Clocks,
    known_contacts: tuple[IntArray, IntArray, IntArray],
    account_facts: tuple[IntArray, IntArray, IntArray],
    accounts_place: tuple[IntArray, IntArray],
    leads_of: tuple[IntArray, IntArray, IntArray, IntArray, IntArray],
    leads_place: IntArray,
    calendars: tuple[IntArray, IntArray, IntArray, IntArray],
    calendar_place: IntArray,
) -> None:
    """The families of `run.fill_deals` but the rates, for the only snapshot.

    Args:
        coded: of the activities: seconds, contact, rep, account.
        contacts, reps, of_account: room for what is worked out on the way.
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
    account_first, rows = of_account
    count = by_account_into(its_account, at, heard, tag, seconds, contact, rep, account_first, rows)
    account_work.account_work(
        order, groups, accounts_of, as_of, account_first, rows[:count], at, heard, until, tag, contact, rep,
        account_work_place[0], account_work_place[1], out,
    )  # fmt: skip
    accounts.accounts(
        accounts_of, as_of, entity, *deals, *known_contacts, *account_facts, created_at, closed_at, told,
        accounts_place[0], accounts_place[1], out,
    )  # fmt: skip
    leads.leads(entity, as_of, *leads_of, created_at, leads_place, out)
    calendar.calendar(as_of, zones, shifts, working_before, is_holiday, calendar_place, out)


def fill_deal(
    history: History,
    calendars: Calendar,
    snapshots: Snapshots,
    place: Mapping[str, IntArray],
    pair: Mapping[str, tuple[IntArray, IntArray]],
    deep: bool,
    told: FloatArray,
    out: FloatArray,
) -> None:
    """The only snapshot's columns of every family but the rates into `out`; see `run.Plan`, `run.Task`."""
    h, deals, fields, done = history, history.opportunities, history.fields, history.activities
    entities, count = len(done.first), len(done)
    _fill(
        int(deals.account[snapshots.entity[0]]), snapshots.entity, snapshots.as_of, told, out,
        _clocks(h.stage_changes), h.stage_changes["stage"],
        (len(h.conventions.stages), len(h.stage_names)), place["stages"],
        _clocks(fields.changes), fields.changes["field"], fields.changes["value"], fields.fixed,
        fields.value, fields.since, place["terms"],
        _clocks(done), done["tag"], (done["duration_s"], done["contact"], done["rep"], done["account"]),
        done["heard"], _room(entities, count), _room(entities, count), (h.contacts.role, h.contacts.since),
        deep, place["activities"],
        _clocks(h.orders), (h.orders["cents"], h.orders["product"]), pair["purchases"],
        _room(len(h.accounts.ids) + 1, count)[:2], pair["account_work"],
        (deals.created_at, deals.closed_at),
        (h.deals.first, h.deals.at, h.deals["closed_at"], h.deals["won"]),
        (h.contacts.of_accounts.first, h.contacts.of_accounts.at, h.contacts.of_accounts["role"]),
        (h.accounts.created_at, h.accounts.industry, h.accounts.region), pair["accounts"],
        (h.leads.first, h.leads.at, h.leads.known, h.leads["response_at"], h.leads["source"]), place["leads"],
        (calendars.zone_starts, calendars.zone_offsets, calendars.working_before, calendars.is_holiday),
        place["calendar"],
    )  # fmt: skip


def _clocks(records: Records) -> Clocks:
    return records.first, records.at, records.known, records.until


def _room(entities: int, rows: int) -> Seats:
    """Room for what `_fill` works out on the way."""
    return np.empty(entities, np.int64), np.empty(rows, np.int32), np.empty(rows, np.int32)
