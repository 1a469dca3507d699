"""The rules of alerts, declared: what each measures, from when on it speaks, what is to come, and its words.

A rule's strength is a number per deal, the higher the worse, NaN where the rule has nothing to say. It
speaks from its threshold on, which `training.alerts.record` chooses by a budget on past data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from features.times import FloatArray
from training.alerts.facts import Facts
from training.explain import percent
from training.labels import Target

Outcome = Literal["lost", "stalled", "left"]
Usual = Mapping[str, Mapping[str, float]]  # by rule and stage, in days
USUAL_DAYS = 14.0  # at a stage of which nothing was learnt
_LEAST_USUAL = 3.0  # days; where won deals are in touch daily, a weekend is no silence
_LEAST_FALL = 0.03  # of a win probability; less is noise


@dataclass(frozen=True)
class Measured:
    """A rule's strength and the values that its words show; float64, one per deal."""

    strength: FloatArray
    values: Mapping[str, FloatArray]


@dataclass(frozen=True)
class Rule:
    """One kind of alert.

    Attributes:
        name: for programs; title: for people, in English and Chinese.
        measure: the strengths, from facts and what is usual.
        floor: the least threshold; below it there is nothing to tell, however much the budget allows.
        default: the threshold where no study chose one.
        outcome: what it warns of.
        needs: the target whose probability it reads; None for a rule of features.
        text: the words around its values, in English and Chinese.
    """

    name: str
    title: tuple[str, str]
    measure: Callable[[Facts, Usual], Measured]
    floor: float
    default: float
    outcome: Outcome
    needs: Target | None
    text: tuple[str, str]


def _usual(usual: Usual, rule: str, facts: Facts) -> FloatArray:
    """The usual days at each deal's stage."""
    days = usual.get(rule, {})
    found = [days.get(str(stage), days.get("", USUAL_DAYS)) for stage in facts.stage.tolist()]
    return np.maximum(np.array(found, np.float64), _LEAST_USUAL)


def _stalled(facts: Facts, _usual_days: Usual) -> Measured:
    chance = facts.probability["stall"]
    return Measured(chance, {"stall_probability": chance, "days_in_stage": facts.now["days_in_stage"]})


def _gone_quiet(facts: Facts, usual_days: Usual) -> Measured:
    silence, usual = facts.silence_days, _usual(usual_days, "gone_quiet", facts)
    return Measured(silence / usual, {"silence_days": silence, "usual_days": usual})


def _key_contact_lost(facts: Facts, usual_days: Usual) -> Measured:
    """Where the decision maker is silent while others at the customer are not: else the deal is quiet."""
    since, usual = facts.now["days_since_last_decision_maker"], _usual(usual_days, "key_contact_lost", facts)
    others = facts.silence_days < since
    return Measured(
        np.where(others, since / usual, np.nan),
        {"days_since_last_decision_maker": since, "usual_days": usual, "silence_days": facts.silence_days},
    )


def _close_date_passed(facts: Facts, _usual_days: Usual) -> Measured:
    overdue = facts.now["overdue_days"]
    return Measured(np.where(overdue > 0, overdue, np.nan), {"overdue_days": overdue})


def _close_date_pushed(facts: Facts, _usual_days: Usual) -> Measured:
    """Where it was put off in the last week."""
    pushes, days = facts.now["close_date_pushes"], facts.now["pushed_days_total"]
    again = pushes > np.nan_to_num(facts.before["close_date_pushes"])
    return Measured(np.where(again, days, np.nan), {"close_date_pushes": pushes, "pushed_days_total": days})


def _dwell(facts: Facts, _usual_days: Usual) -> Measured:
    over = facts.now["dwell_over_norm"]
    return Measured(over, {"dwell_over_norm": over, "days_in_stage": facts.now["days_in_stage"]})


def _score_drop(facts: Facts, _usual_days: Usual) -> Measured:
    """The share of its win probability that a deal lost within a week: 80% that became 65% is still a good
    deal, 25% that became 10% is hardly one."""
    now, then = facts.probability["win"], facts.probability_before["win"]
    fallen = np.where(then - now >= _LEAST_FALL, 1 - now / then, np.nan)
    return Measured(fallen, {"win_probability": now, "win_probability_before": then})


def _account_leaving(facts: Facts, _usual_days: Usual) -> Measured:
    chance = facts.probability["churn"]
    return Measured(chance, {"churn_probability": chance})


_ALL = (
    Rule(
        "stalled", ("stalled", "停滞"), _stalled, 0.5, 0.85, "stalled", "stall",
        (
            "stall risk {stall_probability}; {days_in_stage} days in this stage",
            "停滞风险 {stall_probability}；当前阶段已停留 {days_in_stage} 天",
        ),
    ),
    Rule(
        "gone_quiet", ("gone quiet", "客户沉默"), _gone_quiet, 1.5, 3.0, "lost", None,
        (
            "no sign from the customer for {silence_days} days (usual at this stage: {usual_days})",
            "客户已 {silence_days} 天没有动静（该阶段通常为 {usual_days} 天）",
        ),
    ),
    Rule(
        "key_contact_lost", ("key contact lost", "关键联系人失联"), _key_contact_lost, 1.5, 3.0, "lost", None,
        (
            "no contact with a decision maker for {days_since_last_decision_maker} days"
            " (usual at this stage: {usual_days})",
            "已 {days_since_last_decision_maker} 天未接触决策人（该阶段通常为 {usual_days} 天）",
        ),
    ),
    Rule(
        "close_date_passed", ("close date passed", "已过预计成交日"), _close_date_passed,
        1.0, 14.0, "lost", None,
        (
            "{overdue_days} days past the expected close",
            "已超过预计成交日 {overdue_days} 天",
        ),
    ),
    Rule(
        "close_date_pushed", ("close date pushed", "预计成交日推迟"), _close_date_pushed,
        1.0, 30.0, "lost", None,
        (
            "expected close put off this week, {close_date_pushes} times so far,"
            " by {pushed_days_total} days in all",
            "本周推迟了预计成交日，至今 {close_date_pushes} 次，共 {pushed_days_total} 天",
        ),
    ),
    Rule(
        "dwell", ("too long in its stage", "阶段停留过久"), _dwell, 1.0, 2.0, "lost", None,
        (
            "{days_in_stage} days in this stage, {dwell_over_norm} times as long as won deals",
            "当前阶段已停留 {days_in_stage} 天，是赢单商机的 {dwell_over_norm} 倍",
        ),
    ),
    Rule(
        "score_drop", ("score dropped", "赢单概率下降"), _score_drop, 0.1, 0.25, "lost", "win",
        (
            "win probability {win_probability_before} a week ago, {win_probability} now",
            "赢单概率一周前为 {win_probability_before}，现为 {win_probability}",
        ),
    ),
    Rule(
        "account_leaving", ("account may leave", "客户可能流失"), _account_leaving, 0.3, 0.7, "left", "churn",
        ("risk that the account leaves {churn_probability}", "客户流失风险 {churn_probability}"),
    ),
)  # fmt: skip
RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _ALL})


def words(rule: Rule, values: Mapping[str, float], *, chinese: bool) -> str:
    """An alert in words.

    >>> words(RULES["close_date_passed"], {"overdue_days": 16.4}, chinese=False)
    '16 days past the expected close'
    """
    return rule.text[chinese].format_map({name: _said(name, value) for name, value in values.items()})


def _said(name: str, value: float) -> str:
    if "probability" in name:
        return f"{percent(value)}%"
    return f"{value:.1f}" if name.endswith("_over_norm") else f"{value:,.0f}"


def measurable(rule: Rule, facts: Facts) -> bool:
    """Whether the probabilities that a rule reads are there."""
    if rule.needs is None:
        return True
    return rule.needs in facts.probability and (
        rule.name != "score_drop" or rule.needs in facts.probability_before
    )
