"""Answers as the API, the score file and the tables print them, from the same scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.times import NEVER, iso
from serving.scorer import Scores, TargetScores
from serving.wording import Language, Value, evidence_text, reason_text
from training.explain import percent, strongest, whole_percents
from training.labels import TARGETS, Target
from training.metrics import bin_of


def answer(scores: Scores, i: int, data_as_of: int | None, language: Language = "en") -> dict[str, Any]:
    """One score as the API gives it; JSON-ready."""
    amount = float(scores.amount[i])
    return {
        "prediction_id": scores.prediction_id(i),
        "opportunity_id": scores.opportunity_ids[i],
        "account_id": scores.account_ids[i],
        "rep_id": scores.rep_ids[i],
        "stage": scores.stage[i],
        "amount": None if math.isnan(amount) else amount,
        "as_of": iso(int(scores.as_of[i])),
        "data_as_of": None if data_as_of is None else iso(data_as_of),
        **{target: target_answer(target, scores.targets[target], i, language) for target in TARGETS},
        "expected_close": expected_close(scores, i),
        "model": {
            **{t: s.model.version if s.model else None for t, s in scores.targets.items()},
            "close": scores.close_version,
        },
        "unseen": unseen_features(scores, i),
    }


def expected_close(scores: Scores, i: int) -> dict[str, str | None]:
    """When the deal is won, given that it is; null where it is not open or there is no model of when."""
    dates = scores.expected_close[i].tolist()
    names = ("p10", "p50", "p90")
    return {name: None if at == NEVER else iso(at) for name, at in zip(names, dates, strict=True)}


def unseen_features(scores: Scores, i: int) -> list[str]:
    """Features with a text that a model was not trained on, which it therefore reads as missing."""
    names: set[str] = set()
    for each in scores.targets.values():
        row = int(each.row[i])
        if each.model is not None and each.frame is not None and row >= 0:
            names.update(each.model.bundle.encoding.unseen(each.frame, slice(row, row + 1)))
    return sorted(names)


def target_answer(target: Target, scores: TargetScores, i: int, language: Language) -> dict[str, Any]:
    """One target of a score: its probability, what came true of such, and the reasons if asked."""
    if scores.model is None or scores.abstained[i] is not None:
        return _abstained(scores.abstained[i])
    probability = float(scores.probability[i])
    bundle = scores.model.bundle
    row = bin_of(bundle.reliability, probability)
    return {
        "probability": probability,
        "percent": percent(probability),
        "rung": bundle.rung,
        "tier": bundle.tier(probability),
        "base_rate": bundle.centre.base_rate,
        "base_percent": percent(bundle.centre.base_rate),
        "given_stage": bundle.policy.win_given_stage or None if target == "win" else None,
        "interval": interval(scores, i),
        "reliability": row and {"from": row.low, "to": row.high, "observed": row.observed, "n": row.n},
        "reasons": None if scores.ledger is None else reasons(target, scores, i, language),
        "abstained": None,
    }


def interval(scores: TargetScores, i: int) -> list[float] | None:
    """Low and high of a score's interval; None where the target abstains or its model has none."""
    ends = [float(scores.low[i]), float(scores.high[i])]
    return None if math.isnan(ends[0]) else ends


def reasons(target: Target, scores: TargetScores, i: int, language: Language) -> list[dict[str, Any]]:
    """The reasons of one score, the strongest first; with the base rate they are the probability."""
    ledger, row = scores.ledger, int(scores.row[i])
    if ledger is None or row < 0:
        return []
    points = ledger.points[row].tolist()
    _, whole = whole_percents(ledger.base_rate, points, float(scores.probability[i]))
    order = np.argsort(-np.abs(ledger.points[row]), kind="stable").tolist()
    return [
        {
            "behaviour": ledger.behaviours[k],
            "points": points[k],
            "percent_points": whole[k],
            "direction": "up" if points[k] > 0 else "down" if points[k] < 0 else "none",
            **_spoken(target, scores, row, _Said(ledger.behaviours[k], whole[k], language)),
        }
        for k in order
    ]


@dataclass(frozen=True)
class _Said:
    """A reason to put into words."""

    behaviour: str
    percent_points: int
    language: Language


def _spoken(target: Target, scores: TargetScores, row: int, said: _Said) -> dict[str, Any]:
    """Whether one can act on a reason, its text and its evidence: the features that speak loudest."""
    assert scores.ledger is not None
    assert scores.model is not None
    features = scores.model.bundle.features
    loudest = strongest(features, said.behaviour, scores.ledger.contributions[row])
    evidence: list[dict[str, Any]] = []
    for feature in (features[position] for position in loudest):
        value, typical = _value(scores, feature.name, row), scores.model.bundle.typical.get(feature.name)
        text = evidence_text(feature, value, typical, target, said.language)
        evidence.append(
            {"feature": feature.name, "value": value, "unit": feature.unit, "typical": typical, "text": text}
        )
    return {
        "actionable": any(features[position].actionable for position in loudest),
        "text": reason_text(
            said.behaviour, said.percent_points, [e["text"] for e in evidence], said.language
        ),
        "evidence": evidence,
    }


def _value(scores: TargetScores, feature: str, row: int) -> Value:
    assert scores.frame is not None
    value = scores.frame.columns[feature][row]
    if value is None or isinstance(value, str):
        return value
    return None if math.isnan(value) else float(value)


def _abstained(why: str | None) -> dict[str, Any]:
    empty = dict.fromkeys(
        (
            "probability",
            "percent",
            "rung",
            "tier",
            "base_rate",
            "base_percent",
            "given_stage",
            "interval",
            "reliability",
            "reasons",
        )
    )
    return {**empty, "abstained": why}
