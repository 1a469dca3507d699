"""A feature frame: one matrix, its columns' declarations, and the texts of its categories."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from features.catalog import Feature, feature_hash
from features.history import Names, TextArray
from features.times import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class FeatureFrame:
    """Features of snapshots: one row per snapshot, one column per feature.

    Attributes:
        features: the columns' declarations, in order.
        values: float64, snapshots x features, C order; NaN: not given. A category is a place among
            its names.
        names: the texts of each category.
    """

    features: tuple[Feature, ...]
    values: FloatArray
    names: Mapping[str, Names]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: IntArray | BoolArray) -> FeatureFrame:
        """Some of the rows: an index array or a mask."""
        return FeatureFrame(self.features, self.values[rows], self.names)

    @property
    def hash(self) -> str:
        return feature_hash(self.features)

    @cached_property
    def columns(self) -> Mapping[str, FloatArray | TextArray]:
        """The columns by name: float64 with NaN, or texts with None for a category."""
        return _Columns(self)

    def to_polars(self) -> pl.DataFrame:
        """The same as a frame; NaN becomes null."""
        import polars as pl

        return pl.DataFrame([self._series(i, feature) for i, feature in enumerate(self.features)])

    def _series(self, place: int, feature: Feature) -> pl.Series:
        import polars as pl

        values = pl.Series(feature.name, np.ascontiguousarray(self.values[:, place])).fill_nan(None)
        if not feature.is_category:
            return values
        names = pl.Series(feature.name, self.names[feature.name], pl.String)
        return names.gather(values.cast(pl.UInt32)).alias(feature.name)

    def texts(self, name: str, rows: IntArray | slice = slice(None)) -> TextArray:
        """A category's texts, of some rows or of all; None where it is not given."""
        codes = self.values[rows, self._place[name]]
        names = np.array([*self.names[name], None], object)
        return names[np.where(np.isnan(codes), len(names) - 1, np.nan_to_num(codes)).astype(np.int64)]

    def row_texts(self, row: int, places: tuple[int, ...]) -> Sequence[tuple[int, str]]:
        """A row's texts in some category columns, each with its place; without what is not given."""
        found = self._row_texts.get((row, places))
        if found is None:
            codes = [(place, self.values.item(row, place)) for place in places]
            found = [(p, self.names[self.features[p].name][int(c)]) for p, c in codes if not math.isnan(c)]
            if len(self.values) == 1:  # a request's, whom each model asks
                self._row_texts[row, places] = found
        return found

    @cached_property
    def _row_texts(self) -> dict[tuple[int, tuple[int, ...]], Sequence[tuple[int, str]]]:
        return {}

    @cached_property
    def at_hand(self) -> dict[str, FloatArray]:
        """Matrices that were made of the only row, by who makes them alike."""
        return {}

    @cached_property
    def unseen_at(self) -> dict[str, tuple[int, ...]]:
        """Category columns with a text that is none of somebody's, by who it is."""
        return {}

    @cached_property
    def _place(self) -> Mapping[str, int]:
        return {feature.name: i for i, feature in enumerate(self.features)}


def merged(frames: Sequence[FeatureFrame]) -> FeatureFrame:
    """The rows of several frames of the same features, one after the other.

    Each frame's categories have names of their own; those of all get new places.
    """
    if len(frames) == 1:
        return frames[0]
    values = np.concatenate([frame.values for frame in frames])
    names: dict[str, Names] = {}
    for place, feature in enumerate(frames[0].features):
        if feature.is_category:
            index: dict[str, float] = {}
            values[:, place] = [
                code if math.isnan(code) else index.setdefault(its[int(code)], float(len(index)))
                for frame, its in ((frame, frame.names[feature.name]) for frame in frames)
                for code in frame.values[:, place].tolist()
            ]
            names[feature.name] = tuple(index)
    return FeatureFrame(frames[0].features, values, names)


class _Columns(Mapping[str, "FloatArray | TextArray"]):
    """The columns of a frame, each made when it is asked for."""

    def __init__(self, frame: FeatureFrame) -> None:
        self._frame = frame

    def __getitem__(self, name: str) -> FloatArray | TextArray:
        place = self._frame._place[name]
        if self._frame.features[place].is_category:
            return self._frame.texts(name)
        return self._frame.values[:, place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._frame._place)

    def __len__(self) -> int:
        return len(self._frame.features)


def frame_of_columns(
    features: Sequence[Feature], columns: Mapping[str, FloatArray | TextArray]
) -> FeatureFrame:
    """A frame from columns by name: numbers, and texts (None: not given) for the categories."""
    names, values = {}, []
    for feature in features:
        column = columns[feature.name]
        if feature.is_category:
            texts = sorted({str(text) for text in column if text is not None})
            code = {text: float(i) for i, text in enumerate(texts)}
            names[feature.name] = tuple(texts)
            column = np.array([np.nan if t is None else code[str(t)] for t in column], np.float64)
        values.append(np.asarray(column, np.float64))
    matrix = np.ascontiguousarray(np.stack(values, axis=1)) if values else np.zeros((0, 0))
    return FeatureFrame(tuple(features), matrix, names)
