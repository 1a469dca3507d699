"""Tables, on the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.contenders import CONTENDERS, HISTORY, REFERENCE
from benchmarks.harness import Outcome

MIB = 2**20


@dataclass(frozen=True)
class Report:
    """A table with what is said above and below it; the first column is text, as are those of `texts`."""

    title: str
    facts: Mapping[str, str]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    texts: int = 1

    def show(self, console: Console) -> None:
        table = Table(title=self.title, title_justify="left")
        for place, name in enumerate(self.header):
            table.add_column(name, justify="left" if place < self.texts else "right")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)
        for name, fact in self.facts.items():
            console.print(f"{name}: {fact}", highlight=False, markup=False)
        for note in self.notes:
            console.print(note, highlight=False, markup=False)

    def markdown(self) -> str:
        lines = [f"### {self.title}", ""]
        lines += [f"- {name}: {fact}" for name, fact in self.facts.items()]
        lines += ["", _line(self.header)]
        lines.append(_line(["---" if place < self.texts else "---:" for place in range(len(self.header))]))
        lines += [_line(row) for row in self.rows]
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join([*lines, ""])

    def write(self, path: Path) -> None:
        path.write_text(self.markdown(), encoding="utf-8")


def compared(outcomes: Sequence[Outcome], snapshots: int, facts: Mapping[str, str]) -> Report:
    """The comparison of contenders, with the ratio of each to dealcast."""
    header = (
        "contender", "formulation", "best s", "median s", "runs", "CPU s", "µs/snapshot", "peak MiB",
        "prepare s", "× dealcast", "× with history", "checked",
    )  # fmt: skip
    done = {outcome.name: outcome for outcome in outcomes if not outcome.failed}
    rows = [_row(outcome, snapshots, done) for outcome in outcomes]
    notes = [
        "Best and median wall time of the runs; CPU s: processor time of the best run, over all threads.",
        "The peers go by `at` alone, dealcast by both clocks; each is held against brute force by its own.",
        "Peak: resident memory beyond that at the start of the first run, the result included.",
        "× dealcast: the best time over that of dealcast with its history ready; × with history: over that "
        "of dealcast and the building of its history together.",
    ]
    for outcome in outcomes:
        notes += [f"{outcome.name} failed: {outcome.failed}"] if outcome.failed else []
        notes += [f"{outcome.name}: {outcome.verdict}"] if outcome.verdict not in ("", "equal") else []
        if outcome.sample:
            scaled = f"{outcome.sample:,} snapshots, scaled linearly to {snapshots:,}"
            notes.append(f"{outcome.name}: times are those of {scaled}.")
    return Report("Features of snapshots", facts, header, rows, notes, texts=2)


def load_of(outcomes: Sequence[Outcome]) -> str:
    loads = [outcome.load for outcome in outcomes]
    return f"load average before the contenders {min(loads):.1f} to {max(loads):.1f}"


def _row(outcome: Outcome, snapshots: int, done: Mapping[str, Outcome]) -> list[str]:
    says = CONTENDERS[outcome.name].says
    if outcome.failed:
        return [outcome.name, says, *["-"] * 9, "failed"]
    cpu = outcome.cpu_seconds[outcome.seconds.index(outcome.best)]
    return [
        outcome.name,
        says,
        seconds(outcome.best),
        seconds(outcome.median),
        str(len(outcome.seconds)),
        seconds(cpu),
        f"{outcome.best / snapshots * 1e6:,.2f}",
        f"{outcome.peak_bytes / MIB:,.0f}",
        seconds(outcome.prepare_s),
        *_ratios(outcome, done),
        "-" if not outcome.verdict else "equal" if outcome.verdict == "equal" else "WRONG",
    ]


def _ratios(outcome: Outcome, done: Mapping[str, Outcome]) -> tuple[str, str]:
    if REFERENCE not in done or CONTENDERS[outcome.name].module == CONTENDERS[REFERENCE].module:
        return ("1.0" if outcome.name == REFERENCE else "-"), "-"
    features = done[REFERENCE].best
    alone = f"{outcome.best / features:,.1f}"
    if HISTORY not in done:
        return alone, "-"
    return alone, f"{outcome.best / (features + done[HISTORY].best):,.2f}"


def seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value >= 100 else f"{value:.2f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
