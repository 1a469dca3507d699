"""Answers as the API, the score file and the tables print them, from the same scores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from features.times import iso
from serving.scorer import Model, Scores, TargetScores
from serving.wording import Language, Value, evidence_text, reason_text
from training.explain import features_of, percent, strongest, whole_percents
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
        "expected_close": None,
        "model": {t: s.model.version if s.model else None for t, s in scores.targets.items()},
    }


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
        "tier": bundle.tier(probability),
        "base_rate": bundle.centre.base_rate,
        "base_percent": percent(bundle.centre.base_rate),
        "interval": None,
        "reliability": row and {"from": row.low, "to": row.high, "observed": row.observed, "n": row.n},
        "reasons": None if scores.ledger is None else reasons(target, scores, i, language),
        "abstained": None,
    }


def reasons(target: Target, scores: TargetScores, i: int, language: Language) -> list[dict[str, Any]]:
    """The reasons of one score, the strongest first; with the base rate they are the probability."""
    model, ledger, row = scores.model, scores.ledger, int(scores.row[i])
    if model is None or ledger is None or row < 0:
        return []
    points = ledger.points[row].tolist()
    _, whole = whole_percents(ledger.base_rate, points, float(scores.probability[i]))
    order = np.argsort(-np.abs(ledger.points[row]), kind="stable").tolist()
    return [
        _reason(target, scores, model, row, ledger.behaviours[k], points[k], whole[k], language)
        for k in order
    ]


def _reason(
    target: Target, scores: TargetScores, model: Model, row: int, behaviour: str, points: float,
    whole: int, language: Language,
) -> dict[str, Any]:  # fmt: skip
    assert scores.ledger is not None
    features = features_of(target)
    loudest = strongest(target, behaviour, scores.ledger.contributions[row])
    evidence, said = [], []
    for position in loudest:
        feature = features[position]
        value, typical = _value(scores, feature.name, row), model.bundle.typical.get(feature.name)
        evidence.append({"feature": feature.name, "value": value, "unit": feature.unit, "typical": typical})
        said.append(evidence_text(feature, value, typical, target, language))
    return {
        "behaviour": behaviour,
        "points": points,
        "percent_points": whole,
        "direction": "up" if points > 0 else "down" if points < 0 else "none",
        "actionable": any(features[position].actionable for position in loudest),
        "text": reason_text(behaviour, whole, said, language),
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
        ("probability", "percent", "tier", "base_rate", "base_percent", "interval", "reliability", "reasons")
    )
    return {**empty, "abstained": why}
