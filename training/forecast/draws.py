"""Monte Carlo over deals: draws of bookings by cell and step of time, which add up by construction."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from features.errors import DataError
from features.times import FloatArray, IntArray
from training.forecast.kernel import KeyArray, draw_new, draw_open

DRAWS = 2_000
MOST_BYTES = 1_200_000_000  # of all draws together
_BLOCKS = 4  # of draws for each thread
_NEW = 0x6E6577  # sets the hashes of new deals apart from those of open ones


@dataclass(frozen=True)
class OpenDeals:
    """Open deals and what may come of them; one entry or row per deal.

    Attributes:
        key: uint64, the deal's own; the same key has the same draws in every forecast of a seed.
        curve: deals x steps, P(won by the end of the step), non-decreasing, below 1.
        cents: shown amount in hundredths, > 0.
        group: row of `ratios`.
        ratios: groups x equally likely factors of the shown amount at a win.
        cell: where its bookings are added, from 0 on.
    """

    key: KeyArray
    curve: FloatArray
    cents: IntArray
    group: IntArray
    ratios: FloatArray
    cell: IntArray

    @property
    def mean(self) -> FloatArray:
        """Expected bookings within the steps without a shock, in hundredths."""
        return np.asarray(self.curve[:, -1] * self.cents * self.ratios.mean(axis=1)[self.group])


@dataclass(frozen=True)
class NewDeals:
    """Deals not created yet.

    Attributes:
        wins: expected wins in each step.
        spread: standard deviation of the logarithm of a factor of all `wins`, shared by a draw.
        share: of each leaf (say a rep with a product), summing to 1.
        cell, group: of each leaf: where its bookings are added, and its row of `cents`.
        cents: groups x equally likely amounts of a win, in hundredths.
    """

    wins: FloatArray
    spread: float
    share: FloatArray
    cell: IntArray
    group: IntArray
    cents: IntArray


@dataclass(frozen=True)
class Shock:
    """What all deals of a draw share.

    Attributes:
        spread: standard deviation of a shift of the log odds of every win, normal around 0.
        shifts: takes its place where given: the shift of each draw.
    """

    spread: float = 0.0
    shifts: FloatArray | None = None

    def of(self, draws: int, seed: int) -> FloatArray:
        """The shift of each draw: evenly spread quantiles of the normal in an order by lot."""
        if self.shifts is not None:
            return self.shifts
        from scipy.special import ndtri

        order = np.random.default_rng([seed, 1]).permutation(draws)
        return np.asarray(self.spread * ndtri((order + 0.5) / draws), np.float64)


@dataclass(frozen=True)
class Drawn:
    """Draws of bookings in hundredths.

    Attributes:
        open, new: int64, cells x steps x draws, by origin.
        by_deal: int64, the sum over all draws of each open deal.
    """

    open: IntArray
    new: IntArray
    by_deal: IntArray

    @property
    def draws(self) -> int:
        return int(self.open.shape[2])

    def total(self, cells: IntArray | slice = slice(None), steps: IntArray | slice = slice(None)) -> IntArray:
        """One sum per draw over some cells and steps."""
        return np.asarray(sum(part[cells][:, steps].sum(axis=(0, 1)) for part in (self.open, self.new)))


def draw(
    deals: OpenDeals, cells: int, *, new: NewDeals | None = None, shock: Shock | None = None,
    draws: int = DRAWS, seed: int = 0, threads: int | None = None,
) -> Drawn:  # fmt: skip
    """Futures of the deals, the same for the same seed whatever the threads.

    Raises:
        DataError: so many cells, steps and draws do not fit into memory.
    """
    steps = deals.curve.shape[1]
    if 16 * cells * steps * draws > MOST_BYTES:
        raise DataError(
            f"{cells:,} groups x {steps} steps x {draws:,} draws need more memory than a forecast may take;"
            " ask by fewer columns, for a shorter horizon or for fewer draws"
        )
    shifts = (shock or Shock()).of(draws, seed)
    threads = threads or os.cpu_count() or 1
    blocks = _blocks(draws, threads * _BLOCKS)
    order = np.argsort(deals.cell, kind="stable")
    odds, timing = _odds_and_timing(deals.curve[order])
    columns = (
        deals.key[order], odds, timing, deals.cents[order], deals.group[order],
        np.ascontiguousarray(deals.ratios), deals.cell[order], np.exp(shifts),
    )  # fmt: skip
    opened = np.zeros((cells, steps, draws), np.int64)
    sums = np.zeros((len(blocks), len(order)), np.int64)
    start = np.uint64(_seed(seed))
    with ThreadPoolExecutor(threads) as pool:
        jobs = [
            pool.submit(draw_open, begin, end, start, *columns, opened, sums[i])
            for i, (begin, end) in enumerate(blocks)
        ]
        for job in jobs:
            job.result()
        brought = _new(new, opened.shape, shifts, seed, (pool, blocks))
    by_deal = np.empty(len(order), np.int64)
    by_deal[order] = sums.sum(axis=0)
    return Drawn(opened, brought, by_deal)


def keys_of(ids: Sequence[str]) -> KeyArray:
    """A key for each id: the same in every forecast."""
    digests = b"".join(hashlib.blake2b(i.encode(), digest_size=8).digest() for i in ids)
    return np.frombuffer(digests, np.dtype("<u8")).astype(np.uint64)


def _new(
    new: NewDeals | None, shape: tuple[int, ...], shifts: FloatArray, seed: int,
    spread: tuple[ThreadPoolExecutor, Sequence[tuple[int, int]]],
) -> IntArray:  # fmt: skip
    out = np.zeros(shape, np.int64)
    if new is None or not len(new.share):
        return out
    rng = np.random.default_rng([seed, 2])
    factor = np.exp(new.spread * rng.standard_normal(shape[2]) - new.spread**2 / 2 + shifts)
    wins = rng.poisson(new.wins[:, None] * factor[None, :]).astype(np.int64)
    shares = np.cumsum(new.share) / new.share.sum()
    start = np.uint64(_seed(seed) ^ _NEW)
    pool, blocks = spread
    columns = (start, wins, shares, new.cell, new.group, np.ascontiguousarray(new.cents), out)
    for job in [pool.submit(draw_new, begin, end, *columns) for begin, end in blocks]:
        job.result()
    return out


def _odds_and_timing(curve: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The odds of a win within the steps, and its cumulative timing given that win."""
    ends = curve[:, -1]
    timing = curve / np.where(ends > 0, ends, 1)[:, None]
    return ends / (1 - ends), np.ascontiguousarray(timing)


def _blocks(draws: int, count: int) -> list[tuple[int, int]]:
    edges = np.unique(np.linspace(0, draws, count + 1).astype(np.int64)).tolist()
    return list(pairwise(edges))


def _seed(seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), "little")
