"""`team`: the funnel and other figures of the firm, a team, a region, or a rep beside the team."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.errors import DataError
from serving.commands.common import AsOf, Data, Lang, Spoken, err, instant, open_data, out

if TYPE_CHECKING:
    from rich.table import Table

_FUNNEL = {
    "en": ("stage", "entered", "moved on", "95% interval", "lost", "undecided", "median days"),
    "zh-CN": ("阶段", "进入数", "推进率", "95% 区间", "丢单率", "未定", "停留中位数（天）"),
}
_PROCESS = {
    "en": ("open deals, on the mean", "own or group", "beside"),
    "zh-CN": ("进行中商机的平均值", "本人或本组", "对照"),
}
_RESULTS = {
    "en": "{closed:,} deals closed in {days} days, {won:,} won: {share} ({low} to {high});"
    " median days to a win: {to_win}; leads answered within a day: {prompt}",
    "zh-CN": "{days} 天内关闭商机 {closed:,} 个，赢单 {won:,} 个：{share}（{low} 至 {high}）；"
    "赢单周期中位数 {to_win} 天；一天内响应线索占比 {prompt}",
}


def team(
    data: Data,
    as_of: AsOf = None,
    team_id: Annotated[str | None, typer.Option(help="Figures of this team.")] = None,
    rep_id: Annotated[str | None, typer.Option(help="A rep's own figures, for that rep.")] = None,
    region: Annotated[str | None, typer.Option(help="Figures of the reps of this region.")] = None,
    days: Annotated[int, typer.Option(min=28, help="Up to T.")] = 365,
    language: Lang = Spoken.ENGLISH,
    to: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The figures, as JSON.")] = None,
) -> None:
    """Print the funnel with conversion and dwell, results, response and process figures of a group.

    The firm's by default. Groups of fewer than 5 reps or 20 deals are not shown, and nobody is ranked: it is
    there to coach.

    Example: dealcast team data/ --team-id T-01 --as-of 2025-06-30
    """
    from serving.problems import Problem
    from serving.team import Group, figures_of
    from training.team_figures import team as figures

    tables, _ = open_data(data)
    with err.status("counting"):
        whole = figures(tables, instant(as_of, tables), days)
    try:
        found = figures_of(whole, Group(team_id, rep_id, region), language.value)
    except Problem as problem:
        raise DataError(f"{problem.detail}; teams: {_names(whole, 'teams')}") from None
    _print(found, language.value)
    if to is not None:
        text = json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False)
        to.write_text(text + "\n", encoding="utf-8")
        out.print(f"{to}: the figures as JSON")


def _names(whole: Mapping[str, Any], key: str) -> str:
    return ", ".join(whole[key]) or "none"


def _print(found: Mapping[str, Any], language: str) -> None:
    from rich.console import Console

    console = Console(markup=False) if Console().is_terminal else Console(markup=False, width=160)
    figures = found["figures"]
    if figures is None:
        out.print(found["suppressed"])
    else:
        results = figures["results"]
        share, prompt = results["win_share"], figures["response"]["leads_answered_within_a_day"]
        out.print(
            _RESULTS[language].format(
                closed=results["closed"], days=found["window_days"], won=results["won"],
                share=_percent(share["value"]), low=_percent(share["low"]), high=_percent(share["high"]),
                to_win=_number(results["days_to_win"]["p50"]), prompt=_percent(prompt["value"]),
            )
        )  # fmt: skip
        console.print(_funnel(figures["funnel"], language))
        console.print(_process(figures["process"], found["beside"], language))
    out.print(found["notice"])


def _table(heads: tuple[str, ...]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, head in enumerate(heads):
        table.add_column(head, justify="left" if place == 0 else "right")
    return table


def _funnel(stages: list[Mapping[str, Any]], language: str) -> Table:
    table = _table(_FUNNEL[language])
    for stage in stages:
        moved = stage["moved_on"]
        table.add_row(
            stage["stage"],
            f"{stage['n']:,}",
            _percent(moved["value"]),
            f"{_percent(moved['low'])} – {_percent(moved['high'])}",
            _percent(stage["lost"]["value"]),
            _percent(stage["undecided"]),
            _number(stage["days"]["p50"]),
        )
    return table


def _process(own: list[Mapping[str, Any]], beside: Mapping[str, Any] | None, language: str) -> Table:
    from training.patterns_words import value_of

    def cell(each: Mapping[str, Any]) -> str:
        return "" if each["mean"] is None else value_of(each["mean"], each["unit"], language)

    table = _table(_PROCESS[language][: 2 if beside is None else 3])
    for place, each in enumerate(own):
        other = [] if beside is None else [cell(beside["process"][place])]
        table.add_row(each["label"], cell(each), *other)
    return table


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
