"""Fast SHAP values, tried against LightGBM's own before they are trusted."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from features.times import FloatArray
from training.errors import NotExplainable
from training.treeshap.explainer import TreeShap, tree_shap


class Booster(Protocol):
    """What is asked of `training.trees.Trees`."""

    def num_feature(self) -> int: ...
    def model_to_string(self) -> str: ...
    def contributions(self, matrix: FloatArray) -> FloatArray: ...


TOLERANCE = 1e-10  # of a value, and where values are large, of the row's largest
TRIED = 8  # rows at the most, besides one of nothing and one of zeros

log = logging.getLogger("dealcast.training")


@dataclass(frozen=True)
class Tried:
    """Rows, and LightGBM's own values of them."""

    rows: FloatArray
    values: FloatArray


@dataclass(frozen=True)
class Checked:
    """How the SHAP values of some trees are computed.

    Attributes:
        fast: the tables; None where LightGBM's own way is taken.
        why_slow: why it is; empty where it is not.
        tried: what the tables were held against; None without any.
    """

    fast: TreeShap | None
    why_slow: str
    tried: Tried | None = None

    def contributions(self, booster: Booster, matrix: FloatArray) -> FloatArray:
        """SHAP values of the margin: rows x (features + 1), the last column the expected margin."""
        return lightgbms_own(booster, matrix) if self.fast is None else self.fast.contributions(matrix)


def checked(
    booster: Booster, rows: FloatArray, held: TreeShap | None = None, known: Tried | None = None
) -> Checked:
    """The tables, if on some rows they give LightGBM's own values; else the slow way, and a warning.

    Args:
        held: the tables, where they were made before.
        known: LightGBM's own values, where it was asked for them before; of other rows it is asked anew.
    """
    try:
        fast = tree_shap(booster) if held is None else held
        if fast.features != booster.num_feature():
            raise NotExplainable(
                f"the tables are of {fast.features} features, the trees of {booster.num_feature()}"
            )
        bare = np.array([[np.nan] * fast.features, [0.0] * fast.features])
        wanted = np.concatenate([rows[:TRIED].reshape(-1, fast.features), bare])
        if known is None or known.rows.tobytes() != wanted.tobytes():
            known = Tried(wanted, lightgbms_own(booster, wanted))
        _try(fast, known)
    except NotExplainable as error:
        log.warning("SHAP values are computed by LightGBM, slowly: %s", error)
        return Checked(None, str(error))
    return Checked(fast, "", known)


def lightgbms_own(booster: Booster, matrix: FloatArray) -> FloatArray:
    """The same by LightGBM, which walks every path again for each row."""
    return booster.contributions(matrix)


def _try(fast: TreeShap, known: Tried) -> None:
    """Raises NotExplainable unless both kernels give LightGBM's values, and each other's bits."""
    tried, wanted = known.rows, known.values
    alone = np.concatenate([fast.contributions(row[None]) for row in tried])
    together = fast.contributions(np.tile(tried, (8, 1)))[: len(tried)]
    worst = np.abs(alone - wanted).max(axis=1) / np.maximum(np.abs(wanted).max(axis=1), 1.0)
    if not (worst <= TOLERANCE).all():  # NaN is none
        raise NotExplainable(f"the tables' values are off by {worst.max():.2g} on rows that were tried")
    if alone.tobytes() != together.tobytes():
        raise NotExplainable("a row alone and among many got different values")
