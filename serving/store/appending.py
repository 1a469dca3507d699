"""Records written: all that one call brings in one transaction, judged against what is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from features.tables import TABLES
from serving.store.connections import Connections, Run
from serving.store.errors import KeyReused
from serving.store.schema import LOOKED_UP_BY
from serving.store.statements import BATCH_OF_KEY, EXISTING_DEALS, NEXT_SEQ, Insert, Statements
from serving.store.verdicts import BELONG_TO_OPPORTUNITIES, STORED, Judge, Verdict
from serving.store.versions import StoredRow

_ORDER = ("opportunities", *(name for name in TABLES if name != "opportunities"))
_UP_TO_ALL = 2**62  # a writer sees everything, and nobody else writes meanwhile

Records = Mapping[str, Sequence[StoredRow]]  # the declared columns in their order, then `extra`


@dataclass(frozen=True)
class Once:
    """What makes a call happen once: the caller's key, and the hash of the body it came with."""

    key: str
    body_hash: str


@dataclass(frozen=True)
class Appended:
    """What became of a call's records.

    Attributes:
        received_at: when they came in, in microseconds.
        watermark: the store's `seq` behind them.
        verdicts: by table, in the order of the records.
    """

    received_at: int
    watermark: int
    verdicts: Mapping[str, Sequence[Verdict]]


@dataclass(frozen=True)
class Call:
    """One call that brings records.

    Attributes:
        records: by table.
        clock: tells when they came in, in microseconds; asked when no other writer is at work any more, so
            that nothing seems known while it still waits.
        backfill: records without `recorded_at` were known when they happened, not now.
        config: the text of a `pipeline.toml` to be kept with them.
        once: makes it happen once.
    """

    records: Records
    clock: Callable[[], int]
    backfill: bool = False
    config: str | None = None
    once: Once | None = None


def append(
    connections: Connections,
    statements: Statements,
    tenant: int,
    call: Call,
    answer_of: Callable[[Appended], str],
) -> str:
    """The answer to a call, whose records are on the disk when it is given.

    Args:
        answer_of: makes the answer, which is kept with the call's key and given again when the key comes
            again.

    Raises:
        KeyReused: the key came before with another body.
        StoreFull, StoreAway: nothing was kept.
    """
    with connections.appending() as run:
        if call.once is not None and (earlier := _earlier(run, statements, tenant, call.once)) is not None:
            return earlier
        writer = _Writer(run, statements, tenant, call)
        appended = writer.write()
        answer = answer_of(appended)
        writer.close(answer)
    return answer


def _earlier(run: Run, statements: Statements, tenant: int, once: Once) -> str | None:
    asked = {"tenant": tenant, "idempotency_key": once.key}
    found = run(statements.other[BATCH_OF_KEY], asked).fetchone()
    if found is None:
        return None
    if found[0] != once.body_hash:
        raise KeyReused("this Idempotency-Key came before with another body; give each call its own")
    return str(found[1])


class _Writer:
    """One call's records on their way into one transaction."""

    def __init__(self, run: Run, statements: Statements, tenant: int, call: Call) -> None:
        self._run, self._statements, self._tenant, self._call = run, statements, tenant, call
        self._first = self._seq = int(run(statements.other[NEXT_SEQ]).fetchone()[0])
        self._received_at = call.clock()
        self._stamp = (tenant, self._received_at)

    def write(self) -> Appended:
        deals = self._deals_named()
        verdicts: dict[str, list[Verdict]] = {}
        for table in _ORDER:
            rows = self._call.records.get(table, ())
            if rows:
                needed = deals if table in BELONG_TO_OPPORTUNITIES else None
                verdicts[table], kept = self._judged(table, rows, needed)
                self._insert(self._statements.insert[table], kept)
            if table == "opportunities":
                deals.update(row[0] for row in rows)
        if self._call.config is not None:
            self._seq += 1
            values = (self._seq, *self._stamp, self._call.config)
            self._statements.insert_config.run(self._run, [values])
        self._moved = self._seq > self._first
        watermark = self._seq + 1 if self._moved or self._call.once else self._seq
        return Appended(self._received_at, watermark, verdicts)

    def close(self, answer: str) -> None:
        """The batch's own row; none where nothing was kept and nothing must be remembered."""
        once = self._call.once
        if self._moved or once:
            said = (once.key, once.body_hash, answer) if once else (None, None, None)
            self._statements.insert_batch.run(self._run, [(self._seq + 1, *self._stamp, *said)])

    def _deals_named(self) -> set[str]:
        """The opportunities that the records name and the store has."""
        named: set[str] = set()
        for table in BELONG_TO_OPPORTUNITIES:
            place = TABLES[table].column_names.index("opportunity_id")
            named.update(row[place] for row in self._call.records.get(table, ()))
        named.discard(None)
        if not named:
            return set()
        asked = self._asked(ids=self._statements.ids(named))
        return {row[0] for row in self._run(self._statements.other[EXISTING_DEALS], asked).fetchall()}

    def _judged(
        self, table: str, rows: Sequence[StoredRow], deals: set[str] | None
    ) -> tuple[list[Verdict], list[StoredRow]]:
        place = itemgetter(TABLES[table].column_names.index(LOOKED_UP_BY[table][0]))
        asked = self._asked(ids=self._statements.ids(set(map(place, rows))))
        stored = self._run(self._statements.versions[table], asked).fetchall()
        judge = Judge(table, stored, self._received_at, backfill=self._call.backfill, deals=deals)
        judged = [judge.judge(row) for row in rows]
        self._insert(self._statements.insert_moved, judge.moved)
        return [verdict for verdict, _ in judged], [
            row for verdict, row in judged if verdict.status == STORED
        ]

    def _insert(self, insert: Insert, rows: Sequence[tuple[Any, ...]]) -> None:
        first = self._seq + 1
        self._seq += len(rows)
        numbered = [(first + i, *self._stamp, *row) for i, row in enumerate(rows)]
        insert.run(self._run, numbered)

    def _asked(self, **more: Any) -> dict[str, Any]:
        return {"tenant": self._tenant, "watermark": _UP_TO_ALL, **more}
