"""A strictly increasing calibration from the trees' margin to a probability.

Platt's scaling (Platt 1999): p = 1 / (1 + exp(-(slope * margin + intercept))), fitted on later
rows than the trees saw. Strictly increasing, so that no two deals are tied that the trees tell
apart and no explanation is empty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from features.times import FloatArray

LEAST_SLOPE = 1e-3  # keeps the order where the later rows show none
# About what 250 and 1,250 entities say, each of whom says p(1 - p). The level more: the served trees are
# fitted to the later rows too, so that what chance did to these is in the trees already.
DOUBT, DOUBT_OF_LEVEL = 50.0, 250.0
_TREES = np.array([1.0, 0.0])  # slope and shift of what the trees say themselves
_CLOSE = 1e-9  # the gradient of the mean log loss at which the search ends
_FARTHEST = 700.0  # `math.exp` of more than 709 overflows


@dataclass(frozen=True)
class Platt:
    """The two numbers of a fitted calibration; slope > 0."""

    slope: float
    intercept: float

    def probability(self, margin: FloatArray) -> FloatArray:
        """Strictly between 0 and 1, increasing in the margin; float64.

        Row by row in the C library's `exp`: NumPy's own may differ in the last bit between a
        single row and many, and a deal has one probability, however it is asked for.
        """
        logits = [self.slope * each + self.intercept for each in margin.tolist()]
        return np.array([1.0 / (1.0 + math.exp(min(-logit, _FARTHEST))) for logit in logits], np.float64)


AS_SAID = Platt(1.0, 0.0)  # what the trees say themselves


def fit_platt(margin: FloatArray, label: FloatArray, weight: FloatArray, entities: int) -> Platt:
    """The calibration by which the least is lost, drawn towards what the trees say themselves.

    Trees that were fitted to the log loss are nearly right already, and what later rows say against
    them rests on some hundred deals, the quickly decided ones above all. So the slope is drawn towards 1 with
    the weight of `DOUBT`, and the shift at the mean margin towards 0 with that of `DOUBT_OF_LEVEL`: a normal
    prior around them, in the units of the log loss of one entity.

    Args:
        margin, label, weight: later rows than the trees saw, one entry per row.
        entities: distinct deals or accounts behind them; the rows count as that many in all.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    share = weight / weight.sum()
    middle = float(share @ margin)
    both = np.stack([margin - middle, np.ones(len(margin))])
    square = max(float(share @ both[0] ** 2), LEAST_SLOPE)
    doubt = np.array([DOUBT * square, DOUBT_OF_LEVEL]) / entities

    def loss(found: FloatArray) -> tuple[float, FloatArray]:
        logit, away = middle + found @ both, found - _TREES
        value = share @ (np.logaddexp(0, logit) - label * logit) + (doubt * away**2).sum() / 2
        return float(value), both @ (share * (expit(logit) - label)) + doubt * away

    slope, shift = minimize(loss, _TREES, jac=True, method="BFGS", options={"gtol": _CLOSE}).x
    slope = max(float(slope), LEAST_SLOPE)
    return Platt(slope, float(shift) + middle * (1 - slope))
