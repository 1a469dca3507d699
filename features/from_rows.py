"""The history of what one request holds, from canonical rows: the same arrays, without a data frame.

Written for one deal with a few hundred records, where every NumPy call and every look at a row
counts; `tests/features/test_parity.py` holds it to the bits of `from_tables`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    superseded,
    tag_of,
    text_array,
    ties,
    whole,
    whole_seconds,
)
from features.records import Column, Records, clustered
from features.tables import ACTIVITY_KINDS, ACTIVITY_OUTCOMES, DIRECTIONS, OUTCOMES, ROLES, TABLES
from features.times import MISSING, NEVER, IntArray

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
Index = dict[str | None, int]

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
    deals, activities = tables.get("opportunities", ()), tables.get("activities", ())
    deal_index = _index(_column(deals, "opportunity_id"))
    account_index = _index(
        [
            *_column(deals, "account_id"), *_column(activities, "account_id"),
            *(a for t in ("accounts", "orders", "contacts")
              for a in _column(tables.get(t, ()), "account_id")),
        ]
    )  # fmt: skip
    contact_index = _index(_column(activities, "contact_id"))
    in_order = sorted(deals, key=lambda row: row["opportunity_id"])
    opportunities = _opportunities(in_order, deal_index, account_index)
    accounts = _accounts(tables.get("accounts", ()), account_index)
    stage_names, stage_changes = _stage_changes(tables.get("stage_changes", ()), conventions, deal_index)
    leads = tables.get("leads", ())
    sources = _index(_column(leads, "source"))
    reps = _reps(tables)
    return History(
        conventions=conventions,
        opportunities=opportunities,
        accounts=accounts,
        stage_names=stage_names,
        stage_changes=stage_changes,
        fields=_fields(tables, conventions, deal_index, in_order, opportunities, accounts, reps),
        activities=_activities(activities, deal_index, account_index, contact_index, opportunities, reps),
        contacts=_contacts(tables.get("contacts", ()), account_index, contact_index),
        orders=_orders(tables.get("orders", ()), account_index),
        deals=deals_of(opportunities, len(account_index) - 1),
        leads=_leads(leads, deal_index, sources),
        lead_sources=_names(sources),
        reps=Reps(reps[0], *reps[2:]),
    )


def _column(rows: Sequence[Row], name: str) -> list[Any]:
    try:
        return [row[name] for row in rows]
    except KeyError:
        return [row.get(name) for row in rows]


def _index(texts: Iterable[str | None]) -> Index:
    """The code of each distinct text by their order; -1 for None."""
    distinct = set(texts)
    distinct.discard(None)
    index: Index = {text: code for code, text in enumerate(sorted(distinct))}  # type: ignore[type-var]
    index[None] = -1
    return index


def _names(index: Index) -> Names:
    return tuple(text for text in index if text is not None)


def _codes(index: Index, texts: Iterable[str | None]) -> list[int]:
    return [index.get(text, -1) for text in texts]


def _ints(*columns: Sequence[int]) -> Sequence[IntArray]:
    """Columns as int64 arrays, made at one stroke."""
    return list(np.array(columns, np.int64))


def _times(rows: Sequence[Row], name: str, empty: int = MISSING) -> list[int]:
    return [empty if time is None else time for time in _column(rows, name)]


def _known(rows: Sequence[Row], at: Sequence[int]) -> list[int]:
    return [a if told is None else told for a, told in zip(at, _column(rows, "recorded_at"), strict=True)]


def _until(table: str, rows: Sequence[Row], known: IntArray) -> IntArray:
    """When each row was replaced by the next version of its key."""
    columns = [_column(rows, name) for name in TABLES[table].key]
    keys = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    if len(set(keys)) == len(keys):
        return np.full(len(keys), NEVER, np.int64)
    index: dict[Any, int] = {}
    return superseded(np.array([index.setdefault(key, len(index)) for key in keys], np.int64), known)


def _opportunities(rows: Sequence[Row], deals: Index, accounts: Index) -> Opportunities:
    account, created, closed = _ints(
        _codes(accounts, _column(rows, "account_id")),
        _times(rows, "created_at"),
        _times(rows, "closed_at", NEVER),
    )
    won = np.array([outcome == OUTCOMES[0] for outcome in _column(rows, "outcome")], np.bool_)
    ids = text_array(_names(deals))
    return Opportunities(ids, account, created, closed, won, text_array(_column(rows, "rep_id")))


def _accounts(rows: Sequence[Row], index: Index) -> Accounts:
    count = len(index) - 1
    names = {name: _index(_column(rows, name)) for name in ("industry", "region")}
    created, churned = np.full((2, count), MISSING, np.int64)
    codes = np.full((2, count), -1, np.int64)
    for row in rows:
        place = index[row["account_id"]]
        for column, name in ((created, "created_at"), (churned, "churned_at")):
            if (time := row.get(name)) is not None:
                column[place] = time
        codes[0, place] = names["industry"][row.get("industry")]
        codes[1, place] = names["region"][row.get("region")]
    churned[churned == MISSING] = NEVER
    named = {name: _names(its) for name, its in names.items()}
    return Accounts(text_array(_names(index)), created, churned, codes[0], codes[1], named)


def _reps(tables: Rows) -> tuple[Names, Index, Names, IntArray, IntArray]:
    """Names, their index, teams, and each rep's team and hiring."""
    rows = tables.get("reps", ())
    told = tables.get("field_changes", ())
    index = _index(
        [
            *_column(rows, "rep_id"), *_column(tables.get("activities", ()), "rep_id"),
            *_column(tables.get("opportunities", ()), "rep_id"),
            *(row["value"] for row in told if row["field"] == OWNER_FIELD),
        ]
    )  # fmt: skip
    teams = _index(_column(rows, "team_id"))
    team, hired_at = np.full(len(index) - 1, -1, np.int64), np.full(len(index) - 1, MISSING, np.int64)
    for row in rows:
        place = index[row["rep_id"]]
        team[place] = teams[row.get("team_id")]
        hired_at[place] = MISSING if row.get("hired_at") is None else row["hired_at"]
    return _names(index), index, _names(teams), team, hired_at


def _stage_changes(rows: Sequence[Row], conventions: Conventions, deals: Index) -> tuple[Names, Records]:
    texts = _column(rows, "stage")
    further = sorted(set(texts) - set(conventions.stages))
    names = (*conventions.stages, *further)
    code = {name: place for place, name in enumerate(names)}
    times = _column(rows, "at")
    stage, entity, at, known, none = _ints(
        [code[text] for text in texts],
        _codes(deals, _column(rows, "opportunity_id")),
        times,
        _known(rows, times),
        [0] * len(times),
    )
    columns = {"stage": stage.astype(np.int32)}
    until = _until("stage_changes", rows, known)
    return names, clustered(entity, len(deals) - 1, at, known, until, columns, (stage, none))


def _fields(
    tables: Rows,
    conventions: Conventions,
    deals: Index,
    rows: Sequence[Row],
    opportunities: Opportunities,
    accounts: Accounts,
    reps: tuple[Any, ...],
) -> Fields:
    names, told = conventions.fields, tables.get("field_changes", ())
    texts, fields = _column(told, "value"), _column(told, "field")
    names_of: dict[str, Names] = {}
    said: dict[tuple[str, str], float] = {}
    fixed = [0] * len(names)
    value = [[_NAN] * len(rows)] * len(names)
    since = np.full((len(names), len(rows)), NEVER, np.int64)
    for code, name in enumerate(names):
        own = None
        if name in conventions.fixed:
            own, known = _row_column(tables, name, rows, opportunities, accounts)
            fixed[code], since[code] = 1, known
        mine = [text for field, text in zip(fields, texts, strict=True) if field == name]
        if conventions.is_category(name):
            own = None if own is None else [_word(value) for value in own]
            index = reps[1] if name == OWNER_FIELD else _index([*mine, *(own or ())])
            names_of[name] = reps[0] if name == OWNER_FIELD else _names(index)
            said.update({(name, text): float(index[text]) for text in mine})
            if own is not None:
                value[code] = [_NAN if text is None else float(index[text]) for text in own]
        else:
            is_time = name in TIME_FIELDS
            said.update({(name, t): changed_number(t, is_time, conventions.time_zone) for t in mine})
            if own is not None:
                value[code] = [_finite(number) for number in own]
    places = {name: code for code, name in enumerate(names)}
    ranks = _index(texts)
    times = _column(told, "at")
    entity, at, known, field, order = _ints(
        _codes(deals, _column(told, "opportunity_id")),
        times,
        _known(told, times),
        [places.get(name, -1) for name in fields],
        [ranks[text] for text in texts],
    )
    values = np.array([said.get(pair, _NAN) for pair in zip(fields, texts, strict=True)], np.float64)
    columns: dict[str, Column] = {"field": field.astype(np.int32), "value": values}
    until = _until("field_changes", told, known)
    changes = clustered(entity, len(deals) - 1, at, known, until, columns, (field, order))
    table = np.array(value, np.float64).reshape(len(names), len(rows))
    return Fields(names, names_of, np.array(fixed, np.int64), table, since, changes)


def _row_column(
    tables: Rows, name: str, rows: Sequence[Row], deals: Opportunities, accounts: Accounts
) -> tuple[list[Any], IntArray]:
    """A column of each deal, or of its account, and from when on it is known."""
    table, _, own = name.rpartition(".")
    if table != "accounts":
        return [_text(value) for value in _column(rows, own)], deals.created_at
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


def _activities(
    rows: Sequence[Row],
    deals: Index,
    accounts: Index,
    contacts: Index,
    opportunities: Opportunities,
    reps: tuple[Any, ...],
) -> Records:
    count = len(deals) - 1
    triples = zip(_column(rows, "kind"), _column(rows, "direction"), _column(rows, "outcome"), strict=True)
    times = _column(rows, "at")
    rep_index = reps[1]
    entity, at, known, tag, contact, rep, account = _ints(
        _codes(deals, _column(rows, "opportunity_id")),
        times,
        _known(rows, times),
        [_TAG[triple] for triple in triples],
        [contacts[name] for name in _column(rows, "contact_id")],
        [rep_index[name] for name in _column(rows, "rep_id")],
        [accounts[name] for name in _column(rows, "account_id")],
    )
    nameless = np.array([name is None for name in _column(rows, "account_id")], np.bool_)
    account = np.where(nameless, np.append(opportunities.account, -1)[entity], account)
    seconds = [_NAN if number is None else number for number in _column(rows, "duration_s")]
    columns: dict[str, Column] = {
        "tag": tag.astype(np.int16),
        "duration_s": whole_seconds(np.array(seconds, np.float64)),
        "contact": contact.astype(np.int32),
        "rep": rep.astype(np.int32),
        "account": account.astype(np.int32),
    }
    entity[entity < 0] = count
    tie = ties(tag, columns["duration_s"], contact, rep)
    return clustered(entity, count + 1, at, known, _until("activities", rows, known), columns, tie)


def _contacts(rows: Sequence[Row], accounts: Index, named: Index) -> Contacts:
    account, created, role, never = _ints(
        _codes(accounts, _column(rows, "account_id")),
        _times(rows, "created_at"),
        [_ROLE[role] for role in _column(rows, "role")],
        [NEVER] * len(rows),
    )
    of = clustered(account, len(accounts) - 1, created, created, never, {"role": role}, (role, never))
    roles = np.full(len(named) - 1, -1, np.int64)
    since = np.full(len(named) - 1, NEVER, np.int64)
    for row, code, time in zip(rows, role.tolist(), created.tolist(), strict=True):
        place = named.get(row["contact_id"], -1)
        if place >= 0:
            roles[place], since[place] = code, time
    return Contacts(of, roles, since)


def _orders(rows: Sequence[Row], accounts: Index) -> Records:
    times = _column(rows, "at")
    products = _column(rows, "product")
    index = _index(products)
    entity, at, known, product = _ints(
        _codes(accounts, _column(rows, "account_id")), times, _known(rows, times), _codes(index, products)
    )
    cents = whole(np.array([_NAN if a is None else a for a in _column(rows, "amount")], np.float64) * CENT)
    columns = {"cents": cents, "product": product}
    until = _until("orders", rows, known)
    return clustered(entity, len(accounts) - 1, at, known, until, columns, (cents, product))


def _leads(rows: Sequence[Row], deals: Index, sources: Index) -> Records:
    order = _index(_column(rows, "lead_id"))
    entity, created, converted, response, source, place, never = _ints(
        _codes(deals, _column(rows, "opportunity_id")),
        _times(rows, "created_at"),
        _times(rows, "converted_at"),
        _times(rows, "first_response_at"),
        _codes(sources, _column(rows, "source")),
        _codes(order, _column(rows, "lead_id")),
        [NEVER] * len(rows),
    )
    columns = {"response_at": response, "source": source, "seen": np.maximum(created, converted)}
    records = clustered(entity, len(deals) - 1, created, created, never, columns, (place, place))
    return Records(records.first, records.at, records["seen"], records.until, records.columns)
