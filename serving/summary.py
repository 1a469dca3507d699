"""The scored pipeline in a few figures: how many deals, how many wins to expect, where help is needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from features.times import BoolArray
from serving.pipeline import Pipeline, Wanted
from serving.scorer import TargetScores
from training.labels import TARGETS

TIERS = ("low", "medium", "high")
_NEEDS = ("stall", "churn")  # whose high tier asks for help


def summary_of(pipeline: Pipeline, wanted: Wanted) -> dict[str, Any]:
    """Figures over the deals of a rep, of a team, or over all; JSON-ready.

    A win that is asked given a stage counts as that: `given_stage` names it. `expected_wins` is the sum of
    the win probabilities; None where there is no win model.
    """
    chosen = pipeline.chosen(wanted)
    targets = pipeline.scores.targets
    tiers = {str(target): _tiers(targets[target], chosen) for target in TARGETS}
    win = targets["win"]
    known = win.probability[chosen & ~np.isnan(win.probability)]
    return {
        "open": int(chosen.sum()),
        "scored": {str(t): int((chosen & ~np.isnan(targets[t].probability)).sum()) for t in TARGETS},
        "expected_wins": None if win.model is None else float(known.sum()),
        "given_stage": None if win.model is None else win.model.bundle.policy.win_given_stage or None,
        "need_help": int((chosen & _needs(pipeline)).sum()),
        "tiers": tiers,
        "reps": sorted({str(rep) for rep in pipeline.scores.rep_ids if rep is not None}),
        "teams": sorted(set(pipeline.team_of.values())),
    }


def _needs(pipeline: Pipeline) -> BoolArray:
    found = np.zeros(len(pipeline.scores), np.bool_)
    for target in TARGETS:
        if target in _NEEDS:
            found |= _tier(pipeline.scores.targets[target]) == TIERS.index("high")
    return found


def _tiers(scores: TargetScores, chosen: BoolArray) -> dict[str, int]:
    tier = _tier(scores)[chosen]
    return {name: int((tier == place).sum()) for place, name in enumerate(TIERS)}


def _tier(scores: TargetScores) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The place in `TIERS` of each score, by the rule of `Bundle.tier`; -1 where there is none."""
    if scores.model is None:
        return np.full(len(scores.probability), -1)
    found = np.searchsorted(np.asarray(scores.model.bundle.tiers), scores.probability, side="right")
    return np.where(np.isnan(scores.probability), -1, found)
