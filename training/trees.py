"""A model's trees, read from LightGBM's text: margins and SHAP values of rows.

Both come from tables of our own, which are faster than LightGBM and have its numbers, the margins to the
bit (`descent`, `treeshap`); what these cannot hold is answered by LightGBM's library (`library`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np

from features.times import FloatArray
from training.descent import Descent, descent_of
from training.errors import TreesUnread
from training.library import Library, TreesError
from training.prepared import Prepared, keep, prepared_in
from training.processors import processors
from training.treeshap.checked import Checked, checked

__all__ = [
    "Trees",
    "TreesError",
    "contributions",
    "contributions_ahead",
    "margins",
    "ready_to_explain",
    "slowly_explained",
]

log = logging.getLogger("dealcast.training")
_SPLITS = re.compile(r"^split_feature=(.*)$", re.MULTILINE)
_NOTHING = (  # a tree that says 0 of each row
    "num_leaves=1\nnum_cat=0\nsplit_feature=\nsplit_gain=\nthreshold=\ndecision_type=\nleft_child=\nright_child=\n"
    "leaf_value=0\nleaf_weight=\nleaf_count=\ninternal_value=\ninternal_weight=\ninternal_count=\nis_linear=0\nshrinkage=1\n"
)


class Trees:
    """A model's trees, from LightGBM's text; they do not change.

    Args:
        tables: where what `keep_tables` kept of them may lie; without, it is worked out anew.

    Raises:
        TreesError: the text is no model of LightGBM's.
    """

    def __init__(self, text: str, tables: Path | None = None) -> None:
        self._text = text
        self._descent: Descent | None = None
        self.prepared = None if tables is None else prepared_in(tables, text)
        try:
            its = self._descent = self.prepared.descent if self.prepared else descent_of(text)
        except TreesUnread as error:
            read = self.library
            log.warning("margins are computed by LightGBM, slowly: %s", error)
            self._features, self._classes, self._trees = read.features, read.classes, read.trees
            self._margins = read.margins
        else:
            self._features, self._classes, self._trees = its.features, its.classes, its.trees
            self._margins = its.margins

    @cached_property
    def library(self) -> Library:
        """The same trees as LightGBM's library holds them, loaded when it is first asked."""
        return Library(self._text)

    def keep_tables(self, path: Path) -> None:
        """Keep what was worked out of them in a file, for `tables`. Raises OSError where that cannot be."""
        known = _CHECKED.get(self)
        if self._descent is not None:
            fast, tried = (None, None) if known is None else (known.fast, known.tried)
            keep(path, self._text, Prepared(self._descent, fast, tried))

    def model_to_string(self) -> str:
        """The text they were made of."""
        return self._text

    def num_trees(self) -> int:
        return self._trees

    def num_feature(self) -> int:
        return self._features

    def margins(self, matrix: FloatArray) -> FloatArray:
        """The trees' sum for each row, before any calibration; float64, the same bits alone as among many.

        Raises:
            TreesError: the rows have other columns, or the trees have several margins a row.
        """
        if self._classes != 1:
            raise TreesError(f"the trees have {self._classes} margins a row, one for each class")
        return self._margins(self._rows(matrix))[:, 0]

    def scores(self, matrix: FloatArray) -> FloatArray:
        """The trees' sums for each row and class, before any softmax: rows x classes."""
        return self._margins(self._rows(matrix))

    def scores_by(self, row: FloatArray, column: int, values: FloatArray) -> FloatArray:
        """The same of one row (1 x features) with each of some values in a column: values x classes."""
        if self._descent is not None:
            return self._descent.margins_by(self._rows(row), column, values)
        rows = np.repeat(row, len(values), axis=0)
        rows[:, column] = values
        return self.scores(rows)

    @cached_property
    def _parts(self) -> dict[int, tuple[Trees, Trees]]:
        return {}

    def parted(self, column: int) -> tuple[Trees, Trees]:
        """The trees that ask for a column and those that do not: what all say is the sum of what both say."""
        if column not in self._parts:
            head, *trees = self._text.split("\nTree=")
            *_, tail = trees[-1].partition("\nend of trees")
            trees[-1] = trees[-1].removesuffix("\nend of trees" + tail)
            head = "\n".join(line for line in head.split("\n") if not line.startswith("tree_sizes="))
            asks = [str(column) in _SPLITS.search(tree)[1].split() for tree in trees]  # type: ignore[index]
            both = [
                [tree if its is wanted else f"{i}\n{_NOTHING}" for i, tree, its in zip(count(), trees, asks)]
                for wanted in (True, False)
            ]
            one, other = (Trees("\nTree=".join([head, *its]) + "\nend of trees" + tail) for its in both)
            self._parts[column] = one, other
        return self._parts[column]

    def try_on(self, rows: FloatArray) -> None:
        """Hold the margins of some rows against LightGBM's own.

        Raises:
            TreesError: they are not the same to the bit.
        """
        mine, wanted = self.scores(rows), self.library.margins(self._rows(rows))
        if mine.tobytes() != wanted.tobytes():
            raise TreesError(
                f"the margins of {len(rows)} rows differ from LightGBM's own by up to"
                f" {np.abs(mine - wanted).max():.2g}; please report it, with this model's text"
            )

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """LightGBM's own SHAP values: rows x (features + 1), the last column the expected margin; so
        many columns for each class where there are several."""
        return self.library.contributions(self._rows(matrix))

    def feature_importance(self, kind: Literal["gain", "split"]) -> FloatArray:
        """What each feature's splits gained in all, or how many there are."""
        return self.library.importance(kind)

    def _rows(self, matrix: FloatArray) -> FloatArray:
        if matrix.ndim != 2 or matrix.shape[1] != self._features:
            raise TreesError(f"the trees read {self._features} columns, not an array of shape {matrix.shape}")
        return np.ascontiguousarray(matrix, np.float64)


def margins(trees: Trees, matrix: FloatArray) -> FloatArray:
    """The trees' sum for each row, before any calibration; float64, one per row."""
    return trees.margins(matrix)


def contributions(trees: Trees, matrix: FloatArray) -> FloatArray:
    """SHAP values of the margin: rows x (features + 1), the last column the expected margin.

    By `training.treeshap`, whose tables are made when trees are first explained (or `ready_to_explain`)
    and held against LightGBM's own values on some rows; by LightGBM where they cannot be made.
    """
    return _checked(trees, matrix).contributions(trees, matrix)


def contributions_ahead(trees: Trees, matrix: FloatArray) -> Callable[[], FloatArray]:
    """Begin with `contributions` on another processor, if there is one, and give what waits for them.

    If it was not begun with by the time it is asked for, it is worked out there and then.
    """
    if processors() == 1:
        return lambda: contributions(trees, matrix)
    begun = _helper().submit(contributions, trees, matrix)
    return lambda: contributions(trees, matrix) if begun.cancel() else begun.result()


def ready_to_explain(trees: Trees, rows: FloatArray) -> None:
    """Make the tables behind `contributions` now, and try them on these rows."""
    _checked(trees, rows)


def slowly_explained() -> list[str]:
    """Why, for all trees in use whose SHAP values are computed by LightGBM, slowly."""
    return [its.why_slow for its in list(_CHECKED.values()) if its.fast is None]


@cache
def _helper() -> ThreadPoolExecutor:
    """One thread: two rows' reasons at a time are as much as a request gains by."""
    return ThreadPoolExecutor(1, "reasons")


_CHECKED: WeakKeyDictionary[Trees, Checked] = WeakKeyDictionary()


def _checked(trees: Trees, rows: FloatArray) -> Checked:
    found = _CHECKED.get(trees)
    if found is None:
        held, tried = (trees.prepared.reasons, trees.prepared.tried) if trees.prepared else (None, None)
        found = _CHECKED[trees] = checked(trees, rows, held, tried)
    return found
