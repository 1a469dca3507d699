"""When a deal is won, given that it is: from weekly hazards with competing ends to a curve and dates.

With h_w and h_l the chances of being won and lost in a bucket of weeks while open at its start, the
cumulative incidence of a win is F(k) = sum of S(j-1) h_w(j), S(j) = S(j-1) (1 - h_w(j) - h_l(j)) (Kalbfleisch
and Prentice 2002, section 8.2). The timing is G(k) = F(k) / F(infinity), and a deal's curve is its win
probability times G: it ends at the number that is shown, since both say the same of the same deal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.times import FloatArray, IntArray
from training.timing_kernel import close_dates, dates, reached, shift, timed

WEEKS: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 10, 13, 17, 21, 26, 39, 52)  # the ends of the buckets
SHARES = (0.1, 0.5, 0.9)
LONGEST_WEEKS = 260.0  # no date lies farther ahead
_WEEKS, _SHARES = np.array(WEEKS, np.float64), np.array(SHARES, np.float64)


@dataclass(frozen=True)
class Timing:
    """When each deal is won if it is won; one row per deal.

    Attributes:
        weeks: ends of the buckets, rising.
        cumulative: deals x buckets, P(won by the end of the bucket | won), in (0, 1), non-decreasing.
        rate: of the end per week after the last bucket, > 0.
    """

    weeks: FloatArray
    cumulative: FloatArray
    rate: FloatArray

    def curve(self, win_probability: FloatArray) -> FloatArray:
        """Deals x (buckets + 1): P(won by the end of each bucket); the last column is later than all of
        them, and is the win probability itself."""
        whole = np.column_stack([self.cumulative, np.ones(len(self.rate))])
        return np.asarray(whole * win_probability[:, None])

    def by(self, weeks: FloatArray) -> FloatArray:
        """Deals x times: P(won within so many weeks | won), evenly within each bucket.

        Args:
            weeks: >= 0; beyond the last bucket the rate holds.
        """
        ends = np.concatenate([[0.0], self.weeks])
        steps = np.column_stack([np.zeros(len(self.rate)), self.cumulative])
        place = np.clip(np.searchsorted(ends, weeks, side="left"), 1, len(ends) - 1)
        share = np.clip((weeks - ends[place - 1]) / (ends[place] - ends[place - 1]), 0.0, 1.0)
        inside = steps[:, place - 1] + share * (steps[:, place] - steps[:, place - 1])
        after = np.maximum(weeks - ends[-1], 0.0)
        beyond = 1 - (1 - steps[:, -1:]) * np.exp(-self.rate[:, None] * after)
        return np.asarray(np.where(after > 0, beyond, inside))

    def quantiles(self, shares: tuple[float, ...] = SHARES) -> FloatArray:
        """Deals x shares: weeks by which that share of such wins has come; at most `LONGEST_WEEKS`."""
        found = np.empty((len(self.rate), len(shares)))
        reached(self.cumulative, self.rate, self.weeks, np.array(shares), LONGEST_WEEKS, found)
        return found


def timing_of(won: FloatArray, lost: FloatArray, shifts: FloatArray) -> Timing:
    """The timing behind hazards.

    Args:
        won, lost: deals x buckets of `WEEKS`, chances of each end within a bucket while open at its start.
        shifts: per bucket, added to the log odds of a win in it given that it comes, but not before.
    """
    cumulative, rate = np.empty(won.shape), np.empty(len(won))
    timed(won, lost, _WEEKS, shifts, cumulative, rate)
    return Timing(_WEEKS, cumulative, rate)


def shifted(cumulative: FloatArray, shifts: FloatArray) -> FloatArray:
    """A timing with the log odds of each bucket, given not before, moved; still non-decreasing, below 1."""
    moved = np.array(cumulative, np.float64)
    shift(moved, shifts)
    return moved


def dates_of(as_of: IntArray, weeks: FloatArray) -> IntArray:
    """Instants that lie so many weeks after each `as_of`, to the whole day; rows x columns, microseconds."""
    found = np.empty(weeks.shape, np.int64)
    dates(np.ascontiguousarray(as_of), np.ascontiguousarray(weeks), found)
    return found


def close_dates_of(scores: FloatArray, offsets: FloatArray, shifts: FloatArray, as_of: IntArray) -> IntArray:
    """The dates of `SHARES` of each deal's wins: `timing_of`, `quantiles` and `dates_of` at one go.

    Args:
        scores, offsets: as of `timing_kernel.hazards`.
    """
    found = np.empty((len(as_of), len(SHARES)), np.int64)
    close_dates(scores, offsets, _WEEKS, shifts, _SHARES, LONGEST_WEEKS, as_of, found)
    return found
