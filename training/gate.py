"""Whether a model has earned its place: the ladder from the base rate over the stage's rate to the model.

A rung is taken only where it is surely better than the one below on the forward test. On data with
nothing to learn, trees find something all the same; what they find does not hold, and the gate says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from features.times import FloatArray, IntArray
from training.paired import Pair

Rung = Literal["base_rate", "stage_rate", "model"]
SURE = 0.95  # share of the draws in which a rung must be better than the one below


@dataclass(frozen=True)
class Verdict:
    """The rung a target stands on, and by how much it was earned.

    Attributes:
        rung: what is shown: the model's probability, each stage's rate, or the base rate for all.
        over_base_rate: share of the draws in which the model's log loss is below that of the base rate.
        over_stage_rate: the same against the stages' rates; None where there are no stages.
        stages_over_base_rate: the same of the stages' rates against the base rate; None likewise.
        low, high: the middle 90% of the model's ROC AUC over the draws.
    """

    rung: Rung
    over_base_rate: float
    over_stage_rate: float | None
    stages_over_base_rate: float | None
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def words(self, chinese: bool = False) -> str:
        """Why a lower rung than the model is taken; empty where it is not."""
        if self.rung == "model":
            return ""
        lower = self.over_base_rate if self.rung == "base_rate" else self.over_stage_rate or 0.0
        text = (_CHINESE if chinese else _ENGLISH)[self.rung]
        return text.format(won=round(100 * lower), asked=round(100 * SURE))


_ENGLISH: Mapping[Rung, str] = {
    "base_rate": "the model is better than the base rate in {won} of 100 draws, {asked} are asked for:"
    " nothing known beforehand tells the outcomes apart reliably, so that all get the base rate",
    "stage_rate": "the model is better than the rates of the stages in {won} of 100 draws, {asked} are"
    " asked for, so that each gets the rate of its stage",
}
_CHINESE: Mapping[Rung, str] = {
    "base_rate": "模型仅在 100 次抽样中的 {won} 次优于基准率(要求 {asked} 次):"
    "事前已知的信息无法可靠区分结果,因此一律显示基准率",
    "stage_rate": "模型仅在 100 次抽样中的 {won} 次优于各阶段的比率(要求 {asked} 次),因此显示所处阶段的比率",
}


def verdict_of(
    model: FloatArray,
    baselines: Mapping[str, FloatArray],
    label: FloatArray,
    weight: FloatArray,
    entity: IntArray,
) -> Verdict:
    """The highest rung of which each is surely better than the ones below.

    Args:
        model: its probabilities on the test part.
        baselines: those of `base_rate`, and of `stage_rate` where there are stages, on the same rows.
        label, weight, entity: of these rows.
    """

    def better(first: FloatArray, second: FloatArray) -> float:
        return Pair(first, second, label, weight, entity).difference("log_loss").better

    base, stages = baselines["base_rate"], baselines.get("stage_rate")
    over_base = better(base, model)
    over_stages = None if stages is None else better(stages, model)
    of_stages = None if stages is None else better(base, stages)
    ranked = Pair(np.full(len(model), 0.5), model, label, weight, entity).difference("roc_auc")
    rung: Rung = "base_rate"
    if of_stages is not None and of_stages >= SURE:
        rung = "stage_rate"
    if over_base >= SURE and (rung == "base_rate" or (over_stages or 0) >= SURE):
        rung = "model"
    return Verdict(rung, over_base, over_stages, of_stages, 0.5 + ranked.low, 0.5 + ranked.high)
