"""Deals that are not created yet: how many come a week, and when such deals are won.

Weekly counts follow a Poisson regression with a trend, drawn towards none, and a yearly season where two
years are there; over-dispersion and the uncertainty of the level become one factor that a draw shares. From a
creation on, wins come as the Aalen-Johansen estimate of the past says, source by source, drawn towards all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.times import DAY, WEEK, BoolArray, FloatArray, IntArray
from training.forecast.amounts import Amounts
from training.forecast.draws import NewDeals
from training.forecast.ledger import Board

MOST_WEEKS, SEASON_WEEKS, SHARE_WEEKS = 104, 104, 52
LEAST_WEEKS = 4
TREND_SPREAD, SEASON_SPREAD = 0.01, 0.15  # of the prior: a week's growth, a season's log amplitude
DOUBT = 50.0  # wins by which a source is drawn towards all


@dataclass(frozen=True)
class Level:
    """Expected deals created per day ahead, and how far that may be off.

    Attributes:
        per_day: one entry per day from `as_of` on.
        spread: standard deviation of the logarithm of a factor of all of them.
    """

    per_day: FloatArray
    spread: float


def new_deals(board: Board, amounts: Amounts, edges: IntArray) -> NewDeals:
    """What deals created after the board's instant bring in each step.

    Args:
        edges: of the steps, microseconds.
    """
    ledger, as_of, deals = board.ledger, board.as_of, board.history.opportunities
    days = int(-((edges[0] - edges[-1]) // DAY))
    known = (deals.created_at <= as_of) & ledger.counted
    level = level_of(deals.created_at[known], as_of, days)
    recent = np.flatnonzero(known & (deals.created_at > as_of - SHARE_WEEKS * WEEK))
    if not len(recent) or not level.per_day.any():
        return _nothing(len(edges) - 1, amounts)
    by_source = _curves(board, np.flatnonzero(known), days)
    names, counts = np.unique(ledger.texts["source"][recent].astype(str), return_counts=True)
    shares = (counts / len(recent)).tolist()
    curve: FloatArray = sum(
        (share * by_source[name] for name, share in zip(names.tolist(), shares, strict=True)), np.zeros(days)
    )
    cumulative = np.concatenate([[0.0], np.convolve(level.per_day, curve)[:days]])
    wins = np.diff(np.interp((edges - edges[0]) / DAY, np.arange(days + 1), cumulative))
    return _by_leaf(board, amounts, recent, by_source, np.maximum(wins, 0.0), level.spread)


def _by_leaf(  # noqa: PLR0917
    board: Board, amounts: Amounts, recent: IntArray, by_source: dict[str, FloatArray], wins: FloatArray,
    spread: float,
) -> NewDeals:  # fmt: skip
    """The wins to come, shared among cells and products as the deals of the last year were."""
    texts = board.ledger.texts
    product = {name: i for i, name in enumerate(amounts.products)}
    leaves: dict[tuple[int, int], float] = {}
    for row in recent.tolist():
        kind = product.get(str(texts["product"][row]), len(amounts.won) - 1)
        leaf = (board.places[board.labels[row]], kind)
        leaves[leaf] = leaves.get(leaf, 0.0) + float(by_source[str(texts["source"][row])][-1])
    share = np.array(list(leaves.values()))
    if share.sum() <= 0:
        return _nothing(len(wins), amounts)
    places = np.array(list(leaves), np.int64)
    cell, group = np.ascontiguousarray(places[:, 0]), np.ascontiguousarray(places[:, 1])
    return NewDeals(wins, spread, share / share.sum(), cell, group, amounts.won)


def level_of(created_at: IntArray, as_of: int, days: int) -> Level:
    """How many deals are created in the days ahead, from those created by `as_of`."""
    if not len(created_at):
        return Level(np.zeros(days), 0.0)
    weeks = int(min((as_of - int(created_at.min())) // WEEK, MOST_WEEKS))
    if weeks < LEAST_WEEKS:
        span = max((as_of - int(created_at.min())) / DAY, 7.0)
        return Level(np.full(days, len(created_at) / span), 0.5)
    back = (as_of - created_at) // WEEK
    counts = np.bincount(back[back < weeks], minlength=weeks)[::-1].astype(np.float64)
    at = np.arange(-weeks, 0, dtype=np.float64) + 0.5
    ahead: FloatArray = (np.arange(days, dtype=np.float64) + 0.5) / 7
    basis, prior = _basis(at, weeks)
    found, covariance = _poisson(basis, counts, prior)
    expected = np.exp(basis @ found)
    dispersion = max(float(((counts - expected) ** 2 / expected).sum() / max(weeks - len(found), 1)), 1.0)
    future, _ = _basis(ahead, weeks)
    per_day = np.exp(future @ found) / 7
    middle = future.mean(axis=0)
    variance = float(middle @ covariance @ middle) * dispersion
    variance += (dispersion - 1) / max(float(per_day.sum()), 1.0)
    return Level(per_day, float(np.sqrt(variance)))


def _basis(weeks: FloatArray, seen: int) -> tuple[FloatArray, FloatArray]:
    """Constant, trend and season, and the standard deviation of each one's prior.

    The trend is flattened ahead: half a year on, what is past a quarter counts half.
    """
    ahead = np.maximum(weeks, 0.0)
    columns = [np.ones(len(weeks)), np.minimum(weeks, 0.0) + 26.0 * np.log1p(ahead / 26.0)]
    prior = [100.0, TREND_SPREAD]
    if seen >= SEASON_WEEKS:
        turn = 2 * np.pi * weeks * 7 / 365.25
        columns += [np.cos(turn), np.sin(turn)]
        prior += [SEASON_SPREAD, SEASON_SPREAD]
    return np.column_stack(columns), np.array(prior)


def _poisson(basis: FloatArray, counts: FloatArray, prior: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The most likely coefficients under normal priors, and their covariance: Newton's method."""
    found = np.zeros(basis.shape[1])
    found[0] = np.log(max(counts.mean(), 1e-3))
    inverse = np.diag(1 / prior**2)
    for _ in range(50):
        expected = np.exp(np.clip(basis @ found, -30, 30))
        slope = basis.T @ (counts - expected) - inverse @ found
        curvature = basis.T @ (expected[:, None] * basis) + inverse
        step = np.linalg.solve(curvature, slope)
        found = found + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-10:
            break
    return np.asarray(found, np.float64), np.asarray(np.linalg.inv(curvature), np.float64)


def _curves(board: Board, rows: IntArray, days: int) -> dict[str, FloatArray]:
    """P(won within d + 1/2 days of the creation), d from 0 on, by source; of some deals."""
    deals = board.history.opportunities
    source = board.ledger.texts["source"][rows].astype(str)

    def curve(mine: IntArray) -> FloatArray:
        return won_curve(deals.created_at[mine], deals.closed_at[mine], deals.won[mine], board.as_of, days)

    everything, found = curve(rows), {}
    for name in np.unique(source).tolist():
        mine = rows[source == name]
        wins = int((deals.won[mine] & (deals.closed_at[mine] <= board.as_of)).sum())
        weight = wins / (wins + DOUBT)
        found[name] = weight * curve(mine) + (1 - weight) * everything
    return found


def won_curve(created_at: IntArray, closed_at: IntArray, won: BoolArray, as_of: int, days: int) -> FloatArray:
    """Aalen and Johansen's estimate (1978) of P(won within d + 1/2 days of creation), d = 0 .. days - 1."""
    ended = closed_at <= as_of
    life = (np.where(ended, closed_at, as_of) - created_at) // DAY
    inside = np.minimum(life, days)
    leaving = np.bincount(inside, minlength=days + 1)
    at_risk = leaving.sum() - np.concatenate([[0], np.cumsum(leaving)[:-1]])
    wins = np.bincount(inside[ended & won], minlength=days + 1)
    ends = np.bincount(inside[ended], minlength=days + 1)
    safe = np.maximum(at_risk, 1)
    staying = np.concatenate([[1.0], np.cumprod(1 - ends / safe)[:-1]])
    cumulative = np.concatenate([[0.0], np.cumsum(staying * wins / safe)])
    return np.asarray((cumulative[:days] + cumulative[1 : days + 1]) / 2)


def _nothing(steps: int, amounts: Amounts) -> NewDeals:
    none = np.zeros(0, np.int64)
    return NewDeals(np.zeros(steps), 0.0, np.zeros(0), none, none, amounts.won)
