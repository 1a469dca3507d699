"""How good forecasts were: errors of the middle, and whether the ranges held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.times import BoolArray, FloatArray, IntArray

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
WANTED = 0.8  # of P10 to P90
LEAST_WINDOWS = 8  # whose outcome is known, before a range is widened by them


@dataclass(frozen=True)
class Measured:
    """Figures of forecasts of many periods; NaN where what they are shares of is 0.

    Attributes:
        wape: sum of |P50 - y| over sum of y.
        mase: the same over the error of `last_period`.
        bias: sum of (mean - y) over sum of y.
        pinball: mean pinball loss over `LEVELS`, over the mean of y.
        coverage_80, coverage_50: shares of y between P10 and P90, and P25 and P75.
        periods: how many.
    """

    wape: float
    mase: float
    bias: float
    pinball: float
    coverage_80: float
    coverage_50: float
    periods: int


def measured(quantiles: FloatArray, mean: FloatArray, actual: FloatArray, naive: FloatArray) -> Measured:
    """The figures.

    Args:
        quantiles: periods x `LEVELS`.
        naive: what the last period says of each.
    """
    total, middle = float(actual.sum()), quantiles[:, 2]
    error = float(np.abs(middle - actual).sum())
    off = actual[:, None] - quantiles
    levels = np.array(LEVELS)
    pinball = np.maximum(levels * off, (levels - 1) * off)
    return Measured(
        wape=_over(error, total),
        mase=_over(error, float(np.abs(naive - actual).sum())),
        bias=_over(float((mean - actual).sum()), total),
        pinball=_over(float(pinball.mean()), total / max(len(actual), 1)),
        coverage_80=_share(actual, quantiles[:, 0], quantiles[:, 4]),
        coverage_50=_share(actual, quantiles[:, 1], quantiles[:, 3]),
        periods=len(actual),
    )


def wape(said: FloatArray, actual: FloatArray) -> float:
    """Sum of the errors over the sum of what came, over the periods of which something was said."""
    given = ~np.isnan(said)
    if not given.any():
        return float("nan")
    return _over(float(np.abs(said - actual)[given].sum()), float(actual[given].sum()))


def widening(quantiles: FloatArray, actual: FloatArray) -> float:
    """By how much the distance of P10 and P90 from P50 must grow to have held as often as they should.

    Split conformal prediction (Vovk, Gammerman and Shafer 2005) with |y - P50| over the distance on that side
    as the score; never below 1, which makes up for what the correction for few periods would add: with both,
    ranges held too often. 1 with fewer than `LEAST_WINDOWS` periods.
    """
    if len(actual) < LEAST_WINDOWS:
        return 1.0
    low, middle, high = quantiles[:, 0], quantiles[:, 2], quantiles[:, 4]
    side = np.where(actual < middle, middle - low, high - middle)
    score = np.abs(actual - middle) / np.maximum(side, 1e-9)
    return max(1.0, float(np.quantile(score, WANTED)))


def rolling_widening(quantiles: FloatArray, actual: FloatArray, begin: IntArray, end: IntArray) -> FloatArray:
    """The widening that each forecast would have had live: from the periods that were over when it was made.

    Args:
        begin: when each was made; end: when its period was over.
    """
    found = np.ones(len(actual))
    for i, at in enumerate(begin.tolist()):
        over: BoolArray = end <= at
        found[i] = widening(quantiles[over], actual[over])
    return found


def wider(quantiles: FloatArray, factor: FloatArray) -> FloatArray:
    """Quantiles with their distance from the median multiplied, row by row; not below 0."""
    middle = quantiles[:, 2:3]
    return np.asarray(np.maximum(middle + factor[:, None] * (quantiles - middle), 0.0))


def _over(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _share(actual: FloatArray, low: FloatArray, high: FloatArray) -> float:
    return float(((actual >= low) & (actual <= high)).mean())
