"""Columns as NumPy arrays, from tables or from one request's rows, in the same form.

The two readers are all that differs between the offline and the online path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from features.canonical import CanonicalData
from features.tables import TABLES
from features.times import MISSING, FloatArray, IntArray

TextArray = npt.NDArray[np.object_]
Row = Mapping[str, Any]


class Reader(Protocol):
    """Columns of the canonical tables; every method returns one value per row of `table`."""

    def ids(self, *columns: tuple[str, str]) -> list[str]:
        """The distinct values of several (table, column), sorted."""

    def codes(self, table: str, column: str, vocabulary: Sequence[str]) -> IntArray:
        """Each text's index in `vocabulary`; -1 where it is empty or not in it."""

    def keys(self, table: str) -> IntArray:
        """Integers that are equal exactly where the rows' keys are."""

    def times(self, table: str, column: str) -> IntArray:
        """Microseconds; `MISSING` where empty."""

    def numbers(self, table: str, column: str) -> FloatArray:
        """float64; NaN where empty."""

    def texts(self, table: str, column: str) -> TextArray:
        """Texts; None where empty."""


class TableReader:
    """Reads canonical tables."""

    def __init__(self, data: CanonicalData) -> None:
        self._data = data

    def ids(self, *columns: tuple[str, str]) -> list[str]:
        parts = [self._data[table][column] for table, column in columns]
        return pl.concat(parts).drop_nulls().unique().sort().to_list()

    def codes(self, table: str, column: str, vocabulary: Sequence[str]) -> IntArray:
        series = self._data[table][column]
        if not len(vocabulary):
            return np.full(len(series), -1, np.int64)
        coded = series.cast(pl.Enum(vocabulary), strict=False).to_physical()
        return coded.cast(pl.Int64).fill_null(-1).to_numpy()

    def keys(self, table: str) -> IntArray:
        frame = self._data[table].select(TABLES[table].key)
        codes = np.arange(len(frame), dtype=np.int64)
        repeated = frame.is_duplicated().to_numpy() if len(frame) else np.zeros(0, np.bool_)
        if repeated.any():
            ranks = frame.filter(repeated).select(pl.struct(pl.all()).rank("dense")).to_series()
            codes[repeated] = len(frame) + ranks.cast(pl.Int64).to_numpy()
        return codes

    def times(self, table: str, column: str) -> IntArray:
        series = self._data[table][column]
        return series.to_physical().fill_null(MISSING).to_numpy()

    def numbers(self, table: str, column: str) -> FloatArray:
        return self._data[table][column].cast(pl.Float64).fill_null(np.nan).to_numpy()

    def texts(self, table: str, column: str) -> TextArray:
        return self._data[table][column].to_numpy().astype(object)


class RowReader:
    """Reads rows as a request holds them: mappings of column to text, number, microseconds or None."""

    def __init__(self, tables: Mapping[str, Sequence[Row]]) -> None:
        self._tables = tables

    def _column(self, table: str, column: str) -> list[Any]:
        return [row.get(column) for row in self._tables.get(table, ())]

    def ids(self, *columns: tuple[str, str]) -> list[str]:
        return sorted({v for table, column in columns for v in self._column(table, column) if v is not None})

    def codes(self, table: str, column: str, vocabulary: Sequence[str]) -> IntArray:
        index = {value: code for code, value in enumerate(vocabulary)}
        return np.array([index.get(value, -1) for value in self._column(table, column)], np.int64)

    def keys(self, table: str) -> IntArray:
        index: dict[tuple[Any, ...], int] = {}
        key = TABLES[table].key
        rows = self._tables.get(table, ())
        return np.array([index.setdefault(tuple(r.get(c) for c in key), len(index)) for r in rows], np.int64)

    def times(self, table: str, column: str) -> IntArray:
        values = self._column(table, column)
        return np.array([MISSING if v is None else v for v in values], np.int64)

    def numbers(self, table: str, column: str) -> FloatArray:
        values = self._column(table, column)
        return np.array([np.nan if v is None else v for v in values], np.float64)

    def texts(self, table: str, column: str) -> TextArray:
        values = self._column(table, column)
        array = np.empty(len(values), object)
        array[:] = values
        return array
