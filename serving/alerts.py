"""The alerts of the deals that are open, from the rules and thresholds of the study of the past."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from features.reference import Reference, nothing_known
from features.snapshots import Snapshots
from features.times import WEEK, FloatArray, iso
from serving.around import Records
from serving.changes import Window, changes_of
from serving.histories import Histories
from serving.pipeline import Pipeline
from serving.problems import unfit
from serving.scorer import Scorer, Scores
from serving.study import Study
from serving.wording import Language
from training.alerts.budget import cut_of
from training.alerts.facts import facts_of
from training.alerts.rules import RULES, Rule, measurable, words
from training.explain import percent, whole_percents
from training.labels import ENTITY, Target

Key = tuple[float, str, float, str]  # how much better than chance, the rule, the strength, the deal


@dataclass(frozen=True)
class Question:
    """Which alerts are asked for; `cursor`: `next` of the page before."""

    rep_id: str | None = None
    team_id: str | None = None
    rule: str | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True)
class Alert:
    """One rule that speaks of one deal.

    Attributes:
        place: of the deal in the pipeline's scores.
        values: what the words show, by name.
    """

    rule: Rule
    place: int
    strength: float
    threshold: float
    values: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Board:
    """All alerts at one moment, in their order: rules that have been right most often first."""

    pipeline: Pipeline
    study: Study
    alerts: Sequence[tuple[Key, Alert]]
    thresholds: Mapping[str, float]

    def page(self, asked: Question) -> tuple[list[Alert], str | None]:
        """One page, and the cursor of the next.

        Raises:
            Problem: 422, the cursor or the rule is none.
        """
        if asked.rule is not None and asked.rule not in RULES:
            raise unfit("rule", f"is none of {', '.join(RULES)}")
        keys = [key for key, _ in self.alerts]
        begin = 0 if asked.cursor is None else bisect_right(keys, _key_of(asked.cursor))
        found = [pair for pair in self.alerts[begin:] if self._is_wanted(pair[1], asked)]
        page = found[: asked.limit]
        following = _cursor_of(page[-1][0]) if len(found) > asked.limit else None
        return [alert for _, alert in page], following

    def _is_wanted(self, alert: Alert, asked: Question) -> bool:
        rep = self.pipeline.scores.rep_ids[alert.place]
        return (
            (asked.rule is None or alert.rule.name == asked.rule)
            and (asked.rep_id is None or rep == asked.rep_id)
            and (asked.team_id is None or self.pipeline.team_of.get(rep) == asked.team_id)
        )


def board_of(scorer: Scorer, histories: Histories, pipeline: Pipeline, study: Study) -> Board:
    """The alerts of a pipeline's deals.

    Args:
        histories: of the data that the pipeline was scored from; not asked where it has no deal.
    """
    if not len(pipeline.scores):
        return Board(pipeline, study, [], {})
    scores, section = pipeline.scores, study.section("alerts")
    history = histories.under(scorer.conventions)
    codes = history.opportunity_codes(scores.opportunity_ids)
    earlier = scorer.without_close.score(histories, scores.opportunity_ids, scores.as_of - WEEK)
    facts = facts_of(
        history, Snapshots(codes, scores.as_of), _reference(scorer), _given(scores), _given(earlier)
    )
    found: list[tuple[Key, Alert]] = []
    cuts: dict[str, float] = {}
    for rule in RULES.values():
        if not measurable(rule, facts):
            continue
        measured = rule.measure(facts, section.get("usual_days", {}))
        threshold, rank = threshold_of(rule, section, measured.strength), -_lift(section, rule)
        cuts[rule.name] = threshold
        for i in np.flatnonzero(measured.strength >= threshold).tolist():
            strength = float(measured.strength[i])
            values = {name: float(its[i]) for name, its in measured.values.items()}
            key = (rank, rule.name, -strength, scores.opportunity_ids[i])
            found.append((key, Alert(rule, i, strength, threshold, values)))
    return Board(pipeline, study, sorted(found, key=lambda pair: pair[0]), cuts)


def threshold_of(rule: Rule, section: Mapping[str, Any], strength: FloatArray) -> float:
    """From when on a rule speaks: the study's threshold, or the one that the study's share of the open deals
    reach; without a study the default."""
    found = section.get("rules", {}).get(rule.name, {})
    if found.get("share") is not None:
        return cut_of(strength, float(found["share"]), rule.floor)
    return float(found.get("threshold", rule.default))


def answer_of(
    board: Board, asked: Question, scorer: Scorer, around: Callable[[str], Records], language: Language
) -> dict[str, Any]:
    """A page of alerts as the API gives it.

    Args:
        around: all that is known around a deal, for the cause of a drop.
    """
    page, following = board.page(asked)
    given = [_alert(board, each, scorer, around, language) for each in page]
    chinese = language == "zh-CN"
    return {
        "as_of": iso(board.pipeline.as_of),
        "study_as_of": board.study.as_of,
        "note": None if board.study.section("alerts") else _NO_RECORD[chinese],
        "budget_per_rep_week": board.study.section("alerts").get("budget_per_rep_week"),
        "rules": {name: _rule(rule, board, chinese=chinese) for name, rule in RULES.items()},
        "alerts": given,
        "groups": [_group(each, chinese=chinese) for each in _falls(board, asked)],
        "next": following,
    }


_NO_RECORD = (
    "thresholds are defaults, without a record: run `dealcast study DATA`, whose study.json lies beside the"
    " bundles",
    "阈值为默认值，尚无历史记录：请运行 `dealcast study DATA`，并把 study.json 放在模型目录中",
)


def _alert(
    board: Board, alert: Alert, scorer: Scorer, around: Callable[[str], Records], language: Language
) -> dict[str, Any]:
    scores, i = board.pipeline.scores, alert.place
    rep, amount = scores.rep_ids[i], float(scores.amount[i])
    cause = None
    if alert.rule.name == "score_drop":
        cause = _cause(
            scorer,
            around(scores.opportunity_ids[i]),
            scores.opportunity_ids[i],
            board.pipeline.as_of,
            language,
        )
    return {
        "rule": alert.rule.name,
        "opportunity_id": scores.opportunity_ids[i],
        "account_id": scores.account_ids[i],
        "rep_id": rep,
        "team_id": board.pipeline.team_of.get(rep),
        "stage": scores.stage[i],
        "amount": None if isnan(amount) else amount,
        "strength": alert.strength,
        "threshold": alert.threshold,
        "text": words(alert.rule, alert.values, chinese=language == "zh-CN"),
        "evidence": {name: None if isnan(value) else value for name, value in alert.values.items()},
        "cause": cause,
    }


def _cause(
    scorer: Scorer, records: Records, opportunity_id: str, as_of: int, language: Language
) -> dict[str, Any] | None:
    """The greatest part of a drop, out of the change ledger: the clock, or what came in of one behaviour."""
    asked = Window(opportunity_id, as_of - WEEK, as_of, ("win",), language)
    win = changes_of(scorer, records, asked)["targets"]["win"]
    if win["abstained"] is not None:
        return None
    parts = [{"behaviour": "clock", **win["clock"]}, *win["behaviours"]]
    least = min(parts, key=lambda part: part["points"])
    return {name: least[name] for name in ("behaviour", "points", "percent_points", "text")}


def _rule(rule: Rule, board: Board, *, chinese: bool) -> dict[str, Any]:
    section = board.study.section("alerts")
    found = section.get("rules", {}).get(rule.name, {})
    return {
        "title": rule.title[chinese],
        "outcome": rule.outcome,
        "horizon_days": section.get("horizon_days") if rule.outcome == "lost" else None,
        "threshold": board.thresholds.get(rule.name),
        "record": found.get("record"),
        "why": found.get("why") or None,
    }


def _falls(board: Board, asked: Question) -> list[Mapping[str, Any]]:
    """The study's falls of teams and regions, and of a rep where it is that rep who is asked for: nobody is
    shown among others."""
    falls: list[Mapping[str, Any]] = board.study.section("groups").get("falls", [])
    wanted = {"rep_id": asked.rep_id, "team_id": asked.team_id, "region": None}
    return [
        fall
        for fall in falls
        if fall["name"] == wanted[fall["column"]]
        or (fall["column"] != "rep_id" and asked.rep_id is None and asked.team_id is None)
    ]


_PARTS = (
    ("mix", "mix of deals", "商机结构"),
    ("behaviour", "behaviour", "销售行为"),
    ("rate", "the rest", "其余"),
)


def _group(fall: Mapping[str, Any], *, chinese: bool) -> dict[str, Any]:
    before, now = percent(fall["win_rate_before"]), percent(fall["win_rate_now"])
    _, points = whole_percents(
        fall["win_rate_before"], [fall[name] for name, *_ in _PARTS], fall["win_rate_now"]
    )
    said = [f"{part[1 + chinese]} {value:+d}" for part, value in zip(_PARTS, points, strict=True)]
    if chinese:
        text = f"赢单率由 {before}% 降至 {now}%，降幅超过公司其他部分；百分点构成：{'，'.join(said)}"
    else:
        text = f"win rate {before}% to {now}%, more of a fall than elsewhere; in points: {', '.join(said)}"
    return {**fall, "text": text}


def _lift(section: Mapping[str, Any], rule: Rule) -> float:
    """How many times as often as at any deal what a rule warns of came; 1 where it has no record."""
    record = section.get("rules", {}).get(rule.name, {}).get("record")
    return float(record["precision"] / record["base_rate"]) if record and record["base_rate"] else 1.0


def _given(scores: Scores) -> dict[Target, FloatArray]:
    return {t: each.probability for t, each in scores.targets.items() if each.model is not None}


def _reference(scorer: Scorer) -> Reference:
    """That of the first model of deals, by which its features were built."""
    for target, model in scorer.models.items():
        if ENTITY[target] == "opportunity":
            return model.bundle.reference
    return nothing_known()


def _cursor_of(key: Key) -> str:
    return urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _key_of(cursor: str) -> Key:
    try:
        rank, rule, strength, deal = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return float(rank), str(rule), float(strength), str(deal)
    except (ValueError, TypeError):
        raise unfit("cursor", "is none; take it from `next` of the page before") from None
