"""From a feature frame to the matrix that trees see: the order of columns, the codes of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.build import FeatureFrame
from features.catalog import Feature, feature_hash
from features.times import FloatArray
from training.errors import FrameMismatch

LEAST_ROWS_OF_A_CATEGORY = 20


@dataclass(frozen=True)
class Encoding:
    """The ordered columns of a model and the texts its categories were trained on.

    A text that is not among them (rare or unseen) is a missing value to the trees.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    vocabularies: Mapping[str, tuple[str, ...]]

    @property
    def hash(self) -> str:
        """The hash of the feature set, as of `features.catalog.feature_hash`."""
        pairs = zip(self.names, self.units, strict=True)
        return feature_hash([Feature(n, u, "", False, "", "") for n, u in pairs])  # type: ignore[arg-type]

    @property
    def category_positions(self) -> tuple[int, ...]:
        return tuple(i for i, name in enumerate(self.names) if name in self.vocabularies)

    def matrix(self, frame: FeatureFrame) -> FloatArray:
        """The frame as float64, rows x features, C order; NaN where not given or unknown.

        Raises:
            FrameMismatch: the frame's columns are not this encoding's, name by name in order.
        """
        self.check(tuple(frame.columns))
        columns = [self._column(name, frame.columns[name]) for name in self.names]
        return np.ascontiguousarray(np.stack(columns, axis=1), dtype=np.float64)

    def check(self, names: Sequence[str]) -> None:
        """Raises FrameMismatch with the differences unless the names are these, in this order."""
        if tuple(names) == self.names:
            return
        missing = [name for name in self.names if name not in set(names)]
        extra = [name for name in names if name not in set(self.names)]
        detail = f"missing: {', '.join(missing) or 'none'}; unexpected: {', '.join(extra) or 'none'}"
        if not missing and not extra:
            detail = "the same columns in another order"
        raise FrameMismatch(
            f"the features are not those of the model ({detail}); build them with this version"
        )

    def unseen(self, frame: FeatureFrame) -> dict[str, int]:
        """How many rows hold a text that the model was not trained on, by column; only where any."""
        found = {}
        for name, vocabulary in self.vocabularies.items():
            known = {*vocabulary, None}
            count = sum(value not in known for value in frame.columns[name])
            if count:
                found[name] = count
        return found

    def _column(self, name: str, values: np.ndarray) -> FloatArray:
        if name not in self.vocabularies:
            return values
        code = {text: float(i) for i, text in enumerate(self.vocabularies[name])}
        return np.array([code.get(value, np.nan) for value in values], np.float64)


def learn_encoding(frame: FeatureFrame) -> Encoding:
    """The encoding of a training frame; categories on fewer than 20 rows count as missing."""
    vocabularies = {f.name: _frequent(frame.columns[f.name]) for f in frame.features if f.is_category}
    names = tuple(f.name for f in frame.features)
    return Encoding(names, tuple(f.unit for f in frame.features), vocabularies)


def _frequent(values: np.ndarray) -> tuple[str, ...]:
    texts, counts = np.unique([value for value in values if value is not None], return_counts=True)
    return tuple(str(text) for text in texts[counts >= LEAST_ROWS_OF_A_CATEGORY])
