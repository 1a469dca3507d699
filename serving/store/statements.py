"""The store's SQL, written with SQLAlchemy and kept as text: running it costs the driver's time alone.

Each statement takes its parameters by name. Each reads one tenant, up to one `seq`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    Dialect,
    Select,
    Text,
    UnaryExpression,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy import Table as Sql
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.operators import custom_op

from features.tables import TABLES
from serving.store.connections import Run
from serving.store.schema import BATCHES, CONFIGS, LOOKED_UP_BY, MOVED, RECEIPTS, RECORDS

WATERMARK, CONFIG, EXISTING_DEALS, NEXT_SEQ = "watermark", "config", "existing_deals", "next_seq"
BATCH_OF_KEY, RECEIPT, HISTORY = "batch_of_key", "receipt", "history"
# By which columns a record may change what is read around a deal: a changed field's value may be a rep.
NAMING: Mapping[str, tuple[str, ...]] = {
    name: tuple(c for c in table.column_names if c.endswith("_id") or (name, c) == ("field_changes", "value"))
    for name, table in TABLES.items()
}
_ROWS_AT_ONCE = 500
# SQLite's driver lets go of the interpreter with each statement, and waits for it up to 5 ms where other
# threads are busy. With more rows a statement costs more than it saves; 999 values fit in any version.
_ROWS_AT_ONCE_OF_SQLITE = 32
_ONE: ColumnElement[Any] = literal_column("1")


@dataclass(frozen=True)
class Insert:
    """An insert of rows, several at once where each statement is a way to a server and back."""

    head: str
    marks: str
    tail: str
    at_once: int

    def run(self, run: Run, rows: Sequence[tuple[Any, ...]]) -> None:
        for start in range(0, len(rows), self.at_once):
            some = rows[start : start + self.at_once]
            text = self.head + ", ".join([self.marks] * len(some)) + self.tail
            run(text, tuple(chain.from_iterable(some)))


class Statements:
    """Every statement as the text of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.is_sqlite = dialect.name == "sqlite"
        self.around = {name: self._text(each) for name, each in self._around().items()}
        self.versions = {name: self._text(self._versions(name)) for name in TABLES}
        self.portions = {name: self._text(_portion(name)) for name in TABLES}
        self.naming = {name: self._text(self._naming(name)) for name in TABLES}
        self.insert = {name: self._insert(RECORDS[name]) for name in TABLES}
        self.insert_batch, self.insert_config = self._insert(BATCHES), self._insert(CONFIGS)
        self.insert_moved = self._insert(MOVED)
        self.insert_receipt = self._insert(RECEIPTS, ("seq",), " ON CONFLICT DO NOTHING")
        self.other = {name: self._text(each) for name, each in self._others().items()}

    def ids(self, values: Iterable[str]) -> Any:
        """Several ids as one parameter."""
        return json.dumps(list(values)) if self.is_sqlite else list(values)

    def _among(self, column: ColumnElement[Any], name: str) -> ColumnElement[Any]:
        """Whether a column is one of the ids that one parameter holds."""
        if self.is_sqlite:
            each = func.json_each(bindparam(name)).table_valued("value")
            return column.in_(select(each.c.value))
        return column == func.any(bindparam(name, type_=ARRAY(Text)))

    def _around(self) -> Mapping[str, Select[Any] | CompoundSelect[Any]]:
        """What the history of one opportunity holds: each record in all versions, if it ever was of it."""
        deals = RECORDS["opportunities"]
        mine = _known(select(deals.c.account_id), deals).where(
            deals.c.opportunity_id == bindparam("opportunity")
        )
        account = _last(mine, _ONE, deals.c.seq).scalar_subquery()
        siblings = _known(select(deals.c.opportunity_id), deals).where(deals.c.account_id == account)
        of_deal: ColumnElement[Any] = bindparam("opportunity")
        of_account: ColumnElement[Any] = bindparam("account")
        bought, people, led = RECORDS["orders"], RECORDS["contacts"], RECORDS["leads"]
        its_people = _known(select(people.c.contact_id), people).where(people.c.account_id == of_account)
        named = _known(select(people.c.contact_id), people).where(
            self._among(people.c.contact_id, "contacts")
        )
        return {
            "opportunities": _rows("opportunities").where(deals.c.opportunity_id.in_(siblings)),
            "accounts": _rows("accounts").where(RECORDS["accounts"].c.account_id == of_account),
            **{
                name: _rows(name).where(RECORDS[name].c.opportunity_id == of_deal)
                for name in ("stage_changes", "field_changes")
            },
            "leads": _rows("leads").where(
                led.c.lead_id.in_(_known(select(led.c.lead_id), led).where(led.c.opportunity_id == of_deal))
            ),
            "activities": self._activities(of_account),
            "orders": _rows("orders").where(
                bought.c.order_id.in_(
                    _known(select(bought.c.order_id), bought).where(bought.c.account_id == of_account)
                )
            ),
            "contacts": _rows("contacts").where(people.c.contact_id.in_(its_people.union(named))),
            "reps": _rows("reps").where(self._among(RECORDS["reps"].c.rep_id, "reps")),
        }

    def _activities(self, of_account: ColumnElement[Any]) -> CompoundSelect[Any]:
        """Those of the account, those of its deals, and all versions of those that came or went; one may
        be found twice."""
        done = RECORDS["activities"]
        moved = [
            _known(select(MOVED.c.activity_id), MOVED).where(where)
            for where in (MOVED.c.account_id == of_account, self._among(MOVED.c.opportunity_id, "deals"))
        ]
        elsewhere = done.c.account_id.is_distinct_from(of_account)
        return union_all(
            _rows("activities").where(done.c.account_id == of_account),
            _rows("activities").where(self._among(done.c.opportunity_id, "deals"), elsewhere),
            _rows("activities").where(done.c.activity_id.in_(moved[0].union(moved[1]))),
        )

    def _versions(self, name: str) -> Select[Any]:
        """All rows of the keys that one parameter names; of changes, those of the opportunities."""
        column = RECORDS[name].c[LOOKED_UP_BY[name][0]]
        return _rows(name).where(self._among(column, "ids"))

    def _naming(self, name: str) -> Select[Any]:
        """What the rows that came in after a `seq` name."""
        table = RECORDS[name]
        return _since(select(*(table.c[column] for column in NAMING[name])), table)

    def _others(self) -> Mapping[str, Select[Any]]:
        deals = RECORDS["opportunities"]
        tenant: ColumnElement[Any] = bindparam("tenant")
        receipt = select(*RECEIPTS.c).where(RECEIPTS.c.tenant == tenant)
        return {
            WATERMARK: _last(
                select(BATCHES.c.seq, BATCHES.c.received_at).where(BATCHES.c.tenant == tenant),
                _ONE,
                BATCHES.c.seq,
            ),
            CONFIG: _last(_known(select(CONFIGS.c.toml), CONFIGS), _ONE, CONFIGS.c.seq),
            EXISTING_DEALS: _known(select(deals.c.opportunity_id), deals).where(
                self._among(deals.c.opportunity_id, "ids")
            ),
            # The numbers are the whole store's, so that a row's is its own among all tenants.
            NEXT_SEQ: select(func.coalesce(func.max(BATCHES.c.seq), literal_column("0"))),
            BATCH_OF_KEY: select(BATCHES.c.body_hash, BATCHES.c.answer).where(
                BATCHES.c.tenant == tenant, BATCHES.c.idempotency_key == bindparam("idempotency_key")
            ),
            RECEIPT: receipt.where(RECEIPTS.c.prediction_id == bindparam("prediction")),
            HISTORY: _last(
                receipt.where(
                    RECEIPTS.c.opportunity_id == bindparam("opportunity"),
                    or_(
                        RECEIPTS.c.as_of < bindparam("before_as_of"),
                        and_(
                            RECEIPTS.c.as_of == bindparam("before_as_of"),
                            RECEIPTS.c.seq < bindparam("before_seq"),
                        ),
                    ),
                ),
                bindparam("limit"),
                RECEIPTS.c.as_of,
                RECEIPTS.c.seq,
            ),
        }

    def _text(self, statement: ClauseElement) -> str:
        return str(statement.compile(dialect=self._dialect))

    def _insert(self, table: Sql, without: tuple[str, ...] = (), tail: str = "") -> Insert:
        names = [column.name for column in table.c if column.name not in without]
        marks = ", ".join(["?" if self.is_sqlite else "%s"] * len(names))
        head = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES "
        at_once = _ROWS_AT_ONCE_OF_SQLITE if self.is_sqlite else _ROWS_AT_ONCE
        return Insert(head, f"({marks})", tail, at_once)


def _rows(name: str) -> Select[Any]:
    """A table's rows; see `_columns`."""
    return _known(select(*_columns(name)), RECORDS[name])


def _portion(name: str) -> Select[Any]:
    """Some of a table's rows, the first that came in after a `seq`."""
    table = RECORDS[name]
    ordered = _since(select(*_columns(name)), table).order_by(table.c.seq)
    return ordered.limit(bindparam("limit")).offset(literal_column("0"))


def _since(statement: Select[Any], table: Sql) -> Select[Any]:
    """The rows that came in after a `seq`.

    Under the plus no index answers for the tenant: SQLite would take it and look at all rows of the tenant.
    """
    tenant: ColumnElement[Any] = UnaryExpression(table.c.tenant, operator=custom_op("+"))
    return statement.where(
        tenant == bindparam("tenant"),
        table.c.seq > bindparam("after"),
        table.c.seq <= bindparam("watermark"),
    )


def _columns(name: str) -> list[ColumnElement[Any]]:
    """A table's declared columns in their order, then `extra` and `seq`."""
    table = RECORDS[name]
    return [*(table.c[column] for column in TABLES[name].column_names), table.c.extra, table.c.seq]


def _known(statement: Select[Any], table: Sql) -> Select[Any]:
    return statement.where(table.c.tenant == bindparam("tenant"), table.c.seq <= bindparam("watermark"))


def _last(statement: Select[Any], limit: Any, *columns: ColumnElement[Any]) -> Select[Any]:
    """The last rows by some columns; the offset is written, or SQLite's dialect makes a parameter of it."""
    ordered = statement.order_by(*(column.desc() for column in columns))
    return ordered.limit(limit).offset(literal_column("0"))
