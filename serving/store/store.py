"""One store of one tenant: the door of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from serving.store import migrate
from serving.store.appending import Appended, Call, append
from serving.store.connections import Connections, Run
from serving.store.reading import StoredRows, read_around
from serving.store.receipts import Receipt, history_of, insert_receipts, receipt_of
from serving.store.schema import DEFAULT_TENANT
from serving.store.statements import CONFIG, WATERMARK, Statements

_AT_ONCE = 20_000  # rows that are read with one statement


@dataclass(frozen=True)
class Watermark:
    """Up to where a tenant's records go: the last `seq`, and when it came in (None: nothing has)."""

    seq: int
    received_at: int | None


class Store:
    """Opens lazily; safe to be shared by threads.

    Every method raises StoreAway where the database does not answer.
    """

    def __init__(self, address: str, tenant: int = DEFAULT_TENANT) -> None:
        """Raises StoreError where the address is none."""
        self._connections = Connections(address)
        self._statements = Statements(self._connections.engine.dialect)
        self._tenant = tenant
        self.shown = self._connections.shown

    @property
    def is_local(self) -> bool:
        """Whether it is a file, which answers without a way to a server."""
        return self._connections.is_sqlite

    def upgrade(self) -> bool:
        """Bring the tables up to this version; whether anything was to be done."""
        return migrate.upgrade(self._connections)

    def check(self) -> None:
        """Raises StoreMismatch unless the tables are of this version."""
        migrate.check(self._connections)

    def watermark(self) -> Watermark:
        """Up to where the records go by now."""
        found = self._one(WATERMARK)
        return Watermark(0, None) if found is None else Watermark(*found)

    def around(self, opportunity_id: str, watermark: int) -> StoredRows:
        """What was known up to a `seq` of one opportunity and its account.

        Raises:
            UnknownEntity: there was no such opportunity.
        """
        found: StoredRows = self._connections.read(
            lambda run: read_around(run, self._statements, self._tenant, opportunity_id, watermark)
        )
        return found

    def latest(self, opportunity_id: str) -> tuple[Watermark, StoredRows]:
        """What is known by now of one opportunity and its account, and up to where.

        Raises:
            UnknownEntity: there is no such opportunity.
        """

        def work(run: Run) -> tuple[Watermark, StoredRows]:
            found = run(self._statements.other[WATERMARK], {"tenant": self._tenant}).fetchone()
            mark = Watermark(0, None) if found is None else Watermark(*found)
            return mark, read_around(run, self._statements, self._tenant, opportunity_id, mark.seq)

        both: tuple[Watermark, StoredRows] = self._connections.read(work)
        return both

    def named(self, after: int, watermark: int) -> frozenset[str]:
        """All ids that the records name which came in after a `seq` and up to another."""
        asked = {"tenant": self._tenant, "after": after, "watermark": watermark}

        def work(run: Run) -> frozenset[str]:
            rows = (row for text in self._statements.naming.values() for row in run(text, asked).fetchall())
            return frozenset(value for row in rows for value in row)

        found: frozenset[str] = self._connections.read(work)
        return found

    def append(self, call: Call, answer_of: Callable[[Appended], str]) -> str:
        """The answer to a call, whose records are durable when it is given; see `appending.append`."""
        return append(self._connections, self._statements, self._tenant, call, answer_of)

    def config(self, watermark: int) -> str | None:
        """The text of the latest `pipeline.toml`; None where none was kept."""
        found = self._one(CONFIG, watermark=watermark)
        return None if found is None else str(found[0])

    def portions(
        self, table: str, watermark: int, after: int = 0, at_once: int = _AT_ONCE
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        """The rows of a table that came in after a `seq` and up to another, in the order in which they came,
        so many at a time: the declared columns, `extra`, `seq`."""
        text = self._statements.portions[table]
        asked = {"tenant": self._tenant, "watermark": watermark, "limit": at_once}
        full = True
        while full:
            rows = self._connections.read(partial(_fetched, text, asked | {"after": after}))
            if rows:
                yield rows
                after = rows[-1][-1]
            full = len(rows) == at_once

    def keep_receipts(self, receipts: Sequence[Receipt]) -> None:
        """Write receipts in one transaction; one that is kept already stays as it is."""
        with self._connections.appending() as run:
            insert_receipts(run, self._statements, self._tenant, receipts)

    def receipt(self, prediction_id: str) -> Receipt:
        """A score's receipt. Raises UnknownPrediction where none is kept."""
        found: Receipt = self._connections.read(
            lambda run: receipt_of(run, self._statements, self._tenant, prediction_id)
        )
        return found

    def scores_of(
        self, opportunity_id: str, limit: int, before: tuple[int, int] | None = None
    ) -> Sequence[tuple[int, Receipt]]:
        """The scores given of an opportunity, the latest `as_of` first, with their numbers.

        Args:
            before: `as_of` and number of the last one seen.
        """
        found: Sequence[tuple[int, Receipt]] = self._connections.read(
            lambda run: history_of(run, self._statements, self._tenant, (opportunity_id, limit, before))
        )
        return found

    def close(self) -> None:
        """Close the connections that are kept."""
        self._connections.drop_all()

    def _one(self, name: str, **more: Any) -> Any:
        asked = {"tenant": self._tenant, **more}
        text = self._statements.other[name]
        return self._connections.read(lambda run: run(text, asked).fetchone(), one_statement=True)


def _fetched(text: str, asked: Mapping[str, Any], run: Run) -> Sequence[tuple[Any, ...]]:
    rows: Sequence[tuple[Any, ...]] = run(text, asked).fetchall()
    return rows


def open_store(address: str) -> Store:
    """A store whose tables are of this version: made, or brought up to it, by whoever comes first.

    Raises:
        StoreError: the address is none, the store does not answer, or a later version made it.
    """
    store = Store(address)
    store.upgrade()
    return store
