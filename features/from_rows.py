"""The history of what one request holds, from canonical rows: the same arrays, without a data frame.

Written for one deal with a few hundred records, where every NumPy call and every look at a row
counts; `tests/features/test_parity.py` holds it to the bits of `from_tables`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np

from features.conventions import OWNER_FIELD, TIME_FIELDS, Conventions
from features.from_tables import deals_of
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
    heard_of,
    tag_of,
    text_array,
    ties,
    whole,
    whole_seconds,
)
from features.records import Column, Records, clustered
from features.row_columns import (
    Index,
    Row,
    codes,
    column,
    columns,
    floats,
    index_of,
    ints,
    known_at,
    names_in,
    nevers,
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
        tables: canonical rows by table; a column that is absent is empty. Times are microseconds.
        conventions: how they are read.
    """
    done = _Done(columns(tables.get("activities", ()), *_DONE))
    indices = _indices(tables, done)
    in_order = sorted(tables.get("opportunities", ()), key=lambda row: row["opportunity_id"])
    opportunities = _opportunities(in_order, indices)
    accounts = _accounts(tables.get("accounts", ()), indices.accounts)
    stage_names, stage_changes = _stage_changes(tables.get("stage_changes", ()), conventions, indices.deals)
    leads = tables.get("leads", ())
    sources = index_of(column(leads, "source"))
    return History(
        conventions=conventions,
        opportunities=opportunities,
        accounts=accounts,
        stage_names=stage_names,
        stage_changes=stage_changes,
        fields=_fields(tables, conventions, indices, in_order, opportunities, accounts),
        activities=_activities(tables.get("activities", ()), done, indices, opportunities),
        contacts=_contacts(tables.get("contacts", ()), indices),
        orders=_orders(tables.get("orders", ()), indices.accounts),
        deals=deals_of(opportunities, len(accounts.ids)),
        leads=_leads(leads, indices.deals, sources),
        lead_sources=names_in(sources),
        reps=_reps(tables.get("reps", ()), indices.reps),
    )


_DONE = ("activity_id", "at", "recorded_at", "opportunity_id", "account_id", "contact_id", "rep_id")


class _Done:
    """What activities name, read once."""

    def __init__(self, read: Sequence[tuple[Any, ...]]) -> None:
        self.keys, self.at, self.told, self.deals, self.accounts, self.contacts, self.reps = read


@dataclass(frozen=True)
class _Indices:
    """The codes of everything that is named."""

    deals: Index
    accounts: Index
    contacts: Index
    reps: Index


def _indices(tables: Rows, done: _Done) -> _Indices:
    deals = tables.get("opportunities", ())
    of_deals, of_reps = columns(deals, "account_id", "rep_id")
    named = [
        a for t in ("accounts", "orders", "contacts") for a in column(tables.get(t, ()), "account_id")
    ]  # fmt: skip
    owners = [row["value"] for row in tables.get("field_changes", ()) if row["field"] == OWNER_FIELD]
    masters = column(tables.get("reps", ()), "rep_id")
    return _Indices(
        deals=index_of(column(deals, "opportunity_id")),
        accounts=index_of([*of_deals, *named, *set(done.accounts)]),
        contacts=index_of(done.contacts),
        reps=index_of([*masters, *of_reps, *owners, *set(done.reps)]),
    )


def _opportunities(rows: Sequence[Row], indices: _Indices) -> Opportunities:
    won = np.array([outcome == OUTCOMES[0] for outcome in column(rows, "outcome")], np.bool_)
    return Opportunities(
        text_array(names_in(indices.deals)),
        codes(indices.accounts, column(rows, "account_id")),
        times(rows, "created_at"),
        times(rows, "closed_at", NEVER),
        won,
        text_array(column(rows, "rep_id")),
    )


def _accounts(rows: Sequence[Row], index: Index) -> Accounts:
    count = len(index) - 1
    ids, created, churned, industries, regions = columns(
        rows, "account_id", "created_at", "churned_at", "industry", "region"
    )
    of_industry, of_region = index_of(industries), index_of(regions)
    made, left, industry, region = [MISSING] * count, [NEVER] * count, [-1] * count, [-1] * count
    for i, name in enumerate(ids):
        place = index[name]
        made[place] = MISSING if created[i] is None else created[i]
        left[place] = NEVER if churned[i] is None else churned[i]
        industry[place], region[place] = of_industry[industries[i]], of_region[regions[i]]
    named = {"industry": names_in(of_industry), "region": names_in(of_region)}
    return Accounts(text_array(names_in(index)), ints(made), ints(left), ints(industry), ints(region), named)


def _reps(rows: Sequence[Row], index: Index) -> Reps:
    if not rows:
        count = len(index) - 1
        return Reps(names_in(index), (), np.full(count, -1, np.int64), np.full(count, MISSING, np.int64))
    teams = index_of(column(rows, "team_id"))
    team, hired_at = [-1] * (len(index) - 1), [MISSING] * (len(index) - 1)
    for row in rows:
        place = index[row["rep_id"]]
        team[place] = teams[row.get("team_id")]
        hired_at[place] = MISSING if row.get("hired_at") is None else row["hired_at"]
    return Reps(names_in(index), names_in(teams), ints(team), ints(hired_at))


def _stage_changes(rows: Sequence[Row], conventions: Conventions, deals: Index) -> tuple[Names, Records]:
    of, at, told, texts = columns(rows, "opportunity_id", "at", "recorded_at", "stage")
    names = (*conventions.stages, *sorted(set(texts) - set(conventions.stages)))
    code = {name: place for place, name in enumerate(names)}
    stage, known = ints([code[text] for text in texts]), known_at(at, told)
    until = until_of(list(zip(of, at, strict=True)), known)
    kept = {"stage": stage.astype(np.int32)}
    return names, clustered(codes(deals, of), len(deals) - 1, ints(at), known, until, kept, (stage, stage))


def _fields(
    tables: Rows,
    conventions: Conventions,
    indices: _Indices,
    rows: Sequence[Row],
    opportunities: Opportunities,
    accounts: Accounts,
) -> Fields:
    names, rows_told = conventions.fields, tables.get("field_changes", ())
    of, at, told, fields, texts = columns(rows_told, "opportunity_id", "at", "recorded_at", "field", "value")
    pairs: dict[str, list[tuple[str, str]]] = {}
    for pair in set(zip(fields, texts, strict=True)):
        pairs.setdefault(pair[0], []).append(pair)
    names_of: dict[str, Names] = {OWNER_FIELD: names_in(indices.reps)}
    said: dict[tuple[str, str], float] = {}
    fixed, value = [0] * len(names), [[_NAN] * len(rows)] * len(names)
    since = np.full((len(names), len(rows)), NEVER, np.int64)
    for code, name in enumerate(names):
        own: Sequence[Any] = ()
        if name in conventions.fixed:
            own, since[code] = _row_column(tables, name, rows, opportunities, accounts)
            fixed[code] = 1
        mine = pairs.get(name, ())
        if name in conventions.texts:
            own = [_word(value) for value in own]
            index = indices.reps if name == OWNER_FIELD else index_of([*(text for _, text in mine), *own])
            names_of.setdefault(name, names_in(index))
            said.update({pair: float(index[pair[1]]) for pair in mine})
            values = [_NAN if text is None else float(index[text]) for text in own]
        else:
            is_time, zone = name in TIME_FIELDS, conventions.time_zone
            said.update({pair: changed_number(pair[1], is_time, zone) for pair in mine})
            values = [_finite(number) for number in own]
        if fixed[code]:
            value[code] = values
    places = {name: code for code, name in enumerate(names)}
    ranks = index_of(texts)
    field, known = ints([places.get(name, -1) for name in fields]), known_at(at, told)
    kept: dict[str, Column] = {
        "field": field.astype(np.int32),
        "value": floats([said.get(pair) for pair in zip(fields, texts, strict=True)]),
    }
    until = until_of(list(zip(of, at, fields, strict=True)), known)
    tie = (field, ints([ranks[text] for text in texts]))
    changes = clustered(codes(indices.deals, of), len(rows), ints(at), known, until, kept, tie)
    table = np.array(value, np.float64).reshape(len(names), len(rows))
    return Fields(names, names_of, ints(fixed), table, since, changes)


def _row_column(
    tables: Rows, name: str, rows: Sequence[Row], deals: Opportunities, accounts: Accounts
) -> tuple[list[Any], IntArray]:
    """A column of each deal, or of its account, and from when on it is known."""
    table, _, own = name.rpartition(".")
    if table != "accounts":
        return [_text(value) for value in column(rows, own)], deals.created_at
    of = {row["account_id"]: row.get(own) for row in tables.get("accounts", ())}
    values = [_text(of.get(account)) for account in accounts.ids[deals.account].tolist()]
    return values, accounts.created_at[deals.account]


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


def _activities(rows: Sequence[Row], done: _Done, indices: _Indices, opportunities: Opportunities) -> Records:
    entity, account = codes(indices.deals, done.deals), codes(indices.accounts, done.accounts)
    count, known = len(opportunities.ids), known_at(done.at, done.told)
    heard = known
    if None in done.accounts:
        own = np.array([name is not None for name in done.accounts], np.bool_)
        account = np.where(own, account, np.append(opportunities.account, -1)[entity])
        entity[entity < 0] = count
        heard = heard_of(known, entity, opportunities.created_at, own)
    tag, seconds = ints(_tags(rows)), whole_seconds(floats(column(rows, "duration_s")))
    contact, rep = codes(indices.contacts, done.contacts), codes(indices.reps, done.reps)
    kept: dict[str, Column] = {
        "tag": tag.astype(np.int16),
        "duration_s": seconds,
        "contact": contact.astype(np.int32),
        "rep": rep.astype(np.int32),
        "account": account.astype(np.int32),
        "heard": heard,
    }
    entity[entity < 0] = count
    until, tie = until_of(done.keys, known), ties(tag, seconds, contact, rep)
    return clustered(entity, count + 1, ints(done.at), known, until, kept, tie)


def _tags(rows: Sequence[Row]) -> list[int]:
    """Kind, direction and outcome of each activity as one number."""
    names = ("kind", "direction", "outcome")
    try:
        return list(map(_TAG.__getitem__, map(itemgetter(*names), rows)))
    except KeyError:
        return [_TAG[tuple(row.get(name) for name in names)] for row in rows]  # type: ignore[index]


def _contacts(rows: Sequence[Row], indices: _Indices) -> Contacts:
    names, of, told, roles = columns(rows, "contact_id", "account_id", "created_at", "role")
    code, since = [_ROLE[role] for role in roles], [MISSING if time is None else time for time in told]
    role, created = ints(code), ints(since)
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
        rows, "order_id", "at", "recorded_at", "account_id", "amount", "product"
    )
    product, cents = codes(index_of(products), products), whole(floats(amounts) * CENT)
    kept, known = {"cents": cents, "product": product}, known_at(at, told)
    until = until_of(keys, known)
    return clustered(codes(accounts, of), len(accounts) - 1, ints(at), known, until, kept, (cents, product))


def _leads(rows: Sequence[Row], deals: Index, sources: Index) -> Records:
    if not rows:
        return _no_leads(len(deals) - 1)
    ids = column(rows, "lead_id")
    place = codes(index_of(ids), ids)
    created, converted = times(rows, "created_at"), times(rows, "converted_at")
    kept = {
        "response_at": times(rows, "first_response_at"),
        "source": codes(sources, column(rows, "source")),
        "seen": np.maximum(created, converted),
    }
    entity = codes(deals, column(rows, "opportunity_id"))
    never = nevers(len(rows))
    records = clustered(entity, len(deals) - 1, created, created, never, kept, (place, place))
    return Records(records.first, records.at, records["seen"], records.until, records.columns)


@lru_cache
def _no_leads(deals: int) -> Records:
    nothing = np.zeros(0, np.int64)
    kept = {"response_at": nothing, "source": nothing, "seen": nothing}
    return Records(np.zeros(deals + 1, np.int64), nothing, nothing, nothing, kept)
