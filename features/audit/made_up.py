"""Made-up rows of a table, known after the moment: of the declared types, with values that occur.

What is made up must look real to the engine, or a leak would not take it up: kinds, stages and
fields that the data have, references to real deals, dates before the moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from features.audit.columns import mutable_columns
from features.audit.future import MADE_UP, Future, either, mask
from features.conventions import CATEGORICAL_FIELDS, NUMERIC_FIELDS, TIME_FIELDS
from features.tables import TABLES, Column, Kind, Table

AIMED = 0.6  # of the references to deals and accounts
EMPTY = 0.1  # of the cells that may be empty
HAPPENED = ("at",)  # dated before the moment; every other time lies after it


@dataclass(frozen=True)
class _Cells:
    """The cells of one column that are to be made up."""

    future: Future
    table: Table
    column: Column
    count: int

    @property
    def occurring(self) -> pl.Series:
        """What the column holds."""
        return self.future.data[self.table.name][self.column.name].drop_nulls()

    def drawn(self, values: pl.Series) -> pl.Series:
        """As many values, drawn with replacement."""
        return self.future.drawn(values, self.count)

    def some(self, share: float) -> pl.Series:
        """A mask of about that share."""
        return mask(self.future.chance(share, self.count))


def made_up(future: Future, name: str, count: int) -> pl.DataFrame:
    """Rows with new keys, of the table's own columns and in their order."""
    table, frame = TABLES[name], future.data[name]
    columns = [_column(_Cells(future, table, column, count)) for column in table.columns]
    further = [c for c in frame.columns if c not in table.column_names]
    columns += [future.drawn(frame[name], count).alias(name) for name in further]
    return pl.DataFrame(columns).select(pl.col(c).cast(dtype) for c, dtype in frame.schema.items())


def _column(cells: _Cells) -> pl.Series:
    column = cells.column
    values = _KINDS[column.kind](cells)
    if not column.required and column.kind is not Kind.TIME:
        values = values.set(cells.some(EMPTY), None)
    return values.alias(column.name)


def _keys(cells: _Cells) -> pl.Series:
    return pl.Series([f"audit-{cells.table.name}-{number}" for number in range(cells.count)], dtype=pl.String)


def _references(cells: _Cells) -> pl.Series:
    """Keys that the table referred to lists, or else those that occur; most of what is compared."""
    other = cells.column.refers_to
    assert other is not None
    listed = cells.future.data[other][TABLES[other].key[0]]
    every = cells.drawn(listed if len(listed) else cells.occurring)
    aims = {"opportunities": cells.future.deals, "accounts": cells.future.accounts}.get(other, ())
    if not aims:
        return every
    return either(cells.some(AIMED), cells.drawn(pl.Series(list(aims), dtype=pl.String)), every)


def _times(cells: _Cells) -> pl.Series:
    future, count = cells.future, cells.count
    return future.before(count) if cells.column.name in HAPPENED else future.after(count)


def _numbers(cells: _Cells) -> pl.Series:
    values = pl.Series(cells.future.rng.lognormal(7.0, 2.0, cells.count).round(2))
    return values.set(cells.some(0.05), 0.0)


def _categories(cells: _Cells) -> pl.Series:
    if cells.table.name == "field_changes":
        mutable = mutable_columns(cells.future.data, cells.future.as_of)
        fields = {*CATEGORICAL_FIELDS, *NUMERIC_FIELDS, *TIME_FIELDS, *mutable}
        return cells.drawn(pl.Series(sorted(fields), dtype=pl.String))
    values = cells.column.allowed or (*cells.occurring.unique().sort().to_list(), MADE_UP)
    return cells.drawn(pl.Series(values, dtype=pl.String))


def _texts(cells: _Cells) -> pl.Series:
    """Values that fields change to: numbers, times, those that occur, and a made-up one."""
    numbers = _numbers(cells).cast(pl.String)
    times = cells.future.after(cells.count).dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")
    occurring = cells.drawn(cells.occurring).fill_null(MADE_UP)
    return either(cells.some(0.6), either(cells.some(0.4), numbers, times), occurring)


_KINDS: Mapping[Kind, Callable[[_Cells], pl.Series]] = MappingProxyType(
    {
        Kind.KEY: _keys,
        Kind.REFERENCE: _references,
        Kind.TIME: _times,
        Kind.NUMBER: _numbers,
        Kind.CATEGORY: _categories,
        Kind.TEXT: _texts,
    }
)
