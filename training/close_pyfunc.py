"""A close bundle as an MLflow pyfunc model; loaded by MLflow through `_load_pyfunc`, without a pickle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from features.build import features_of
from features.frame import frame_of_columns
from training.close import CloseBundle, load_close_bundle

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PyfuncClose:
    """What MLflow calls: a feature frame in, weeks until the close out."""

    bundle: CloseBundle

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """Weeks to P10, P50 and P90 of the close given that the deal is won, one row per row.

        Raises:
            FrameMismatch: a column is missing or unexpected.
        """
        import pandas as pd

        encoding = self.bundle.encoding
        if set(model_input.columns) != set(encoding.names):
            encoding.check(tuple(model_input.columns))
        columns = {}
        for name in encoding.names:
            values = model_input[name]
            if name in encoding.vocabularies:
                columns[name] = values.astype(object).where(values.notna(), None).to_numpy()
            else:
                columns[name] = values.to_numpy(dtype=np.float64, na_value=np.nan)
        features = features_of("opportunity", self.bundle.conventions)
        mine = tuple(feature for feature in features if feature.name in set(encoding.names))
        weeks = self.bundle.timing(frame_of_columns(mine, columns)).quantiles()
        return pd.DataFrame(weeks, columns=["weeks_p10", "weeks_p50", "weeks_p90"])


def _load_pyfunc(path: str) -> PyfuncClose:
    return PyfuncClose(load_close_bundle(Path(path)))
