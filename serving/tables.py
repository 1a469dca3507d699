"""Printed tables: the deals most likely to be won, and those most at risk, with their reasons."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from serving.answers import reasons
from serving.scorer import Scores
from serving.wording import Language
from training.explain import percent
from training.labels import Target

_TITLES: dict[Target, tuple[str, str]] = {
    "win": ("Highest win probability", "赢单概率最高"),
    "stall": ("Most at risk of stalling", "停滞风险最高"),
}
_HEADS = {
    "en": ("opportunity", "rep", "stage", "amount", "win", "stall", "churn", "strongest reasons"),
    "zh-CN": ("商机", "销售", "阶段", "金额", "赢单概率", "停滞风险", "流失风险", "主要原因"),
}


def print_tables(scores: Scores, top: int, language: Language, currency: str) -> None:
    """Print one table for win and one for stall, as far as there are models of them."""
    console = Console()
    width = console.width if console.is_terminal else 160
    for target in _TITLES:
        if scores.targets[target].model is not None and len(scores):
            console.print(_table(scores, target, top, language, currency), width=width)


def _table(scores: Scores, target: Target, top: int, language: Language, currency: str) -> Table:
    title = _TITLES[target][language == "zh-CN"]
    table = Table(title=title, title_justify="left", show_lines=True, title_style="bold")
    for head in _HEADS[language]:
        numeric = head in _HEADS[language][3:7]
        last = head == _HEADS[language][-1]
        table.add_column(
            head, justify="right" if numeric else "left", overflow="fold", ratio=1 if last else None
        )
    order = np.argsort(-np.nan_to_num(scores.targets[target].probability, nan=-1), kind="stable")
    for i in order[:top].tolist():
        table.add_row(*_cells(scores, i, currency), _strongest(scores, target, i, language))
    return table


def _cells(scores: Scores, i: int, currency: str) -> list[str]:
    amount = "" if np.isnan(scores.amount[i]) else f"{scores.amount[i]:,.0f} {currency}".strip()
    shown = [_percent(scores.targets[t].probability[i]) for t in ("win", "stall", "churn")]
    return [scores.opportunity_ids[i], scores.rep_ids[i] or "", scores.stage[i] or "", amount, *shown]


def _percent(probability: float) -> str:
    return "" if np.isnan(probability) else f"{percent(float(probability))}%"


def _strongest(scores: Scores, target: Target, i: int, language: Language) -> str:
    """The two reasons that speak loudest for the table's order."""
    found = reasons(target, scores.targets[target], i, language)
    return "\n".join(str(reason["text"]) for reason in found[:2])
