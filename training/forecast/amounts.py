"""What a deal comes to at its win, from what is shown of it while it is open, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.families.run import stage_of
from features.history import CENT, History
from features.shown import shown_of
from features.times import BoolArray, FloatArray, IntArray
from training.errors import TooLittleData
from training.forecast.ledger import Ledger
from training.grid import weekly_grid

KINDS = 64  # equally likely values that stand for a distribution
DOUBT = 50.0  # deals by which a stage, or a product, is drawn towards all of them
SMALLEST, LARGEST = 0.05, 20.0  # of the factor: beyond lies a slip of the pen


@dataclass(frozen=True)
class Amounts:
    """Distributions of won amounts, each as `KINDS` equally likely values.

    Attributes:
        ratios: (stages + 2) x `KINDS`: won amount over shown amount, by stage; then of any other stage;
            the last row holds won amounts in units, for deals that show none.
        won: products + 1 rows of won amounts in hundredths, the last for any other product.
        products: their texts.
    """

    ratios: FloatArray
    won: IntArray
    products: tuple[str, ...]

    def group(self, stage: IntArray, amount: FloatArray) -> IntArray:
        """The row of `ratios` of deals in a stage (place in the order, -1 for none) with a shown amount."""
        last = len(self.ratios) - 1
        known = np.where((stage >= 0) & (stage < last - 1), stage, last - 1)
        return np.asarray(np.where(amount > 0, known, last))

    def cents(self, amount: FloatArray) -> IntArray:
        """The shown amounts in hundredths; one whole unit where none is shown."""
        units = np.where(amount > 0, amount, 1.0)
        return np.asarray(np.maximum(np.rint(units * CENT), 1).astype(np.int64))


def amounts_of(history: History, ledger: Ledger, as_of: int) -> Amounts:
    """The distributions as the deals won by `as_of` (microseconds) tell them.

    Raises:
        TooLittleData: no deal was won with an amount.
    """
    deals = history.opportunities
    won = deals.won & (deals.closed_at <= as_of) & ledger.counted & (ledger.amount > 0)
    if not won.any():
        raise TooLittleData("no deal was won with an amount yet; a forecast needs some")
    everything = _quantiles(ledger.amount[won])
    grid = weekly_grid("win", history, as_of)
    grid = grid.take(won[grid.entity])
    shown, stage = shown_of(history, grid).amount, stage_of(history, grid)
    given = shown > 0
    ratio = np.clip(ledger.amount[grid.entity] / np.where(given, shown, 1.0), SMALLEST, LARGEST)
    first = _first_of_each(grid.entity, stage, given)
    stages = len(history.conventions.stages)
    pooled = _quantiles(ratio[first]) if first.any() else np.ones(KINDS)
    rows = [_drawn_to(ratio[first & (stage == place)], pooled) for place in range(stages)]
    products = tuple(sorted(set(ledger.texts["product"][won].tolist())))
    by_product = [
        _drawn_to(ledger.amount[won & (ledger.texts["product"] == name)], everything) for name in products
    ]
    cents = np.maximum(np.rint(np.array([*by_product, everything]) * CENT), 1).astype(np.int64)
    return Amounts(np.array([*rows, pooled, everything]), cents, products)


def _first_of_each(deal: IntArray, stage: IntArray, given: BoolArray) -> BoolArray:
    """Marks the first snapshot of each deal in each stage that shows an amount."""
    rows = np.flatnonzero(given)
    _, first = np.unique(np.stack([deal[rows], stage[rows]]), axis=1, return_index=True)
    marked = np.zeros(len(deal), np.bool_)
    marked[rows[first]] = True
    return marked


def _drawn_to(values: FloatArray, all_of_them: FloatArray) -> FloatArray:
    """The quantiles of some values, drawn towards those of all by `DOUBT` deals."""
    if not len(values):
        return all_of_them
    weight = len(values) / (len(values) + DOUBT)
    return weight * _quantiles(values) + (1 - weight) * all_of_them


def _quantiles(values: FloatArray) -> FloatArray:
    """`KINDS` equally likely values with the mean of those given.

    The middles of equal shares miss the mean of a long tail; a factor puts it right.
    """
    found = np.quantile(values, (np.arange(KINDS) + 0.5) / KINDS)
    return np.asarray(found * (values.mean() / found.mean()))
