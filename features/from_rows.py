"""The history of what one request holds, from canonical rows: the same arrays, without a data frame.

Written for one deal with a few hundred records, where every NumPy call and every look at a row
counts; `tests/features/test_parity.py` holds it to the bits of `from_tables`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from features.conventions import OWNER_FIELD, TIME_FIELDS, Conventions
from features.history import (
    CENT,
    Accounts,
    Contacts,
    Fields,
    History,
    Names,
    Opportunities,
    Reps,
    changed_number,
    deals_of,
    tag_of,
    text_array,
)
from features.packing import settle, whole
from features.records import Column, Records, clustered
from features.row_columns import (
    Columned,
    Index,
    Row,
    clocks,
    codes,
    column,
    columns,
    filled,
    floats,
    index_of,
    ints,
    names_in,
    nevers,
    plain,
    times,
    until_of,
)
from features.tables import ACTIVITY_KINDS, ACTIVITY_OUTCOMES, DIRECTIONS, OUTCOMES, ROLES
from features.times import MISSING, NEVER, IntArray

Rows = Mapping[str, Sequence[Row]]

_NAN = float("nan")
_TAG = {
    (kind, direction, outcome): int(tag_of(k, d, o))
    for k, kind in enumerate(ACTIVITY_KINDS)
    for d, direction in enumerate((None, *DIRECTIONS), start=-1)
    for o, outcome in enumerate((None, *ACTIVITY_OUTCOMES), start=-1)
}
_ROLE: Index = {None: -1, **{role: code for code, role in enumerate(ROLES)}}


def history_from_rows(tables: Rows, conventions: Conventions) -> History:
    """The history of what one request holds.

    Args:
        tables: canonical rows by table, times in microseconds. The rows of a table are mappings, where
            a column that is absent is empty, or tuples in the declared order of its columns (as a
            database gives them), where the configuration adds none to it, or `Columned`.
        conventions: how they are read.
    """
    done = _Done(tables.get("activities", ()))
    deals = _sorted_deals(tables.get("opportunities", ()))
    told = _Told(tables.get("field_changes", ()))
    indices = _indices(tables, deals, done, told)
    opportunities = _opportunities(deals, indices)
    accounts = _accounts(tables.get("accounts", ()), indices.accounts)
    stage_names, stage_changes = _stage_changes(tables.get("stage_changes", ()), conventions, indices.deals)
    leads = tables.get("leads", ())
    sources = index_of(column(leads, "leads", "source"))
    return History(
        conventions=conventions,
        opportunities=opportunities,
        accounts=accounts,
        stage_names=stage_names,
        stage_changes=stage_changes,
        fields=_fields(tables, told, conventions, indices, deals, opportunities, accounts),
        activities=_activities(done, indices, opportunities),
        contacts=_contacts(tables.get("contacts", ()), indices),
        orders=_orders(tables.get("orders", ()), indices.accounts),
        deals=deals_of(opportunities, len(accounts.ids)),
        leads=_leads(leads, indices.deals, sources),
        lead_sources=names_in(sources),
        reps=_reps(tables.get("reps", ()), indices.reps),
    )


def _sorted_deals(rows: Sequence[Row]) -> Sequence[Row]:
    if len(rows) < 2:
        return rows
    ids = column(rows, "opportunities", "opportunity_id")
    places = sorted(range(len(rows)), key=ids.__getitem__)
    if places == list(range(len(rows))):
        return rows
    return rows.taken(places) if isinstance(rows, Columned) else [rows[i] for i in places]


class _Done:
    """The columns of the activities, and what they name."""

    def __init__(self, rows: Sequence[Row]) -> None:
        read = columns(
            rows, "activities", "activity_id", "at", "recorded_at", "opportunity_id", "account_id",
            "contact_id", "rep_id", "duration_s", "kind", "direction", "outcome",
        )  # fmt: skip
        self.keys, self.at, self.told, self.of_deal, self.of_account, self.contact = read[:6]
        self.rep, self.seconds, *how = read[6:]
        self.tags = np.fromiter(map(_TAG.__getitem__, zip(*how, strict=True)), np.int16, len(rows))
        self.deals, self.accounts, self.reps = set(self.of_deal), set(self.of_account), set(self.rep)


class _Told:
    """The columns of the changes of fields; `texts_of` is what was told of each field."""

    def __init__(self, rows: Sequence[Row]) -> None:
        read = columns(rows, "field_changes", "opportunity_id", "at", "recorded_at", "field", "value")
        self.of_deal, self.at, self.told, self.fields, self.texts = read
        self.texts_of: dict[str, list[str]] = {}
        for field, text in zip(self.fields, self.texts, strict=True):
            self.texts_of.setdefault(field, []).append(text)


@dataclass(eq=False)
class _Indices:
    """The codes of everything that is named."""

    deals: Index
    accounts: Index
    contacts: Index
    reps: Index


def _indices(tables: Rows, deals: Sequence[Row], done: _Done, told: _Told) -> _Indices:
    ids, of_account, of_rep = columns(deals, "opportunities", "opportunity_id", "account_id", "rep_id")
    accounts = done.accounts.union(
        of_account, *(column(tables.get(t, ()), t, "account_id") for t in ("accounts", "orders", "contacts"))
    )
    reps = done.reps.union(
        of_rep, column(tables.get("reps", ()), "reps", "rep_id"), told.texts_of.get(OWNER_FIELD, ())
    )
    return _Indices(index_of(ids), index_of(accounts), index_of(done.contact), index_of(reps))


def _opportunities(rows: Sequence[Row], indices: _Indices) -> Opportunities:
    of_account, created, closed, outcome, rep = columns(
        rows, "opportunities", "account_id", "created_at", "closed_at", "outcome", "rep_id"
    )
    return Opportunities(
        text_array(names_in(indices.deals)),
        codes(indices.accounts, of_account),
        times(created),
        times(closed, NEVER),
        np.array([how == OUTCOMES[0] for how in outcome], np.bool_),
        text_array(rep),
    )


def _accounts(rows: Sequence[Row], index: Index) -> Accounts:
    count = len(index) - 1
    ids, created, churned, industries, regions = columns(
        rows, "accounts", "account_id", "created_at", "churned_at", "industry", "region"
    )
    of_industry, of_region = index_of(industries), index_of(regions)
    made, left, industry, region = [MISSING] * count, [NEVER] * count, [-1] * count, [-1] * count
    made_at, left_at = times(created).tolist(), times(churned, NEVER).tolist()
    for i, name in enumerate(ids):
        place = index[name]
        made[place], left[place] = made_at[i], left_at[i]
        industry[place], region[place] = of_industry[industries[i]], of_region[regions[i]]
    named = {"industry": names_in(of_industry), "region": names_in(of_region)}
    return Accounts(text_array(names_in(index)), ints(made), ints(left), ints(industry), ints(region), named)


def _reps(rows: Sequence[Row], index: Index) -> Reps:
    if not rows:
        count = len(index) - 1
        return Reps(names_in(index), (), filled(count, -1), filled(count, MISSING))
    ids, of_team, hired = columns(rows, "reps", "rep_id", "team_id", "hired_at")
    teams = index_of(of_team)
    team, hired_at = [-1] * (len(index) - 1), [MISSING] * (len(index) - 1)
    for name, its_team, time in zip(ids, of_team, hired, strict=True):
        team[index[name]] = teams[its_team]
        hired_at[index[name]] = MISSING if time is None else time
    return Reps(names_in(index), names_in(teams), ints(team), ints(hired_at))


def _stage_changes(rows: Sequence[Row], conventions: Conventions, deals: Index) -> tuple[Names, Records]:
    of, at, told, texts = columns(rows, "stage_changes", "opportunity_id", "at", "recorded_at", "stage")
    names = (*conventions.stages, *sorted(set(texts).difference(conventions.stages)))
    stage = ints([names.index(text) for text in texts])
    happened, known = clocks(at, told)
    until = until_of((at, of), known)
    kept = {"stage": stage.astype(np.int32)}
    return names, clustered(codes(deals, of), len(deals) - 1, happened, known, until, kept, (stage, stage))


def _fields(
    tables: Rows,
    told: _Told,
    conventions: Conventions,
    indices: _Indices,
    rows: Sequence[Row],
    opportunities: Opportunities,
    accounts: Accounts,
) -> Fields:
    names, plan = conventions.fields, _plan_of(conventions)
    names_of: dict[str, Names] = {OWNER_FIELD: names_in(indices.reps)}
    read: dict[str, Callable[[str], float]] = dict(plan.numbers)
    values, since = [[_NAN] * len(rows)] * len(names), np.full((len(names), len(rows)), NEVER, np.int64)
    since[plan.of_deal] = opportunities.created_at
    if len(plan.of_account):
        since[plan.of_account] = accounts.created_at[opportunities.account]
    given = _given(tables, plan, rows, opportunities, accounts)
    for name in names:
        own = given.get(name, ())
        if name in read:
            said = [_finite(number) for number in own]
        else:
            words = [_word(value) for value in own]
            index = indices.reps if name == OWNER_FIELD else index_of([*told.texts_of.get(name, ()), *words])
            names_of.setdefault(name, names_in(index))
            read[name] = index.__getitem__
            said = [_NAN if text is None else index[text] for text in words]
        if said:
            values[plan.places[name]] = said
    changes = _changes(told, plan.places, read, indices.deals)
    return Fields(names, names_of, plan.fixed, np.array(values, np.float64), since, changes)


@dataclass(eq=False)
class _FieldPlan:
    """What the conventions alone say of the fields.

    Attributes:
        places: of each field among all.
        numbers: how a changed value of each field that holds no text is read.
        fixed: as in `Fields`.
        of_deal, of_account: places of the fixed ones that stand in the row of the deal, of its account.
        columns: their names in the rows: of the deal, of the account.
    """

    places: Mapping[str, int]
    numbers: Mapping[str, Callable[[str], float]]
    fixed: IntArray
    of_deal: IntArray
    of_account: IntArray
    columns: tuple[tuple[str, ...], tuple[str, ...]]


@lru_cache(maxsize=64)
def _plan_of(conventions: Conventions) -> _FieldPlan:
    names, fixed = conventions.fields, conventions.fixed
    places = {name: code for code, name in enumerate(names)}
    both = [
        [name for name in names if name in fixed and name.startswith("accounts.") == of_account]
        for of_account in (False, True)
    ]
    zone = conventions.time_zone
    numbers = {
        name: partial(changed_number, is_time=name in TIME_FIELDS, time_zone=zone)
        for name in names
        if name not in conventions.texts
    }
    of_deal, of_account = (ints([places[name] for name in some]) for some in both)
    bare = tuple(name.removeprefix("accounts.") for name in both[1])
    is_fixed = ints([name in fixed for name in names])
    return _FieldPlan(places, numbers, is_fixed, of_deal, of_account, (tuple(both[0]), bare))


def _given(
    tables: Rows, plan: _FieldPlan, rows: Sequence[Row], deals: Opportunities, accounts: Accounts
) -> dict[str, Sequence[Any]]:
    """The fixed columns of each deal, or of its account, by the names of the fields."""
    of_deal, of_account = plan.columns
    read = columns(rows, "opportunities", "opportunity_id", *of_deal)[1:] if of_deal else ()
    found = {name: [_text(value) for value in plain(its)] for name, its in zip(of_deal, read, strict=True)}
    mine = accounts.ids[deals.account].tolist() if of_account else ()
    for name in of_account:
        its = tables.get("accounts", ())
        of = dict(zip(*map(plain, columns(its, "accounts", "account_id", name)), strict=True))
        found[f"accounts.{name}"] = [_text(of.get(account)) for account in mine]
    return found  # type: ignore[return-value]


def _changes(
    told: _Told, places: Mapping[str, int], read: Mapping[str, Callable[[str], float]], deals: Index
) -> Records:
    field, (happened, known) = (
        ints([places.get(name, -1) for name in told.fields]),
        clocks(told.at, told.told),
    )
    said = [
        read[name](text) if name in read else _NAN for name, text in zip(told.fields, told.texts, strict=True)
    ]
    kept: dict[str, Column] = {"field": field.astype(np.int32), "value": floats(said)}
    until = until_of((told.at, told.of_deal, told.fields), known)
    tie = (field, codes(index_of(told.texts), told.texts))
    return clustered(codes(deals, told.of_deal), len(deals) - 1, happened, known, until, kept, tie)


def _text(value: Any) -> Any:
    """A cell as the cleaning of a table writes it where it is to be text; numbers stay as they are."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value).lower() if isinstance(value, bool) else value


def _word(value: Any) -> str | None:
    """A category of a further column as text; whole numbers without a decimal point."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2.0**53:
        value = int(value)
    return None if value is None else str(value)


def _finite(number: Any) -> float:
    try:
        value = _NAN if number is None else float(number)
    except ValueError:
        return _NAN
    return value if np.isfinite(value) else _NAN


def _activities(done: _Done, indices: _Indices, opportunities: Opportunities) -> Records:
    count, (at, known) = len(done.keys), clocks(done.at, done.told)
    entity = codes(indices.deals, done.of_deal, done.deals)
    heard, coded = np.empty(count, np.int64), np.empty((4, count), np.int32)
    tie = np.empty((2, count), np.int64)
    settle(
        opportunities.account, opportunities.created_at, entity, known, done.tags, floats(done.seconds),
        codes(indices.contacts, done.contact), codes(indices.reps, done.rep, done.reps),
        codes(indices.accounts, done.of_account, done.accounts), heard, coded, tie,
    )  # fmt: skip
    seconds, contact, rep, account = coded
    kept: dict[str, Column] = {
        "tag": done.tags,
        "duration_s": seconds,
        "contact": contact,
        "rep": rep,
        "account": account,
        "heard": heard,
    }
    until = until_of((done.keys,), known)
    return clustered(entity, len(opportunities.ids) + 1, at, known, until, kept, (tie[0], tie[1]))


def _contacts(rows: Sequence[Row], indices: _Indices) -> Contacts:
    names, of, told, roles = columns(rows, "contacts", "contact_id", "account_id", "created_at", "role")
    code, created = [_ROLE[role] for role in roles], times(told)
    role, since = ints(code), created.tolist()
    never = nevers(len(rows))
    account, count = codes(indices.accounts, of), len(indices.contacts) - 1
    of_accounts = clustered(
        account, len(indices.accounts) - 1, created, created, never, {"role": role}, (role, role)
    )
    roles_of, since_of = [-1] * count, [NEVER] * count
    for i, name in enumerate(names):
        place = indices.contacts.get(name, -1)
        if place >= 0:
            roles_of[place], since_of[place] = code[i], since[i]
    return Contacts(of_accounts, ints(roles_of), ints(since_of))


def _orders(rows: Sequence[Row], accounts: Index) -> Records:
    keys, at, told, of, amounts, products = columns(
        rows, "orders", "order_id", "at", "recorded_at", "account_id", "amount", "product"
    )
    product, cents = codes(index_of(products), products), whole(floats(amounts) * CENT)
    kept, (happened, known) = {"cents": cents, "product": product}, clocks(at, told)
    until = until_of((keys,), known)
    return clustered(codes(accounts, of), len(accounts) - 1, happened, known, until, kept, (cents, product))


def _leads(rows: Sequence[Row], deals: Index, sources: Index) -> Records:
    if not rows:
        return _no_leads(len(deals) - 1)
    ids, made, turned, answered, origin, of = columns(
        rows,
        "leads",
        "lead_id",
        "created_at",
        "converted_at",
        "first_response_at",
        "source",
        "opportunity_id",
    )
    place = codes(index_of(ids), ids)
    created, converted = times(made), times(turned)
    kept = {
        "response_at": times(answered),
        "source": codes(sources, origin),
        "seen": np.maximum(created, converted),
    }
    entity = codes(deals, of)
    never = nevers(len(rows))
    records = clustered(entity, len(deals) - 1, created, created, never, kept, (place, place))
    return Records(records.first, records.at, records["seen"], records.until, records.columns)


@lru_cache
def _no_leads(deals: int) -> Records:
    nothing = np.zeros(0, np.int64)
    kept = {"response_at": nothing, "source": nothing, "seen": nothing}
    return Records(np.zeros(deals + 1, np.int64), nothing, nothing, nothing, kept)
