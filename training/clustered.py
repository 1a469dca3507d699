"""A logistic regression whose intervals know that rows of one deal, and deals of one rep, hang together.

The variance is taken twice: clustered by deal (Liang and Zeger 1986, 10.1093/biomet/73.1.13) and by rep,
this as a delete-one-rep jackknife, which is wide enough with few reps (Bell and McCaffrey 2002; here each
refit is one Newton step from the whole fit). Deals lie within reps, so the larger of the two covers both.
Where the reps' is the larger, quantiles are those of a t distribution with one degree less than there are
reps; else of one with one less than there are deals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.errors import DataError
from features.times import FloatArray, IntArray
from training.places import places_of

_STEPS = 50
_STILL = 1e-10  # a Newton step that changes no coefficient by more is the last
_MOST_STEP = 5.0


@dataclass(frozen=True)
class Rows:
    """What is fitted to.

    Attributes:
        columns: float64, rows x columns, no NaN, an intercept among them.
        label: 1 or 0 per row.
        weight: >= 0 per row.
        deal, rep: whose each row is; any whole numbers.
    """

    columns: FloatArray
    label: FloatArray
    weight: FloatArray
    deal: IntArray
    rep: IntArray


@dataclass(frozen=True)
class Fit:
    """What was fitted.

    Attributes:
        beta: float64 per column.
        error: standard errors of the first `count` columns, clustered.
        degrees: of freedom of each error's t distribution.
        linear: the linear predictor of each row.
    """

    beta: FloatArray
    error: FloatArray
    degrees: FloatArray
    linear: FloatArray


def fit_logistic(rows: Rows, penalty: FloatArray, count: int) -> Fit:
    """The penalised maximum likelihood, with clustered errors of the first `count` columns.

    Args:
        penalty: per column, half of it times the coefficient's square is taken off the log-likelihood; above
            0 but for the intercept.

    Raises:
        DataError: the fit does not settle.
    """
    beta = _newton(rows, penalty)
    linear = rows.columns @ beta
    chance = _chance(linear)
    score = rows.columns * (rows.weight * (rows.label - chance))[:, None]
    spread = rows.weight * chance * (1 - chance)
    information = _information(rows.columns, spread, penalty)
    by_deal = _sandwich(score, information, rows.deal)[:count]
    by_rep = _jackknife(rows.columns, spread, score, information, rows.rep)[:count]
    deals, reps = places_of(rows.deal)[1], places_of(rows.rep)[1]
    return Fit(
        beta,
        np.sqrt(np.maximum(by_deal, by_rep)),
        np.where(by_rep > by_deal, max(reps - 1, 1), max(deals - 1, 1)).astype(np.float64),
        linear,
    )


def _newton(rows: Rows, penalty: FloatArray) -> FloatArray:
    beta = np.zeros(rows.columns.shape[1])
    for _ in range(_STEPS):
        chance = _chance(rows.columns @ beta)
        gradient = rows.columns.T @ (rows.weight * (rows.label - chance)) - penalty * beta
        information = _information(rows.columns, rows.weight * chance * (1 - chance), penalty)
        step = np.clip(np.linalg.solve(information, gradient), -_MOST_STEP, _MOST_STEP)
        beta = np.asarray(beta + step)
        if np.abs(step).max() < _STILL:
            return beta
    raise DataError(
        "the regression of wins on behaviours does not settle; a column that tells won deals from lost ones"
        " alone may be the cause, see `dealcast audit`"
    )


def _chance(linear: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * linear)))


def _information(columns: FloatArray, spread: FloatArray, penalty: FloatArray) -> FloatArray:
    return np.asarray((columns * spread[:, None]).T @ columns + np.diag(penalty))


def _sandwich(score: FloatArray, information: FloatArray, cluster: IntArray) -> FloatArray:
    """The diagonal of the clustered covariance."""
    place, count = places_of(cluster)
    sums = np.zeros((count, score.shape[1]))
    np.add.at(sums, place, score)
    moved = np.linalg.solve(information, sums.T)
    return np.asarray((moved**2).sum(axis=1) * count / max(count - 1, 1))


def _jackknife(
    columns: FloatArray, spread: FloatArray, score: FloatArray, information: FloatArray, cluster: IntArray
) -> FloatArray:
    """The diagonal of the covariance by leaving out one cluster at a time."""
    place, count = places_of(cluster)
    if count < 2:
        return np.zeros(columns.shape[1])
    moved = []
    for group in range(count):
        mine = place == group
        its = columns[mine]
        rest = information - (its * spread[mine][:, None]).T @ its
        moved.append(np.linalg.solve(rest, score[mine].sum(axis=0)))
    return np.asarray((np.array(moved) ** 2).sum(axis=0) * (count - 1) / count)
