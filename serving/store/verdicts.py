"""What becomes of each record that comes in: kept, known already, or refused.

A record without `recorded_at` that is not a backfill became known when it came in. It is a repeat where
the version that is in force says the same, else a correction. One whose `recorded_at` is given is a repeat
where the version of that time says the same; where it says something else, the content decides, as in the
cleaning of a data set: the greater is kept, the other refused, whichever came first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from features.tables import TABLES
from serving.store.versions import StoredRow, by_key, content_of, key_of, known_of, rank_of

STORED, REPEAT, REFUSED = "stored", "repeat", "refused"


@dataclass(frozen=True)
class Verdict:
    """What became of one record; where it was refused: in which column, why, and never what it held."""

    status: str
    column: str = ""
    rule: str = ""
    message: str = ""

    def to_dict(self) -> dict[str, str]:
        if self.status != REFUSED:
            return {"status": self.status}
        return {"status": self.status, "at": self.column, "rule": self.rule, "message": self.message}


_STORED, _REPEAT = Verdict(STORED), Verdict(REPEAT)
_OUTRANKED = Verdict(
    REFUSED, "recorded_at", "repeated_key",
    "another content of this key and time is kept, and the greater counts as in the cleaning of a data set;"
    " give a correction its own recorded_at",
)  # fmt: skip
_UNKNOWN_DEAL = Verdict(
    REFUSED, "opportunity_id", "unknown_reference",
    "no such opportunity is kept; send it before this record, or in the same call",
)  # fmt: skip
# Their rows say nothing without their opportunity, as in the cleaning of a data set.
BELONG_TO_OPPORTUNITIES = ("stage_changes", "field_changes", "activities")


class Judge:
    """Judges the records of one table in their order, knowing what is kept of their keys.

    Args:
        table: its name.
        kept: all stored rows of the keys (see `versions.StoredRow`).
        received_at: when the records came in, in microseconds.
        backfill: a record without `recorded_at` was known when it happened.
        deals: the opportunities that are kept; None where nothing must name one.

    Attributes:
        moved: of activities that name another deal or account than a kept version does: their id, and what
            each version names.
    """

    def __init__(
        self,
        table: str,
        kept: Sequence[StoredRow],
        received_at: int,
        *,
        backfill: bool,
        deals: set[str] | None,
    ) -> None:
        self._table, self._received_at, self._backfill = table, received_at, backfill
        self._kept = dict(by_key(table, kept))
        self._key, self._two_clocks = key_of(table), TABLES[table].has_two_clocks
        names = TABLES[table].column_names
        self._recorded = names.index("recorded_at") if self._two_clocks else -1
        self._deal = names.index("opportunity_id") if table in BELONG_TO_OPPORTUNITIES else -1
        self._deals = deals
        self._refers = _refers_of(table)
        self.moved: list[tuple[str, str | None, str | None]] = []

    def judge(self, row: StoredRow) -> tuple[Verdict, StoredRow]:
        """The verdict, and the row as it is to be kept (the declared columns, then `extra`)."""
        if self._deals is not None and row[self._deal] is not None and row[self._deal] not in self._deals:
            return _UNKNOWN_DEAL, row
        versions = self._kept.get(self._key(row), [])
        verdict, row = (self._of_two_clocks if self._two_clocks else self._of_master)(row, versions)
        if verdict is _STORED:
            self._note_move(row, versions)
            self._kept.setdefault(self._key(row), []).append((*row, 0))
        return verdict, row

    def _of_master(self, row: StoredRow, versions: Sequence[StoredRow]) -> tuple[Verdict, StoredRow]:
        same = bool(versions) and self._says(versions[-1]) == self._says(row)
        return (_REPEAT if same else _STORED), row

    def _of_two_clocks(self, row: StoredRow, versions: Sequence[StoredRow]) -> tuple[Verdict, StoredRow]:
        known = known_of(self._table)
        if row[self._recorded] is None and not self._backfill:
            latest = _latest(versions, known)
            if latest is not None and self._says(latest) == self._says(row):
                return _REPEAT, row
            row = _with(row, self._recorded, self._received_at)
        mine = known(row)
        rival = next((v for v in reversed(versions) if known(v) == mine), None)
        if rival is None:
            return _STORED, row
        if self._says(rival) == self._says(row):
            return _REPEAT, row
        return (_STORED if rank_of(self._table, row) > rank_of(self._table, rival) else _OUTRANKED), row

    def _note_move(self, row: StoredRow, versions: Sequence[StoredRow]) -> None:
        if self._refers is not None and versions:
            named = {self._refers(version) for version in (*versions, row)}
            if len(named) > 1:
                self.moved += sorted(named, key=str)

    def _says(self, row: Sequence[Any]) -> tuple[Any, ...]:
        return content_of(self._table, row)


def _refers_of(table: str) -> Any:
    """Reads the id, deal and account of an activity; None for other tables."""
    if table != "activities":
        return None
    names = TABLES[table].column_names
    return itemgetter(*(names.index(name) for name in ("activity_id", "opportunity_id", "account_id")))


def _latest(versions: Iterable[StoredRow], known: Any) -> StoredRow | None:
    """The version that became known last; of one time the one that came last."""
    found = None
    for row in versions:
        if found is None or known(row) >= known(found):
            found = row
    return found


def _with(row: StoredRow, place: int, value: Any) -> StoredRow:
    return (*row[:place], value, *row[place + 1 :])
