"""Whether present snapshots are like those a model was trained on, beyond what chance alone makes.

The population stability index, sum((p - q) ln(p / q)) over bins, is the customary figure; its customary
limits of 0.1 and 0.25 know nothing of how much was seen: few deals exceed them by chance, and of many
deals a shift that chance cannot explain may stay below (Potgieter et al. 2023, arXiv:2307.11878, who
propose Pearson's statistic instead). Here it is read beside the value that no drift would give, and the
judgement is a test with Pearson's statistic

    X = sum((p - q)² / c),  c = (p + q) / 2.

Without drift X is distributed as a weighted sum of chi-squares, the weights being the eigenvalues of
M = C^(-1/2) (V_p + V_q) C^(-1/2), where V are the covariances of the shares over *entities* (Rao and Scott
1981, 10.1080/01621459.1981.10477633). It is taken as a * chi-square(d) with the same mean and variance
(Satterthwaite 1946): mean = tr M, a = tr M² / tr M, d = (tr M)² / tr M². Of V_q a profile keeps the
diagonal; the rest is filled with the correlations of a multinomial.

Over many columns the p-values are corrected so that at most 5% of what is called drifted is none
(Benjamini and Hochberg 1995). What differs beyond chance, but little, is not called drifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.times import FloatArray, IntArray
from training.profile import Mean, Spread, shares_of

LEVEL = 0.05  # of what is called drifted, so much may be chance
LEAST_INDEX = 0.1  # beyond what chance makes: the customary "some change"
LEAST_POINTS = 0.01  # of a reason: one percent point, as reasons are shown in whole ones


@dataclass(frozen=True)
class Shift:
    """How far one column, or one reason, is from what it was.

    Attributes:
        name: of the feature or behaviour group, or "probability".
        index: the population stability index; for a reason, the change of its mean absolute points.
        by_chance: what that would be on average without any drift; 0 for a reason.
        p_value: the chance of no less without drift.
        adjusted: the same after the correction for all columns looked at together.
        say: the column's share in the model's reasons at training, 0 to 1.
        moved: the bin that moved the most, in words; place: of that bin, -1 of a reason.
        before, after: the share of rows in that bin, or the mean absolute points.
        drifted: beyond chance, and by enough to matter.
    """

    name: str
    index: float
    by_chance: float
    p_value: float
    say: float
    moved: str
    before: float
    after: float
    place: int = -1
    adjusted: float = 1.0
    drifted: bool = False

    @property
    def beyond_chance(self) -> bool:
        return self.adjusted <= LEVEL


def shift_of(
    name: str, then: Spread, then_entities: int, bins: IntArray, entity: IntArray, *, say: float
) -> Shift:
    """How far a column's present rows are from a profile's.

    Args:
        bins: the bin of each present row, by `then.bins`; `entity` its deal or account.
        then_entities: how many were behind the profile.
    """
    q = np.array(then.shares)
    p, covariance = shares_of(bins, len(q), entity)
    middle = (p + q) / 2
    used = middle > 0
    now = _at_least_usual(covariance, p, middle)
    total = (now + _filled(np.array(then.errors), middle))[np.ix_(used, used)]
    root = np.sqrt(middle[used])
    mean, p_value = _against_chance(
        float(np.sum((p - q)[used] ** 2 / middle[used])), total / np.outer(root, root)
    )
    gap = _index_by_bin(p, q, len(np.unique(entity)), then_entities)
    most = int(gap.argmax())
    moved, shares = then.bin_text(most), (float(q[most]), float(p[most]))
    return Shift(name, float(gap.sum()), mean, p_value, say, moved, *shares, most)


def shift_of_mean(name: str, then: Mean, now: Mean) -> Shift:
    """How far a reason's mean absolute points are from a profile's."""
    from scipy.stats import norm

    error = float(np.hypot(then.error, now.error))
    gap = now.mean - then.mean
    p_value = float(2 * norm.sf(abs(gap) / error)) if error > 0 else float(gap == 0)
    return Shift(name, gap, 0.0, p_value, 0.0, "mean absolute points", then.mean, now.mean)


def judged(shifts: Sequence[Shift], least: float) -> tuple[Shift, ...]:
    """The same with `adjusted` and `drifted`, in their order.

    Args:
        least: how far beyond chance a shift must be to be called drift.
    """
    adjusted = benjamini_hochberg(np.array([shift.p_value for shift in shifts]))
    return tuple(
        replace(
            shift,
            adjusted=float(value),
            drifted=bool(value <= LEVEL and abs(shift.index) - shift.by_chance >= least),
        )
        for shift, value in zip(shifts, adjusted, strict=True)
    )


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """p-values such that those at most 5% hold at most 5% of false discoveries.

    >>> benjamini_hochberg(np.array([0.01, 0.9, 0.02])).round(2).tolist()
    [0.03, 0.9, 0.03]
    """
    count = len(p_values)
    order = np.argsort(-p_values)
    raised = p_values[order] * count / np.arange(count, 0, -1)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(np.minimum.accumulate(raised), 1.0)
    return adjusted


def _against_chance(statistic: float, matrix: FloatArray) -> tuple[float, float]:
    """The mean of the statistic without drift, and the chance of no less."""
    from scipy.stats import chi2

    mean, square = float(np.trace(matrix)), float(np.sum(matrix * matrix.T))
    if mean <= 0 or square <= 0:  # all rows in one bin, then and now
        return 0.0, 1.0 if statistic < 1e-12 else 0.0
    return mean, float(chi2.sf(statistic * mean / square, mean**2 / square))


def _at_least_usual(covariance: FloatArray, shares: FloatArray, middle: FloatArray) -> FloatArray:
    """A covariance in which no bin varies less than the others let expect of its size.

    Of a bin that hardly any entity is in, the own variance says nothing: none, none at all.
    """
    size = shares * (1 - shares)
    design = float(np.trace(covariance) / size.sum()) if size.sum() > 0 else 0.0
    usual = design * middle * (1 - middle)
    lacking: FloatArray = np.maximum(usual - np.diag(covariance), 0.0)
    return covariance + np.diag(lacking)


def _filled(errors: FloatArray, shares: FloatArray) -> FloatArray:
    """A covariance from its diagonal, correlated as the shares of a multinomial are."""
    odds = np.sqrt(shares / np.maximum(1 - shares, 1e-9))
    correlation = -np.outer(odds, odds)
    np.fill_diagonal(correlation, 1.0)
    filled: FloatArray = np.outer(errors, errors) * np.maximum(correlation, -1.0)
    return filled


def _index_by_bin(p: FloatArray, q: FloatArray, now_entities: int, then_entities: int) -> FloatArray:
    """The parts of the population stability index; an empty bin counts as half an entity's rows."""
    p, q = np.maximum(p, 0.5 / now_entities), np.maximum(q, 0.5 / then_entities)
    return np.where((p <= 0.5 / now_entities) & (q <= 0.5 / then_entities), 0.0, (p - q) * np.log(p / q))
