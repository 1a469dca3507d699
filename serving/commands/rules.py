"""`rules`: rules of thumb held against the user's own data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.common import AsOf, Data, Lang, Spoken, err, instant, open_data, out

if TYPE_CHECKING:
    from training.dwell_rule import DwellRule

_VERDICTS = {
    "en": {
        "holds": "The rule holds: losses come faster over the limit, beyond chance.",
        "does not hold": "The rule does not hold: losses do not come faster.",
        "cannot be told": "Whether the rule holds cannot be told from these data.",
    },
    "zh-CN": {
        "holds": "规律成立：停留过久的商机丢单明显更快，且并非偶然。",
        "does not hold": "规律不成立：停留过久的商机丢单并未更快。",
        "cannot be told": "现有数据不足以判断该规律是否成立。",
    },
}
_TEXTS = {
    "en": {
        "rule": "Rule: a deal that stays {over:.0%} longer in a stage than won deals do is a lost deal.",
        "ratio": "Hazard ratio of a loss: {ratio:.2f} (95% interval {low:.2f} to {high:.2f}).",
        "weeks": "Losses: {lost_over:,} in {over_weeks:,} deal-weeks over the limit,"
        " {lost_under:,} in {under_weeks:,} below it.",
        "share": "Lost in the end: {share_over:.0%} of the {deals_over:,} closed deals ever over the limit,"
        " {share:.0%} of all {deals:,}.",
    },
    "zh-CN": {
        "rule": "规律：在某阶段停留比赢单商机通常时长多 {over:.0%} 的商机终将丢单。",
        "ratio": "丢单风险比：{ratio:.2f}（95% 区间 {low:.2f} 至 {high:.2f}）。",
        "weeks": "丢单数：超限的 {over_weeks:,} 个商机周中 {lost_over:,} 次，"
        "未超限的 {under_weeks:,} 个商机周中 {lost_under:,} 次。",
        "share": "最终丢单：曾超限的 {deals_over:,} 个已关闭商机中占 {share_over:.0%}，"
        "全部 {deals:,} 个中占 {share:.0%}。",
    },
}


def rules(
    data: Data,
    as_of: AsOf = None,
    over: Annotated[
        float, typer.Option(min=0.1, max=10.0, help="Times the usual days of won deals in the stage.")
    ] = 1.3,
    language: Lang = Spoken.ENGLISH,
    to: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The figures, as JSON.")] = None,
) -> None:
    """Test on these data whether a deal 30% longer in a stage than usual is a lost deal.

    Prints the hazard ratio of a loss with its interval, the counts behind it, and whether the rule holds.
    It is an association: what keeps a deal in a stage may be what loses it.

    Example: dealcast rules data/ --over 1.3
    """
    from training.dataset import open_source
    from training.dwell_rule import dwell_rule

    tables, _ = open_data(data)
    with err.status("following deals week by week"):
        found = dwell_rule(open_source(tables, instant(as_of, tables)), over)
    for line in lines_of(found, "zh-CN" if language is Spoken.CHINESE else "en"):
        out.print(line)
    if to is not None:
        text = json.dumps({"dwell": found.to_dict()}, ensure_ascii=False, indent=1, allow_nan=False)
        to.write_text(text + "\n", encoding="utf-8")


def lines_of(found: DwellRule, language: str) -> list[str]:
    """What was found, in words."""
    texts = _TEXTS[language]
    lines = [texts["rule"].format(over=found.over - 1)]
    if found.hazard_ratio is not None:
        lines.append(texts["ratio"].format(ratio=found.hazard_ratio, low=found.low, high=found.high))
    lines.append(
        texts["weeks"].format(
            lost_over=found.losses_over, over_weeks=found.weeks_over,
            lost_under=found.losses_under, under_weeks=found.weeks_under,
        )
    )  # fmt: skip
    if found.lost_share_over is not None:
        lines.append(
            texts["share"].format(
                share_over=found.lost_share_over, deals_over=found.deals_over,
                share=found.lost_share, deals=found.deals,
            )
        )  # fmt: skip
    return [*lines, _VERDICTS[language][found.verdict]]
