"""Two exports of one CRM, and what of a table may be compared between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from features.audit.moments import KNOWN
from features.canonical import TIME, CanonicalData
from features.quality_report import QUARANTINE
from features.tables import TABLES, Table
from features.times import from_micros

KNOWN_FROM = "\0known from"
ALWAYS = pl.lit(0, pl.Int64).cast(TIME)  # before all other times


@dataclass(frozen=True)
class Export:
    """A data set and what its cleaning put into quarantine."""

    data: CanonicalData
    quarantine: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=QUARANTINE))


@dataclass(frozen=True)
class Pair:
    """One table of both exports, less the keys of which either cleaning found anything.

    Attributes:
        table: the declaration.
        before, after: rows of the earlier and of the later export, with `KNOWN_FROM`; a master
            without a time of creation is known always.
        end: up to when the earlier export knows this table: tables of one export may end at
            different times, and none knows more than the whole.
        unread: rows of the earlier file that could not be taken apart, and so have no key.
    """

    table: Table
    before: pl.DataFrame
    after: pl.DataFrame
    end: datetime
    unread: int

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def key(self) -> list[str]:
        """The columns that identify a row."""
        return list(self.table.key)

    @property
    def version(self) -> list[str]:
        """The columns that identify a version of a record; of a master just its key."""
        return [*self.key, KNOWN_FROM] if self.table.has_two_clocks else self.key


def pair_of(name: str, later: Export, earlier: Export) -> Pair:
    """A table of both exports."""
    table = TABLES[name]
    entries = pl.concat([later.quarantine, earlier.quarantine]).filter(pl.col("table") == name)
    found = entries["key"].str.split("|").list.first()
    before, after = (
        _known_from(table, export.data[name].filter(~pl.col(table.key[0]).is_in(found.implode())))
        for export in (earlier, later)
    )
    unread = earlier.quarantine.filter((pl.col("table") == name) & (pl.col("key") == "")).height
    latest, whole = before[KNOWN_FROM].max(), from_micros(earlier.data.watermark())
    end = min(latest, whole) if isinstance(latest, datetime) else whole
    return Pair(table, before, after, end, unread)


def differing(pair: Pair, column: str) -> tuple[pl.Series, int]:
    """First keys of the rows of both exports that differ in a column, and how many were compared.

    A column that either export does not have, or holds nothing in, is not compared.
    """
    none = pl.Series(pair.key[0], [], dtype=pl.String)
    if column not in pair.before.columns or column not in pair.after.columns:
        return none, 0
    known = pair.before.filter(pl.col(KNOWN_FROM) <= pair.end)
    both = known.join(pair.after, on=pair.version, suffix=_LATER)
    one, other = both[column], both[column + _LATER]
    if both.height in (one.null_count(), other.null_count()):
        return none, 0
    return both.filter(one.ne_missing(other))[pair.key[0]], both.height


_LATER = "\0later"


def _known_from(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    if table.has_two_clocks:
        return frame.with_columns(KNOWN.alias(KNOWN_FROM))
    created = pl.col("created_at").fill_null(ALWAYS) if "created_at" in frame.columns else ALWAYS
    return frame.with_columns(created.alias(KNOWN_FROM))
