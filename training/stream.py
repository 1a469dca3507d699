"""Rows that LightGBM reads by and by, so that they need not lie in memory a second time."""

from __future__ import annotations

from collections.abc import Callable

import lightgbm as lgb
import numpy as np

from features.times import FloatArray

BLOCK = 16_384  # rows made at once


class Stream(lgb.Sequence):
    """Rows of a matrix, made where they are asked for.

    LightGBM first asks for single rows in rising order, from which it learns the bins, then for all of them
    in blocks.

    Args:
        rows: makes the rows of a slice, rows x features.
        count: how many there are.
    """

    batch_size = BLOCK

    def __init__(self, rows: Callable[[slice], FloatArray], count: int) -> None:
        self._rows, self._count = rows, count
        self._at, self._block = -1, np.zeros((0, 0))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, wanted: int | slice | list[int]) -> FloatArray:
        """One row, or the rows of a slice."""
        if isinstance(wanted, slice):
            return self._rows(wanted)
        if isinstance(wanted, list):
            return np.stack([self[row] for row in wanted])
        at, place = divmod(wanted, BLOCK)
        if at != self._at:
            self._at, self._block = at, self._rows(slice(at * BLOCK, (at + 1) * BLOCK))
        row: FloatArray = self._block[place]
        return row
