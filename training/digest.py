"""One hash of canonical tables, whatever files they came from and in whatever order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from features.tables import TABLES

_NULL = 2**32 - 1  # as the length of a text


def digest_of(tables: Mapping[str, pl.DataFrame]) -> str:
    """SHA-256 of all cells with the names of their columns and tables, as 64 hexadecimal digits.

    Tables and columns are taken by name, rows by their key. Texts count as UTF-8, times and numbers
    as their 64 bits; a null is told from every value.
    """
    digest = hashlib.sha256()
    for name in sorted(tables):
        columns = sorted(tables[name].columns)
        rows = _ordered(tables[name].select(columns), TABLES[name].key)
        for column in columns:
            digest.update(f"{name}.{column}:{len(rows)}\n".encode())
            for part in _cells(rows[column]):
                digest.update(part)
    return digest.hexdigest()


def _ordered(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Rows by their key; those that repeat one (corrections) last, by all their cells."""
    if len(key) == 1 and _increasing(rows[key[0]]):
        return rows
    repeated = rows.select(pl.struct(key).is_duplicated()).to_series()
    return pl.concat([rows.filter(~repeated).sort(key), rows.filter(repeated).sort(rows.columns)])


def _increasing(key: pl.Series) -> bool:
    """Whether each is greater than the one before, and none is null."""
    return not key.null_count() and bool((key.slice(1) > key.slice(0, max(len(key) - 1, 0))).all())


def _cells(column: pl.Series) -> Iterator[bytes]:
    """The bytes of a column: lengths and texts, or values and which of them are null."""
    if column.null_count() == len(column):
        yield b"null"
    elif column.dtype == pl.String:
        yield column.str.len_bytes().fill_null(_NULL).to_numpy().astype("<u4").tobytes()
        yield str(column.drop_nulls().str.join("").item()).encode()
    else:
        given = column.is_not_null().to_numpy()
        values = column.to_physical().fill_null(0).to_numpy()
        yield np.packbits(given).tobytes()
        yield np.ascontiguousarray(values).tobytes()
