"""Weights for labels that are not all known yet.

Recent snapshots are known only if their deal ended quickly. Dropping the others would teach that
deals end quickly; inverse-probability-of-censoring weights let each known label also stand for
those like it that are not known yet (Robins and Finkelstein 2000, 10.1111/j.0006-341X.2000.00779.x).
"""

from __future__ import annotations

import numpy as np

from features.times import BoolArray, FloatArray, IntArray
from training.labels import Labels

LEAST_UNCENSORED = 0.1  # one label stands for ten at the most, so that none rules the fit


def censoring_weights(labels: Labels) -> FloatArray:
    """1 / P(still uncensored when the label was decided); 0 where the label is unknown.

    The probability is the Kaplan-Meier estimate over the same labels, in which being unknown at
    the cut-off is the event; at least `LEAST_UNCENSORED`.
    """
    counted = np.flatnonzero(labels.counted)
    staying = _kaplan_meier(labels.after[counted], labels.censored[counted])
    known = labels.known[counted]
    weight = np.zeros(len(labels.value))
    weight[counted[known]] = 1 / np.maximum(staying[known], LEAST_UNCENSORED)
    return weight


def _kaplan_meier(after: IntArray, event: BoolArray) -> FloatArray:
    """P(no event strictly before each row's own time)."""
    times, place = np.unique(after, return_inverse=True)
    events = np.bincount(place, weights=event, minlength=len(times))
    leaving = np.bincount(place, minlength=len(times))
    at_risk = len(after) - np.concatenate([[0], np.cumsum(leaving)[:-1]])
    survival = np.concatenate([[1.0], np.cumprod(1 - events / at_risk)])
    return survival[place]
