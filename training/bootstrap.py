"""How sure a figure is: the bootstrap over deals or accounts, whose snapshots are not independent.

A draw takes as many entities as there are, with replacement, each with all its rows (the cluster
bootstrap; Davison and Hinkley 1997, section 3.8). Two models are compared on the same draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from features.times import FloatArray, IntArray
from training.places import places_of

DRAWS = 400
LEVEL = 0.9


@dataclass(frozen=True)
class Interval:
    """The middle `LEVEL` of a figure's draws, and the share of draws above 0."""

    low: float
    high: float
    above_zero: float


def multipliers(entity: IntArray, draws: int = DRAWS, seed: int = 0) -> Iterator[FloatArray]:
    """How often each row counts in each draw: float64, one per row, the same for all of an entity's.

    Args:
        entity: the deal or account of each row; any whole numbers.
    """
    place, count = places_of(entity)
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield np.bincount(rng.integers(count, size=count), minlength=count)[place].astype(np.float64)


def interval(
    statistic: Callable[[FloatArray], float], entity: IntArray, *, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """The percentile interval of a statistic.

    Args:
        statistic: from the multipliers of the rows to the figure; a draw for which it is NaN (one of the
            labels is missing, say) is left out.
    """
    found = np.array([statistic(times) for times in multipliers(entity, draws, seed)])
    found = found[~np.isnan(found)]
    if not len(found):
        return Interval(float("nan"), float("nan"), float("nan"))
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high), float(np.mean(found > 0)))
