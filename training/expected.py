"""What a model's figures should be on snapshots whose labels nobody knows yet, and whether they hold.

Confidence-based performance estimation: if probabilities are calibrated, a snapshot with p counts as won
with weight p and as lost with weight 1 - p, and every figure follows. It assumes that the calibration
still holds; a drift that changes what follows from the same features does not show in it. That is what
`calibration_check` is for, as soon as labels are there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.times import FloatArray, IntArray
from training.bootstrap import Interval, interval
from training.metrics import Bin, calibration_error, reliability_table

CHANCE_DRAWS = 400
LEVEL = 0.05


@dataclass(frozen=True)
class Figure:
    """An expected figure and its interval over entities."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Expected:
    """What the probabilities alone promise.

    Attributes:
        log_loss: mean of -p ln p - (1-p) ln(1-p), in nats.
        roc_auc: the chance that of two snapshots, one to be won and one to be lost, the first has more.
        accuracy: the share on the likelier side of one half; the mean of max(p, 1 - p).
    """

    log_loss: Figure
    roc_auc: Figure
    accuracy: Figure


@dataclass(frozen=True)
class CalibrationCheck:
    """Whether what was said came true, where that is known.

    Attributes:
        reliability: shown and observed by tenths, with counts of entities.
        error: the calibration error found.
        by_chance: what it would be on average if every probability were true.
        p_value: the chance of no less if every probability were true.
        log_loss, roc_auc: as they came to be.
        rows, entities: behind it.
    """

    reliability: tuple[Bin, ...]
    error: float
    by_chance: float
    p_value: float
    log_loss: float
    roc_auc: float
    rows: int
    entities: int

    @property
    def off(self) -> bool:
        return self.p_value <= LEVEL


def expected(probability: FloatArray, entity: IntArray) -> Expected:
    """The figures that calibrated probabilities promise, before any label is known."""
    loss = -probability * np.log(probability) - (1 - probability) * np.log1p(-probability)
    side = np.maximum(probability, 1 - probability)
    values, place = np.unique(probability, return_inverse=True)

    def auc(times: FloatArray) -> float:
        mass = np.bincount(place, times, len(values))
        return _auc(mass * values, mass * (1 - values))

    return Expected(
        _figure(lambda times: float(np.average(loss, weights=times)), entity),
        _figure(auc, entity),
        _figure(lambda times: float(np.average(side, weights=times)), entity),
    )


def calibration_check(
    probability: FloatArray, label: FloatArray, weight: FloatArray, entity: IntArray, seed: int = 0
) -> CalibrationCheck:
    """The calibration error beside the one that chance makes.

    Chance: labels drawn from the probabilities themselves, each entity with one fate for all of its
    snapshots (won where a number drawn once for it lies below p). That ties the snapshots of a deal as
    closely as their probabilities allow, as the outcome of a deal does.
    """
    from sklearn.metrics import log_loss, roc_auc_score

    error = calibration_error(probability, label, weight)
    _, place = np.unique(entity, return_inverse=True)
    rng = np.random.default_rng(seed)
    entities = int(place.max()) + 1
    chance = np.array(
        [
            calibration_error(probability, (rng.random(entities)[place] < probability).astype(float), weight)
            for _ in range(CHANCE_DRAWS)
        ]
    )
    return CalibrationCheck(
        reliability=reliability_table(probability, label, weight, entity),
        error=error,
        by_chance=float(chance.mean()),
        p_value=float((1 + np.sum(chance >= error)) / (1 + CHANCE_DRAWS)),
        log_loss=float(log_loss(label, probability, sample_weight=weight, labels=[0, 1])),
        roc_auc=float(roc_auc_score(label, probability, sample_weight=weight)),
        rows=len(label),
        entities=entities,
    )


def _figure(statistic: Callable[[FloatArray], float], entity: IntArray) -> Figure:
    return Figure(statistic(np.ones(len(entity))), interval(statistic, entity))


def _auc(won: FloatArray, lost: FloatArray) -> float:
    """ROC AUC of masses at increasing scores; ties count half; NaN without mass on a side."""
    total = won.sum() * lost.sum()
    below = np.cumsum(lost) - lost
    return float(np.sum(won * (below + lost / 2)) / total) if total > 0 else float("nan")
