"""`patterns`: which behaviours go with winning here, and what the best do differently."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.commands.common import AsOf, Data, Lang, Spoken, err, instant, open_data, out

if TYPE_CHECKING:
    from rich.table import Table

_HEADS = {
    "en": ("behaviour", "usual range", "odds ratio", "95% interval", "points", "q", "best", "others"),
    "zh-CN": ("行为", "常见范围", "优势比", "95% 区间", "百分点", "q 值", "表现最好组", "其他"),
}
_TITLES = {
    "en": (
        "Behaviours that go with winning ({n_deals:,} closed deals, {n_reps} reps, at {days} days of age)",
        "Behaviours without a reliable link with winning",
        "named without adjustment, but going with other behaviours, the rep or the case mix: {names}",
        "too little variation to be judged: {names}",
    ),
    "zh-CN": (
        "与赢单相伴的行为（{n_reps} 名销售的 {n_deals:,} 个已关闭商机，取创建后第 {days} 天）",
        "未见与赢单有可靠关联的行为",
        "未作调整时还会出现以下行为，但它们只是随其他行为、销售个人或商机构成而变：{names}",
        "变化太少、无法判断：{names}",
    ),
}
_GAPS = {"en": ", ", "zh-CN": "、"}


def patterns(
    data: Data,
    as_of: AsOf = None,
    language: Lang = Spoken.ENGLISH,
    to: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Everything, as JSON.")] = None,
) -> None:
    """Find which behaviours go with winning in these data, each deal compared within its rep's own.

    Closed deals are looked at at the same ages, under the same case mix; a behaviour is named where at most
    one in twenty of those named is expected to be so by chance. It is an association, not a cause.

    Example: dealcast patterns data/ --as-of 2025-06-30 --out patterns.json
    """
    from training.patterns import patterns as found_in

    tables, _ = open_data(data)
    with err.status("comparing closed deals"):
        found = found_in(tables, instant(as_of, tables))
    _print(found, "zh-CN" if language is Spoken.CHINESE else "en")
    if to is not None:
        text = json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False)
        to.write_text(text + "\n", encoding="utf-8")
        out.print(f"{to}: everything as JSON")


def _print(found: Mapping[str, Any], language: str) -> None:
    from rich.console import Console

    console = Console(markup=False) if Console().is_terminal else Console(markup=False, width=160)
    if found["abstained"] is not None:
        out.print(found["abstained"][language])
        return
    title, without, unadjusted, unmeasured = _TITLES[language]
    days = " / ".join(str(day) for day in found["landmark_days"])
    named = [entry for entry in found["behaviours"] if entry["named"]]
    others = [entry for entry in found["behaviours"] if not entry["named"]]
    console.print(
        _table(title.format(n_deals=found["n_deals"], n_reps=found["n_reps"], days=days), named, language)
    )
    for entry in named:
        out.print(entry["text"][language])
    console.print(_table(without, others, language))
    gap = _GAPS[language]
    fallen = [entry["label"][language] for entry in others if entry["unadjusted"]["named"]]
    if fallen:
        out.print(unadjusted.format(names=gap.join(fallen)))
    if found["unmeasured"]:
        out.print(unmeasured.format(names=gap.join(_label(name, language) for name in found["unmeasured"])))
    if found["best_group"]["note"] is not None:
        out.print(found["best_group"]["note"][language])
    out.print(found["notice"][language])


def _label(name: str, language: str) -> str:
    from training.habits import DECLARED

    return DECLARED[name].wording(language)


def _table(title: str, entries: list[Mapping[str, Any]], language: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for place, head in enumerate(_HEADS[language]):
        table.add_column(head, justify="left" if place == 0 else "right", no_wrap=place > 0)
    for entry in entries:
        table.add_row(*_cells(entry, language))
    return table


def _cells(entry: Mapping[str, Any], language: str) -> list[str]:
    from training.patterns_words import value_of

    def value(number: float) -> str:
        return value_of(number, entry["unit"], language)

    best = entry["best"]
    return [
        entry["label"][language],
        f"{value(entry['from'])} → {value(entry['to'])}",
        f"{entry['odds_ratio']:.2f}",
        f"{entry['interval'][0]:.2f} – {entry['interval'][1]:.2f}",
        f"{round(100 * entry['points']):+d}",
        "<0.001" if entry["q"] < 0.001 else f"{entry['q']:.3f}",
        "" if best is None else value(best["best"]),
        "" if best is None else value(best["others"]),
    ]
