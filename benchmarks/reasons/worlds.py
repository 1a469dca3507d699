"""Models to explain, and rows: made up from a seed, with ties and missing values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from training.models import DEFAULTS

Matrix = npt.NDArray[np.float64]
TRAINED_ON = 20_000


@dataclass(frozen=True)
class Shape:
    """So many trees over so many columns, grown with some parameters."""

    trees: int
    columns: int
    params: Mapping[str, Any]


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "300 x 31": Shape(300, 80, {"num_leaves": 31, "learning_rate": 0.05}),
        "recipe": Shape(1_000, 240, DEFAULTS),
        "100 x 255": Shape(100, 80, {"num_leaves": 255, "learning_rate": 0.05}),
    }
)


def model_of(shape: Shape) -> lgb.Booster:
    """Trees for a label that depends on half of the columns, some of them in pairs."""
    matrix = rows_of(shape, TRAINED_ON, seed=1)
    rng = np.random.default_rng(2)
    weight = rng.normal(size=shape.columns) * (rng.random(shape.columns) < 0.5)
    shown = np.nan_to_num(matrix)
    margin = shown @ weight * 0.4 + shown[:, 1] * shown[:, 2] + np.sin(2 * shown[:, 3]) * shown[:, 4]
    label = (margin + rng.logistic(size=len(margin)) > 0).astype(float)
    told = {"objective": "binary", "verbosity": -1, "num_threads": 2, "seed": 3, **shape.params}
    return lgb.train(told, lgb.Dataset(matrix, label), shape.trees)


def rows_of(shape: Shape, count: int, seed: int = 4) -> Matrix:
    """Normal numbers, a fifth of the columns in halves, a tenth of all values missing."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, shape.columns))
    matrix[:, ::5] = np.round(matrix[:, ::5] * 2)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    return matrix
