"""Deals at comparable moments: each closed deal as it was so many days after its creation.

Behaviours over a deal's whole life would go with whatever makes deals live long. At a landmark (Anderson,
Cain and Gelber 1983, 10.1200/JCO.1983.1.11.710) every deal that was still open is looked at with what was
known then, and what came of it later is the label. Landmarks are the ages by which a quarter, a half and
three quarters of the closed deals had closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.build import build_features
from features.frame import FeatureFrame
from features.shown import shown_of
from features.snapshots import Snapshots
from features.times import DAY, NEVER, FloatArray, IntArray
from training.censoring import fitting_weights
from training.dataset import Source
from training.labels import eligible, label

SHARES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Landmarks:
    """One row per deal and landmark at which it was open, if its end is known.

    Attributes:
        days: the landmarks' ages.
        landmark: int64 place of each row's in `days`.
        deal: int64 code.
        rep: int64 place in `reps`, who had the deal then.
        frame: the features asked for, as known then.
        won: float64, 1 or 0.
        weight: against censoring, and so that a deal of three rows does not count thrice.
    """

    days: tuple[int, ...]
    landmark: IntArray
    deal: IntArray
    rep: IntArray
    reps: tuple[str, ...]
    frame: FeatureFrame
    won: FloatArray
    weight: FloatArray

    def deals(self, won: bool) -> int:
        """Distinct deals that were won, or lost."""
        return len(np.unique(self.deal[self.won == won]))


def landmarks_of(source: Source, features: Sequence[str]) -> Landmarks:
    """The rows of a data set as it was known at its cut-off."""
    days = _days(source)
    deals = source.history.opportunities
    entity = np.tile(np.arange(len(deals.ids), dtype=np.int64), len(days))
    landmark = np.repeat(np.arange(len(days)), len(deals.ids))
    snapshots = Snapshots(entity, deals.created_at[entity] + np.array(days, np.int64)[landmark] * DAY)
    open_then = eligible("win", source.history, snapshots) & (snapshots.as_of <= source.cutoff)
    landmark, snapshots = landmark[open_then], snapshots.take(open_then)
    labels = label("win", source.history, snapshots, source.cutoff, source.policy)
    weight = fitting_weights(labels, snapshots.entity)
    known = labels.known
    its = snapshots.take(known)
    frame = build_features(
        source.history, its, "opportunity", source.reference, only=tuple(dict.fromkeys(features))
    )
    reps, rep = np.unique([str(name) for name in shown_of(source.history, its).rep], return_inverse=True)
    return Landmarks(
        days, landmark[known], its.entity, rep.astype(np.int64), tuple(reps.tolist()), frame,
        labels.value[known], weight[known],
    )  # fmt: skip


def _days(source: Source) -> tuple[int, ...]:
    """Ages in whole days, at least one, each once; none where no deal has closed."""
    deals = source.history.opportunities
    closed = deals.closed_at <= min(source.cutoff, NEVER - 1)
    lives = (deals.closed_at[closed] - deals.created_at[closed]) / DAY
    if not len(lives):
        return ()
    return tuple(sorted({max(1, round(float(at))) for at in np.quantile(lives, SHARES)}))
