"""Where two models differ: the same figures by stage, source, kind, team, age, industry and region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.frame import FeatureFrame
from features.history import History, TextArray, text_array
from features.shown import shown_of
from features.snapshots import Snapshots
from features.times import FloatArray
from training.labels import ENTITY, Target
from training.paired import Difference, Pair

LEAST_ROWS = 100  # of a slice; fewer, and its figures are noise
LEAST_OF_EACH = 20  # of each label, as in a part of the split
AGES = ((30, "under 30 days"), (90, "30 to 90 days"), (180, "90 to 180 days"))  # upper ends, exclusive
OLDEST = "180 days and more"
_OF_DEALS = ("stage", "source", "kind")
_OF_ACCOUNTS = ("industry", "region")


@dataclass(frozen=True)
class Slice:
    """The figures of both models on the rows that share a value.

    Attributes:
        dimension: `stage`, `source`, `kind`, `team`, `age`; of accounts `industry`, `region`.
        value: what they share.
        rows: labelled snapshots.
        figures: by metric.
    """

    dimension: str
    value: str
    rows: int
    figures: Mapping[str, Difference]

    @property
    def name(self) -> str:
        """As it is printed: "stage = Negotiation"."""
        return f"{self.dimension} = {self.value}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "dimension": self.dimension,
            "value": self.value,
            "rows": self.rows,
            "figures": {name: each.to_dict() for name, each in self.figures.items()},
        }


def slices_of(pair: Pair, dimensions: Mapping[str, TextArray]) -> tuple[Slice, ...]:
    """Every slice with at least 100 rows and 20 of each label, by dimension and value."""
    found = []
    for dimension, values in dimensions.items():
        for value in sorted({str(v) for v in values if v is not None}):
            rows = np.flatnonzero(values == value)
            positive = int(pair.label[rows].sum())
            if len(rows) >= LEAST_ROWS and min(positive, len(rows) - positive) >= LEAST_OF_EACH:
                found.append(Slice(dimension, value, len(rows), pair.take(rows).differences()))
    return tuple(found)


def dimensions_of(
    target: Target, history: History, snapshots: Snapshots, frame: FeatureFrame
) -> dict[str, TextArray]:
    """What each snapshot is sliced by, as known at its `as_of`; None where it was not."""
    if ENTITY[target] == "account":
        return {name: frame.texts(name) for name in _OF_ACCOUNTS}
    found = {name: frame.texts(name) for name in _OF_DEALS}
    found["team"] = _teams(history, snapshots)
    found["age"] = _ages(np.asarray(frame.columns["deal_age_days"], np.float64))
    return found


def _teams(history: History, snapshots: Snapshots) -> TextArray:
    """The team of each deal's owner; the team is the rep's present one."""
    reps = history.reps
    team = {
        name: reps.teams[code] for name, code in zip(reps.names, reps.team.tolist(), strict=True) if code >= 0
    }
    return text_array([team.get(rep) for rep in shown_of(history, snapshots).rep])


def _ages(days: FloatArray) -> TextArray:
    bands = text_array([*(name for _, name in AGES), OLDEST])
    return bands[np.digitize(days, [upper for upper, _ in AGES])]
