"""Answers as the API, the score file and the tables print them, from the same scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from features.frame import FeatureFrame
from features.times import NEVER, iso
from serving.phrases import Phrase, phrases_of
from serving.scorer import Model, Scores, TargetScores
from serving.wording import Language, Value, reason_text, value_text
from training.explain import percent, strongest_of_each, whole_percents
from training.labels import TARGETS, Target
from training.metrics import bin_number, bins_of


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
    said = scores.model.said.get("answers") or _said(scores.model)
    return {
        "probability": probability,
        "percent": percent(probability),
        "rung": said.rung,
        "tier": bundle.tier(probability),
        "base_rate": said.base_rate,
        "base_percent": said.base_percent,
        "given_stage": said.given_stage,
        "interval": interval(scores, i),
        "reliability": said.reliability.get(bin_number(probability)),
        "reasons": None if scores.ledger is None else reasons(target, scores, i, language),
        "abstained": None,
    }


@dataclass(frozen=True)
class _Said:
    """What a model's answers say whatever the deal; of each bin of its scores what came true."""

    rung: str
    base_rate: float
    base_percent: int
    given_stage: str | None
    reliability: Mapping[int, Mapping[str, float]]


def _said(model: Model) -> _Said:
    bundle = model.bundle
    bins = bins_of(bundle.reliability).items()
    rate, stage = bundle.centre.base_rate, bundle.policy.win_given_stage
    model.said["answers"] = _Said(
        bundle.rung,
        rate,
        percent(rate),
        stage or None if bundle.target == "win" else None,
        {i: {"from": row.low, "to": row.high, "observed": row.observed, "n": row.n} for i, row in bins},
    )
    found: _Said = model.said["answers"]
    return found


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
    frame, values = scores.frame, scores.frame.values[row].tolist()
    found = []
    for k in sorted(range(len(points)), key=lambda k: -abs(points[k])):
        its, behaviour = points[k], ledger.behaviours[k]
        evidence, texts, actionable = [], [], False
        for place in loudest[k]:
            phrase = phrases[place]
            value = _value_in(frame, values[place], phrase)
            text = phrase.before + value_text(value, phrase.unit, language) + phrase.after
            actionable = actionable or phrase.actionable
            texts.append(text)
            evidence.append(
                {
                    "feature": phrase.name,
                    "value": value,
                    "unit": phrase.unit,
                    "typical": phrase.typical,
                    "text": text,
                }
            )
        found.append(
            {
                "behaviour": behaviour,
                "points": its,
                "percent_points": whole[k],
                "direction": "up" if its > 0 else "down" if its < 0 else "none",
                "actionable": actionable,
                "stability": None if stability is None else stability.of(behaviour, its),
                "text": reason_text(behaviour, whole[k], texts, language),
                "evidence": evidence,
            }
        )
    return found


def value_of(frame: FeatureFrame, row: int, phrase: Phrase) -> Value:
    """A feature's value: a number, a category's text, or None."""
    return _value_in(frame, frame.values.item(row, phrase.place), phrase)


def _value_in(frame: FeatureFrame, value: float, phrase: Phrase) -> Value:
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
