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
DOUBT = 50.0  # about what 250 entities say, each of whom says p(1 - p)
_TREES = np.array([1.0, 0.0])  # slope and intercept of what the trees say themselves
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
        logits = (self.slope * margin + self.intercept).tolist()
        return np.array([1.0 / (1.0 + math.exp(min(-logit, _FARTHEST))) for logit in logits], np.float64)


AS_SAID = Platt(1.0, 0.0)  # what the trees say themselves


def fit_platt(margin: FloatArray, label: FloatArray, weight: FloatArray, entities: int) -> Platt:
    """The calibration by which the least is lost, drawn towards what the trees say themselves.

    Trees that were fitted to the log loss are nearly right already, and what later rows say against
    them rests on some hundred deals, the quickly decided ones above all. So slope and intercept are
    drawn towards 1 and 0 with the weight of `DOUBT`: a normal prior around them, in the units of the
    log loss of one entity.

    Args:
        margin, label, weight: later rows than the trees saw, one entry per row.
        entities: distinct deals or accounts behind them; the rows count as that many in all.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    share = weight / weight.sum()
    both = np.stack([margin, np.ones(len(margin))])
    square = max(float(np.average(margin**2, weights=weight)), LEAST_SLOPE)
    doubt = DOUBT / entities * np.array([square, 1.0])

    def loss(found: FloatArray) -> tuple[float, FloatArray]:
        logit, away = found @ both, found - _TREES
        value = share @ (np.logaddexp(0, logit) - label * logit) + (doubt * away**2).sum() / 2
        return float(value), both @ (share * (expit(logit) - label)) + doubt * away

    slope, intercept = minimize(loss, _TREES, jac=True, method="BFGS", options={"gtol": _CLOSE}).x
    return Platt(max(float(slope), LEAST_SLOPE), float(intercept))
