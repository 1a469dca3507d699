"""Posted histories of the usual shape, decoded straight into canonical rows.

pydantic's models (`serving.schemas`) say what a body may be, and refuse what it may not. Reading a history
of a hundred records by them takes a millisecond. A body that is written as it is documented (times with an
offset, ids as text, categories in lower case, no record twice) gives the same rows here in a fifth of it.
Whatever else a body holds, this file says `None`, and pydantic reads it again from the beginning: it alone
finds errors and words them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, chain, repeat
from operator import add
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from features.from_rows import Rows
from features.row_columns import Columned, plain
from features.tables import TABLES, Column, Kind
from features.times import MISSING, IntArray
from serving.blanks import may_have_outer_blanks
from serving.instants import FIRST, LAST, put_latest, usual_instants

_EPOCH, _MICRO = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_Aware = Annotated[datetime, msgspec.Meta(tz=True)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
_MANY = 1_000  # rows of a table, from which on its texts are looked at all together
_SHORT, _LONG = 27, 32  # characters of a time with microseconds: with a Z, with an offset


@dataclass(eq=False)
class PostedDeal:
    """One posted opportunity.

    Attributes:
        opportunity_id, created_at, closed_at, outcome: its own; times in microseconds.
        known: the latest instant at which any of its rows was recorded.
    """

    opportunity_id: str
    created_at: int
    closed_at: int | None
    outcome: str | None
    known: int


@dataclass(eq=False)
class Posted:
    """A body: when (microseconds; None for now), whether with reasons, the deals, and their histories.

    Attributes:
        histories: canonical rows by table: of each deal its own; or one of all, in which each deal has a mark
            of so many characters before its id and before that of all its records, account and people, so
            that no two deals share any.
        mark_length: of those marks; 0 where there are none.
        names: the deals' ids in their history.
    """

    as_of: int | None
    explain: bool
    deals: Sequence[PostedDeal]
    histories: Sequence[Rows]
    names: Sequence[str]
    mark_length: int = 0


def posted_of(body: bytes) -> Posted | None:
    """The histories of a body of the usual shape; None where it is of any other."""
    try:
        request = _DECODER.decode(body)
        deals: Sequence[Any] = request.opportunities
        if not deals:
            return None
        digits = len(str(len(deals)))
        marks = [f"{i:0{digits}}|" for i in range(len(deals))] if len(deals) > 1 else [""]
        tables = _columns_of(deals)
        _check_texts(tables)
        if len(deals) > 1:
            _mark(tables, marks)
        as_of = _read_times(tables, request.as_of)
        _check_once(tables)
        rows = {name: Columned(its.columns) for name, its in tables.items()}
        names = [mark + deal.opportunity_id for mark, deal in zip(marks, deals, strict=True)]
        return Posted(as_of, request.explain, _deals_of(deals, tables), [rows], names, len(marks[0]))
    except (_Unusual, msgspec.DecodeError, UnicodeDecodeError, OverflowError, RecursionError):
        return None


class _Unusual(Exception):
    """A body that pydantic has to read."""


def _type_of(column: Column) -> Any:
    if column.kind is Kind.NUMBER:
        return float if column.minimum is None else Annotated[float, msgspec.Meta(ge=column.minimum)]
    if column.kind is Kind.CATEGORY and column.allowed:
        words: Any = Literal.__getitem__(column.allowed)
        return words
    return _Text


def _field(column: Column, given: bool) -> tuple[str, Any] | tuple[str, Any, Any]:
    own = _type_of(column)
    if column.required and not given:
        return column.name, own
    return column.name, own | None, None


def _record(table: str, given: tuple[str, ...] = (), **more: tuple[Any, Any]) -> Any:
    """A decoded record: the table's columns in their order; those in `given` need not be there."""
    fields = [_field(column, column.name in given) for column in TABLES[table].columns]
    replaced: list[Any] = [(f[0], *more[f[0]]) if f[0] in more else f for f in fields]
    return msgspec.defstruct(f"_{table}", replaced, kw_only=True, gc=False, frozen=True)


_Activity = _record("activities", opportunity_id=(_Text | None | msgspec.UnsetType, msgspec.UNSET))
_Nested: Mapping[str, Any] = {
    "stage_changes": _record("stage_changes", ("opportunity_id",)),
    "field_changes": _record("field_changes", ("opportunity_id",)),
    "activities": _Activity,
    "contacts": _record("contacts", ("account_id",)),
    "orders": _record("orders", ("account_id",)),
    "leads": _record("leads"),
}
_Account = _record("accounts", ("account_id",))


class _Other(msgspec.Struct, kw_only=True, frozen=True):
    opportunity_id: _Text
    created_at: _Text
    closed_at: _Text | None = None
    outcome: Literal["won", "lost"] | None = None


_Deal = msgspec.defstruct(
    "_Deal",
    [
        *(_field(column, given=False) for column in TABLES["opportunities"].columns),
        *((name, list[record], msgspec.field(default_factory=list)) for name, record in _Nested.items()),  # type: ignore[valid-type]
        ("account", _Account | None, None),
        ("account_opportunities", list[_Other], msgspec.field(default_factory=list)),
    ],
    kw_only=True,
    frozen=True,
)


class _Request(msgspec.Struct, kw_only=True, frozen=True):
    as_of: _Text | None = None
    explain: bool = True
    opportunities: list[_Deal]  # type: ignore[valid-type]


_DECODER = msgspec.json.Decoder(_Request)
_OPPORTUNITIES = TABLES["opportunities"].column_names


@dataclass(eq=False)
class _Table:
    """The columns of a table's rows in the declared order (none without a row), and how many rows each deal
    has, one deal's after the other's."""

    columns: list[Any]
    counts: Sequence[int]

    def of_rows(self, each: Sequence[Any]) -> list[Any]:
        """What belongs to the deal of each row; `each`: one thing for every deal."""
        return list(chain.from_iterable(map(repeat, each, self.counts)))


def _columns_of(deals: Sequence[Any]) -> Mapping[str, _Table]:
    """The columns of all posted opportunities; see `schemas.rows_of`, which says what belongs to what."""
    blank = (None,) * len(_OPPORTUNITIES)
    rows: list[tuple[Any, ...]] = []
    for deal in deals:
        rows.append(msgspec.structs.astuple(deal)[: len(_OPPORTUNITIES)])
        for o in deal.account_opportunities:
            its = (o.opportunity_id, deal.account_id, o.created_at, o.closed_at, o.outcome)
            rows.append(_placed(blank, _AT_OTHER, its))
    tables = {"opportunities": _Table(_turned(rows), [1 + len(d.account_opportunities) for d in deals])}
    with_account = [deal for deal in deals if deal.account is not None]
    accounts = [(deal.account_id, *msgspec.structs.astuple(deal.account)[1:]) for deal in with_account]
    tables["accounts"] = _Table(_turned(accounts), [int(deal.account is not None) for deal in deals])
    for name in _Nested:
        each = [getattr(deal, name) for deal in deals]
        records = each[0] if len(each) == 1 else chain.from_iterable(each)
        tables[name] = _Table(_turned(map(msgspec.structs.astuple, records)), list(map(len, each)))
    own, account = [deal.opportunity_id for deal in deals], [deal.account_id for deal in deals]
    for name, table in tables.items():
        if table.columns:
            _place(_PLANS[name], table, own, account)
    return tables


def _turned(rows: Iterable[tuple[Any, ...]]) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True))


def _place(plan: _Plan, table: _Table, own: Sequence[str], account: Sequence[str]) -> None:
    """Put in the ids that a row's place gives."""
    columns = table.columns
    if plan.own is not None:
        columns[plan.own] = table.of_rows(own)
    if plan.of_account is not None:
        given = zip(columns[plan.of_account], table.of_rows(account), strict=True)
        columns[plan.of_account] = [its_deals if its is None else its for its, its_deals in given]
    if plan.of_deal is not None:
        given = zip(columns[plan.of_deal], table.of_rows(own), strict=True)
        columns[plan.of_deal] = [deal if its is msgspec.UNSET else its for its, deal in given]


def _mark(tables: Mapping[str, _Table], marks: Sequence[str]) -> None:
    """Put each deal's mark before the ids of its rows."""
    for name, table in tables.items():
        each, columns = table.of_rows(marks), table.columns
        for place in _PLANS[name].ids if columns else ():
            if None in columns[place]:
                pairs = zip(each, columns[place], strict=True)
                columns[place] = [None if its is None else mark + its for mark, its in pairs]
            else:
                columns[place] = list(map(add, each, columns[place]))


def _deals_of(deals: Sequence[Any], tables: Mapping[str, _Table]) -> Sequence[PostedDeal]:
    """What is asked of each deal itself, once times are read."""
    known, opened = _latest_known(tables), tables["opportunities"]
    firsts = list(accumulate(opened.counts, initial=0))[:-1]
    created, closed, outcome = (opened.columns[place] for place in _AT_OWN[1:])
    return [
        PostedDeal(deal.opportunity_id, created.item(at), _given(closed.item(at)), outcome[at], latest)
        for deal, at, latest in zip(deals, firsts, known, strict=True)
    ]


def _given(time: int) -> int | None:
    return None if time == MISSING else time


_AT_OWN = tuple(
    _OPPORTUNITIES.index(name) for name in ("opportunity_id", "created_at", "closed_at", "outcome")
)
_AT_OTHER = tuple(
    _OPPORTUNITIES.index(name)
    for name in ("opportunity_id", "account_id", "created_at", "closed_at", "outcome")
)


def _placed(row: tuple[Any, ...], places: Sequence[int], values: Sequence[Any]) -> tuple[Any, ...]:
    filled = list(row)
    for place, value in zip(places, values, strict=True):
        filled[place] = value
    return tuple(filled)


@dataclass(frozen=True)
class _Plan:
    """What is done with a table's columns, by their places."""

    times: tuple[int, ...]
    texts: tuple[int, ...]
    key: tuple[int, ...]
    at: int | None
    recorded: int | None
    own: int | None  # the column that is always the asked opportunity's id
    of_account: int | None  # the one that is its account's id where it is not given
    of_deal: int | None  # the one that is the asked opportunity's id where the key is absent
    ids: tuple[int, ...]  # of what belongs to one history alone


def _plan_of(name: str) -> _Plan:
    table = TABLES[name]
    names = table.column_names

    def place(column: str, *tables: str) -> int | None:
        return names.index(column) if name in tables or (not tables and column in names) else None

    texts = (Kind.KEY, Kind.REFERENCE, Kind.TEXT)
    return _Plan(
        tuple(i for i, column in enumerate(table.columns) if column.kind is Kind.TIME),
        tuple(
            i
            for i, column in enumerate(table.columns)
            if column.kind in texts or (column.kind is Kind.CATEGORY and not column.allowed)
        ),
        tuple(names.index(column) for column in table.key),
        place("at"),
        place("recorded_at"),
        place("opportunity_id", "stage_changes", "field_changes", "leads"),
        place("account_id", "contacts", "orders"),
        place("opportunity_id", "activities"),
        tuple(
            i
            for i, column in enumerate(table.columns)
            if column.kind in (Kind.KEY, Kind.REFERENCE) and column.name != "rep_id"
        ),
    )


_PLANS = {name: _plan_of(name) for name in TABLES}


def _check_texts(tables: Mapping[str, _Table]) -> None:
    """Raises _Unusual where a text has outer blanks."""
    texts: set[str | None] = set()
    for name, table in tables.items():
        its = [table.columns[place] for place in _PLANS[name].texts] if table.columns else []
        if its and len(its[0]) >= _MANY and not may_have_outer_blanks(filter(None, chain(*its))):
            continue  # a set of them would take longer
        texts.update(*its)
    texts.discard(None)
    given: list[str] = list(texts)  # type: ignore[arg-type]
    if list(map(str.strip, given)) != given:
        raise _Unusual


def _read_times(tables: Mapping[str, _Table], as_of: str | None) -> int | None:
    """Put the times into microseconds, `MISSING` for none; those of `as_of`.

    Raises:
        _Unusual: one is not plainly written, or lies about the ends of the years that are read.
    """
    texts: list[str | None] = [as_of]
    for name, table in tables.items():
        for place in _PLANS[name].times if table.columns else ():
            texts += table.columns[place]
    micros = usual_instants(texts)
    if micros is None:
        micros = _exactly(texts)
    begin = 1
    for name, table in tables.items():
        for place in _PLANS[name].times if table.columns else ():
            end = begin + len(table.columns[place])
            table.columns[place] = micros[begin:end]
            begin = end
    return None if as_of is None else micros.item(0)


def _exactly(texts: Sequence[str | None]) -> IntArray:
    given = [text for text in texts if text is not None]
    for text in given:
        if len(text) > _SHORT and not (len(text) == _LONG and text[26] in "+-"):
            raise _Unusual  # more digits than a time keeps: the exact rule cuts them off
    found = [(time - _EPOCH) // _MICRO for time in msgspec.convert(given, list[_Aware])]
    if found and not (min(found) >= FIRST and max(found) <= LAST):
        raise _Unusual
    micros = iter(found)
    return np.array([MISSING if text is None else next(micros) for text in texts], np.int64)


def _check_once(tables: Mapping[str, _Table]) -> None:
    """Raises _Unusual where two rows are of one key and time: by which of them counts there are rules."""
    for name, table in tables.items():
        plan, columns = _PLANS[name], table.columns
        if not columns or len(set(columns[plan.key[0]])) == len(columns[plan.key[0]]):
            continue
        parts = [plain(columns[place]) for place in plan.key]
        keys = parts[0] if len(parts) == 1 else list(zip(*parts, strict=True))
        if len(set(keys)) == len(keys):
            continue
        if plan.at is None or plan.recorded is None:
            raise _Unusual
        at, told, times = plain(columns[plan.at]), plain(columns[plan.recorded]), Counter(keys)
        again = [(key, at[i] if told[i] is None else told[i]) for i, key in enumerate(keys) if times[key] > 1]
        if len(set(again)) < len(again):
            raise _Unusual


def _latest_known(tables: Mapping[str, _Table]) -> list[int]:
    """The latest instant at which any of each deal's rows was recorded, in microseconds."""
    opened = tables["opportunities"]
    latest = np.full(len(opened.counts), FIRST, np.int64)
    created = opened.columns[_OPPORTUNITIES.index("created_at")]
    put_latest(created, created, np.array(opened.counts), latest)
    for name, table in tables.items():
        plan = _PLANS[name]
        if table.columns and plan.at is not None and plan.recorded is not None:
            at, told = table.columns[plan.at], table.columns[plan.recorded]
            put_latest(at, told, np.array(table.counts), latest)
    return latest.tolist()
