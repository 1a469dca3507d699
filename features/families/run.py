"""The families one after the other, into the rows of one matrix, on one or several threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from features.calendars import Calendar, calendar_of
from features.clustering import grouped
from features.families import (
    account_work,
    accounts,
    activities,
    calendar,
    leads,
    purchases,
    rates,
    stages,
    terms,
    together,
)
from features.families.told import TOLD
from features.history import History
from features.reference import Reference, nothing_known
from features.snapshots import Snapshots
from features.times import FloatArray, IntArray

FAMILIES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "opportunity": {
        "stages": stages.COLUMNS,
        "terms": terms.COLUMNS,
        "activities": activities.COLUMNS,
        "purchases": purchases.OF_DEAL,
        "account_work": account_work.OF_DEAL,
        "accounts": accounts.OF_DEAL,
        "leads": leads.COLUMNS,
        "calendar": calendar.COLUMNS,
        "rates": rates.COLUMNS,
    },
    "account": {
        "purchases": purchases.COLUMNS,
        "account_work": account_work.COLUMNS,
        "accounts": accounts.COLUMNS,
        "calendar": calendar.COLUMNS,
    },
}
_SHARED: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "purchases": (purchases.COLUMNS, purchases.OF_DEAL),
    "account_work": (account_work.COLUMNS, account_work.OF_DEAL),
    "accounts": (accounts.COLUMNS, accounts.OF_DEAL),
}
_NOTHING = nothing_known()
_TELLING = frozenset({"terms", "purchases", "accounts", "rates"})
PARTS_PER_THREAD = 4  # so that no thread waits long for a slower one
LEAST_PER_THREAD = 2_000  # snapshots for which starting a thread pays


@dataclass(frozen=True)
class Plan:
    """Where each family's columns go.

    Attributes:
        place: per family the column of the matrix for each of its own, -1 where it is not wanted.
        pair: the same of families that an account and a deal share: of the account's own columns, and
            of those seen from a deal; one of them is not wanted at all.
        calendars: the same of the day's columns: of a deal, and of its account.
        rated: the columns of the matrix that need a reference.
        wanted: the families of which any is.
        deep: whether the walk over activities must look deeper than at counts and times.
    """

    place: Mapping[str, IntArray]
    pair: Mapping[str, tuple[IntArray, IntArray]]
    calendars: tuple[IntArray, IntArray]
    rated: IntArray
    wanted: frozenset[str]
    deep: bool


@dataclass(frozen=True)
class Task:
    """Snapshots, in order, and where their values go."""

    history: History
    reference: Reference
    snapshots: Snapshots
    plan: Plan
    told: FloatArray
    out: FloatArray
    threads: int


def plan_of(entity: str, names: Sequence[str], custom: Sequence[str] = ()) -> Plan:
    """The plan for a matrix with these columns; `custom` are the columns that `terms` adds to its own."""
    column = {name: i for i, name in enumerate(names)}
    place, wanted = {}, set()
    for family, own in FAMILIES[entity].items():
        theirs = (*own, *custom) if family == "terms" else own
        place[family] = np.array([column.get(name, -1) for name in theirs], np.int64)
        if (place[family] >= 0).any():
            wanted.add(family)
    work = FAMILIES[entity].get("activities", ())
    deep = "accounts" in wanted or any(name in column and name not in activities.CORE for name in work)
    rated = place.get("rates", np.zeros(0, np.int64))
    pair = {name: _pair(entity, place[name], *both) for name, both in _SHARED.items()}
    calendars = (place["calendar"], np.full(len(calendar.COLUMNS), -1, np.int64))
    return Plan(place, pair, calendars, rated[rated >= 0], frozenset(wanted), deep)


def _pair(
    entity: str, place: IntArray, own: Sequence[str], of_deal: Sequence[str]
) -> tuple[IntArray, IntArray]:
    """The places of an account's own columns and of those seen from a deal."""
    if entity == "account":
        return place, np.full(len(of_deal), -1, np.int64)
    return np.full(len(own), -1, np.int64), place


def fill_deals(task: Task) -> None:
    """The features of opportunities into `task.out`."""
    deals, wanted = task.history.opportunities, task.plan.wanted
    if len(task.snapshots) == 1 and len(task.history.activities) <= together.MOST:
        fill_deal(task)
        return
    first = _families_by_deal(task)
    order, groups = grouped(task.snapshots.entity, task.snapshots.as_of, len(deals.ids))
    _in_parts(task, groups, lambda part: [run(order, part) for run in first])
    account = deals.account[task.snapshots.entity]
    _fill_by_account(task, account)
    rows = [
        fill
        for name, fill in (
            ("accounts", _accounts), ("leads", _leads), ("calendar", _calendar), ("rates", _rates)
        )
        if name in wanted or (name == "accounts" and "rates" in wanted)
    ]  # fmt: skip
    _in_rows(task, lambda low, high: [fill(task, account, low, high) for fill in rows])


def joined(deal: Plan, account: Plan, width: int) -> Plan:
    """The plan by which `fill_deal` writes a deal's columns, `width` of them, and behind them its
    account's."""
    behind = {name: np.where(place >= 0, place + width, -1) for name, place in account.place.items()}
    pair = {name: (behind[name], of_deal) for name, (_, of_deal) in deal.pair.items()}
    calendars = (deal.place["calendar"], behind["calendar"])
    return replace(deal, pair=pair, calendars=calendars, deep=True)


def fill_deal(task: Task) -> None:
    """The features of the only snapshot's deal into `task.out`; by a `joined` plan its account's, too."""
    plan, history = task.plan, task.history
    told = task.told if len(task.told) else np.empty((1, TOLD))
    together.fill_deal(
        history, _calendar_of(history), task.snapshots, plan.place, plan.pair, plan.calendars, plan.deep,
        told, task.out,
    )  # fmt: skip
    if "rates" in plan.wanted:
        _rates(task, task.snapshots.entity, 0, 1)


def fill_accounts(task: Task) -> None:
    """The features of accounts into `task.out`."""
    account = task.snapshots.entity
    _fill_by_account(task, account)
    rows = [f for n, f in (("accounts", _accounts), ("calendar", _calendar)) if n in task.plan.wanted]
    _in_rows(task, lambda low, high: [fill(task, account, low, high) for fill in rows])


def told_of(history: History, snapshots: Snapshots) -> FloatArray:
    """Amount, categories and owner of deals as they were known: the matrix `told`, of which the rest is
    not set."""
    task = task_of(history, _NOTHING, snapshots, _plan_of_one("amount"), 1, 1)
    order, groups = grouped(snapshots.entity, snapshots.as_of, len(history.opportunities.ids))
    _terms(task)(order, groups)
    return task.told


@lru_cache
def _plan_of_one(name: str) -> Plan:
    return plan_of("opportunity", (name,))


def stage_of(history: History, snapshots: Snapshots) -> IntArray:
    """Place in `history.stage_names` of each snapshot's stage; -1 where none was known yet."""
    task = task_of(history, _NOTHING, snapshots, _plan_of_one("stage"), 1, 1)
    order, groups = grouped(snapshots.entity, snapshots.as_of, len(history.opportunities.ids))
    _stages(task)(order, groups)
    found = task.out[:, 0]
    return np.where(np.isnan(found), -1, found).astype(np.int64)


def task_of(
    history: History, reference: Reference, snapshots: Snapshots, plan: Plan, threads: int, width: int
) -> Task:
    """A task with room for `width` columns."""
    count = len(snapshots)
    # Whoever reads a column of it runs after the one who writes it: `fill_deals`.
    told = np.empty((count if plan.deep or plan.wanted & _TELLING else 0, TOLD))
    return Task(history, reference, snapshots, plan, told, np.empty((count, width)), threads)


Grouped = Callable[[IntArray, IntArray], None]


def _families_by_deal(task: Task) -> list[Grouped]:
    wanted = task.plan.wanted
    first: list[Grouped] = []
    if wanted & {"stages", "activities", "rates"}:
        first.append(_stages(task))
    if wanted & {"terms", "rates", "purchases"}:
        first.append(_terms(task))
    if wanted & {"activities", "accounts"}:
        first.append(_activities(task))
    return first


def _stages(task: Task) -> Grouped:
    h, s = task.history, task.snapshots
    r = h.stage_changes
    return lambda order, groups: stages.stages(
        order, groups, s.entity, s.as_of, r.first, r.at, r.known, r.until, r["stage"],
        len(h.conventions.stages), len(h.stage_names), h.opportunities.created_at, task.told,
        task.plan.place["stages"], task.out,
    )  # fmt: skip


def _terms(task: Task) -> Grouped:
    h, s, c = task.history, task.snapshots, _calendar_of(task.history)
    f, r = h.fields, h.fields.changes
    return lambda order, groups: terms.terms(
        order, groups, s.entity, s.as_of, r.first, r.at, r.known, r.until, r["field"], r["value"], f.fixed,
        f.value, f.since, h.opportunities.created_at, c.zone_starts, c.zone_offsets, task.told,
        task.plan.place["terms"], task.out,
    )  # fmt: skip


def _activities(task: Task) -> Grouped:
    h, s, c = task.history, task.snapshots, _calendar_of(task.history)
    r, (reps_first, _, colleague) = h.activities, h.colleagues
    people = h.people  # made once, before the threads ask for them
    return lambda order, groups: activities.activities(
        order, groups, s.entity, s.as_of, r.first, r.at, r.known, r.until, r["tag"], r["duration_s"],
        *people, reps_first, colleague, h.contacts.role, h.contacts.since,
        h.opportunities.created_at, task.told,
        c.zone_starts, c.zone_offsets, c.working_before, task.plan.deep, task.plan.place["activities"],
        task.out,
    )  # fmt: skip


def _fill_by_account(task: Task, account: IntArray) -> None:
    wanted = task.plan.wanted & {"purchases", "account_work"}
    if not wanted:
        return
    order, groups = grouped(account, task.snapshots.as_of, len(task.history.accounts.ids))
    runs = [f for n, f in (("purchases", _purchases), ("account_work", _account_work)) if n in wanted]
    if "account_work" in wanted:
        _ = task.history.account_activities  # made once, before the threads ask for it
    _in_parts(task, groups, lambda part: [run(task, account, order, part) for run in runs])


def _purchases(task: Task, account: IntArray, order: IntArray, groups: IntArray) -> None:
    r = task.history.orders
    purchases.purchases(
        order, groups, account, task.snapshots.as_of, r.first, r.at, r.known, r.until, r["cents"],
        r["product"], task.told, *task.plan.pair["purchases"], task.out,
    )  # fmt: skip


def _account_work(task: Task, account: IntArray, order: IntArray, groups: IntArray) -> None:
    r = task.history.activities
    account_work.account_work(
        order, groups, account, task.snapshots.as_of, *task.history.account_activities, r.at,
        r["heard"], r.until, r["tag"], r["contact"], r["rep"], *task.plan.pair["account_work"], task.out,
    )  # fmt: skip


def _accounts(task: Task, account: IntArray, low: int, high: int) -> None:
    h, part = task.history, slice(low, high)
    d, p, a, o = h.deals, h.contacts.of_accounts, h.accounts, h.opportunities
    deal = task.snapshots.entity if "rates" in task.plan.place else np.full(len(account), -1, np.int64)
    accounts.accounts(
        account[part], task.snapshots.as_of[part], deal[part], d.first, d.at, d["closed_at"], d["won"],
        p.first, p.at, p["role"], a.created_at, a.industry, a.region, o.created_at, o.closed_at,
        task.told[part], *task.plan.pair["accounts"], task.out[part],
    )  # fmt: skip


def _leads(task: Task, _account: IntArray, low: int, high: int) -> None:
    s, r, part = task.snapshots, task.history.leads, slice(low, high)
    leads.leads(
        s.entity[part], s.as_of[part], r.first, r.at, r.known, r["response_at"], r["source"],
        task.history.opportunities.created_at, task.plan.place["leads"], task.out[part],
    )  # fmt: skip


def _calendar(task: Task, _account: IntArray, low: int, high: int) -> None:
    c, part = _calendar_of(task.history), slice(low, high)
    calendar.calendar(
        task.snapshots.as_of[part], c.zone_starts, c.zone_offsets, c.working_before, c.is_holiday,
        task.plan.place["calendar"], task.out[part],
    )  # fmt: skip


def _rates(task: Task, _account: IntArray, low: int, high: int) -> None:
    h, ref, part = task.history, task.reference, slice(low, high)
    if not ref.given:
        task.out[part, task.plan.rated] = np.nan
        return
    reps, segments = _places_in(h, ref)
    rates.rates(
        task.snapshots.as_of[part], task.told[part], ref.first, ref.date, ref.rows,
        ref.index.get(("all", ""), -1), reps, ref.rep_places, ref.team_places, ref.has_team, ref.hired_at,
        *segments, task.plan.place["rates"], task.out[part],
    )  # fmt: skip


_Places = tuple[IntArray, tuple[IntArray, IntArray, IntArray, IntArray, IntArray]]


def _places_in(history: History, ref: Reference) -> _Places:
    """Where a history's reps, and its stages, sources, products, kinds and industries, stand in a reference;
    kept."""
    found: _Places | None = history.at_hand.get(ref.hash)
    if found is None:
        found = history.at_hand[ref.hash] = _places_of(history, ref)
    return found


def _places_of(history: History, ref: Reference) -> _Places:
    named = history.fields.names_of
    unknown = len(ref.reps.names)
    rep_place = [ref.rep_index.get(name, unknown) for name in history.reps.names]
    return np.array(rep_place, np.int64), (
        ref.places("stage", history.stage_names),
        ref.places("source", named["source"]),
        ref.places("product", named["product"]),
        ref.places("kind", named["kind"]),
        ref.places("industry", history.accounts.names["industry"]),
    )


def _calendar_of(history: History) -> Calendar:
    conventions = history.conventions
    return calendar_of(conventions.time_zone, conventions.working_days, conventions.holidays)


def _in_parts(task: Task, groups: IntArray, run: Callable[[IntArray], object]) -> None:
    """Groups of snapshots on several threads, in parts of about as many snapshots."""
    parts = task.threads * PARTS_PER_THREAD
    cuts = np.searchsorted(groups, np.linspace(0, groups[-1], parts + 1)) if task.threads > 1 else ()
    if task.threads == 1 or len(groups) < 2 * task.threads:
        run(groups)
        return
    pairs = [(low, high) for low, high in pairwise(cuts) if low < high]
    with ThreadPoolExecutor(task.threads) as pool:
        list(pool.map(lambda pair: run(groups[pair[0] : pair[1] + 1]), pairs))


def _in_rows(task: Task, run: Callable[[int, int], object]) -> None:
    """Snapshots on several threads, row by row."""
    count = len(task.snapshots)
    if task.threads == 1:
        run(0, count)
        return
    cuts = np.linspace(0, count, task.threads + 1).astype(int).tolist()
    with ThreadPoolExecutor(task.threads) as pool:
        list(pool.map(run, cuts[:-1], cuts[1:]))
