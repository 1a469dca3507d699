"""What single columns say of the outcome: too much of it is no skill but a leak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.audit import frames
from features.audit.columns import own_features, own_numbers, row_values
from features.audit.findings import Finding, Level
from features.audit.frames import Asked
from features.canonical import CanonicalData
from features.frame import FeatureFrame
from features.history import TextArray
from features.times import BoolArray, FloatArray, IntArray

SUSPECT_FROM = 0.95  # AUC of one column alone; a model of all of them seldom reaches 0.9
LEAST = 50  # deals won, and deals lost, below which an AUC is not told
FOLDS = 5
PRIOR = 5.0  # deals of the base rate that each category's rate starts with
TOP = 5


@dataclass(frozen=True)
class Lift:
    """How well one column alone tells won from lost deals.

    Attributes:
        column: its name.
        by: "value", "category" (rates of other deals), or "given" (only whether there is a value).
        auc: 0.5 is nothing, 1 everything; in whichever direction.
        won, lost: deals looked at.
    """

    column: str
    by: str
    auc: float
    won: int
    lost: int


@dataclass(frozen=True)
class Closed:
    """Closed deals, each at the middle of its life.

    Attributes:
        ids: keys, sorted.
        as_of: int64 microseconds, halfway from creation to close.
        won: bool.
    """

    ids: tuple[str, ...]
    as_of: IntArray
    won: BoolArray

    @property
    def enough(self) -> bool:
        """Whether there are enough of both outcomes."""
        return bool(min(self.won.sum(), (~self.won).sum()) >= LEAST)


def closed_deals(data: CanonicalData) -> Closed:
    """Every deal that was won or lost, once."""
    closed = data["opportunities"].filter(pl.col("closed_at").is_not_null() & pl.col("outcome").is_not_null())
    closed = closed.unique("opportunity_id", keep="any").sort("opportunity_id")
    created, ended = (closed[name].to_physical().to_numpy() for name in ("created_at", "closed_at"))
    return Closed(
        tuple(closed["opportunity_id"].to_list()),
        created + (ended - created) // 2,
        (closed["outcome"] == "won").to_numpy(),
    )


def feature_lifts(data: CanonicalData, deals: Closed, rng: np.random.Generator) -> tuple[Lift, ...]:
    """The lift of every feature, greatest first; read as the whole data set is read today."""
    asked = [Asked("opportunity", deals.ids, deals.as_of)]
    frame: FeatureFrame = frames.frames_at(data, data.watermark(), asked)[0]
    folds = rng.integers(0, FOLDS, len(deals.ids))
    lifts = [lift(name, column, deals.won, folds) for name, column in frame.columns.items()]
    return tuple(sorted(lifts, key=lambda one: (-one.auc, one.column)))


def suspicious(lifts: tuple[Lift, ...]) -> Iterator[Finding]:
    """The features that say too much."""
    for one in lifts:
        if one.auc >= SUSPECT_FROM:
            yield _finding(one, "feature_too_good", "feature", "halfway through a deal's life")


def further_columns(data: CanonicalData, deals: Closed, rng: np.random.Generator) -> Iterator[Finding]:
    """The firm's own columns, named as features, whose rows say too much; what has a history is not read."""
    told = set(data["field_changes"]["field"].unique()) - set(data.config.fixed_fields)
    folds = rng.integers(0, FOLDS, len(deals.ids))
    for name in own_features(data.config):
        rows = row_values(data, name)
        if name in told or rows is None:
            continue
        shown = dict(rows.iter_rows())
        values = pl.Series([shown[key] for key in deals.ids], dtype=rows["row"].dtype)
        column: FloatArray | TextArray = values.to_numpy().astype(object)
        if name in own_numbers(data.config):
            column = values.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
        one = lift(name, column, deals.won, folds)
        if one.auc >= SUSPECT_FROM:
            yield _finding(one, "column_too_good", "column", "as exported, after the close")


def lift(name: str, column: FloatArray | TextArray, won: BoolArray, folds: IntArray) -> Lift:
    """The greater lift of what a column says, and of whether it says anything."""
    counts = int(won.sum()), int((~won).sum())
    if column.dtype == object:
        return Lift(name, "category", _category_auc(column.tolist(), won, folds), *counts)
    number = np.asarray(column, np.float64)
    given = ~np.isnan(number)
    by_given = Lift(name, "given", _category_auc(given.tolist(), won, folds), *counts)
    sides = int((won & given).sum()), int((~won & given).sum())
    if min(sides) < LEAST:
        return by_given
    by_value = auc(number[given], won[given])
    value = Lift(name, "value", max(by_value, 1 - by_value), *sides)
    return max(value, by_given, key=lambda one: one.auc)


def auc(score: FloatArray, positive: BoolArray) -> float:
    """The chance that a positive scores above a negative, ties counting half; by mean ranks.

    >>> auc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, False, True, True]))
    0.875
    """
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    some, others = int(positive.sum()), int((~positive).sum())
    return float((rank[positive].sum() - some * (some + 1) / 2) / (some * others))


def _category_auc(column: Sequence[object], won: BoolArray, folds: IntArray) -> float:
    """The AUC of each deal's rate among the deals of the other folds that share its category."""
    _, code = np.unique(np.array([str(value) for value in column]), return_inverse=True)
    rate = np.zeros(len(column))
    for fold in range(FOLDS):
        of_fold = folds == fold
        others = ~of_fold
        base = won[others].mean() if others.any() else 0.5
        size = int(code.max()) + 1
        wins = np.bincount(code[others], won[others].astype(np.float64), minlength=size)
        deals = np.bincount(code[others], minlength=size)
        rate[of_fold] = ((wins + PRIOR * base) / (deals + PRIOR))[code[of_fold]]
    return max(auc(rate, won), 0.5)


def _finding(one: Lift, rule: str, what: str, when: str) -> Finding:
    by = {"given": "whether it is given", "category": "its category", "value": "its value"}[one.by]
    return Finding(
        Level.SUSPECT,
        rule,
        f"{what} {one.column}",
        f"{by} alone tells won from lost with an AUC of {one.auc:.3f} {when} "
        f"({one.won:,} won, {one.lost:,} lost)",
        "find out when the CRM fills it; if it follows from the outcome, leave the column out of the export, "
        "or export its history",
        {"auc": round(one.auc, 4), "won": one.won, "lost": one.lost},
    )
