"""What a retraining leaves behind: Markdown in English and Chinese, and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from features.quality_report import QualityReport
from features.times import iso
from training.compare_words import METRIC_WORDS, Language, figure_row, judged_on, named, verdict
from training.dataset import Source
from training.hazard import HORIZONS
from training.paired import METRICS
from training.retrain import Circle, Outcome

JSON_FILE = "retrain.json"
FILES: Mapping[Language, str] = MappingProxyType({"en": "retrain.md", "zh-CN": "retrain.zh-CN.md"})
OUTCOMES: Mapping[Outcome, Mapping[Language, str]] = MappingProxyType(
    {
        "first": {"en": "the first version: it is champion", "zh-CN": "首个版本：即为冠军"},
        "is_champion": {"en": "nothing to do", "zh-CN": "无需处理"},
        "not_comparable": {
            "en": "not promoted: it could not be judged fairly",
            "zh-CN": "未晋升：无法公平评判",
        },
        "refused": {"en": "not promoted", "zh-CN": "未晋升"},
        "recommended": {"en": "recommended; --promote was not given", "zh-CN": "建议晋升；未给出 --promote"},
        "promoted": {"en": "promoted to champion", "zh-CN": "已晋升为冠军"},
    }
)
_WORDS: Mapping[str, Mapping[Language, str]] = MappingProxyType(
    {
        "title": {"en": "Retraining", "zh-CN": "重新训练"},
        "data": {"en": "Data", "zh-CN": "数据"},
        "cutoff": {"en": "known up to", "zh-CN": "数据截至"},
        "rows": {"en": "table: rows read, of them quarantined", "zh-CN": "表：读取行数，其中隔离行数"},
        "passed": {"en": "passed over", "zh-CN": "已跳过"},
        "decision": {"en": "Decision", "zh-CN": "结论"},
        "again": {
            "en": "the same data, cut-off and code had been trained already; no version was added",
            "zh-CN": "相同的数据、截止时间和代码已训练过；未新增版本",
        },
        "forward": {"en": "Forward test", "zh-CN": "前向测试"},
        "columns": {
            "en": "| metric | {0} | {1} | difference | 90% | better in |",
            "zh-CN": "| 指标 | {0} | {1} | 差 | 90% 区间 | 更好的抽样 |",
        },
        "within": {"en": "Brier score, won within {} weeks", "zh-CN": "{} 周内赢单的 Brier 分数"},
        "base": {
            "en": "| metric | the recipe | base rate |",
            "zh-CN": "| 指标 | 本方法 | 基准率 |",
        },
        "worst": {"en": "Worst slice by log loss", "zh-CN": "对数损失最差的分组"},
    }
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """All that a run of `retrain` found.

    Attributes:
        data: where they lie; quality: what the check of them found.
        passed: targets that the data cannot carry, and why.
    """

    data: str
    source: Source
    quality: QualityReport
    circles: Sequence[Circle]
    passed: Mapping[str, str]

    def write(self, folder: Path) -> None:
        """Write `retrain.md`, `retrain.zh-CN.md`, `retrain.json` and the quarantine into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.quality.write(folder / "quality")
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
        (folder / JSON_FILE).write_text(text, encoding="utf-8")
        for language, name in FILES.items():
            (folder / name).write_text(self.markdown(language), encoding="utf-8")

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "data": self.data,
            "manifest": self.source.manifest(),
            "quality": self.quality.to_dict(),
            "targets": [circle.to_dict() for circle in self.circles],
            "passed_over": dict(self.passed),
        }

    def markdown(self, language: Language) -> str:
        """The report for people."""
        word = {name: words[language] for name, words in _WORDS.items()}
        known = f"`{self.data}`, {word['cutoff']} {iso(self.source.cutoff)}"
        lines = [f"# {word['title']}", "", f"## {word['data']}", "", known, "", word["rows"], ""]
        lines += [
            f"- {name}: {counts.read:,}, {counts.quarantined:,}"
            for name, counts in self.quality.tables.items()
        ]
        for circle in self.circles:
            lines += _circle(circle, language)
        for target, why in self.passed.items():
            lines += ["", f"## {target}", "", f"{word['passed']}: {why}"]
        return "\n".join(lines) + "\n"


def _circle(circle: Circle, language: Language) -> list[str]:
    version = named(f"version {circle.version}", language)
    lines = ["", f"## {circle.target}: {version}", ""]
    lines += [_decided(circle, language), ""]
    if not circle.made:
        lines += [_WORDS["again"][language], ""]
    if circle.metrics:
        lines += _forward(circle.metrics, language)
    if circle.comparison is None:
        return lines
    found = circle.comparison
    stop = "." if language == "en" else "。"
    lines += ["", verdict(found, language) + stop, "", judged_on(found, language) + stop, ""]
    names = [named(name, language) for name in (found.first, found.second)]
    lines += [_WORDS["columns"][language].format(*names), "|---|---:|---:|---:|---:|---:|"]
    for metric in METRICS:
        lines.append(_row(METRIC_WORDS[metric][language], *figure_row(found.figures[metric], language)))
    worst = found.worst_slice("log_loss")
    if worst is not None:
        change = figure_row(worst.figures["log_loss"], language)
        lines += [
            "",
            f"{_WORDS['worst'][language]}: {worst.name}, n = {worst.rows:,}, {change[2]} ({change[3]})",
        ]
    return lines


def _decided(circle: Circle, language: Language) -> str:
    decision, outcome = _WORDS["decision"][language], OUTCOMES[circle.outcome][language]
    if language == "en":
        return f"**{decision}: {outcome}.** {circle.why[0]}"
    return f"**{decision}：{outcome}。** {circle.why[1]}"


def _forward(metrics: Mapping[str, float], language: Language) -> list[str]:
    lines = [f"### {_WORDS['forward'][language]}", "", _WORDS["base"][language], "|---|---:|---:|"]
    for metric in METRICS:
        if metric in metrics:
            base = metrics[f"baseline_base_rate_{metric}"]
            lines.append(_row(METRIC_WORDS[metric][language], f"{metrics[metric]:.4f}", f"{base:.4f}"))
    for weeks in HORIZONS:  # of the model of when, whose win is within so many weeks
        name = f"brier_{weeks}_weeks"
        if name in metrics:
            said = _WORDS["within"][language].format(weeks)
            base = metrics[f"baseline_base_rate_{name}"]
            lines.append(_row(said, f"{metrics[name]:.4f}", f"{base:.4f}"))
    return lines


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
