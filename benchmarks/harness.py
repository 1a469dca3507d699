"""Runs contenders one after the other, each in a process of its own, and holds them against brute force."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import brute
from benchmarks.columns import Columns, IntArray
from benchmarks.contenders import CONTENDERS
from benchmarks.environments import python_of
from benchmarks.world import Sizes, checked_rows

ROOT = Path(__file__).parent.parent
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How contenders are run.

    Attributes:
        repeats: how often at most.
        limit: seconds after which no further run of a contender is begun.
        threads: how many each may use.
        checked: how many snapshots are held against brute force; 0 for none.
    """

    repeats: int = 9
    limit: float = 120.0
    threads: int = os.cpu_count() or 1
    checked: int = 2_000


@dataclass(frozen=True)
class Outcome:
    """What one contender came to; `failed` says why there is nothing else.

    Attributes:
        seconds, cpu_seconds: of each run, scaled to all snapshots.
        peak_bytes: resident memory at its peak beyond that at the start of the first run.
        output_bytes: of the result; 0 where it is no table.
        sample: of how many snapshots the time was scaled; 0 where all were computed.
        verdict: how its values compare with brute force; "" where there are none.
        load: the machine's load average when it began, from other work.
    """

    name: str
    failed: str = ""
    prepare_s: float = 0.0
    seconds: tuple[float, ...] = ()
    cpu_seconds: tuple[float, ...] = ()
    peak_bytes: int = 0
    output_bytes: int = 0
    sample: int = 0
    verdict: str = ""
    load: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


class Data:
    """A data set, and the columns of the snapshots to be checked, by brute force, once per clock."""

    def __init__(self, folder: Path, sizes: Sizes, checked: int) -> None:
        self.folder, self.sizes = folder, sizes
        self.rows: IntArray = checked_rows(sizes.snapshots, checked)
        self._expected: dict[bool, Columns] = {}

    def verdict(self, found: Columns, *, both_clocks: bool) -> str:
        """How a contender's columns of the checked snapshots, or of the first of them, compare."""
        if both_clocks not in self._expected:
            self._expected[both_clocks] = brute.expected(self.folder, self.rows, both_clocks=both_clocks)
        size = min(len(values) for values in found.values())
        return brute.verdict(found, {n: values[:size] for n, values in self._expected[both_clocks].items()})


def compare(names: Sequence[str], data: Data, settings: Settings, progress: Progress) -> list[Outcome]:
    """The outcome of each named contender."""
    return [measure(name, data, settings, told_of(name, progress)) for name in names]


def told_of(what: str, progress: Progress) -> Progress:
    """The same progress, each step said to be of something."""
    return lambda step: progress(f"{what}: {step}")


def measure(name: str, data: Data, settings: Settings, progress: Progress) -> Outcome:
    """The outcome of one contender; one that fails is no error but an outcome."""
    contender = CONTENDERS[name]
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        rows, out = Path(scratch) / "rows.npy", Path(scratch) / "values.npz"
        np.save(rows, data.rows)
        task = {
            "module": contender.module,
            "part": contender.part,
            "packages": contender.packages,
            "folder": str(data.folder),
            "threads": settings.threads,
            "repeats": settings.repeats,
            "limit": settings.limit,
            "rows": str(rows) if len(data.rows) else "",
            "out": str(out),
        }
        try:
            python = python_of(contender.environment)
            found = run_worker("benchmarks.worker", task, python, settings.threads, progress)
        except RuntimeError as error:
            return Outcome(name, failed=str(error), load=load)
        verdict = ""
        if out.is_file():
            progress("against brute force")
            with np.load(out) as saved:
                verdict = data.verdict(dict(saved), both_clocks=contender.both_clocks)
    scale = data.sizes.snapshots / found["sample"] if found["sample"] else 1.0
    return Outcome(
        name=name,
        prepare_s=found["prepare_s"],
        seconds=tuple(s * scale for s in found["seconds"]),
        cpu_seconds=tuple(s * scale for s in found["cpu_seconds"]),
        peak_bytes=found["peak_bytes"],
        output_bytes=found["output_bytes"],
        sample=found["sample"],
        verdict=verdict,
        load=load,
        versions=found["versions"],
    )


def run_worker(
    module: str, task: Mapping[str, Any], python: Path, threads: int, progress: Progress
) -> dict[str, Any]:
    """What a worker's last line says.

    Raises:
        RuntimeError: the worker ended without it; the message holds the end of what it complained of.
    """
    environment = {
        **os.environ,
        **{f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "NUMBA")},
        "POLARS_MAX_THREADS": str(threads),
        "PYTHONWARNINGS": "ignore",
    }
    with tempfile.TemporaryDirectory() as scratch:
        described, complaints = Path(scratch) / "task.json", Path(scratch) / "stderr"
        described.write_text(json.dumps(task), encoding="utf-8")
        with complaints.open("w", encoding="utf-8") as errors:
            command = [str(python), "-m", module, str(described)]
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
            )
            last: dict[str, Any] = {}
            for line in process.stdout or ():
                if line.startswith('{"step"'):
                    last = json.loads(line)
                    progress(last["step"])
            code = process.wait()
        if code or last.get("step") != "done":
            said = complaints.read_text(encoding="utf-8").strip().splitlines()[-1:] or [f"exit code {code}"]
            raise RuntimeError(said[0][-300:])
    return last
