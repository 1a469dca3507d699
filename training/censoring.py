"""Weights for labels that are not all known yet.

Recent snapshots are known only if their deal ended quickly. Dropping the others would teach that
deals end quickly; inverse-probability-of-censoring weights let each known label also stand for
those like it that are not known yet (Robins and Finkelstein 2000, 10.1111/j.0006-341X.2000.00779.x).
"""

from __future__ import annotations

import numpy as np

from features.times import BoolArray, FloatArray, IntArray
from training.labels import Labels
from training.places import places_of

LEAST_UNCENSORED = 0.1  # where a model is judged, one label stands for ten at the most
_ROUNDING = 1e-12
LEAST_TO_FIT = 0.5  # trees lose more by a label that rules them than by what it would put right


def censoring_weights(labels: Labels, least: float = LEAST_UNCENSORED) -> FloatArray:
    """1 / P(still uncensored when the label was decided); 0 where the label is unknown.

    The probability is the Kaplan-Meier estimate over the same labels, in which being unknown at
    the cut-off is the event; at least `least`.
    """
    counted = np.flatnonzero(labels.counted)
    staying = _kaplan_meier(labels.after[counted], labels.censored[counted])
    known = labels.known[counted]
    weight = np.zeros(len(labels.value))
    weight[counted[known]] = 1 / np.maximum(staying[known], least)
    return weight


def fitting_weights(labels: Labels, entity: IntArray) -> FloatArray:
    """What each known label weighs in a fit; 0 where it is unknown.

    The weight against censoring, at most 1 / `LEAST_TO_FIT`, over the square root of how many known
    snapshots the entity has: a deal that lived for fifty weeks has one outcome and not fifty, but its
    fifty histories are not one either.

    Args:
        entity: the deal or account of each snapshot.
    """
    weight, known = censoring_weights(labels, LEAST_TO_FIT), labels.known
    place, count = places_of(entity[known])
    weight[known] /= np.sqrt(np.bincount(place, minlength=count)[place])
    return weight


def time_to_decide(labels: Labels, share: float) -> int | None:
    """Microseconds within which a share of the labels that count is decided (Kaplan-Meier); None if never."""
    times, _, undecided = _survival(labels.after[labels.counted], labels.known[labels.counted])
    decided = times[undecided <= 1 - share + _ROUNDING]
    return int(decided[0]) if len(decided) else None


def _kaplan_meier(after: IntArray, event: BoolArray) -> FloatArray:
    """P(no event strictly before each row's own time)."""
    _, place, survival = _survival(after, event)
    return np.concatenate([[1.0], survival])[place]


def _survival(after: IntArray, event: BoolArray) -> tuple[IntArray, IntArray, FloatArray]:
    """The distinct times in order, each row's place among them, and P(no event up to each time)."""
    times, place = np.unique(after, return_inverse=True)
    events = np.bincount(place, weights=event, minlength=len(times))
    leaving = np.bincount(place, minlength=len(times))
    at_risk = len(after) - np.concatenate([[0], np.cumsum(leaving)[:-1]])
    return times, place, np.cumprod(1 - events / at_risk)
