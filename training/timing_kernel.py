"""The arithmetic of `training.timing`, deal by deal, where a request waits for one deal.

A deal has the same bits alone as among many. This file imports nothing of `training`, so that the cache of
`features.compiled` knows it by its contents.
"""

from __future__ import annotations

import numpy as np

from features.compiled import compiled
from features.times import DAY, FloatArray, IntArray

LEAST = 1e-9
_OPEN, _WON, _LOST = range(3)


@compiled("void(float64[:,:,::1], float64[:,::1], float64[:,::1], float64[:,::1])")
def hazards(scores: FloatArray, offsets: FloatArray, won: FloatArray, lost: FloatArray) -> None:
    """The chances of being won and lost in each bucket while open at its start, into deals x buckets.

    Args:
        scores: deals x buckets x (open, won, lost), log rates to which `offsets` add.
    """
    for deal in range(scores.shape[0]):
        for k in range(scores.shape[1]):
            a = scores[deal, k, _OPEN] + offsets[k, _OPEN]
            b = scores[deal, k, _WON] + offsets[k, _WON]
            c = scores[deal, k, _LOST] + offsets[k, _LOST]
            most = max(a, b, c)
            a, b, c = np.exp(a - most), np.exp(b - most), np.exp(c - most)
            won[deal, k], lost[deal, k] = b / (a + b + c), c / (a + b + c)


@compiled("void(float64[:,::1], float64[::1])")
def shift(cumulative: FloatArray, shifts: FloatArray) -> None:
    """Move the log odds of each bucket, given not before, in place; still non-decreasing, below 1."""
    for deal in range(cumulative.shape[0]):
        before, still = 0.0, 1.0
        for k in range(cumulative.shape[1]):
            share = cumulative[deal, k]
            chance = min(max((share - before) / max(1 - before, LEAST), LEAST), 1 - LEAST)
            still *= 1 - 1 / (1 + (1 - chance) / chance * np.exp(-shifts[k]))
            before = share
            cumulative[deal, k] = 1 - still


@compiled("void(float64[:,::1], float64[:,::1], float64[::1], float64[::1], float64[:,::1], float64[::1])")
def timed(  # noqa: PLR0917
    won: FloatArray, lost: FloatArray, weeks: FloatArray, shifts: FloatArray, cumulative: FloatArray,
    rate: FloatArray,
) -> None:  # fmt: skip
    """The share of a deal's wins that have come by the end of each bucket, shifted, and the rate after the
    last; into deals x buckets and deals."""
    last = won.shape[1] - 1
    for deal in range(won.shape[0]):
        still, share = 1.0, 0.0
        for k in range(last + 1):
            share += won[deal, k] * still
            cumulative[deal, k] = share
            still *= max(1 - won[deal, k] - lost[deal, k], LEAST)
        ends = max(won[deal, last] + lost[deal, last], LEAST)
        whole = max(share + still * won[deal, last] / ends, LEAST)
        for k in range(last + 1):
            cumulative[deal, k] /= whole
        rate[deal] = max(-np.log(max(1 - ends, LEAST)) / (weeks[last] - weeks[last - 1]), LEAST)
    shift(cumulative, shifts)


@compiled("void(float64[:,::1], float64[::1], float64[::1], float64[::1], float64, float64[:,::1])")
def reached(  # noqa: PLR0917
    cumulative: FloatArray, rate: FloatArray, weeks: FloatArray, shares: FloatArray, longest: float,
    found: FloatArray,
) -> None:  # fmt: skip
    """The weeks by which each share of a deal's wins has come, at most `longest`; into deals x shares."""
    last = len(weeks) - 1
    for deal in range(cumulative.shape[0]):
        its = cumulative[deal]
        for i in range(len(shares)):
            share = shares[i]
            if its[last] < share:
                at = weeks[last] + np.log(max((1 - its[last]) / (1 - share), 1.0)) / rate[deal]
            else:
                k = 0
                while its[k] < share:
                    k += 1
                low, begin = (its[k - 1], weeks[k - 1]) if k else (0.0, 0.0)
                at = begin + (share - low) / max(its[k] - low, LEAST) * (weeks[k] - begin)
            found[deal, i] = min(at, longest)


@compiled("void(int64[::1], float64[:,::1], int64[:,::1])")
def dates(as_of: IntArray, weeks: FloatArray, found: IntArray) -> None:
    """Instants that lie so many weeks after each `as_of`, to the whole day; rows x columns."""
    for deal in range(len(as_of)):
        for i in range(weeks.shape[1]):
            found[deal, i] = as_of[deal] + np.int64(max(np.rint(weeks[deal, i] * 7.0), 0.0)) * DAY


@compiled(
    "void(float64[:,:,::1], float64[:,::1], float64[::1], float64[::1], float64[::1], float64, int64[::1],"
    " int64[:,::1])"
)
def close_dates(  # noqa: PLR0917
    scores: FloatArray, offsets: FloatArray, weeks: FloatArray, shifts: FloatArray, shares: FloatArray,
    longest: float, as_of: IntArray, found: IntArray,
) -> None:  # fmt: skip
    """From scores to the instants by which each share of a deal's wins has come: all the others at one go."""
    deals, buckets = scores.shape[0], scores.shape[1]
    won, lost, cumulative = np.empty((deals, buckets)), np.empty((deals, buckets)), np.empty((deals, buckets))
    rate, reach = np.empty(deals), np.empty((deals, len(shares)))
    hazards(scores, offsets, won, lost)
    timed(won, lost, weeks, shifts, cumulative, rate)
    reached(cumulative, rate, weeks, shares, longest, reach)
    dates(as_of, reach, found)
