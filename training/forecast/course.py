"""The course of a quarter: how many more deals are won in its last weeks, say, than evenly.

Learnt from the wins of the past by the weeks that were left in their quarter, beside the mean of the 13 weeks
around each day, so that growth is not taken for it. Each factor is drawn to 1 as far as the factors differ no
more than by chance, or than one quarter from the other (empirical Bayes). Of a day on which a firm closes all
that it had forgotten no more counts than of its busy days. The dates of single deals do not know the course;
it places what they and new deals are expected to bring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.times import DAY, WEEK, FloatArray, IntArray
from training.forecast.periods import quarter_begin

SLOTS = 13  # weeks left in the quarter, 0 the last; the few days more that some have belong to the first
AROUND = 91  # days whose mean a day is held against: of a whole quarter, wherever it lies
LEAST_DAYS = 273  # that were looked at: three quarters, for one alone may have had a bad week
BUSY, TIMES = 0.98, 3.0  # of a day no more wins count than so many times those of so busy a day
_MOST = 0.999  # of a step's chance, however steep the course


@dataclass(frozen=True)
class Course:
    """Factors of the chance of a win in a week, by how many more weeks its quarter has; 1 on average.

    Attributes:
        factor: float64, `SLOTS`, > 0.
        time_zone: in which quarters begin.
    """

    factor: FloatArray
    time_zone: str

    def over(self, edges: IntArray) -> FloatArray:
        """The mean factor of each step between edges (microseconds); each counts its days by their middle."""
        found = np.empty(len(edges) - 1)
        for i in range(len(found)):
            days = max(1, round((edges[i + 1] - edges[i]) / DAY))
            middle = edges[i] + (edges[i + 1] - edges[i]) * (2 * np.arange(days) + 1) // (2 * days)
            found[i] = self.factor[_places(middle, self.time_zone)[1]].mean()
        return found


def course_of(closed_at: IntArray, as_of: int, time_zone: str) -> Course:
    """The course behind wins.

    Args:
        closed_at: of all deals won by `as_of`, microseconds.
    """
    even = Course(np.ones(SLOTS), time_zone)
    if not len(closed_at):
        return even
    count = int((as_of - closed_at.min()) // DAY) + 1
    wins = np.bincount((as_of - closed_at) // DAY, minlength=count).astype(np.float64)  # by days ago
    if count < AROUND + LEAST_DAYS:
        return even
    wins = np.minimum(wins, TIMES * np.quantile(wins[wins > 0], BUSY))
    sums = np.concatenate([[0.0], np.cumsum(wins)])
    expected = (sums[AROUND:] - sums[:-AROUND]) / AROUND
    seen = np.arange(AROUND // 2, AROUND // 2 + len(expected))
    quarter, slot = _places(as_of - seen * DAY - DAY // 2, time_zone)
    place, shape = quarter * SLOTS + slot, (int(quarter.max()) + 1, SLOTS)
    came, wanted = (
        np.asarray(np.bincount(place, each, shape[0] * SLOTS), np.float64).reshape(shape)
        for each in (wins[seen], expected)
    )
    return Course(_drawn(came, wanted), time_zone)


def paced(cumulative: FloatArray, pace: FloatArray) -> FloatArray:
    """A timing whose chance of each step, given not before, is multiplied; still non-decreasing, below 1.

    Args:
        cumulative: deals x steps, P(won by the end of the step | won).
        pace: factor of each step, > 0.
    """
    before = np.concatenate([np.zeros((len(cumulative), 1)), cumulative[:, :-1]], axis=1)
    chance = (cumulative - before) / np.maximum(1 - before, 1e-12)
    return np.asarray(1 - np.cumprod(1 - np.minimum(chance * pace, _MOST), axis=1))


def _drawn(came: FloatArray, wanted: FloatArray) -> FloatArray:
    """The ratios of wins to expected ones, each drawn to 1 by what chance would do, and 1 on average.

    Args:
        came, wanted: quarters x `SLOTS`.
    """
    whole = wanted.sum(axis=0)
    if not (whole > 0).all():
        return np.ones(SLOTS)
    ratio = came.sum(axis=0) / whole
    quarters = (wanted > 0).sum(axis=0)
    among = ((came - ratio * wanted) ** 2).sum(axis=0) / whole**2 * quarters / np.maximum(quarters - 1, 1)
    chance = np.maximum(among, 1 / whole)  # the squared standard error, at least that of a count
    spread = max(float(np.mean((ratio - 1) ** 2 - chance)), 0.0)
    factor = 1 + spread / (spread + chance) * (ratio - 1)
    return np.asarray(factor / np.average(factor, weights=whole))


def _places(at: IntArray, time_zone: str) -> tuple[IntArray, IntArray]:
    """Each instant's quarter, counted from the first one's, and how many whole weeks that has after it, the
    longest as `SLOTS` - 1."""
    begin, last = quarter_begin(int(at.min()), time_zone), int(at.max())
    ends = [begin]
    while ends[-1] <= last:
        ends.append(quarter_begin(ends[-1], time_zone, back=-1))
    edges = np.array(ends, np.int64)
    quarter = np.searchsorted(edges, at, side="right")
    return quarter - 1, np.minimum((edges[quarter] - at) // WEEK, SLOTS - 1)
