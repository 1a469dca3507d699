"""The sections of an audit report, and how a terminal and a Markdown document show them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from features.audit.findings import Finding, Level
from features.audit.lift import LEAST, SUSPECT_FROM, TOP
from features.audit.proof import Difference
from features.audit.tamper import MEANING
from features.times import iso

if TYPE_CHECKING:
    from features.audit.report import AuditReport

_PLURAL = {"opportunity": "opportunities", "account": "accounts"}


@dataclass(frozen=True)
class Section:
    """A title, sentences, and a table whose first column is text."""

    title: str
    lines: tuple[str, ...] = ()
    heading: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    text_columns: int = 1  # the first so many columns stand left, the others are numbers


def sections(report: AuditReport) -> list[Section]:
    """The report in reading order, the verdict first."""
    return [
        _verdict(report),
        _future(report),
        *_differences(report),
        *_findings("Proved by the data themselves", report.of(Level.PROOF)),
        _lifts(report),
        *_findings("Suspects: look at these", report.of(Level.SUSPECT)),
        *_findings("What these data cannot show", report.of(Level.CAVEAT)),
    ]


def as_text(parts: Sequence[Section]) -> str:
    """Sections for a terminal, 100 characters wide."""
    from rich.console import Console
    from rich.table import Table

    text = io.StringIO()
    console = Console(file=text, width=100, color_system=None, emoji=False, markup=False, highlight=False)
    for part in parts:
        console.print(f"{part.title}\n{'-' * len(part.title)}")
        console.print("\n\n".join(part.lines))
        if part.rows:
            table = Table()
            for number, name in enumerate(part.heading):
                table.add_column(
                    name, justify="left" if number < part.text_columns else "right", overflow="fold"
                )
            for row in part.rows:
                table.add_row(*row)
            console.print(table)
        console.print()
    return text.getvalue()


def as_markdown(parts: Sequence[Section]) -> str:
    """Sections as a Markdown document."""
    blocks = ["# Leakage audit"]
    for part in parts:
        blocks.append(f"## {part.title}")
        blocks.extend(part.lines)
        if part.rows:
            rule = ["---" if n < part.text_columns else "---:" for n in range(len(part.heading))]
            cells = (part.heading, rule, *part.rows)
            blocks.append("\n".join(f"| {' | '.join(_escaped(c) for c in row)} |" for row in cells))
    return "\n\n".join(blocks) + "\n"


def _verdict(report: AuditReport) -> Section:
    failure = report.failure()
    moved = (
        f"{report.differing:,} of {report.values:,} values moved" if report.differing else "no value moved"
    )
    suspects, caveats = len(report.of(Level.SUSPECT)), len(report.of(Level.CAVEAT))
    return Section(
        "Verdict",
        (
            f"Leak proved: {failure.partition(': ')[2]}." if failure else "No leak is proved.",
            f"{report.compared}: {moved}.",
            f"Suspects: {suspects}. Caveats: {caveats}.",
        ),
    )


def _future(report: AuditReport) -> Section:
    entities = list(report.comparisons[0].snapshots)
    rows = [
        (
            one.way,
            MEANING[one.way],
            f"{one.rows:,}",
            *(f"{one.snapshots[entity]:,} x {one.features[entity]}" for entity in entities),
            f"{one.differing:,}",
        )
        for one in report.comparisons
    ]
    times = ", ".join(iso(moment.as_of) for moment in report.moments)
    return Section(
        "The future changed",
        (
            f"At {times}. Rows touched are summed over these {len(report.moments)} moments; "
            "the other columns are snapshots x features compared, and how many of the values differ.",
        ),
        ("way", "what became known after the moment", "rows", *(_PLURAL[e] for e in entities), "differing"),
        tuple(rows),
        text_columns=2,
    )  # fmt: skip


def _differences(report: AuditReport) -> Iterator[Section]:
    if report.differences:
        yield Section(
            "Features that see the future",
            ("Each is proof of a leak; the same data, seed and moments give it again.",),
            ("way", "entity", "feature", "examples (key @ as_of)", "snapshots"),
            tuple(
                (one.way, one.entity, one.feature, _places(one), f"{one.snapshots:,}")
                for one in report.differences
            ),
            text_columns=4,
        )


def _places(difference: Difference) -> str:
    return "\n".join(f"{key} @ {as_of}" for key, as_of in difference.examples)


def _lifts(report: AuditReport) -> Section:
    title = "Each feature alone, halfway through the deals' lives"
    won, lost = report.closed
    if not report.lifts:
        return Section(
            title, (f"Not looked at: {won:,} deals won and {lost:,} lost, of each {LEAST} are needed.",)
        )
    return Section(
        title,
        (
            f"How well each tells won from lost ({won:,} won, {lost:,} lost; 0.5 is nothing); "
            f"suspect from {SUSPECT_FROM}. The greatest {TOP}:",
        ),
        ("feature", "by", "AUC", "won", "lost"),
        tuple(
            (one.column, one.by, f"{one.auc:.3f}", f"{one.won:,}", f"{one.lost:,}")
            for one in report.lifts[:TOP]
        ),
        text_columns=2,
    )


def _findings(title: str, findings: Sequence[Finding]) -> Iterator[Section]:
    """The findings, those with the same advice together."""
    if not findings:
        return
    by_advice: dict[str, list[Finding]] = {}
    for finding in findings:
        by_advice.setdefault(finding.advice, []).append(finding)
    lines = []
    for advice, group in by_advice.items():
        lines.append("\n".join(f"- {one.where}: {one.evidence}{_examples(one)}." for one in group))
        lines.append(f"What to do: {advice}.")
    yield Section(title, tuple(lines))


def _examples(finding: Finding) -> str:
    return f" (for example {', '.join(finding.examples)})" if finding.examples else ""


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", "<br>")
