"""Posted histories of the usual shape, decoded straight into canonical rows.

pydantic's models (`serving.schemas`) say what a body may be, and refuse what it may not. Reading a history
of a hundred records by them takes a millisecond. A body that is written as it is documented (times with an
offset, ids as text, categories in lower case, no record twice) gives the same rows here in a fifth of it.
Whatever else a body holds, this file says `None`, and pydantic reads it again from the beginning: it alone
finds errors and words them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec

from features.from_rows import Rows
from features.row_columns import Columned
from features.tables import TABLES, Column, Kind
from features.times import EARLIEST, LATEST
from serving.instants import usual_instants

Columns = Mapping[str, list[Sequence[Any]]]  # of each table in the declared order; none without a row

_EPOCH, _MICRO, _DAY = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1), 86_400_000_000
_FIRST, _LAST = EARLIEST + _DAY, LATEST - _DAY  # what lies about the ends is left to the exact rule
_Aware = Annotated[datetime, msgspec.Meta(tz=True)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
_SHORT, _LONG = 27, 32  # characters of a time with microseconds: with a Z, with an offset


@dataclass(frozen=True)
class PostedHistory:
    """One posted opportunity.

    Attributes:
        opportunity_id, created_at, closed_at, outcome: its own; times in microseconds.
        known: the latest instant at which any of the rows was recorded.
        rows: canonical rows by table, held by their columns, or mappings.
    """

    opportunity_id: str
    created_at: int
    closed_at: int | None
    outcome: str | None
    known: int
    rows: Rows


@dataclass(frozen=True)
class Posted:
    """A body: when (microseconds; None for now), whether with reasons, and the histories."""

    as_of: int | None
    explain: bool
    histories: Sequence[PostedHistory]


def posted_of(body: bytes) -> Posted | None:
    """The histories of a body of the usual shape; None where it is of any other."""
    try:
        request = _DECODER.decode(body)
        as_of = None if request.as_of is None else _micros_of([request.as_of])[0]
        if not request.opportunities:
            return None
        return Posted(as_of, request.explain, [_history_of(deal) for deal in request.opportunities])
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


def _history_of(deal: Any) -> PostedHistory:
    tables = _columns_of(deal)
    _read(tables)
    deals = tables["opportunities"]
    name, created, closed, outcome = (deals[place][0] for place in _AT_OWN)
    rows = {name: Columned(columns) for name, columns in tables.items()}
    return PostedHistory(name, created, closed, outcome, _latest_known(tables), rows)


def _columns_of(deal: Any) -> Columns:
    """The columns of one posted opportunity; see `schemas.rows_of`, which says what belongs to what."""
    values = msgspec.structs.astuple(deal)[: len(_OPPORTUNITIES)]
    own, account = values[0], values[1]
    found: dict[str, list[tuple[Any, ...]]] = {
        name: list(map(msgspec.structs.astuple, getattr(deal, name))) for name in _Nested
    }
    blank = (None,) * len(_OPPORTUNITIES)
    others = [
        _placed(blank, _AT_OTHER, (o.opportunity_id, account, o.created_at, o.closed_at, o.outcome))
        for o in deal.account_opportunities
    ]
    accounts = [] if deal.account is None else [(account, *msgspec.structs.astuple(deal.account)[1:])]
    tables = {"opportunities": [values, *others], "accounts": accounts, **found}
    return {name: _placed_columns(_PLANS[name], rows, own, account) for name, rows in tables.items()}


def _placed_columns(
    plan: _Plan, rows: Sequence[tuple[Any, ...]], own: str, account: str
) -> list[Sequence[Any]]:
    """The columns of a table's rows, with the ids that their place gives; none where there is no row."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    if not columns:
        return columns
    if plan.own is not None:
        columns[plan.own] = (own,) * len(rows)
    if plan.of_account is not None:
        columns[plan.of_account] = [account if its is None else its for its in columns[plan.of_account]]
    if plan.of_deal is not None:
        columns[plan.of_deal] = [own if its is msgspec.UNSET else its for its in columns[plan.of_deal]]
    return columns


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
    )


_PLANS = {name: _plan_of(name) for name in TABLES}


def _read(tables: Columns) -> None:
    """Put the times into microseconds.

    Raises _Unusual where a text has outer blanks, a time is not plainly one, or a record comes twice.
    """
    texts: set[str | None] = set()
    times: list[str | None] = []
    for name, columns in tables.items():
        if columns:
            plan = _PLANS[name]
            texts.update(*(columns[place] for place in plan.texts))
            for place in plan.times:
                times += columns[place]
    given = [text for text in texts if text is not None]
    if list(map(str.strip, given)) != given:
        raise _Unusual
    micros = iter(_micros_of([text for text in times if text is not None]))
    for name, columns in tables.items():
        if columns:
            plan = _PLANS[name]
            for place in plan.times:
                columns[place] = _in_turn(micros, columns[place])
            _check_once(plan, columns)


def _in_turn(micros: Iterator[int], texts: Sequence[str | None]) -> list[int | None]:
    """The next of the instants for each text that is given."""
    if None in texts:
        return [None if text is None else next(micros) for text in texts]
    return list(islice(micros, len(texts)))


def _micros_of(texts: Sequence[str]) -> list[int]:
    found = usual_instants(texts)
    if found is None:
        found = _exactly(texts)
    if found and not (min(found) >= _FIRST and max(found) <= _LAST):
        raise _Unusual
    return found


def _exactly(every: Sequence[str]) -> list[int]:
    for text in every:
        if len(text) > _SHORT and not (len(text) == _LONG and text[26] in "+-"):
            raise _Unusual  # more digits than a time keeps: the exact rule cuts them off
    times = msgspec.convert(every, list[_Aware])
    return [(time - _EPOCH) // _MICRO for time in times]


def _check_once(plan: _Plan, columns: Sequence[Sequence[Any]]) -> None:
    """Raises _Unusual where two rows are of one key and time: by which of them counts there are rules."""
    first = columns[plan.key[0]]
    if len(set(first)) == len(first):
        return
    parts = [columns[place] for place in plan.key]
    if plan.at is not None and plan.recorded is not None:
        at, told = columns[plan.at], columns[plan.recorded]
        parts.append([t or a for a, t in zip(at, told, strict=True)])
    if len(set(zip(*parts, strict=True))) < len(first):
        raise _Unusual


def _latest_known(tables: Columns) -> int:
    """The latest instant at which any of the rows was recorded, in microseconds."""
    latest = max(tables["opportunities"][_OPPORTUNITIES.index("created_at")])
    for name, columns in tables.items():
        plan = _PLANS[name]
        if columns and plan.at is not None and plan.recorded is not None:
            at, told = columns[plan.at], columns[plan.recorded]
            latest = max(latest, *(a if t is None else t for a, t in zip(at, told, strict=True)))
    return int(latest)
