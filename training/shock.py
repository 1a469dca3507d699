"""How far all open deals err together: the spread of a shift that they share.

Deals that are told apart by chances alone would make a sum of many as sure as the root of their number.
What a firm's deals have in common (a bad quarter, a model that has grown old) moves all of them; how far,
only the past can tell.
"""

from __future__ import annotations

import numpy as np

from features.times import WEEK, BoolArray, FloatArray, IntArray

LEAST, MOST = 0.05, 1.0
PRIOR, PRIOR_WINDOWS = 0.10, 3.0  # what is assumed before anything was seen, worth so many windows


def learnt_shock(chance: FloatArray, came: BoolArray, as_of: IntArray, over: BoolArray) -> float:
    """The standard deviation of the log odds shift behind what came beyond what was said.

    In each week of snapshots the shift that would have said what came is, to the first order,
    (wins - sum p) / sum p(1 - p), with 1 / sum p(1 - p) as the variance of chance alone. Weeks whose horizons
    overlap tell nearly the same: they count as one a quarter.

    Args:
        chance: the chance said of a win within the horizon.
        came: mask of those won within it.
        as_of: microseconds.
        over: mask of the rows whose horizon is over.
    """
    week = as_of[over] // WEEK
    squares, windows = [], 0.0
    p, won = chance[over], came[over]
    for each in np.unique(week).tolist():
        mine = week == each
        information = float((p[mine] * (1 - p[mine])).sum())
        if information < 5.0:
            continue
        shift = (float(won[mine].sum()) - float(p[mine].sum())) / information
        squares.append(shift**2 - 1 / information)
        windows += 1 / 13
    beyond = max(float(np.mean(squares)), 0.0) if squares else 0.0
    variance = (beyond * windows + PRIOR**2 * PRIOR_WINDOWS) / (windows + PRIOR_WINDOWS)
    return float(np.clip(np.sqrt(variance), LEAST, MOST))
