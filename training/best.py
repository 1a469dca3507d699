"""What the best reps do on their deals, as the mean of a group: never who they are.

Who is among the best is told by one half of the deals and what they do is measured on the other, by turns:
on the same deals a rep would count as good by luck, and the deals that were lucky show other behaviour.
A rep's standing is what the deals came to beyond what their case mix promised, drawn towards 0 where there
are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.times import FloatArray, IntArray
from training.habits import Design
from training.landmarks import Landmarks
from training.patterns_words import few_reps

TOP_SHARE: Final = 0.25
LEAST_REPS: Final = 5  # in a group that is shown
LEAST_DEALS_OF_A_REP: Final = 8  # in a half
PRIOR_DEALS: Final = 20.0  # as if every rep had so many deals more, which came to what was promised


@dataclass(frozen=True)
class Best:
    """Groups of each half's rows.

    Attributes:
        group: per row 1 of the best, 0 of the others, -1 of reps with too few deals; all -1 if too small.
        raw: the behaviours' values. weight: of the rows.
        reps: in the smaller of the two groups of the best.
    """

    group: IntArray
    raw: tuple[FloatArray, ...]
    weight: FloatArray
    reps: int

    @property
    def shown(self) -> bool:
        return self.reps >= LEAST_REPS

    def means(self, i: int) -> dict[str, float] | None:
        """The mean of a behaviour among the best and the others; None where it is not shown."""
        given = ~np.isnan(self.raw[i])
        masks = [given & (self.group == which) for which in (1, 0)]
        if not self.shown or not all(mask.any() for mask in masks):
            return None
        best, others = (float(np.average(self.raw[i][mask], weights=self.weight[mask])) for mask in masks)
        return {"best": best, "others": others}

    def described(self) -> dict[str, Any]:
        """How large the group is, and why nothing is shown where nothing is."""
        note = None if self.shown else few_reps(self.reps, LEAST_REPS)
        return {"share": TOP_SHARE, "n_reps": self.reps if self.shown else None, "note": note}


def best_of(landmarks: Landmarks, design: Design) -> Best:
    """The best quarter of the reps by one half of the deals, on the rows of the other half."""
    beyond = landmarks.won - _promised(landmarks, design)
    half = landmarks.deal % 2
    group = np.full(len(half), -1, np.int64)
    sizes = []
    for judged in (0, 1):
        standing = _standing(landmarks, beyond, half == judged)
        able = np.flatnonzero(~np.isnan(standing))
        count = int(len(able) * TOP_SHARE)
        sizes.append(count)
        place = np.full(len(standing), -1, np.int64)
        place[able] = 0
        place[able[np.argsort(-standing[able], kind="stable")[:count]]] = 1
        shown = half != judged
        group[shown] = place[landmarks.rep[shown]]
    raw = tuple(habit.raw for habit in design.habits)
    return Best(group, raw, landmarks.weight, min(sizes))


def _promised(landmarks: Landmarks, design: Design) -> FloatArray:
    """The chance by the case mix alone, the reps left out."""
    from sklearn.linear_model import LogisticRegression

    columns = design.mix[:, 1 : design.mix.shape[1] - len(landmarks.reps)]
    model = LogisticRegression(max_iter=1000).fit(columns, landmarks.won, landmarks.weight)
    return np.asarray(model.predict_proba(columns)[:, 1], np.float64)


def _standing(landmarks: Landmarks, beyond: FloatArray, judged: IntArray) -> FloatArray:
    """Per rep, what deals came to beyond what was promised; NaN for reps with too few."""
    found = np.full(len(landmarks.reps), np.nan)
    for rep in range(len(landmarks.reps)):
        mine = judged & (landmarks.rep == rep)
        deals = len(np.unique(landmarks.deal[mine]))
        if deals >= LEAST_DEALS_OF_A_REP:
            mean = float(np.average(beyond[mine], weights=landmarks.weight[mine]))
            found[rep] = mean * deals / (deals + PRIOR_DEALS)
    return found
