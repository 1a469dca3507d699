"""Patterns in words, in English and Chinese, from the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

Texts = Mapping[str, str]

NOTICE: Final[Texts] = MappingProxyType(
    {
        "en": "These behaviours go with winning in this firm's past; that they cause it is not shown."
        " They are there to coach with, not to judge or rank people by.",
        "zh-CN": "以下行为在本公司的历史数据中与赢单相伴出现，并不证明其导致赢单。"
        "仅供辅导改进之用，不用于考核或给个人排名。",
    }
)
_SUFFIX: Final = {"hours": (" h", " 小时"), "s": (" s", " 秒")}


def too_little(closed: int, least: int) -> dict[str, str]:
    """Why nothing is said."""
    return {
        "en": f"too few closed deals: {closed} of the rarer outcome lived long enough, {least} are needed",
        "zh-CN": f"已关闭商机太少：较少的一类结果中仅 {closed} 个存续够久，至少需要 {least} 个",
    }


def few_reps(reps: int, least: int) -> dict[str, str]:
    """Why what the best do is not shown."""
    return {
        "en": f"what the best quarter of the reps do is not shown: the group would be {reps} people,"
        f" at least {least} are needed",
        "zh-CN": f"未展示表现最好的四分之一销售的做法：该组仅 {reps} 人，至少需要 {least} 人",
    }


def words_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """A pattern in a line of each language."""
    return {language: _line(entry, language) for language in ("en", "zh-CN")}


def value_of(value: float, unit: str, language: str) -> str:
    """A behaviour's value as a reader sees it.

    >>> value_of(2.34, "count", "en"), value_of(0.256, "share", "en"), value_of(30.2, "hours", "zh-CN")
    ('2.3', '26%', '30 小时')
    """
    if unit == "share":
        return f"{value:.0%}"
    digits = 1 if abs(value) < 10 else 0
    return f"{value:,.{digits}f}{_SUFFIX.get(unit, ('', ''))[language == 'zh-CN']}"


def _line(entry: Mapping[str, Any], language: str) -> str:
    chinese = language == "zh-CN"
    name = entry["label"][language]
    low, high = (value_of(entry[end], entry["unit"], language) for end in ("from", "to"))
    points = round(100 * entry["points"])
    if not entry["named"]:
        return f"{name}：未见与赢单有可靠的关联" if chinese else f"{name}: no reliable link with winning"
    ratio = f"{entry['odds_ratio']:.2f}"
    ends = [f"{end:.2f}" for end in entry["interval"]]
    if chinese:
        return (
            f"{name}从 {low} 到 {high}，赢单概率相应{'高' if points >= 0 else '低'}"
            f" {abs(points)} 个百分点（优势比 {ratio}，95% 区间 {ends[0]} 至 {ends[1]}）"
        )
    return (
        f"{name}: {high} rather than {low} goes with a win probability {abs(points)} points"
        f" {'higher' if points >= 0 else 'lower'} (odds ratio {ratio}, 95% interval {ends[0]} to {ends[1]})"
    )
