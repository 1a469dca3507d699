"""A strictly increasing calibration from the trees' margin to a probability.

Platt's scaling (Platt 1999): p = 1 / (1 + exp(-(slope * margin + intercept))), fitted on later
rows than the trees saw. Strictly increasing, so that no two deals are tied that the trees tell
apart and no explanation is empty. At its optimum the mean of the probabilities equals the share
of positives among the rows it was fitted on, which makes that share the base rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from features.times import FloatArray

LEAST_SLOPE = 1e-3  # keeps the order where the later rows show none
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


def fit_platt(margin: FloatArray, label: FloatArray, weight: FloatArray) -> Platt:
    """The calibration with the least weighted log loss; at least `LEAST_SLOPE` steep."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-10)
    model.fit(margin.reshape(-1, 1), label, sample_weight=weight)
    slope = float(model.coef_[0, 0])
    if slope >= LEAST_SLOPE:
        return Platt(slope, float(model.intercept_[0]))
    rate = float(np.average(label, weights=weight))
    centre = float(np.average(margin, weights=weight))
    return Platt(LEAST_SLOPE, float(np.log(rate / (1 - rate))) - LEAST_SLOPE * centre)
