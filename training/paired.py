"""Two models' figures on the same rows, and how sure the difference is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from features.times import FloatArray, IntArray
from training.bootstrap import interval
from training.metrics import calibration_error

METRICS = ("log_loss", "roc_auc", "calibration_error")
HIGHER_IS_BETTER = frozenset({"roc_auc"})
_BLOCK = 8_192  # OpenBLAS takes several threads from 10,000 on
_LEAST = 1e-15  # of a probability whose logarithm is taken

Statistic = Callable[[FloatArray], float]


@dataclass(frozen=True)
class Difference:
    """A figure of two models on the same rows.

    Attributes:
        metric: one of `METRICS`.
        first, second: the figure of each; NaN where it is not defined.
        low, high: the middle 90% of the draws of second - first.
        better, worse: share of draws in which the second is better, or worse; draws that are
            equal count in neither.
    """

    metric: str
    first: float
    second: float
    low: float
    high: float
    better: float
    worse: float

    @property
    def change(self) -> float:
        """second - first."""
        return self.second - self.first

    @property
    def harm(self) -> float:
        """By how much the second is worse; below 0 where it is better."""
        return -self.change if self.metric in HIGHER_IS_BETTER else self.change

    @property
    def least_harm(self) -> float:
        """The end of the interval at which the second looks best: worse by at least so much."""
        return -self.high if self.metric in HIGHER_IS_BETTER else self.low

    def to_dict(self) -> dict[str, Any]:
        """For JSON, where NaN becomes None."""
        values = {**asdict(self), "change": self.change}
        return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in values.items()}


@dataclass(frozen=True)
class Pair:
    """Rows judged by two models.

    Attributes:
        first, second: probabilities in (0, 1), one per row.
        label: 0 or 1; weight: >= 0; entity: the deal or account of each row.
    """

    first: FloatArray
    second: FloatArray
    label: FloatArray
    weight: FloatArray
    entity: IntArray

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: IntArray) -> Pair:
        """Some of the rows."""
        return Pair(
            self.first[rows], self.second[rows], self.label[rows], self.weight[rows], self.entity[rows]
        )

    def differences(self) -> Mapping[str, Difference]:
        """Every metric's difference, its draws taken over entities and the same for both models."""
        return MappingProxyType({metric: self.difference(metric) for metric in METRICS})

    def difference(self, metric: str) -> Difference:
        """One metric's difference, its draws taken over entities and the same for both models."""
        first = _STATISTICS[metric](self.first, self.label, self.weight)
        second = _STATISTICS[metric](self.second, self.label, self.weight)
        drawn: list[float] = []

        def change(times: FloatArray) -> float:
            drawn.append(second(times) - first(times))
            return drawn[-1]

        spread = interval(change, self.entity)
        sign = 1 if metric in HIGHER_IS_BETTER else -1
        gains = sign * np.array([value for value in drawn if not np.isnan(value)])
        once = np.ones(len(self))
        return Difference(
            metric, first(once), second(once), spread.low, spread.high,
            better=float(np.mean(gains > 0)) if len(gains) else float("nan"),
            worse=float(np.mean(gains < 0)) if len(gains) else float("nan"),
        )  # fmt: skip


def _log_loss(probability: FloatArray, label: FloatArray, weight: FloatArray) -> Statistic:
    """Weighted log loss by how often each row counts."""
    said = np.clip(np.where(label > 0, probability, 1 - probability), _LEAST, 1)
    loss = -np.log(said)

    def figure(times: FloatArray) -> float:
        counts = times * weight
        total = float(counts.sum())
        return _dot(counts, loss) / total if total else float("nan")

    return figure


def _roc_auc(probability: FloatArray, label: FloatArray, weight: FloatArray) -> Statistic:
    """Weighted area under the ROC curve, ties counting half; sorted once for all draws."""
    values, place = np.unique(probability, return_inverse=True)

    def figure(times: FloatArray) -> float:
        counts = times * weight
        positive = np.bincount(place, counts * label, len(values)).astype(np.float64, copy=False)
        negative = np.bincount(place, counts * (1 - label), len(values))
        pairs = float(positive.sum() * negative.sum())
        below = np.cumsum(negative) - negative / 2
        return _dot(positive, below) / pairs if pairs else float("nan")

    return figure


def _dot(first: FloatArray, second: FloatArray) -> float:
    """The inner product in blocks that a BLAS gives to one thread.

    Several threads would wait for each other longer than they count, in each of some thousand draws, where
    other work is going on; and the last bits would hang on how many there are.
    """
    blocks = range(0, len(first), _BLOCK)
    return float(sum(first[i : i + _BLOCK] @ second[i : i + _BLOCK] for i in blocks))


def _calibration(probability: FloatArray, label: FloatArray, weight: FloatArray) -> Statistic:
    def figure(times: FloatArray) -> float:
        counts = times * weight
        return calibration_error(probability, label, counts) if counts.any() else float("nan")

    return figure


_STATISTICS: Mapping[str, Callable[[FloatArray, FloatArray, FloatArray], Statistic]] = MappingProxyType(
    {"log_loss": _log_loss, "roc_auc": _roc_auc, "calibration_error": _calibration}
)
