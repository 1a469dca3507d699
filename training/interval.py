"""How far a shown probability can be trusted: an interval per score, from deals the trees never saw.

Inductive Venn-Abers prediction (Vovk, Petej and Fedorova 2015, arXiv:1511.00213): a deal is added to the
forward test's own deals, once as if it would be lost and once as if it would be won, and the scores are
calibrated anew by isotonic regression; what the two say of it are p0 and p1. These two are much closer
together than the truth is to either: they tell what one deal more would change, and not that others might
have been tried. So they are taken over draws of deals, and the interval reaches from the lower end
of p0 to the upper end of p1.
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from features.times import FloatArray, IntArray

DRAWS = 200
LEVEL = 0.9
MOST_CELLS = 100
DEALS_A_CELL = 10  # fewer, and some draws leave a cell empty at an end of the scale


@dataclass(frozen=True)
class VennAbers:
    """The interval of a score as a step function of its shown probability.

    Attributes:
        edges: of the cells, shown probabilities, strictly increasing; an edge belongs to the cell above it.
        lows, highs: one per cell, so one more than edges; in [0, 1], never decreasing, low <= high.
        entities: distinct deals or accounts it was learnt from.
        effective: as many of equal weight would say as much, at most `entities`.
        median_width: of the intervals shown on the rows it was learnt from.
    """

    edges: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    entities: int
    effective: float
    median_width: float

    def __post_init__(self) -> None:
        """Raises ValueError where it is no such step function."""
        lows, highs = np.array(self.lows, np.float64), np.array(self.highs, np.float64)
        if not len(lows) == len(highs) == len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges, {len(lows)} lows and {len(highs)} highs do not fit")
        if not (np.diff(np.array(self.edges, np.float64)) > 0).all():
            raise ValueError("the edges do not increase")
        rising = (np.diff(lows) >= 0).all() and (np.diff(highs) >= 0).all()
        if not (rising and (lows >= 0).all() and (lows <= highs).all() and (highs <= 1).all()):
            raise ValueError("lows and highs are no rising intervals within [0, 1]")

    def interval(self, probability: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Low and high of each shown probability, float64; NaN where it is NaN.

        A shown probability that lies outside of its cell's interval widens it: the model's own calibration
        and this one are both guesses at the same truth, and no interval excludes the number it stands beside.

        >>> one = VennAbers((0.5,), (0.1, 0.4), (0.3, 0.8), 60, 60.0, 0.3)
        >>> low, high = one.interval(np.array([0.2, 0.45, 0.5, np.nan]))
        >>> low.tolist(), high.tolist()
        ([0.1, 0.1, 0.4, nan], [0.3, 0.45, 0.8, nan])
        """
        edges, lows, highs = self._arrays
        if len(probability) == 1 and not math.isnan(one := probability.item(0)):  # a request's
            place = bisect_right(self.edges, one)
            return np.array([min(self.lows[place], one)]), np.array([max(self.highs[place], one)])
        cell = np.searchsorted(edges, probability, side="right")
        return np.minimum(lows[cell], probability), np.maximum(highs[cell], probability)

    @cached_property
    def _arrays(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        edges, lows, highs = (np.array(each, np.float64) for each in (self.edges, self.lows, self.highs))
        return edges, lows, highs

    def to_dict(self) -> dict[str, Any]:
        """For JSON: finite numbers alone."""
        return asdict(self)


def venn_abers_from(described: Mapping[str, Any]) -> VennAbers:
    """What `to_dict` gave, to the bit.

    Raises:
        KeyError, TypeError, ValueError: it is damaged.
    """

    def floats(name: str) -> tuple[float, ...]:
        return tuple(float(value) for value in described[name])

    return VennAbers(
        floats("edges"),
        floats("lows"),
        floats("highs"),
        int(described["entities"]),
        float(described["effective"]),
        float(described["median_width"]),
    )


def fit_venn_abers(
    probability: FloatArray, label: FloatArray, weight: FloatArray, entity: IntArray,
    *, draws: int = DRAWS, seed: int = 0,
) -> VennAbers:  # fmt: skip
    """The intervals that rows which no tree saw give.

    Venn-Abers asks for examples that could have come in any order, which the weekly snapshots of one deal
    are not. So a draw takes deals with replacement, by their weight, and of each one snapshot, by its
    weight: what the weights say of censoring and of long-lived deals holds for the interval as it does
    for the calibration. It takes as many deals as would say as much if all weighed the same (Kish 1965).

    Args:
        probability: as it would be shown; label: 0 or 1; weight: >= 0, not all 0, those of the calibration;
            entity: the deal or account, any whole numbers. One entry per row.
        draws: of which the middle `LEVEL` is kept.
        seed: of the draws; the same rows and seed give the same intervals.
    """
    counts = weight > 0
    said, came, mass = probability[counts], label[counts], weight[counts]
    _, place = np.unique(entity[counts], return_inverse=True)
    of_deal = np.bincount(place, mass)
    effective = float(of_deal.sum() ** 2 / (of_deal**2).sum())
    edges = _edges(said, mass, int(np.clip(effective // DEALS_A_CELL, 1, MOST_CELLS)))
    cell = np.searchsorted(edges, said, side="right")
    ends = _ends_of_draws(cell, came, _drawing(mass, round(effective), seed), len(edges) + 1, draws)
    lows = np.quantile(ends[:, 0], (1 - LEVEL) / 2, axis=0)
    highs = np.quantile(ends[:, 1], (1 + LEVEL) / 2, axis=0)
    found = VennAbers(
        tuple(edges.tolist()), tuple(lows.tolist()), tuple(highs.tolist()), len(of_deal), effective, 0.0
    )
    low, high = found.interval(said)
    return replace(found, median_width=float(np.median(high - low)))


def _edges(probability: FloatArray, weight: FloatArray, cells: int) -> FloatArray:
    """Edges of cells of about the same weight; fewer where many rows share a probability."""
    order = np.argsort(probability, kind="stable")
    passed = np.cumsum(weight[order])
    wanted = passed[-1] * np.arange(1, cells) / cells
    edges = np.unique(probability[order][np.searchsorted(passed, wanted)])
    return np.asarray(edges[edges > probability.min()], np.float64)


def _drawing(weight: FloatArray, count: int, seed: int) -> Callable[[], IntArray]:
    """Draws `count` rows with replacement: a deal by its weight and then a row of it by the row's.

    Which is the same as each row by its own weight.
    """
    rng = np.random.default_rng(seed)
    passed = np.cumsum(weight)
    last = len(weight) - 1
    return lambda: np.searchsorted(passed, rng.random(count) * passed[-1], side="right").clip(max=last)


def _ends_of_draws(
    cell: IntArray, label: FloatArray, draw: Callable[[], IntArray], cells: int, draws: int
) -> FloatArray:
    """p0 and p1 of each cell in each draw: draws x 2 x cells."""
    found = np.empty((draws, 2, cells))
    for k in range(draws):
        rows = draw()
        found[k] = p0_and_p1(cell[rows], label[rows], cells)
    return found


def p0_and_p1(cell: IntArray, label: FloatArray, cells: int) -> FloatArray:
    """What each cell's rate would be with one more deal in it, lost (first row) or won; 2 x cells.

    Args:
        cell: of each deal, from 0 on; the cells rise with the shown probability.
        label: 0 or 1.
    """
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        # Importing it sets NumPy's error state for good, which is undone here.
        from venn_abers.venn_abers import calc_p0p1  # type: ignore[import-untyped]

        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # a slope from a point to itself is NaN, and passed over
        score = cell.astype(np.float64)
        zeros, ones, seen = calc_p0p1(np.stack([-score, score], axis=1), label)
    every = np.arange(cells, dtype=np.float64)
    low = zeros[np.searchsorted(seen, every, side="right"), 1]
    high = ones[np.searchsorted(seen, every, side="left"), 1]
    return np.stack([low, high])
