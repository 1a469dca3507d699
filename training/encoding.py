"""From a feature frame to the matrix that trees see: the order of columns, the codes of categories."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.catalog import Feature, feature_hash
from features.frame import FeatureFrame
from features.times import FloatArray, IntArray
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

    @cached_property
    def hash(self) -> str:
        """The hash of the feature set, as of `features.catalog.feature_hash`."""
        pairs = zip(self.names, self.units, strict=True)
        return feature_hash([Feature(n, u, "", False, "", "") for n, u in pairs])  # type: ignore[arg-type]

    @cached_property
    def _digest(self) -> str:
        """The same for encodings that make the same matrix of a frame."""
        return hashlib.sha256(repr((self.names, sorted(self.vocabularies.items()))).encode()).hexdigest()

    @cached_property
    def category_positions(self) -> tuple[int, ...]:
        return tuple(i for i, name in enumerate(self.names) if name in self.vocabularies)

    @cached_property
    def category_places(self) -> IntArray:
        """The same, int64."""
        return np.array(self.category_positions, np.int64)

    @cached_property
    def category_counts(self) -> tuple[int, ...]:
        """How many texts are known of each of them."""
        return tuple(len(self.vocabularies[self.names[place]]) for place in self.category_positions)

    def matrix(self, frame: FeatureFrame, rows: IntArray | None = None) -> FloatArray:
        """The frame as float64, rows x features, C order; NaN where not given or unknown. That of a frame of
        one row is made once for all models that read it alike, and is not to be written to.

        Args:
            rows: index of those wanted, in this order; all if not given. The rest is not copied.

        Raises:
            FrameMismatch: the frame's columns are not this encoding's, name by name in order.
        """
        if frame.features is not self._checked[0]:  # a request's are those of the one before it
            self.check([feature.name for feature in frame.features])
            self._checked[0] = frame.features
        if rows is None and len(frame) == 1:
            made = frame.at_hand.get(self._digest)
            if made is None:
                made = frame.at_hand[self._digest] = frame.values.copy()
                self._recode_row(made[0], frame)
            return made
        matrix = frame.values.copy() if rows is None else np.take(frame.values, rows, axis=0)
        for place in self.category_positions:
            name = self.names[place]
            matrix[:, place] = recoded(matrix[:, place], frame.names[name], self.vocabularies[name])
        return matrix

    @cached_property
    def _checked(self) -> list[Sequence[Feature]]:
        """The columns that were found to be these, the last ones alone."""
        return [()]

    @cached_property
    def _code_at(self) -> Mapping[int, Mapping[str, float]]:
        """By a category's place, the code of each text."""
        texts = {place: self.vocabularies[self.names[place]] for place in self.category_positions}
        return {place: {text: float(i) for i, text in enumerate(its)} for place, its in texts.items()}

    def _recode_row(self, row: FloatArray, frame: FeatureFrame) -> None:
        """What `recoded` does, for the only row of a request."""
        for place, text in frame.row_texts(0, self.category_positions):
            row[place] = self._code_at[place].get(text, np.nan)

    def unseen_in(self, frame: FeatureFrame, row: int) -> list[str]:
        """The columns of one row with a text that the model was not trained on."""
        places, code_at = self.category_positions, self._code_at
        if len(frame) > 1:  # few of whose texts are unseen, as a rule none
            places = self._places_with_unseen(frame)
        return [
            self.names[place] for place, text in frame.row_texts(row, places) if text not in code_at[place]
        ]

    def _places_with_unseen(self, frame: FeatureFrame) -> tuple[int, ...]:
        """The category columns of a frame with any such text among their names."""
        found = frame.unseen_at.get(self._digest)
        if found is None:
            named = ((place, frame.names[self.names[place]]) for place in self.category_positions)
            found = tuple(place for place, its in named if not self._code_at[place].keys() >= set(its))
            frame.unseen_at[self._digest] = found
        return found

    def check(self, names: Sequence[str]) -> None:
        """Raises FrameMismatch with the differences unless the names are these, in this order."""
        if tuple(names) == self.names:
            return
        missing = [name for name in self.names if name not in set(names)]
        extra = [name for name in names if name not in set(self.names)]
        detail = f"missing: {_some(missing)}; unexpected: {_some(extra)}"
        if not missing and not extra:
            detail = "the same columns in another order"
        raise FrameMismatch(
            f"the features are not those of the model ({detail}); build them with this version"
        )

    def unseen(self, frame: FeatureFrame, rows: slice = slice(None)) -> dict[str, int]:
        """How many rows hold a text that the model was not trained on, by column; only where any."""
        found = {}
        for place in self.category_positions:
            name = self.names[place]
            codes = frame.values[rows, place]
            seen = recoded(codes, frame.names[name], self.vocabularies[name])
            count = int((np.isnan(seen) & ~np.isnan(codes)).sum())
            if count:
                found[name] = count
        return found


def _some(names: Sequence[str], most: int = 12) -> str:
    """Names for a message, the first of them where they are many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else "none"


def recoded(codes: FloatArray, names: Sequence[str], vocabulary: Sequence[str]) -> FloatArray:
    """Places among `names` as places in a vocabulary; NaN where it lacks the text, and for NaN."""
    place = {text: float(i) for i, text in enumerate(vocabulary)}
    table = np.array([*(place.get(name, np.nan) for name in names), np.nan])
    return table[np.where(np.isnan(codes), len(names), np.nan_to_num(codes)).astype(np.int64)]


def learn_encoding(frame: FeatureFrame) -> Encoding:
    """The encoding of a training frame; categories on fewer than 20 rows count as missing."""
    vocabularies = {
        f.name: _frequent(frame.values[:, place], frame.names[f.name])
        for place, f in enumerate(frame.features)
        if f.is_category
    }
    names = tuple(f.name for f in frame.features)
    return Encoding(names, tuple(f.unit for f in frame.features), vocabularies)


def _frequent(codes: FloatArray, names: Sequence[str]) -> tuple[str, ...]:
    counts = np.bincount(codes[~np.isnan(codes)].astype(np.int64), minlength=len(names))
    return tuple(
        sorted(n for n, count in zip(names, counts, strict=True) if count >= LEAST_ROWS_OF_A_CATEGORY)
    )
