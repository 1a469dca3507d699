"""Reasons that add up: base rate + the behaviour groups' points = the shown probability.

LightGBM's SHAP values (Lundberg et al. 2020, 10.1038/s42256-019-0138-9) add up on the trees'
margin. They are summed by behaviour and laid onto the probability along the straight line from
the expected margin to the row's own: each group gets its margin times the mean slope of the
calibration on that line, which is its Aumann-Shapley share (Aumann and Shapley 1974) and never
exceeds the calibration's steepest slope. Then each group is measured against the same group of a
typical entity: its mean points over the latest rows that can be judged are taken off and added to the
base, so that the base is the mean probability there, and nothing unusual means no points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.catalog import Feature
from features.times import FloatArray, IntArray
from training.calibration import Platt
from training.laying import centre as put_around
from training.laying import lay, loudest

Features = Sequence[Feature]

_REMEMBERED = 64  # groupings, by the features' tuples, which are kept alive with them
_GROUPINGS: dict[int, tuple[Features, Grouping]] = {}


@dataclass(frozen=True)
class Ledger:
    """Why each row got its probability.

    Attributes:
        behaviours: names of the groups, one per column of `points`.
        base_rate: the probability before any reason.
        points: rows x behaviours; base_rate + the sum of a row = its probability.
        contributions: rows x features, on the margin: which feature speaks within a group.
    """

    behaviours: tuple[str, ...]
    base_rate: float
    points: FloatArray
    contributions: FloatArray


@dataclass(frozen=True)
class Explained:
    """Rows of the test part, and what each feature says of them in trees that never saw them.

    Attributes:
        matrix: encoded rows x features, spread over the part.
        contributions: SHAP values on the margin, rows x (features + 1), the last one expected margin.
    """

    matrix: FloatArray
    contributions: FloatArray


@dataclass(frozen=True)
class Centre:
    """The typical entity: the base rate and each behaviour's mean points before centring."""

    base_rate: float
    points: Mapping[str, float]

    def of(self, behaviours: tuple[str, ...]) -> FloatArray:
        """The points of behaviours, in their order."""
        if behaviours not in self._of:
            self._of[behaviours] = np.array([self.points[name] for name in behaviours], np.float64)
        return self._of[behaviours]

    @cached_property
    def _of(self) -> dict[tuple[str, ...], FloatArray]:
        return {}


@dataclass(frozen=True, eq=False)
class Grouping:
    """The behaviour groups of some features.

    Attributes:
        behaviours: their names, in the order of the features.
        group: int64, the place of each feature's among them.
    """

    behaviours: tuple[str, ...]
    group: IntArray


def behaviours_of(features: Features) -> tuple[str, ...]:
    """The behaviour groups of some features, in their order."""
    return grouping_of(features).behaviours


def grouping_of(features: Features) -> Grouping:
    """The behaviour groups of some features; looked up where the same tuple was asked for before."""
    known = _GROUPINGS.get(id(features))
    if known is not None and known[0] is features:
        return known[1]
    behaviours = tuple(dict.fromkeys(feature.behaviour for feature in features))
    place = {name: i for i, name in enumerate(behaviours)}
    found = Grouping(behaviours, np.array([place[f.behaviour] for f in features], np.int64))
    if isinstance(features, tuple):
        if len(_GROUPINGS) >= _REMEMBERED:
            _GROUPINGS.clear()
        _GROUPINGS[id(features)] = (features, found)
    return found


def laid_points(
    features: Features, contributions: FloatArray, margin: FloatArray, platt: Platt
) -> tuple[FloatArray, FloatArray]:
    """Points by behaviour before centring (rows x behaviours), and the expected row's probability."""
    return _laid(features, contributions, margin, platt.probability(margin), platt)


def _laid(
    features: Features, contributions: FloatArray, margin: FloatArray, shown: FloatArray, platt: Platt
) -> tuple[FloatArray, FloatArray]:
    grouping, expected = grouping_of(features), contributions[:1, -1]  # the same in each row
    low = platt.probability(expected)
    points = np.zeros((len(contributions), len(grouping.behaviours)))
    if len(low):
        whole, far = np.ascontiguousarray(contributions), np.ascontiguousarray(margin)
        lay(whole, grouping.group, far, shown, low.item(0), platt.slope, points)
    return points, np.repeat(low, len(contributions))


def centre_of(
    features: Features, contributions: FloatArray, margin: FloatArray, platt: Platt, weight: FloatArray
) -> Centre:
    """What is typical among some rows."""
    points, expected = laid_points(features, contributions, margin, platt)
    mean = np.average(points, axis=0, weights=weight)
    named = dict(zip(behaviours_of(features), mean.tolist(), strict=True))
    return Centre(float(expected[0] + mean.sum()), named)


def ledger(  # noqa: PLR0917
    features: Features,
    contributions: FloatArray,
    margin: FloatArray,
    platt: Platt,
    centre: Centre,
    shown: FloatArray | None = None,
) -> Ledger:
    """The reasons of each row; what rounding leaves over, some 1e-16, goes to the largest.

    Args:
        shown: the probability of each margin, where the caller has them.
    """
    behaviours = behaviours_of(features)
    shown = platt.probability(margin) if shown is None else shown
    points, _ = _laid(features, contributions, margin, shown, platt)
    put_around(points, centre.of(behaviours), centre.base_rate, shown)
    return Ledger(behaviours, centre.base_rate, points, contributions[:, :-1])


def whole_percents(base_rate: float, points: Sequence[float], probability: float) -> tuple[int, list[int]]:
    """The base and the points in whole percents that add up to the rounded probability.

    The base and the probability are rounded; the points are rounded so that they fill what is
    between (the largest remainders first), each at most one percent and its share off.

    >>> whole_percents(0.304, [0.254, 0.076, -0.025], 0.609)
    (30, [25, 8, -2])
    """
    base, shown = percent(base_rate), percent(probability)
    if not points:
        return base, []
    scaled = [point * 100 for point in points]
    floors = [math.floor(value) for value in scaled]
    each, left = divmod(shown - base - sum(floors), len(floors))
    floors = [floor + each for floor in floors]
    for i in sorted(range(len(floors)), key=lambda i: floors[i] - scaled[i])[:left]:
        floors[i] += 1
    return base, floors


def percent(probability: float) -> int:
    """The printed whole percent of a probability, halves upwards."""
    return math.floor(probability * 100 + 0.5)


def strongest_of_each(features: Features, contributions: FloatArray, most: int = 2) -> list[list[int]]:
    """What `strongest` says of each behaviour, in the order of `behaviours_of`, for one row."""
    grouping = grouping_of(features)
    places = np.empty((len(grouping.behaviours), most), np.int64)
    loudest(np.ascontiguousarray(contributions), grouping.group, places)
    return [[place for place in its if place >= 0] for its in places.tolist()]


def strongest(features: Features, behaviour: str, contributions: FloatArray, most: int = 2) -> list[int]:
    """Positions of the features that speak loudest within a behaviour, for one row."""
    mine = [i for i, feature in enumerate(features) if feature.behaviour == behaviour]
    mine.sort(key=lambda i: -abs(contributions[i]))
    return [i for i in mine[:most] if contributions[i] != 0]
