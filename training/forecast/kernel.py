"""Numba: futures of deals, added up by cell as they are drawn; none is stored by deal.

Every uniform number is a hash of the seed, the deal's own key and the number of the draw (the
finaliser of SplitMix64, Steele, Lea and Flood 2014), so that a draw is the same whatever the other
deals, their order, the cells or the threads are. Money is in whole hundredths: sums are exact in any order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.compiled import compiled
from features.times import FloatArray, IntArray

KeyArray = npt.NDArray[np.uint64]
_LOW_BITS = 24  # of a hash: which amount; the other 40 say whether and when
_LOW = np.uint64((1 << _LOW_BITS) - 1)
_UNIT = 1.0 / (1 << (64 - _LOW_BITS))
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)
_SHIFT = np.uint64(_LOW_BITS)


@compiled()
def _mixed(number: np.uint64) -> np.uint64:
    """The finaliser of SplitMix64."""
    number = (number ^ (number >> _30)) * _FIRST
    number = (number ^ (number >> _27)) * _SECOND
    return number ^ (number >> _31)


@compiled()
def _place(cumulative: FloatArray, value: float) -> int:
    """The first place whose cumulative share is above the value; the last where none is."""
    low, high = 0, len(cumulative) - 1
    while low < high:
        middle = (low + high) >> 1
        if cumulative[middle] > value:
            high = middle
        else:
            low = middle + 1
    return low


@compiled(
    "void(int64, int64, uint64, uint64[::1], float64[::1], float64[:,::1], int64[::1], int64[::1],"
    " float64[:,::1], int64[::1], float64[::1], int64[:,:,::1], int64[::1])"
)
def draw_open(  # noqa: PLR0917
    begin: int, end: int, seed: np.uint64, key: KeyArray, odds: FloatArray, timing: FloatArray,
    cents: IntArray, group: IntArray, ratios: FloatArray, cell: IntArray, shock: FloatArray,
    out: IntArray, by_deal: IntArray,
) -> None:  # fmt: skip
    """Adds the draws `begin` to `end` of open deals to `out` (cells x steps x draws) and `by_deal`.

    Args:
        odds: of each deal's win within the steps; timing: deals x steps, cumulative, given such a win.
        cents: shown amount; group: row of `ratios` (groups x equally likely factors of the amount).
        shock: factor of all odds in each draw.
    """
    kinds = np.uint64(ratios.shape[1])
    for deal in range(len(key)):
        base = _mixed(key[deal] ^ seed)
        total = np.int64(0)
        for draw in range(begin, end):
            bits = _mixed(base + np.uint64(draw + 1) * _GOLDEN)
            uniform = np.float64(bits >> _SHIFT) * _UNIT
            shifted = odds[deal] * shock[draw]
            if uniform * (1.0 + shifted) < shifted:
                step = _place(timing[deal], uniform * (1.0 + shifted) / shifted)
                which = np.int64(((bits & _LOW) * kinds) >> _SHIFT)
                amount = np.int64(np.rint(cents[deal] * ratios[group[deal], which]))
                out[cell[deal], step, draw] += amount
                total += amount
        by_deal[deal] += total


@compiled(
    "void(int64, int64, uint64, int64[:,::1], float64[::1], int64[::1], int64[::1], int64[:,::1],"
    " int64[:,:,::1])"
)
def draw_new(  # noqa: PLR0917
    begin: int, end: int, seed: np.uint64, wins: IntArray, shares: FloatArray, cell: IntArray,
    group: IntArray, cents: IntArray, out: IntArray,
) -> None:  # fmt: skip
    """Adds the wins of deals not created yet to `out`: each falls to a leaf by lot, with an amount by lot.

    Args:
        wins: steps x draws, how many.
        shares: cumulative share of each leaf; cell and group: of each leaf.
        cents: groups x equally likely amounts.
    """
    kinds = np.uint64(cents.shape[1])
    for step in range(wins.shape[0]):
        for draw in range(begin, end):
            base = _mixed(seed + np.uint64(draw * wins.shape[0] + step + 1) * _GOLDEN)
            for one in range(wins[step, draw]):
                bits = _mixed(base + np.uint64(one + 1) * _GOLDEN)
                leaf = _place(shares, np.float64(bits >> _SHIFT) * _UNIT)
                which = np.int64(((bits & _LOW) * kinds) >> _SHIFT)
                out[cell[leaf], step, draw] += cents[group[leaf], which]
