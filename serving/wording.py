"""Numbers and reasons in words, in English and Chinese, from the same values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from features.catalog import BEHAVIOURS, Feature, Unit
from training.labels import Target

Language = Literal["en", "zh-CN"]
Value = float | str | None

_GOOD: Mapping[Target, tuple[str, str]] = MappingProxyType(
    {
        "win": ("won deals", "赢单"),
        "stall": ("moving deals", "正常推进"),
        "churn": ("loyal accounts", "留存客户"),
    }
)
_SUFFIX: Mapping[Unit, tuple[str, str]] = MappingProxyType({"hours": (" h", " 小时"), "s": (" s", " 秒")})
_NOT_GIVEN = ("none", "无")
_YES_NO = (("yes", "是"), ("no", "否"))


def language_of(accept_language: str | None) -> Language:
    """The language of an Accept-Language header: Chinese where it is preferred, else English.

    >>> language_of("zh-CN,zh;q=0.9,en;q=0.8")
    'zh-CN'
    >>> language_of(None)
    'en'
    """
    ranked: list[tuple[float, str]] = []
    for part in (accept_language or "").split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            ranked.append((-float(weight or 1), tag.lower()))
        except ValueError:
            continue
    for _, tag in sorted(ranked, key=lambda pair: pair[0]):
        if tag.startswith("zh"):
            return "zh-CN"
        if tag.startswith("en"):
            return "en"
    return "en"


def behaviour_name(behaviour: str, language: Language) -> str:
    """A behaviour group's name as a reader sees it."""
    return BEHAVIOURS[behaviour].wording(language)


def value_text(value: Value, unit: Unit, language: Language) -> str:
    """A feature's value as a reader sees it.

    >>> value_text(0.256, "share", "en"), value_text(21.3, "days", "en"), value_text(None, "days", "en")
    ('26%', '21', 'none')
    """
    second = language == "zh-CN"
    if value is None:
        return _NOT_GIVEN[second]
    return value if isinstance(value, str) else _number_text(value, unit, second)


@lru_cache(maxsize=16_384)  # most values are small counts, and a score with reasons says sixty of them
def _number_text(value: float, unit: Unit, second: bool) -> str:
    if unit == "flag":
        return _YES_NO[value == 0][second]
    value += 0.0  # -0 and 0 are one key of the cache, and one text
    if unit == "share":
        return f"{value:.0%}"
    digits = 1 if abs(value) < 10 and value != round(value) else 0
    return f"{value:,.{digits}f}{_SUFFIX.get(unit, ('', ''))[second]}"


def evidence_text(
    feature: Feature, value: Value, typical: float | None, target: Target, language: Language
) -> str:
    """One observation: "days since the last activity: 21 (won deals: 5)"."""
    before, after = around_value(feature, typical, target, language)
    return before + value_text(value, feature.unit, language) + after


def around_value(
    feature: Feature, typical: float | None, target: Target, language: Language
) -> tuple[str, str]:
    """What stands before and after an observation's value."""
    usual = "" if typical is None else value_text(typical, feature.unit, language)
    group = _GOOD[target][language == "zh-CN"]
    if language == "zh-CN":
        return f"{feature.zh}：", f"（{group}：{usual}）" if usual else ""
    return f"{feature.en}: ", f" ({group}: {usual})" if usual else ""


def short_reason(behaviour: str, percent_points: int, evidence: str, language: Language) -> str:
    """A reason as a table prints it: "people reached +19: meetings with decision makers: 4"."""
    gap = "：" if language == "zh-CN" else ": "
    return f"{behaviour_name(behaviour, language)} {percent_points:+d}" + (
        f"{gap}{evidence}" if evidence else ""
    )


def reason_text(behaviour: str, percent_points: int, evidence: list[str], language: Language) -> str:
    """A reason in a line: "contact rhythm, -8 points: days since the last activity: 21"."""
    name = behaviour_name(behaviour, language)
    if language == "zh-CN":
        return f"{name}，{percent_points:+d} 个百分点" + (f"：{'；'.join(evidence)}" if evidence else "")
    return f"{name}, {percent_points:+d} points" + (f": {'; '.join(evidence)}" if evidence else "")


def arrow_text(before: Value, after: Value, unit: Unit, language: Language) -> str:
    """A value that moved: "2 → 3"."""
    return f"{value_text(before, unit, language)} → {value_text(after, unit, language)}"


def clock_text(percent_points: int, language: Language) -> str:
    """What the mere passage of time did: "time passing, -3 points"."""
    if language == "zh-CN":
        return f"时间推移，{percent_points:+d} 个百分点"
    return f"time passing, {percent_points:+d} points"


def model_text(percent_points: int, language: Language) -> str:
    """What another version of the model did: "the model's version, +1 points"."""
    if language == "zh-CN":
        return f"模型版本更新，{percent_points:+d} 个百分点"
    return f"the model's version, {percent_points:+d} points"


def association_text(language: Language) -> str:
    """What a gain is, and what it is not."""
    if language == "zh-CN":
        return "这是相关性，而非已证实的效果"
    return "an association, not a proven effect"
