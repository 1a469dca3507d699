"""Forward splits: each part of the snapshots lies later than the one before, behind a gap.

A part's labels are those known when it ends, so that nothing a later part is judged by could
have been used before it. A part that judges ends a gap after its last snapshot: the label's horizon, or
for a win, which has none, the time within which four of five are decided. Where it is shorter, the
labels that are known are those of deals that end quickly, and a model seems better than it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.history import History
from features.snapshots import Snapshots
from features.times import DAY, BoolArray, iso
from training.censoring import time_to_decide
from training.errors import TooLittleData
from training.labels import LabelPolicy, Labels, Target, label

ROOM = 1.25  # later parts last at least so many gaps, where 20% of the snapshots would leave less
DECIDED = 0.8  # of the wins and losses: behind it the weights against censoring can do the rest
LEAST_POSITIVE = 20  # of each class, in every part: fewer tell nothing about a calibration


@dataclass(frozen=True)
class Part:
    """Snapshots from one stretch of time, with labels as known at its end.

    Attributes:
        name: for messages and parameters.
        rows: index of its snapshots among all.
        begin, end: microseconds; begin < as_of <= end, for a part that judges end - gap; labels known
            at `end`.
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
    """Three parts forward in time, and what was known in all when the second and the third ended.

    Attributes:
        train, calibrate, test: forward in time.
        before_test, everything: all snapshots up to the end of `calibrate` and of `test`, with the labels
            known then.
        gap: microseconds behind each of the two that judge.
    """

    train: Part
    calibrate: Part
    test: Part
    before_test: Part
    everything: Part
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
    """60, 20 and 20% of the snapshots by time; checked after building.

    The later two are closed by a gap. Where it would fill most of a part, that part begins earlier.

    Raises:
        TooLittleData: a part holds fewer than 20 snapshots of either label.
    """
    if not len(snapshots):
        raise TooLittleData(f"{target}: no snapshot to learn from at {iso(cutoff)}; train on later data")
    gap = gap_of(target, history, snapshots, cutoff, policy)
    first, second = (int(q) for q in np.quantile(snapshots.as_of, [0.6, 0.8], method="lower"))
    second = min(second, cutoff - int(ROOM * gap))
    first = min(first, second - int(ROOM * gap))
    bounds = [int(snapshots.as_of.min()) - 1, first, second, cutoff]

    def part(name: str, begin: int, end: int, gap: int = gap) -> Part:
        rows = (snapshots.as_of > begin) & (snapshots.as_of <= end - gap)
        if not rows.any():
            before = f" that lies {gap / DAY:.0f} days, within which a label is decided, before its end"
            raise TooLittleData(
                f"{target}: the data up to {iso(cutoff)} are too short: the {name} part has no snapshot"
                f"{before if gap else ''}; give a longer history"
            )
        labels = label(target, history, snapshots.take(rows), end, policy)
        _check_enough(target, name, labels, f"{iso(begin)} to {iso(end)}")
        return Part(name, rows, begin, end, labels)

    split = Split(
        train=part("train", bounds[0], bounds[1], 0),
        calibrate=part("calibrate", bounds[1], bounds[2]),
        test=part("test", bounds[2], bounds[3]),
        before_test=part("train and calibrate", bounds[0], bounds[2], 0),
        everything=part("whole", bounds[0], bounds[3], 0),
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


def gap_of(target: Target, history: History, snapshots: Snapshots, cutoff: int, policy: LabelPolicy) -> int:
    """Microseconds to leave before `cutoff`: the horizon, or for a win the time within which four of five
    are decided, a fifth of the span at most."""
    days = policy.horizon_days(target)
    if days is not None:
        return days * DAY
    needed = time_to_decide(label(target, history, snapshots, cutoff, policy), DECIDED)
    most = (cutoff - int(snapshots.as_of.min())) // 5
    return most if needed is None else min(needed, most)


def _check(split: Split, snapshots: Snapshots) -> None:
    """Fails closed if a part's snapshots or labels reach into the next part."""
    for before, after in ((split.train, split.calibrate), (split.calibrate, split.test)):
        latest = snapshots.as_of[before.rows]
        decided = latest + before.labels.after
        earliest = snapshots.as_of[after.rows].min()
        gap = 0 if before is split.train else split.gap
        if latest.max() > before.end - gap or decided.max() > before.end or earliest <= before.end:
            raise AssertionError(f"the {before.name} part reaches into the {after.name} part")
