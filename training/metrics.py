"""How good probabilities are, on rows that came later; weighted, and beside baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from features.times import FloatArray, IntArray

BINS = 10


@dataclass(frozen=True)
class Bin:
    """One row of a reliability table: "when it said 60 to 70%, 64% came true, n = 212".

    Attributes:
        low, high: the shown probability, low inclusive, high exclusive (inclusive for 1).
        mean: the mean shown probability; observed: the weighted share that came true.
        n: distinct entities (deals or accounts) behind it.
    """

    low: float
    high: float
    mean: float
    observed: float
    n: int

    def to_dict(self) -> dict[str, float | int]:
        return asdict(self)


def forward_metrics(probability: FloatArray, label: FloatArray, weight: FloatArray) -> dict[str, float]:
    """Log loss, Brier, ROC AUC, average precision, calibration error, lift in the top tenth."""
    from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

    return {
        "log_loss": float(log_loss(label, probability, sample_weight=weight, labels=[0, 1])),
        "brier": float(np.average((probability - label) ** 2, weights=weight)),
        "roc_auc": float(roc_auc_score(label, probability, sample_weight=weight)),
        "average_precision": float(average_precision_score(label, probability, sample_weight=weight)),
        "calibration_error": calibration_error(probability, label, weight),
        "lift_top_tenth": lift(probability, label, weight),
    }


def calibration_error(probability: FloatArray, label: FloatArray, weight: FloatArray) -> float:
    """Mean distance of shown and observed over ten bins of equal width, weighted by rows."""
    place = _bin(probability)
    total = np.bincount(place, weight, BINS)
    gap = np.bincount(place, weight * probability, BINS) - np.bincount(place, weight * label, BINS)
    return float(np.abs(gap).sum() / total.sum())


def lift(probability: FloatArray, label: FloatArray, weight: FloatArray, share: float = 0.1) -> float:
    """Rate among the `share` with the highest probability over the rate among all.

    Rows tied at the edge count in part, so that a constant probability has a lift of 1.
    """
    return lifts(probability, label, weight, [share])[0]


def lifts(
    probability: FloatArray, label: FloatArray, weight: FloatArray, shares: Sequence[float]
) -> list[float]:
    """The same for several shares, the rows sorted once."""
    values, place = np.unique(-probability, return_inverse=True)
    mass = np.bincount(place, weight, len(values))
    hits = np.bincount(place, weight * label, len(values))
    before, rate = np.cumsum(mass) - mass, hits.sum() / mass.sum()

    def one(share: float) -> float:
        room = np.clip(share * weight.sum() - before, 0, mass)
        taken = np.where(mass > 0, room / np.where(mass > 0, mass, 1), 0)
        return float((hits * taken).sum() / (mass * taken).sum() / rate)

    return [one(share) for share in shares]


@dataclass(frozen=True)
class Chosen:
    """What visits to the highest scores of each week would have met.

    Attributes:
        capacity: visits a week.
        visits: in all weeks; less than `capacity` in a week with fewer rows.
        rate, overall: the weighted share that came true among those visited, and among all.
    """

    capacity: int
    visits: int
    rate: float
    overall: float

    @property
    def lift(self) -> float:
        """Times as often as without a choice."""
        return self.rate / self.overall

    def to_dict(self) -> dict[str, float | int]:
        return {**asdict(self), "lift": self.lift}


def chosen_at(
    capacity: int, week: IntArray, probability: FloatArray, label: FloatArray, weight: FloatArray
) -> Chosen:
    """The `capacity` highest probabilities of each week, each row's week given as a number."""
    order = np.lexsort((-probability, week))
    begins = np.concatenate([[True], np.diff(week[order]) != 0])
    place = np.arange(len(order)) - np.flatnonzero(begins)[np.cumsum(begins) - 1]
    taken = order[place < capacity]
    rate = float(np.average(label[taken], weights=weight[taken]))
    return Chosen(capacity, len(taken), rate, float(np.average(label, weights=weight)))


def reliability_table(
    probability: FloatArray, label: FloatArray, weight: FloatArray, entity: IntArray
) -> tuple[Bin, ...]:
    """What came true of each tenth of the scale; bins without a row are left out."""
    place = _bin(probability)
    rows = []
    for i in range(BINS):
        inside = place == i
        if inside.any():
            w = weight[inside]
            observed = float(np.average(label[inside], weights=w))
            mean = float(np.average(probability[inside], weights=w))
            rows.append(Bin(i / BINS, (i + 1) / BINS, mean, observed, len(np.unique(entity[inside]))))
    return tuple(rows)


def bin_of(table: Sequence[Bin], probability: float) -> Bin | None:
    """The row of a reliability table in which a probability lies; None where it has no row."""
    return bins_of(table).get(bin_number(probability))


def bins_of(table: Sequence[Bin]) -> dict[int, Bin]:
    """The rows of a reliability table by their bins' numbers."""
    return {round(row.low * BINS): row for row in table}


def bin_number(probability: float) -> int:
    """The number of the bin in which a probability lies."""
    return min(int(probability * BINS), BINS - 1)


def _bin(probability: FloatArray) -> IntArray:
    return np.minimum((probability * BINS).astype(np.int64), BINS - 1)
