"""A comparison in words and in a table, in English and Chinese."""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from features.times import iso
from training.compare import Comparison
from training.paired import METRICS, Difference

Language = Literal["en", "zh-CN"]
SURE = 0.9  # share of draws from which on a difference is called one
SHOWN_SHIFTS = 5
METRIC_WORDS: Mapping[str, Mapping[Language, str]] = MappingProxyType(
    {
        "log_loss": {"en": "log loss", "zh-CN": "对数损失"},
        "roc_auc": {"en": "ROC AUC", "zh-CN": "ROC AUC"},
        "calibration_error": {"en": "calibration error", "zh-CN": "校准误差"},
    }
)


def named(name: str, language: Language) -> str:
    """ "version 4" in the language."""
    return name if language == "en" else name.replace("version ", "版本 ").replace("run ", "运行 ")


def verdict(comparison: Comparison, language: Language = "en") -> str:
    """Which model is better, in a sentence: by the log loss, and in how many of 100 draws.

    A difference is called one where at least 90 of 100 draws show it.
    """
    loss = comparison.figures["log_loss"]
    first, second = (named(name, language) for name in (comparison.first, comparison.second))
    if loss.better == 0 and loss.worse == 0:
        if language == "en":
            return f"{first} and {second} say the same: log loss {loss.first:.3f} for both"
        return f"{first}与{second}结果相同：对数损失均为 {loss.first:.3f}"
    better, worse = round(100 * loss.better), round(100 * loss.worse)
    if language == "en":
        figures = f"log loss {loss.second:.3f} against {loss.first:.3f}"
        if loss.better >= SURE:
            return f"{second} is better than {first}: {figures}, better in {better} of 100 draws"
        if loss.worse >= SURE:
            return f"{second} is worse than {first}: {figures}, worse in {worse} of 100 draws"
        return f"no clear difference of {second} to {first}: {figures}, better in {better} of 100 draws"
    figures = f"对数损失 {loss.second:.3f} 对 {loss.first:.3f}"
    if loss.better >= SURE:
        return f"{second}优于{first}：{figures}，100 次抽样中 {better} 次更好"
    if loss.worse >= SURE:
        return f"{second}不如{first}：{figures}，100 次抽样中 {worse} 次更差"
    return f"{second}与{first}无明显差别：{figures}，100 次抽样中 {better} 次更好"


def judged_on(comparison: Comparison, language: Language = "en") -> str:
    """On what the two were judged, in a sentence."""
    zeros, ones = comparison.rows
    begin, until = iso(comparison.begin)[:10], iso(comparison.until)[:10]
    if language == "en":
        return (
            f"{comparison.target}: {zeros + ones:,} snapshots of {comparison.entities:,}"
            f" {_entity(comparison)} after {begin}, labels as known on {until}: {ones:,} with label 1;"
            f" {comparison.censored:,} not decided yet, {comparison.left_out:,} left out"
        )
    return (
        f"{comparison.target}：{begin} 之后的 {zeros + ones:,} 个快照（{comparison.entities:,} 个"
        f"{'客户' if comparison.target == 'churn' else '商机'}），标签截至 {until}：{ones:,} 个为 1；"
        f"{comparison.censored:,} 个尚无结果，{comparison.left_out:,} 个未计入"
    )


def _entity(comparison: Comparison) -> str:
    return "accounts" if comparison.target == "churn" else "deals"


def figure_row(each: Difference, language: Language = "en") -> tuple[str, str, str, str, str]:
    """First, second, difference, its interval, and the draws in which the second is better."""
    to, of = ("to", " of 100") if language == "en" else ("至", " / 100")
    return (
        f"{each.first:.4f}", f"{each.second:.4f}", f"{each.change:+.4f}",
        f"{each.low:+.4f} {to} {each.high:+.4f}", f"{100 * each.better:.0f}{of}",
    )  # fmt: skip


def render(comparison: Comparison) -> str:
    """The tables of the terminal: figures, worst slices, and how the reasons shift."""
    from rich.console import Console
    from rich.table import Table

    tables = [Table("metric", comparison.first, comparison.second, "difference", "90%", "better in")]
    for metric in METRICS:
        tables[0].add_row(METRIC_WORDS[metric]["en"], *figure_row(comparison.figures[metric]))
    worst = Table("worst slice by", "slice", "n", comparison.first, comparison.second, "difference", "90%")
    for metric in METRICS:
        found = comparison.worst_slice(metric)
        if found is not None:
            figures = figure_row(found.figures[metric])[:4]
            worst.add_row(METRIC_WORDS[metric]["en"], found.name, f"{found.rows:,}", *figures)
    if comparison.slices:
        tables.append(worst)
    shifts = Table("reasons, mean points", comparison.first, comparison.second, "difference")
    for shift in comparison.shifts[:SHOWN_SHIFTS]:
        points = (f"{100 * shift.first:.1f}", f"{100 * shift.second:.1f}", f"{100 * shift.change:+.1f}")
        shifts.add_row(shift.behaviour, *points)
    tables.append(shifts)
    text = io.StringIO()
    console = Console(file=text, width=110, highlight=False, markup=False)
    for table in tables:
        table.box = None
        table.pad_edge = False
        for column in table.columns[1 if table is not worst else 2 :]:
            column.justify = "right"
        console.print(table)
    return text.getvalue().rstrip()
