"""What a model has to beat: the base rate, and the rate of the stage."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from features.frame import FeatureFrame
from features.times import FloatArray, IntArray

PRIOR_ROWS = 50  # a stage's rate is drawn towards the base rate as if by so many rows


def base_rate(label: FloatArray, weight: FloatArray) -> float:
    """The weighted share of positives."""
    return float(np.average(label, weights=weight))


def stage_rates(
    frame: FeatureFrame, rows: IntArray, label: FloatArray, weight: FloatArray
) -> tuple[Mapping[str | None, float], float]:
    """The shrunk rate of each stage among some rows, and the base rate for any other stage."""
    overall = base_rate(label, weight)
    stages = frame.texts("stage", rows)
    rates: dict[str | None, float] = {}
    for stage in dict.fromkeys(stages):
        mine = np.equal(stages, stage).astype(np.bool_)
        mass = weight[mine].sum()
        rates[stage] = float(
            (np.sum(label[mine] * weight[mine]) + PRIOR_ROWS * overall) / (mass + PRIOR_ROWS)
        )
    return rates, overall
