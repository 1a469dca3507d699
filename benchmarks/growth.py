"""How time and memory grow with the number of activities, opportunities and snapshots in proportion."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import Data, Outcome, Progress, Settings, measure, told_of
from benchmarks.report import MIB, Report, seconds
from benchmarks.world import Sizes, world

ACTIVITIES = (500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000)
Grown = tuple[Sizes, Outcome]


@dataclass(frozen=True)
class Course:
    """What grows: the numbers of activities, the seed, where the data sets lie and whether they stay."""

    activities: Sequence[int]
    folder: Path
    seed: int
    keep: bool


def grow(names: Sequence[str], course: Course, settings: Settings, progress: Progress) -> list[Grown]:
    """The outcomes at each size, the smallest first."""
    grown: list[Grown] = []
    for number in course.activities:
        progress(f"{number:,} activities: making them")
        sizes = Sizes.in_proportion(number, course.seed)
        data = Data(world(course.folder, sizes), sizes, settings.checked)
        for name in names:
            told = told_of(f"{number:,} activities, {name}", progress)
            outcome = measure(name, data, settings, told)
            grown.append((sizes, outcome))
        if not course.keep:
            shutil.rmtree(data.folder)
    return grown


def grown_report(grown: Sequence[Grown], facts: Mapping[str, str]) -> Report:
    header = (
        "contender", "activities", "opportunities", "snapshots", "best s", "median s", "CPU s", "µs/snapshot",
        "peak MiB", "output MiB", "beyond in- and output, bytes/activity", "checked",
    )  # fmt: skip
    notes = [
        "Beyond in- and output: peak resident memory less what was resident at the start of the first run "
        "and less the result, per activity.",
        *(f"{o.name} at {s.activities:,} failed: {o.failed}" for s, o in grown if o.failed),
        *(f"{o.name} at {s.activities:,}: {o.verdict}" for s, o in grown if o.verdict not in ("", "equal")),
    ]
    return Report("Growth", facts, header, [_row(sizes, outcome) for sizes, outcome in grown], notes)


def _row(sizes: Sizes, outcome: Outcome) -> list[str]:
    row = [outcome.name, f"{sizes.activities:,}", f"{sizes.opportunities:,}", f"{sizes.snapshots:,}"]
    if outcome.failed:
        return [*row, *["-"] * 7, "failed"]
    beyond = max(outcome.peak_bytes - outcome.output_bytes, 0) / sizes.activities
    return [
        *row,
        seconds(outcome.best),
        seconds(outcome.median),
        seconds(outcome.cpu_seconds[outcome.seconds.index(outcome.best)]),
        f"{outcome.best / sizes.snapshots * 1e6:,.2f}",
        f"{outcome.peak_bytes / MIB:,.0f}",
        f"{outcome.output_bytes / MIB:,.0f}",
        f"{beyond:,.1f}",
        "-" if not outcome.verdict else "equal" if outcome.verdict == "equal" else "WRONG",
    ]
