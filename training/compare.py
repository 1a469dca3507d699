"""Two finished models on the same later data, which neither has seen.

Rows are the weekly snapshots after the later of both models' data cut-offs, with labels as known at
the end of the data. Each model reads the data by its own conventions and its own dated reference, as
the service does. Labels are weighted against censoring, as in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from features.build import build_features
from features.canonical import CanonicalData
from features.conventions import Conventions
from features.errors import DataError
from features.frame import FeatureFrame
from features.from_tables import history_from_tables
from features.history import History
from features.snapshots import Snapshots
from features.times import DAY, FloatArray, IntArray, iso, parse_instant
from training.bundle import Bundle
from training.censoring import censoring_weights
from training.compare_slices import Slice, dimensions_of, slices_of
from training.errors import FrameMismatch, TooLittleData
from training.grid import moments_of_records, weekly_grid
from training.labels import ENTITY, LabelPolicy, Labels, Target, eligible, label
from training.paired import Difference, Pair
from training.splits import LEAST_POSITIVE

MOST_EXPLAINED = 4000  # rows whose reasons are averaged, spread evenly over all
LARGEST_GAP = 3  # of a win's window, at most one part in so many is left for deals to close


@dataclass(frozen=True)
class Contender:
    """A bundle under the name by which its user knows it, "version 4"."""

    name: str
    bundle: Bundle

    @property
    def cutoff(self) -> int:
        """Up to when its training knew anything, in microseconds."""
        return parse_instant(str(self.bundle.manifest["cutoff"]), name="cutoff")


@dataclass(frozen=True)
class Shift:
    """The mean absolute points of a behaviour in both models' reasons; points of probability, 0 to 1."""

    behaviour: str
    first: float
    second: float

    @property
    def change(self) -> float:
        return self.second - self.first


@dataclass(frozen=True)
class Comparison:
    """What two models were worth on the same rows.

    Attributes:
        target: what both predict.
        first, second: their names; a difference is second - first.
        begin: microseconds; every row's `as_of` is later.
        until: microseconds; labels are those known then.
        rows: labelled snapshots by label, 0 and 1.
        entities: distinct deals or accounts among them.
        censored: snapshots whose label is not known yet; the weights speak for them.
        left_out: snapshots which one of the two cannot score.
        figures: log loss, ROC AUC and calibration error.
        slices: the same, slice by slice.
        shifts: the behaviours in the reasons, by the size of the change.
    """

    target: Target | Literal["close"]
    first: str
    second: str
    begin: int
    until: int
    rows: tuple[int, int]
    entities: int
    censored: int
    left_out: int
    figures: Mapping[str, Difference]
    slices: tuple[Slice, ...]
    shifts: tuple[Shift, ...]

    def worst_slice(self, metric: str) -> Slice | None:
        """Where the second falls back most against the first; None where no slice is large enough."""
        return max(self.slices, key=lambda each: each.figures[metric].harm, default=None)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; times are ISO 8601."""
        return {
            "target": self.target,
            "first": self.first,
            "second": self.second,
            "begin": iso(self.begin),
            "until": iso(self.until),
            "rows": {"0": self.rows[0], "1": self.rows[1]},
            "entities": self.entities,
            "censored": self.censored,
            "left_out": self.left_out,
            "figures": {name: each.to_dict() for name, each in self.figures.items()},
            "slices": [each.to_dict() for each in self.slices],
            "shifts": [
                {"behaviour": s.behaviour, "first": s.first, "second": s.second, "change": s.change}
                for s in self.shifts
            ],
        }


def compare(
    data: CanonicalData, first: Contender, second: Contender, until: int, *, gap: int | None = None
) -> Comparison:
    """The second model against the first on what neither has seen.

    Args:
        until: microseconds; nothing recorded later is looked at.
        gap: microseconds before `until` in which no snapshot is taken, because few labels of its
            kind are decided yet; by default the horizon, and for a win the larger of the gaps the
            two were trained with, a third of the window at most.

    Raises:
        DataError: the two predict different things, or the data have none of their stages.
        TooLittleData: there are fewer than 20 known labels of either kind.
    """
    target, policy = _same_question(first, second)
    known = data.known_at(until)
    begin = max(first.cutoff, second.cutoff)
    readings = _readings(known, (first, second))
    judge = readings[0] if first.cutoff > second.cutoff else readings[1]
    last = until - (_gap(target, policy, (first, second), until - begin) if gap is None else gap)
    snapshots = _snapshots(target, judge.history, known, begin, last)
    able = np.ones(len(snapshots), np.bool_)
    for each in readings:
        able &= eligible(target, each.history, snapshots)
    labels = label(target, judge.history, snapshots.take(able), until, policy)
    rows = np.flatnonzero(labels.known)
    counts = _counted(labels, rows, judge.contender, until)
    judged = snapshots.take(able).take(rows)
    for each in readings:
        each.score(target, judged)
    pair = Pair(
        readings[0].probability, readings[1].probability,
        labels.value[rows], censoring_weights(labels)[rows], judged.entity,
    )  # fmt: skip
    return Comparison(
        target, first.name, second.name, begin, until, counts,
        entities=len(np.unique(judged.entity)),
        censored=int(labels.censored.sum()),
        left_out=int((~able).sum()),
        figures=pair.differences(),
        slices=slices_of(pair, dimensions_of(target, judge.history, judged, judge.frame)),
        shifts=_shifts(readings, pair.weight),
    )  # fmt: skip


class _Reading:
    """How one contender reads the data, and what it says of the rows."""

    frame: FeatureFrame
    probability: FloatArray

    def __init__(self, contender: Contender, history: History) -> None:
        self.contender = contender
        self.history = history

    def score(self, target: Target, snapshots: Snapshots) -> None:
        bundle = self.contender.bundle
        self.frame = build_features(self.history, snapshots, ENTITY[target], bundle.reference)
        try:
            self.probability = bundle.probability(self.frame)
        except FrameMismatch as error:
            raise FrameMismatch(f"{self.contender.name}: {error}") from error

    def mean_points(self, rows: IntArray, weight: FloatArray) -> dict[str, float]:
        """The weighted mean of each behaviour's absolute points over some rows."""
        some = FeatureFrame(self.frame.features, self.frame.values[rows], self.frame.names)
        why = self.contender.bundle.explained(some)[1]
        mean = np.average(np.abs(why.points), axis=0, weights=weight[rows])
        return dict(zip(why.behaviours, mean.tolist(), strict=True))


def _same_question(first: Contender, second: Contender) -> tuple[Target, LabelPolicy]:
    one, two = first.bundle, second.bundle
    if one.target != two.target:
        raise DataError(
            f"{first.name} predicts {one.target} and {second.name} {two.target}; compare two of one target"
        )
    if one.policy != two.policy:
        raise DataError(
            f"{first.name} and {second.name} were trained on different labels ({one.policy} and"
            f" {two.policy}); their figures cannot be compared; train one of them again"
        )
    return one.target, one.policy


def _readings(known: CanonicalData, contenders: tuple[Contender, ...]) -> list[_Reading]:
    histories: dict[Conventions, History] = {}
    found = set(known["stage_changes"]["stage"].unique())
    readings = []
    for contender in contenders:
        conventions = contender.bundle.conventions
        if found and conventions.stages and not found & set(conventions.stages):
            raise DataError(
                f"{contender.name} was trained on stages these data do not have"
                f" ({', '.join(sorted(conventions.stages))}); compare on data of the same firm"
            )
        if conventions not in histories:
            histories[conventions] = history_from_tables(known, conventions)
        readings.append(_Reading(contender, histories[conventions]))
    return readings


def _gap(target: Target, policy: LabelPolicy, contenders: tuple[Contender, ...], window: int) -> int:
    days = policy.horizon_days(target)
    if days is not None:
        return days * DAY
    trained = [float(c.bundle.manifest.get("split", {}).get("gap_days", 0)) for c in contenders]
    return max(0, min(int(max(trained) * DAY), window // LARGEST_GAP))


def _snapshots(target: Target, history: History, known: CanonicalData, begin: int, last: int) -> Snapshots:
    """The moments at which training would learn, after `begin` (exclusive) and up to `last`."""
    snapshots = weekly_grid(target, history, last)
    if known.config.learn_at == "records" and ENTITY[target] == "opportunity":
        snapshots = snapshots.and_also(moments_of_records(history, last))
    return snapshots.take(snapshots.as_of > begin)


def _counted(labels: Labels, rows: IntArray, later: Contender, until: int) -> tuple[int, int]:
    """How many of the rows have label 0 and 1; refuses too few."""
    ones = int(labels.value[rows].sum())
    zeros = len(rows) - ones
    if min(ones, zeros) < LEAST_POSITIVE:
        raise TooLittleData(
            f"{later.bundle.target}: between {iso(later.cutoff)}, up to where {later.name} has learnt, and"
            f" {iso(until)} there are {ones} snapshots with the known label 1 and {zeros} with 0; at least"
            f" {LEAST_POSITIVE} of each are needed; give data that go on for longer, or compare versions"
            " trained earlier"
        )
    return zeros, ones


def _shifts(readings: list[_Reading], weight: FloatArray) -> tuple[Shift, ...]:
    count = min(len(weight), MOST_EXPLAINED)
    rows = np.unique(np.linspace(0, len(weight) - 1, count).astype(np.int64))
    first, second = (each.mean_points(rows, weight) for each in readings)
    names = dict.fromkeys([*first, *second])
    shifts = [Shift(name, first.get(name, 0.0), second.get(name, 0.0)) for name in names]
    return tuple(sorted(shifts, key=lambda shift: -abs(shift.change)))
