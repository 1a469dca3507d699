"""What moved a shown probability between two moments: the clock, what came in, and the model.

Four probabilities lie on the way, and each step between two is named, so that the steps add up:

    shown then -> (model) -> the present model's then -> (clock) -> at `until`, had nothing come in
               -> (behaviours) -> at `until` with all that was known

The last two are split by behaviour as reasons are: all are measured against the same base rate, so that the
differences of two ledgers' points add up to the difference of their probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.times import FloatArray, iso
from serving.answers import value_of
from serving.around import Records, known_at
from serving.histories import of_rows
from serving.phrases import phrases_of
from serving.scorer import Scorer, TargetScores
from serving.store.receipts import Receipt
from serving.wording import Language, arrow_text, clock_text, model_text, reason_text
from training.explain import percent, strongest_of_each, whole_percents
from training.labels import TARGETS, Target

_COUNTED = ("opportunities", "stage_changes", "field_changes", "activities", "orders", "contacts", "leads")
_SPOKEN = 2  # features that speak for a behaviour


@dataclass(frozen=True)
class Window:
    """What is asked: from when to when (microseconds), of which targets, and how it is answered."""

    opportunity_id: str
    since: int
    until: int
    targets: Sequence[Target]
    language: Language


@dataclass(frozen=True)
class _Shown:
    """A probability that another version of a target's model showed, and as of when."""

    version: str
    probability: float
    as_of: int


@dataclass(frozen=True)
class _Rows:
    """The places among the scores of: then; at `until` had nothing come in; at `until`."""

    then: int
    clock: int
    now: int


def changes_of(
    scorer: Scorer, records: Records, window: Window, receipts: Sequence[Receipt] = ()
) -> dict[str, Any]:
    """The changes of one opportunity's probabilities; JSON-ready.

    Args:
        records: all that is known of it by now.
        receipts: the scores shown last, as of `since` or before; of those with one `as_of` the one that was
            given first counts. Where another version of a target's model gave it, that target's changes begin
            there, with what was shown.

    Raises:
        UnknownEntity: the records lack the opportunity.
    """
    shown = {target: _shown(scorer, target, receipts) for target in window.targets}
    moments = {t: window.since if said is None else said.as_of for t, said in shown.items()}
    distinct = sorted(set(moments.values()))
    whole, mine = of_rows(records), window.opportunity_id
    cut = {moment: known_at(records, mine, moment) for moment in distinct}
    histories = [whole, *(each for m in distinct for each in (whole, of_rows(cut[m])))]
    times = [window.until, *(time for m in distinct for time in (m, window.until))]
    scores = scorer.without_close.score_each(histories, [mine] * len(times), np.array(times), explain=True)
    latest = known_at(records, mine, window.until)
    targets = {}
    for target in window.targets:
        place = distinct.index(moments[target])
        rows = _Rows(1 + 2 * place, 2 + 2 * place, 0)
        counts = {name: len(latest[name]) - len(cut[moments[target]][name]) for name in _COUNTED}
        targets[target] = _target(target, scores.targets[target], rows, shown[target], window.language) | {
            "since": iso(moments[target])
        }
        if targets[target]["abstained"] is None:
            targets[target]["records"] = counts
    return {
        "opportunity_id": mine,
        "since": iso(window.since),
        "until": iso(window.until),
        "targets": targets,
    }


def _shown(scorer: Scorer, target: Target, receipts: Sequence[Receipt]) -> _Shown | None:
    """What another version showed of a target; None where the served one did, or nothing was shown."""
    model = scorer.models.get(target)
    latest = [receipt for receipt in receipts if receipt.as_of == receipts[0].as_of]
    if model is None or not latest:
        return None
    first = latest[-1]
    version, probability = first.models.get(target), first.probabilities.get(target)
    if version is None or probability is None or version == model.version:
        return None
    return _Shown(version, probability, first.as_of)


def _target(
    target: Target, scores: TargetScores, rows: _Rows, shown: _Shown | None, language: Language
) -> dict[str, Any]:
    why = _abstained(scores, rows)
    if why is not None or scores.ledger is None or scores.model is None:
        return dict.fromkeys(_NUMBERS) | {"abstained": why}
    then, clock, now = (float(scores.probability[row]) for row in (rows.then, rows.clock, rows.now))
    points = [scores.ledger.points[scores.row[row]] for row in (rows.then, rows.clock, rows.now)]
    passing, moved = points[1] - points[0], points[2] - points[1]
    before = then if shown is None else shown.probability
    steps = [clock - then, then - before, *moved.tolist()]
    whole = _whole(before, steps, now)
    version = scores.model.version
    texts = _evidence(target, scores, rows, language)
    return {
        "before": before,
        "before_percent": percent(before),
        "after": now,
        "after_percent": percent(now),
        "change": now - before,
        "clock": {
            "points": steps[0],
            "percent_points": whole[0],
            "text": clock_text(whole[0], language),
            "behaviours": _named(scores.ledger.behaviours, passing),
        },
        "behaviours": _behaviours(scores.ledger.behaviours, moved, whole[2:], texts, language),
        "model": {
            "from": version if shown is None else shown.version,
            "to": version,
            "points": steps[1],
            "percent_points": whole[1],
            "text": model_text(whole[1], language),
        },
        "abstained": None,
    }


_NUMBERS = (
    "before", "before_percent", "after", "after_percent", "change", "clock", "behaviours", "model", "records",
)  # fmt: skip


def _abstained(scores: TargetScores, rows: _Rows) -> str | None:
    """Why there are no numbers: the moment and its reason."""
    for name, row in (("since", rows.then), ("until", rows.now), ("until", rows.clock)):
        why = scores.abstained[row]
        if why is not None:
            return why if scores.model is None else f"{name}: {why}"
    return None


def _whole(before: float, steps: Sequence[float], after: float) -> list[int]:
    """Whole percents of the steps, which lead from the one rounded probability to the other."""
    moved = [i for i, step in enumerate(steps) if step != 0]
    _, filled = whole_percents(before, [steps[i] for i in moved], after)
    found = [0] * len(steps)
    for i, value in zip(moved, filled, strict=True):
        found[i] = value
    return found


def _named(behaviours: Sequence[str], points: FloatArray) -> list[dict[str, Any]]:
    """The parts of the clock's step, the largest first."""
    parts = [{"behaviour": b, "points": p} for b, p in zip(behaviours, points.tolist(), strict=True)]
    return sorted(parts, key=lambda part: -abs(part["points"]))


def _behaviours(
    behaviours: Sequence[str],
    points: FloatArray,
    whole: Sequence[int],
    texts: Sequence[list[str]],
    language: Language,
) -> list[dict[str, Any]]:
    """What came in, by behaviour, the largest first; `texts`: each one's evidence."""
    found = []
    for k in np.argsort(-np.abs(points), kind="stable").tolist():
        behaviour = behaviours[k]
        found.append(
            {
                "behaviour": behaviour,
                "points": float(points[k]),
                "percent_points": whole[k],
                "text": reason_text(behaviour, whole[k], texts[k] if points[k] else [], language),
            }
        )
    return found


def _evidence(target: Target, scores: TargetScores, rows: _Rows, language: Language) -> list[list[str]]:
    """By behaviour, the features whose change weighs most: "meetings held: 2 -> 3"."""
    assert scores.ledger is not None
    assert scores.model is not None
    assert scores.frame is not None
    old, new = int(scores.row[rows.clock]), int(scores.row[rows.now])
    moved = scores.ledger.contributions[new] - scores.ledger.contributions[old]
    phrases = phrases_of(scores.model, target, language)
    found = []
    for places in strongest_of_each(scores.model.bundle.features, moved, len(phrases)):
        texts: list[str] = []
        for phrase in (phrases[place] for place in places):
            before, after = (value_of(scores.frame, row, phrase) for row in (old, new))
            if before != after and len(texts) < _SPOKEN:
                texts.append(phrase.before + arrow_text(before, after, phrase.unit, language))
        found.append(texts)
    return found


def targets_of(target: Target | None) -> Sequence[Target]:
    """The asked targets: one, or all."""
    return TARGETS if target is None else (target,)
