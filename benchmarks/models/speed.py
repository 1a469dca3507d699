"""How long a whole training takes beside LightGBM's training call alone, and how much memory.

A made-up CRM of `benchmarks.world`, its weekly snapshots, the target stall. Each training runs in a
process of its own, the two kinds in turn, so that other work on the machine meets both.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import run_worker
from benchmarks.report import Report
from benchmarks.world import Sizes, world

SNAPSHOTS_A_DEAL = 16.5  # weekly ones, a little fewer than there are on average
_WHATS = ("lightgbm", "lightgbm by columns", "dealcast")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What is trained.

    Attributes:
        snapshots: rows of the feature frame, about.
        columns: features, each number a case of its own; 0 for all of the catalogue.
        rounds: how many trees; 0: as many as the forward test finds best.
        repeats: trainings of each kind.
    """

    snapshots: int = 1_000_000
    columns: Sequence[int] = (120,)
    rounds: int = 300
    repeats: int = 3


def speed_reports(asked: Asked, folder: Path, facts: Mapping[str, str], say: Say) -> list[Report]:
    """Seconds, their ratio, the memory; and where the time goes."""
    deals = int(asked.snapshots / SNAPSHOTS_A_DEAL)
    made = world(folder, Sizes(25 * deals, deals, 5 * deals))
    table: list[list[str]] = []
    parts: list[list[str]] = []
    for columns in asked.columns:
        found: dict[str, list[dict[str, Any]]] = {what: [] for what in _WHATS}
        for k in range(asked.repeats):
            rounds = asked.rounds
            for what in _order(rounds):
                task = {"folder": str(made), "what": what, "columns": columns, "rounds": rounds}
                task["rows"] = asked.snapshots
                say(f"{columns or 'all'} features, {what} {k + 1}/{asked.repeats}")
                found[what].append(
                    run_worker("benchmarks.models.speed_worker", task, Path(sys.executable), 2, say)
                )
                rounds = found[what][-1]["rounds"]
        table += _rows(found)
        parts += _parts(found["dealcast"])
    header = (
        "frame",
        "trees",
        "what",
        "seconds, median",
        "each",
        "peak MiB",
        "over the frame",
        "CPU s, median",
        "dealcast over it, each pair",
    )
    return [
        Report(
            "Speed: the whole training beside `lightgbm.train` on the same rows",
            facts,
            header,
            table,
            texts=3,
        ),
        Report(
            "Speed: where the whole training spends it, medians",
            {},
            ("frame", "part", "seconds"),
            parts,
            texts=2,
        ),
    ]


def _order(rounds: int) -> tuple[str, ...]:
    """LightGBM first, unless the forward test is to say how many trees."""
    return _WHATS if rounds else _WHATS[::-1]


def _rows(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[list[str]]:
    rows = []
    for what, runs in found.items():
        seconds = [run["seconds"] for run in runs]
        processor = statistics.median(run["cpu_seconds"] for run in runs)
        peak = max(run["peak_bytes"] for run in runs)
        rows.append(
            [_frame(runs[0]), str(runs[0]["rounds"]), what, f"{statistics.median(seconds):.1f}",
             ", ".join(f"{s:.1f}" for s in seconds), f"{peak / 2**20:,.0f}",
             f"{peak / runs[0]['frame_bytes']:.2f}", f"{processor:.1f}",
             _ratios(found["dealcast"], runs) if what != "dealcast" else ""]
        )  # fmt: skip
    return rows


def _ratios(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{a['seconds'] / b['seconds']:.2f}" for a, b in zip(ours, theirs, strict=True))


def _parts(runs: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    frame = _frame(runs[0])
    counts = ", ".join(f"{name} {value}" for name, value in runs[0]["counts"].items())
    rows = [
        [frame, part, f"{statistics.median(run['parts'][part] for run in runs):.2f}"]
        for part in runs[0]["parts"]
    ]
    return [*rows, [frame, f"looked at: {counts}", ""]]


def _frame(run: Mapping[str, Any]) -> str:
    rows, columns = run["shape"]
    return f"{rows:,} x {columns}"
