"""A bundle as an MLflow pyfunc model; loaded by MLflow through `_load_pyfunc`, without a pickle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from features.frame import FeatureFrame, frame_of_columns
from features.times import FloatArray
from training.bundle import Bundle, load_bundle

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PyfuncModel:
    """What MLflow calls: a feature frame in, the service's own probabilities out."""

    bundle: Bundle

    def predict(self, model_input: pd.DataFrame) -> FloatArray:
        """Probabilities of the target, float64 in (0, 1), one per row.

        Args:
            model_input: the columns of `dealcast features`, by name; numbers may be null.

        Raises:
            FrameMismatch: a column is missing or unexpected.
        """
        encoding = self.bundle.encoding
        if set(model_input.columns) != set(encoding.names):
            encoding.check(tuple(model_input.columns))
        return self.bundle.probability(_frame(self.bundle, model_input))


def _frame(bundle: Bundle, table: pd.DataFrame) -> FeatureFrame:
    columns = {}
    for name in bundle.encoding.names:
        values = table[name]
        if name in bundle.encoding.vocabularies:
            columns[name] = values.astype(object).where(values.notna(), None).to_numpy()
        else:
            columns[name] = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return frame_of_columns(bundle.features, columns)


def _load_pyfunc(path: str) -> PyfuncModel:
    return PyfuncModel(load_bundle(Path(path)))
