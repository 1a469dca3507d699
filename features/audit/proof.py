"""The proof by tampering: another future must leave every feature as it was, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from features.audit import frames
from features.audit.future import Future
from features.audit.moments import Moment
from features.audit.tamper import WAYS, rows_touched
from features.canonical import CanonicalData
from features.frame import FeatureFrame
from features.history import TextArray
from features.times import BoolArray, FloatArray, iso

Progress = Callable[[str], None]
EXAMPLES = 3


@dataclass(frozen=True)
class Difference:
    """A feature that moved with the future: proof of a leak.

    Attributes:
        way: how the future was changed.
        entity: whose feature.
        feature: its name.
        snapshots: how many of those compared differ.
        examples: up to three (key, as_of) of them, to compute anew.
    """

    way: str
    entity: str
    feature: str
    snapshots: int
    examples: tuple[tuple[str, str], ...]


@dataclass
class _Tally:
    """What one way of changing the future came to so far."""

    rows: int = 0
    compared: dict[str, int] = field(default_factory=dict)
    features: dict[str, int] = field(default_factory=dict)
    differing: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """One way of changing the future, over all moments.

    Attributes:
        way: a name in `tamper.WAYS`.
        rows: how many rows were taken out, rewritten, added or moved, in all.
        snapshots, features: by entity, how many were compared.
        differences: which features moved.
    """

    way: str
    rows: int
    snapshots: Mapping[str, int]
    features: Mapping[str, int]
    differences: tuple[Difference, ...]

    @property
    def values(self) -> int:
        """How many values were compared."""
        return sum(count * self.features[entity] for entity, count in self.snapshots.items())

    @property
    def differing(self) -> int:
        """How many of the values differ."""
        return sum(difference.snapshots for difference in self.differences)


def compare(
    data: CanonicalData, moments: Sequence[Moment], seed: int, progress: Progress
) -> tuple[Comparison, ...]:
    """Every way of changing the future, tried at every moment.

    Args:
        data: as they are; expected is what they give.
        moments: when, and whose features.
        seed: of all that is drawn; the same seed tries the same futures.
        progress: told what is done next.
    """
    tallies = {way: _Tally() for way in WAYS}
    for number, moment in enumerate(moments):
        where = f"moment {number + 1} of {len(moments)}"
        progress(f"{where}: as they are")
        expected = frames.frames_at(data, moment.as_of, moment.asked)
        for order, (way, tamper) in enumerate(WAYS.items()):
            progress(f"{where}: {way}")
            rng = np.random.default_rng([seed, number, order])
            other = tamper(Future(data, moment.as_of, moment.deals, moment.accounts, rng))
            tallies[way].rows += rows_touched(data, other)
            _count(tallies[way], moment, expected, frames.frames_at(other, moment.as_of, moment.asked))
    return tuple(_comparison(way, tally) for way, tally in tallies.items())


def unequal(one: FloatArray | TextArray, other: FloatArray | TextArray) -> BoolArray:
    """Where two columns differ by a bit; not given equals not given."""
    a, b = (_bits(column) for column in (one, other))
    return np.array([x != y for x, y in zip(a, b, strict=True)], np.bool_)


def _bits(column: FloatArray | TextArray) -> list[Any]:
    """Values whose equality is that of every bit: NaN equals NaN, 0.0 is not -0.0."""
    if column.dtype != object:
        number = np.asarray(column, np.float64)
        column = np.where(np.isnan(number), np.nan, number).view(np.int64).astype(object)
    return list(column)


def _count(
    tally: _Tally, moment: Moment, expected: Sequence[FeatureFrame], found: Sequence[FeatureFrame]
) -> None:
    for asked, before, after in zip(moment.asked, expected, found, strict=True):
        tally.compared[asked.entity] = tally.compared.get(asked.entity, 0) + len(asked)
        tally.features[asked.entity] = len(before.columns)
        for name in dict.fromkeys((*before.columns, *after.columns)):
            moved = _moved(before, after, name)
            snapshots = [(asked.ids[place], iso(moment.as_of)) for place in np.flatnonzero(moved)]
            if snapshots:
                tally.differing.setdefault((asked.entity, name), []).extend(snapshots)


def _moved(before: FeatureFrame, after: FeatureFrame, name: str) -> BoolArray:
    """Where a feature differs; everywhere if only one of the frames has it."""
    if name in before.columns and name in after.columns:
        return unequal(before.columns[name], after.columns[name])
    columns = before.columns if name in before.columns else after.columns
    return np.ones(len(columns[name]), np.bool_)


def _comparison(way: str, tally: _Tally) -> Comparison:
    differences = tuple(
        Difference(way, entity, feature, len(snapshots), tuple(snapshots[:EXAMPLES]))
        for (entity, feature), snapshots in tally.differing.items()
    )
    return Comparison(way, tally.rows, tally.compared, tally.features, differences)
