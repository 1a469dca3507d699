"""From arrays of codes and microseconds to columns of the canonical tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.canonical import PHYSICAL, TIME
from features.sample.setting import END
from features.tables import TABLES
from features.times import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Ids:
    """The keys of the rows of the tables that others refer to."""

    opportunities: pl.Series
    accounts: pl.Series
    reps: pl.Series
    contacts: pl.Series


def keys(prefix: str, count: int) -> pl.Series:
    """`count` keys such as `O-00001`, all of one width, in order."""
    width = max(5, len(str(count)))
    return pl.Series([f"{prefix}-{number:0{width}d}" for number in range(1, count + 1)], dtype=pl.String)


def named(names: Sequence[str] | pl.Series, codes: IntArray) -> pl.Series:
    """The name of each code; null for -1."""
    table = pl.Series([*names, None], dtype=pl.String)
    return table.gather(np.where(codes < 0, len(table) - 1, codes))


def times(micros: IntArray, missing: BoolArray | None = None) -> pl.Series:
    """Instants of a time column; null where missing, and for those after the end of the world."""
    gone = micros > END if missing is None else missing
    return pl.Series(micros, dtype=pl.Int64).set(pl.Series(gone), None).cast(TIME)


def numbers(values: FloatArray | IntArray) -> pl.Series:
    """A number column; null for NaN."""
    return pl.Series(values.astype(np.float64)).fill_nan(None)


def canonical(name: str, columns: dict[str, pl.Series]) -> pl.DataFrame:
    """The canonical table of these columns, each of its declared type, in declared order.

    Raises:
        KeyError: a canonical column is not given.
    """
    table = TABLES[name]
    return pl.DataFrame({c.name: columns[c.name].cast(PHYSICAL[c.kind]) for c in table.columns})


def known(frame: pl.DataFrame) -> pl.DataFrame:
    """Only what was recorded up to the end of the world, in the order of recording."""
    end = pl.lit(END, dtype=pl.Int64).cast(TIME)
    return frame.filter(pl.col("recorded_at") <= end).sort("recorded_at", "at", maintain_order=True)
