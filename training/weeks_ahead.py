"""Opportunity-weeks: each snapshot's deal in each bucket of the weeks ahead while it is open, and what came.

A deal is met at every snapshot from its creation on, with the features as they were then, and only in
buckets at whose start it was open: that is left truncation. A bucket that was not over by the cut-off is
left out whatever came in it, since else only the ends would be seen: that is right censoring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.history import History
from features.snapshots import Snapshots
from features.times import WEEK, BoolArray, FloatArray, IntArray
from training.close import LOST, OPEN, WON
from training.labels import LabelPolicy, label
from training.timing import WEEKS


@dataclass(frozen=True)
class Ends:
    """How each snapshot's deal ended, as known at a cut-off.

    Attributes:
        after: microseconds from the snapshot to its end, or to the cut-off where there is none yet.
        end: `WON`, `LOST` or `OPEN` per snapshot.
        seen: microseconds from the snapshot to the cut-off.
        counted: False where the label policy leaves the snapshot out.
    """

    after: IntArray
    end: IntArray
    seen: IntArray
    counted: BoolArray

    def take(self, rows: IntArray | BoolArray) -> Ends:
        """Some of the snapshots."""
        return Ends(self.after[rows], self.end[rows], self.seen[rows], self.counted[rows])

    def won_within(self, weeks: float) -> BoolArray:
        """Mask of those whose deal was won within so many weeks."""
        return np.asarray((self.end == WON) & (self.after <= round(weeks * WEEK)))

    def over(self, weeks: float) -> BoolArray:
        """Mask of those that count and for which so many weeks are over, whatever came."""
        return np.asarray(self.counted & (self.seen >= round(weeks * WEEK)))


def ends_of(history: History, snapshots: Snapshots, cutoff: int, policy: LabelPolicy) -> Ends:
    """The ends as they were known at a cut-off."""
    labels = label("win", history, snapshots, cutoff, policy)
    end = np.where(labels.value == 1, WON, np.where(labels.value == 0, LOST, OPEN)).astype(np.int64)
    return Ends(labels.after, end, cutoff - snapshots.as_of, labels.counted)


@dataclass(frozen=True)
class Ahead:
    """One row is one snapshot in one bucket at whose start its deal was open.

    Attributes:
        snapshot: place among the snapshots; bucket: place in `WEEKS`.
        label: what came in the bucket: `OPEN`, `WON` or `LOST`.
    """

    snapshot: IntArray
    bucket: IntArray
    label: IntArray

    def take(self, rows: IntArray) -> Ahead:
        return Ahead(self.snapshot[rows], self.bucket[rows], self.label[rows])


def weeks_ahead(ends: Ends) -> Ahead:
    """The rows of all snapshots, by snapshot and bucket."""
    edges = np.array((0, *WEEKS), np.int64) * WEEK
    low, high = edges[:-1], edges[1:]
    still = ends.after[:, None] > low[None, :]
    still[:, 0] = True  # what happens at once is in the first
    over = ends.seen[:, None] >= high[None, :]
    snapshot, bucket = np.nonzero(still & over & ends.counted[:, None])
    came = ends.after[snapshot] <= high[bucket]
    return Ahead(snapshot, bucket, np.where(came, ends.end[snapshot], OPEN))


def offsets_of(ahead: Ahead) -> FloatArray:
    """Buckets x 3: the log rate of each class in each bucket; where little was seen, drawn to all buckets'
    rate per week."""
    count, lengths = len(WEEKS), np.diff(np.array((0, *WEEKS), np.float64))
    table = np.zeros((count, 3))
    np.add.at(table, (ahead.bucket, ahead.label), 1.0)
    exposure = table.sum(axis=1)
    weekly = (table[:, 1:].sum(axis=0) + 0.5) / ((exposure * lengths).sum() + 1.0)
    prior = 1 - np.exp(-weekly[None, :] * lengths[:, None])
    ends = (table[:, 1:] + _DOUBT * prior) / (exposure + _DOUBT)[:, None]
    stays = np.maximum(1 - ends.sum(axis=1), 1e-3)
    return np.asarray(np.log(np.column_stack([stays, ends])))


_DOUBT = 20.0  # rows that say what all buckets say
