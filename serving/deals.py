"""The deals of a store that were asked for last, as they were read, while no later record names them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from features.from_rows import history_from_rows
from features.tables import TABLES
from serving.histories import Histories
from serving.kept import digest_of
from serving.store.reading import StoredRows, under
from serving.store.statements import NAMING
from serving.store.store import Store, Watermark

FEW = 5_000  # new rows of the store that are looked at; after more than that everything is read again

_NAMING: Mapping[str, tuple[int, ...]] = {
    table: tuple(TABLES[table].column_names.index(name) for name in names) for table, names in NAMING.items()
}


@dataclass(frozen=True)
class Deal:
    """What a store knew of one opportunity and its account.

    Attributes:
        rows: see `store.reading.read_around`.
        seq: the watermark up to which they were read.
    """

    rows: StoredRows
    seq: int

    @cached_property
    def histories(self) -> Histories:
        rows = self.rows
        return Histories(lambda conventions: history_from_rows(under(rows, conventions), conventions))

    @cached_property
    def data(self) -> str:
        """Digest of the records."""
        return digest_of(self.rows)

    @cached_property
    def names(self) -> frozenset[str]:
        """The ids of everything that the rows are, or name: what a record must name to change them."""
        return frozenset(row[i] for table, its in self.rows.items() for i in _NAMING[table] for row in its)

    @cached_property
    def size(self) -> int:
        return sum(map(len, self.rows.values()))


class Deals:
    """The deals used last, up to so many rows. Threads may share it."""

    def __init__(self, store: Store, most_rows: int) -> None:
        self._store, self._most = store, most_rows
        self._kept: OrderedDict[str, Deal] = OrderedDict()
        self._rows = self._seq = 0
        self._lock = threading.Lock()

    def latest(self, opportunity_id: str, mark: Watermark) -> tuple[Watermark, Deal]:
        """What is known of an opportunity at the store's watermark, or a later one, and that watermark.

        Raises:
            UnknownEntity: there is no such opportunity.
            StoreAway: the store does not answer.
        """
        if mark.seq != self._seq:
            self._catch_up(mark.seq)
        deal = self._found(opportunity_id)
        if deal is not None and deal.seq <= mark.seq:
            return mark, deal
        mark, rows = self._store.latest(opportunity_id)
        deal = Deal(rows, mark.seq)
        self._keep(opportunity_id, deal)
        return mark, deal

    def _found(self, opportunity_id: str) -> Deal | None:
        with self._lock:
            if opportunity_id not in self._kept:
                return None
            self._kept.move_to_end(opportunity_id)
            return self._kept[opportunity_id]

    def _catch_up(self, seq: int) -> None:
        """Let go of what the records up to `seq` changed."""
        with self._lock:
            if seq <= self._seq:
                return
            few = self._kept and seq - self._seq <= FEW
            named = self._store.named(self._seq, seq) if few else frozenset()
            gone = [name for name, deal in self._kept.items() if not (few and deal.names.isdisjoint(named))]
            for name in gone:
                self._rows -= self._kept.pop(name).size
            self._seq = seq

    def _keep(self, opportunity_id: str, deal: Deal) -> None:
        with self._lock:
            if deal.seq < self._seq:  # others have seen a later record, which may be of this one
                return
            before = self._kept.pop(opportunity_id, None)
            self._kept[opportunity_id] = deal
            self._rows += deal.size - (0 if before is None else before.size)
            while self._rows > self._most:
                self._rows -= self._kept.popitem(last=False)[1].size

    def __len__(self) -> int:
        return len(self._kept)
