"""Answers as the API, the score file and the tables print them, from the same scores."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from features.frame import FeatureFrame
from features.times import NEVER, iso
from serving.phrases import Phrase, phrases_of
from serving.scorer import Scores, TargetScores
from serving.wording import Language, Value, reason_text, value_text
from training.explain import percent, strongest_of_each, whole_percents
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


_ENCODER = msgspec.json.Encoder()


def encoded(value: Any) -> bytes:
    """An answer as JSON in UTF-8."""
    return _ENCODER.encode(value)


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
            names.update(each.model.bundle.encoding.unseen_in(each.frame, row))
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
    assert scores.model is not None
    assert scores.frame is not None
    phrases, stability = phrases_of(scores.model, target, language), scores.model.bundle.stability
    loudest = strongest_of_each(scores.model.bundle.features, ledger.contributions[row])
    found = []
    for k in sorted(range(len(points)), key=lambda k: -abs(points[k])):
        spoken = [phrases[place] for place in loudest[k]]
        evidence = [_evidence(phrase, scores.frame, row, language) for phrase in spoken]
        behaviour, texts = ledger.behaviours[k], [each["text"] for each in evidence]
        found.append(
            {
                "behaviour": behaviour,
                "points": points[k],
                "percent_points": whole[k],
                "direction": "up" if points[k] > 0 else "down" if points[k] < 0 else "none",
                "actionable": any(phrase.actionable for phrase in spoken),
                "stability": None if stability is None else stability.of(behaviour, points[k]),
                "text": reason_text(behaviour, whole[k], texts, language),
                "evidence": evidence,
            }
        )
    return found


def _evidence(phrase: Phrase, frame: FeatureFrame, row: int, language: Language) -> dict[str, Any]:
    """One observation: the feature's value, what is usual, and both in words."""
    value = value_of(frame, row, phrase)
    return {
        "feature": phrase.name,
        "value": value,
        "unit": phrase.unit,
        "typical": phrase.typical,
        "text": phrase.before + value_text(value, phrase.unit, language) + phrase.after,
    }


def value_of(frame: FeatureFrame, row: int, phrase: Phrase) -> Value:
    """A feature's value: a number, a category's text, or None."""
    value: float = frame.values.item(row, phrase.place)
    if math.isnan(value):
        return None
    return frame.names[phrase.name][int(value)] if phrase.unit == "category" else value


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
