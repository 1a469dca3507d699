"""SHAP values of a LightGBM model, exact and fast: `tree_shap(model).contributions(matrix)`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from features.times import FloatArray
from training.errors import NotExplainable, TreesUnread
from training.model_text import model_of
from training.processors import processors
from training.treeshap.kernel import ROWS, add_row, add_rows
from training.treeshap.layout import MOST_BYTES, Layout, layout_of

FEW = 12  # rows up to which one after the other is faster than all of them together
_EACH = 4 * ROWS  # rows that are worth a thread


class WithText(Protocol):
    """What gives LightGBM's text of itself, as a `lightgbm.Booster` does."""

    def model_to_string(self) -> str: ...


@dataclass(frozen=True)
class TreeShap:
    """The tables of a model.

    Attributes:
        features: how many columns its matrices have.
        columns: how many columns its results have: features or groups, and the expected margin.
        expected: the margin of a row of which nothing is known.
        layout: what the kernels take.
    """

    features: int
    columns: int
    expected: float
    layout: Layout

    @property
    def bytes(self) -> int:
        """What the tables take in memory."""
        return self.layout.bytes

    def contributions(self, matrix: FloatArray, threads: int | None = None) -> FloatArray:
        """SHAP values of the margin, as of `Booster.predict(matrix, pred_contrib=True)`.

        Args:
            matrix: rows x features; NaN where not given.
            threads: at the most; by default as many as there are processors. The result does not hang on it.

        Returns:
            float64, rows x (features + 1), or (groups + 1): each row sums to its margin (`raw_score`), the
            last column is the expected margin. A row has the same bits alone as among many.

        Raises:
            ValueError: the matrix has another number of columns.
        """
        rows = np.ascontiguousarray(matrix, np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.features:
            raise ValueError(f"the matrix is {rows.shape}, the model's have {self.features} columns")
        found = np.zeros((len(rows), self.columns))
        if len(rows) <= FEW:
            for row, its in zip(rows, found, strict=True):
                add_row(row, its, *self.layout)
        else:
            self._add_many(rows, found, threads or processors())
        found[:, -1] = self.expected
        return found

    def _add_many(self, rows: FloatArray, found: FloatArray, threads: int) -> None:
        parts = min(threads, -(-len(rows) // _EACH))
        if parts == 1:
            add_rows(rows, found, *self.layout)
            return
        ends = [len(rows) * part // parts // ROWS * ROWS for part in range(parts)] + [len(rows)]
        with ThreadPoolExecutor(parts) as pool:
            done = [
                pool.submit(add_rows, rows[low:high], found[low:high], *self.layout)
                for low, high in pairwise(ends)
            ]
            for one in done:
                one.result()


def tree_shap(
    model: WithText | str, groups: Sequence[int] | None = None, *, most_bytes: int = MOST_BYTES
) -> TreeShap:
    """The tables of a LightGBM model, or of its text.

    Args:
        model: with one margin a row: binary, regression, ranking.
        groups: for each feature the number of its group, from 0 on: then the values are the groups' sums.
        most_bytes: what the tables of leaves may take in memory.

    Raises:
        NotExplainable: it has several classes or linear leaves, or is no whole LightGBM model.
        ValueError: `groups` does not name a group for each feature.

    >>> import lightgbm, numpy
    >>> rows = numpy.array([[number % 7, number % 3 or numpy.nan] for number in range(90)], float)
    >>> label = rows[:, 0] + numpy.nan_to_num(rows[:, 1])
    >>> trees = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(rows, label), 5)
    >>> ours = tree_shap(trees).contributions(rows)
    >>> bool(abs(ours - trees.predict(rows, pred_contrib=True)).max() < 1e-10)
    True
    >>> tree_shap(trees, groups=[0, 0]).contributions(rows).shape
    (90, 2)
    """
    try:
        parsed = model_of(model if isinstance(model, str) else model.model_to_string())
    except TreesUnread as error:
        raise NotExplainable(str(error)) from error
    parsed.check_explainable()
    column = range(parsed.features) if groups is None else groups
    if len(column) != parsed.features or min(column, default=0) < 0:
        raise ValueError(f"{len(column)} groups are named, the model has {parsed.features} features")
    expected = 0.0
    for tree in parsed.trees:
        expected += tree.expected()
    return TreeShap(
        parsed.features, max(column, default=-1) + 2, expected, layout_of(parsed, column, most_bytes)
    )
