"""Forward splits: each part of the snapshots lies later than the one before, behind a gap.

A part's labels are those known when it ends, so that nothing a later part is judged by could
have been used before it. The gap between a part's last snapshot and its end is at least the
label's horizon; a win, which has none, gets the median time its snapshots took to close.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.history import History
from features.snapshots import Snapshots
from features.times import DAY, BoolArray, iso
from training.errors import TooLittleData
from training.labels import LabelPolicy, Labels, Target, label

ROOM = 1.25  # later parts last at least so many gaps, where 20% of the snapshots would leave less
LEAST_POSITIVE = 20  # of each class, in every part: fewer tell nothing about a calibration


@dataclass(frozen=True)
class Part:
    """Snapshots from one stretch of time, with labels as known at its end.

    Attributes:
        name: for messages and parameters.
        rows: index of its snapshots among all.
        begin, end: microseconds; begin < as_of <= end - gap, labels known at `end`.
    """

    name: str
    rows: BoolArray
    begin: int
    end: int
    labels: Labels

    @property
    def known(self) -> BoolArray:
        """Mask among `rows` of those whose label is known."""
        return self.labels.known


@dataclass(frozen=True)
class Split:
    """Three parts forward in time, and the gap in microseconds behind each."""

    train: Part
    calibrate: Part
    test: Part
    gap: int

    def dates(self) -> dict[str, str]:
        """The boundaries as ISO 8601, for the run's parameters."""
        return {
            "train_end": iso(self.train.end),
            "calibrate_end": iso(self.calibrate.end),
            "test_end": iso(self.test.end),
            "gap_days": f"{self.gap / DAY:.1f}",
        }


def forward_split(
    target: Target, history: History, snapshots: Snapshots, cutoff: int, policy: LabelPolicy
) -> Split:
    """60, 20 and 20% of the snapshots by time, each part closed by a gap; checked after building.

    Where the gap would fill most of a later part, that part begins earlier.

    Raises:
        TooLittleData: a part holds fewer than 20 snapshots of either label.
    """
    if not len(snapshots):
        raise TooLittleData(f"{target}: no snapshot to learn from at {iso(cutoff)}; train on later data")
    gap = _gap(target, history, snapshots, cutoff, policy)
    first, second = (int(q) for q in np.quantile(snapshots.as_of, [0.6, 0.8], method="lower"))
    second = min(second, cutoff - int(ROOM * gap))
    first = min(first, second - int(ROOM * gap))
    bounds = [int(snapshots.as_of.min()) - 1, first, second, cutoff]

    def part(name: str, begin: int, end: int) -> Part:
        rows = (snapshots.as_of > begin) & (snapshots.as_of <= end - gap)
        if not rows.any():
            raise TooLittleData(
                f"{target}: the data up to {iso(cutoff)} are too short: the {name} part has no snapshot that"
                f" lies {gap / DAY:.0f} days, within which a label is decided, before its end;"
                " give a longer history"
            )
        labels = label(target, history, snapshots.take(rows), end, policy)
        _check_enough(target, name, labels, f"{iso(begin)} to {iso(end)}")
        return Part(name, rows, begin, end, labels)

    split = Split(
        train=part("train", bounds[0], bounds[1]),
        calibrate=part("calibrate", bounds[1], bounds[2]),
        test=part("test", bounds[2], bounds[3]),
        gap=gap,
    )
    _check(split, snapshots)
    return split


def _check_enough(target: Target, name: str, labels: Labels, dates: str) -> None:
    for value in (0, 1):
        found = int((labels.value[labels.known] == value).sum())
        if found < LEAST_POSITIVE:
            raise TooLittleData(
                f"{target}: only {found} snapshots with label {value} in the {name} part ({dates}),"
                f" at least {LEAST_POSITIVE} are needed; give a longer history or a later --as-of"
            )


def _gap(target: Target, history: History, snapshots: Snapshots, cutoff: int, policy: LabelPolicy) -> int:
    days = policy.horizon_days(target)
    if days is not None:
        return days * DAY
    labels = label(target, history, snapshots, cutoff, policy)
    span = cutoff - int(snapshots.as_of.min())
    median = int(np.median(labels.after[labels.known])) if labels.known.any() else 0
    return min(median, span // 10)


def _check(split: Split, snapshots: Snapshots) -> None:
    """Fails closed if a part's snapshots or labels reach into the next part."""
    for before, after in ((split.train, split.calibrate), (split.calibrate, split.test)):
        latest = snapshots.as_of[before.rows]
        decided = latest + before.labels.after
        earliest = snapshots.as_of[after.rows].min()
        if latest.max() > before.end - split.gap or decided.max() > before.end or earliest <= before.end:
            raise AssertionError(f"the {before.name} part reaches into the {after.name} part")
