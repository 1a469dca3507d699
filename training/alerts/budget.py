"""Thresholds out of a budget of alerts, and how sure a share of alerts is."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from features.times import BoolArray, FloatArray, IntArray
from training.places import places_of

LEVEL = 0.9
_Z = 1.644854  # of 90%, two-sided


def thresholds(
    strengths: Mapping[str, FloatArray], floors: Mapping[str, float], allowed: float
) -> dict[str, float]:
    """The least thresholds at which all rules together give at most so many alerts.

    Every rule gets an equal part; what one cannot use, since its floor gives fewer, goes to the others.

    Args:
        strengths: by rule, one per deal and week; NaN where it has nothing to say.
        floors: by rule, the least threshold there is.
        allowed: alerts over all rows.
    """
    found: dict[str, float] = {}
    left = allowed
    speaking = {name: np.sort(s[s >= floors[name]])[::-1] for name, s in strengths.items()}
    order = sorted(speaking, key=lambda name: (len(speaking[name]), name))
    for place, name in enumerate(order):
        part = left / (len(order) - place)
        found[name] = _threshold(speaking[name], floors[name], math.floor(part))
        left -= int((speaking[name] >= found[name]).sum())
    return {name: found[name] for name in strengths}


def _threshold(falling: FloatArray, floor: float, most: int) -> float:
    """The least threshold that at most `most` of the strengths reach."""
    if len(falling) <= most:
        return floor
    first_out = float(falling[most])
    above = falling[falling > first_out]
    return float(above[-1]) if len(above) else float(np.nextafter(first_out, np.inf))


def cut_of(strength: FloatArray, share: float, floor: float) -> float:
    """The least threshold, from `floor` on, that at most a share of some deals reach.

    Args:
        strength: one per open deal at one moment; NaN where a rule has nothing to say.
    """
    falling = np.sort(strength[strength >= floor])[::-1]
    return _threshold(falling, floor, math.floor(share * len(strength) + 0.5))


def share_interval(came: BoolArray, deal: IntArray) -> tuple[float, float, float]:
    """A share, and where that of as many later rows is to be expected, nine times in ten.

    What comes later errs as the past does: both together have twice the variance of the one, hence half the
    effective rows. Rows of one deal hang together: Wilson's interval at n_eff = p(1 - p) / v rows, with v the
    linearised variance of a ratio of sums over deals (Korn and Graubard 1998, with Wilson's in place of the
    exact one). Where all or none came, each deal is one row.

    Args:
        came: one per row; not empty.
        deal: whose row it is.

    Returns:
        share, low, high.
    """
    place, count = places_of(deal)
    rows = np.bincount(place, minlength=count).astype(np.float64)
    hits = np.bincount(place, weights=came.astype(np.float64), minlength=count)
    share = float(hits.sum() / rows.sum())
    variance = 0.0
    if count > 1:
        residual = hits - share * rows
        variance = count / (count - 1) * float((residual**2).sum()) / float(rows.sum()) ** 2
    n = float(count) if variance <= 0 else min(share * (1 - share) / variance, float(rows.sum()))
    n /= 2
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return share, max(centre - half, 0.0), min(centre + half, 1.0)
