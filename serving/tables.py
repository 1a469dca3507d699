"""Printed tables: the deals most likely to be won, and those most at risk, with their reasons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table

from serving.answers import interval, reasons
from serving.scorer import Scores, TargetScores
from serving.wording import Language, short_reason
from training.explain import percent
from training.labels import TARGETS, Target

_TITLES: dict[Target, tuple[str, str]] = {
    "win": ("Highest win probability", "赢单概率最高"),
    "stall": ("Most at risk of stalling", "停滞风险最高"),
}
_HEADS = {
    "en": ("opportunity", "rep", "stage", "amount", "win", "stall", "churn", "strongest reasons"),
    "zh-CN": ("商机", "销售", "阶段", "金额", "赢单概率", "停滞风险", "流失风险", "主要原因"),
}
_NARROW = 110  # characters; below, a table leaves out the rep, the amount and the churn
_WIDE_COLUMNS = (1, 3, 6)
_NUMERIC = (3, 4, 5, 6)


def print_tables(scores: Scores, top: int, language: Language, currency: str) -> None:
    """Print one table for win and one for stall, as far as there are models of them."""
    console = Console(markup=False) if Console().is_terminal else Console(markup=False, width=160)
    wide = console.width >= _NARROW
    for target in _TITLES:
        if scores.targets[target].model is not None and len(scores):
            table = _empty_table(_TITLES[target][language == "zh-CN"], language, wide)
            for row in _rows(scores, target, top, language, currency):
                table.add_row(*(cell for k, cell in enumerate(row) if wide or k not in _WIDE_COLUMNS))
            console.print(table)


def _empty_table(title: str, language: Language, wide: bool) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    heads = _HEADS[language]
    for k, head in enumerate(heads):
        if wide or k not in _WIDE_COLUMNS:
            last = k == len(heads) - 1
            side: JustifyMethod = "right" if k in _NUMERIC else "left"
            table.add_column(head, justify=side, no_wrap=not last, overflow="fold")
    return table


def _rows(scores: Scores, target: Target, top: int, language: Language, currency: str) -> Iterator[list[str]]:
    order = np.argsort(-np.nan_to_num(scores.targets[target].probability, nan=-1), kind="stable")
    for i in order[:top].tolist():
        amount = "" if np.isnan(scores.amount[i]) else f"{scores.amount[i]:,.0f} {currency}".strip()
        shown = [_percent(scores.targets[t].probability[i]) for t in TARGETS]
        shown[TARGETS.index(target)] += _interval(scores.targets[target], i)
        who = [scores.opportunity_ids[i], scores.rep_ids[i] or "", scores.stage[i] or "", amount]
        yield [*who, *shown, _strongest(scores, target, i, language)]


def _percent(probability: float) -> str:
    return "" if np.isnan(probability) else f"{percent(float(probability))}%"


def _interval(scores: TargetScores, i: int) -> str:
    """ " (51-74)", in whole percent; empty where there is none."""
    ends = interval(scores, i)
    return "" if ends is None else f" ({percent(ends[0])}-{percent(ends[1])})"


def _strongest(scores: Scores, target: Target, i: int, language: Language) -> str:
    """The two reasons that speak loudest for the table's order, each with its first observation."""
    lines = []
    for reason in reasons(target, scores.targets[target], i, language)[:2]:
        first = reason["evidence"][0]["text"] if reason["evidence"] else ""
        lines.append(short_reason(reason["behaviour"], reason["percent_points"], first, language))
    return "\n".join(lines)
