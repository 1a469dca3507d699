"""One opportunity from its decoded records to its columns: how long a call takes.

`python -m benchmarks.online TASK.json` is the worker, called by `measure_online`.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks import brute
from benchmarks.columns import COLUMNS
from benchmarks.contenders import CONTENDERS
from benchmarks.harness import Progress, run_worker
from benchmarks.online_world import in_order, records_of, request
from benchmarks.report import Report
from benchmarks.worker import say, version

RECORDS = (50, 300)
WARM_UP = 100
JSON = "json"
# Module and function of each; json is the decoding of the request's body, which is in no other row.
# Those named "-tuples" get each record as a tuple, as a database gives it, the others as a dict.
PEERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "dealcast": ("online_dealcast", "row"),
        "dealcast-tuples": ("online_dealcast", "row"),
        "dealcast-catalogue": ("online_dealcast", "catalogue"),
        "dealcast-catalogue-tuples": ("online_dealcast", "catalogue"),
        "polars": ("online_polars", "row"),
        "pandas": ("online_pandas", "row"),
        "duckdb": ("online_duckdb", "row"),
        JSON: ("", ""),
    }
)


@dataclass(frozen=True)
class Calls:
    """The wall and processor seconds of one contender's calls; `failed` says why there are none."""

    name: str
    records: int
    seconds: tuple[float, ...] = ()
    cpu_seconds: tuple[float, ...] = ()
    verdict: str = ""
    failed: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """How many records and calls; no call is begun once `limit` seconds are over."""

    records: Sequence[int]
    calls: int
    limit: float
    seed: int


def measure_online(names: Sequence[str], asked: Asked, progress: Progress) -> list[Calls]:
    """The calls of each contender at each number of records, each in a process of its own."""
    found: list[Calls] = []
    for number in asked.records:
        for name in names:
            progress(f"{name}, {number} records")
            found += _measured(name, number, asked)
    return found


def _measured(name: str, records: int, asked: Asked) -> list[Calls]:
    task = {"name": name, "records": records}
    task |= {"calls": asked.calls, "limit": asked.limit, "seed": asked.seed}
    try:
        said = run_worker("benchmarks.online", task, Path(sys.executable), 1, lambda _: None)
    except RuntimeError as error:
        return [Calls(name, records, failed=str(error))]
    versions = said["versions"]
    return [
        Calls(m["name"], records, tuple(m["wall"]), tuple(m["cpu"]), m["verdict"], "", versions)
        for m in said["measured"]
    ]


def online_report(measured: Sequence[Calls], facts: Mapping[str, str]) -> Report:
    header = ("contender", "records", "calls", "p50 ms", "p99 ms", "p50 CPU ms", "× dealcast", "checked")
    reference = {
        m.records: _quantile(m.seconds, 0.5) for m in measured if m.name == "dealcast" and not m.failed
    }
    rows = []
    for calls in measured:
        row = [calls.name, str(calls.records)]
        if calls.failed:
            rows.append([*row, *["-"] * 5, "failed"])
            continue
        middle, of_processor = _quantile(calls.seconds, 0.5), _quantile(calls.cpu_seconds, 0.5)
        ratio = f"{middle / reference[calls.records]:,.1f}" if calls.records in reference else "-"
        times = [f"{middle:.3f}", f"{_quantile(calls.seconds, 0.99):.3f}", f"{of_processor:.3f}"]
        checked = "-" if not calls.verdict else "equal" if calls.verdict == "equal" else "WRONG"
        rows.append([*row, f"{len(calls.seconds):,}", *times, ratio, checked])
    notes = [
        "From decoded records (dicts, or tuples where it says so; times in microseconds) to the row of "
        f"columns; one thread; after {WARM_UP} calls to warm up. × dealcast: of the medians.",
        *(f"{m.name}, {m.records} records failed: {m.failed}" for m in measured if m.failed),
        *(f"{m.name}, {m.records} records: {m.verdict}" for m in measured if m.verdict not in ("", "equal")),
    ]
    return Report("One opportunity online", facts, header, rows, notes)


def _quantile(seconds: Sequence[float], share: float) -> float:
    return float(np.quantile(seconds, share)) * 1e3


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    rows, as_of = request(task["records"], task["seed"])
    name, calls, limit = task["name"], task["calls"], task["limit"]
    if name == JSON:
        measured, versions = _decoding(json.dumps(rows).encode(), calls, limit)
    else:
        module_name, function = PEERS[name]
        module = importlib.import_module(f"benchmarks.contenders.{module_name}")
        prepared, call = module.prepare(), getattr(module, function)
        sent = in_order(rows) if name.endswith("-tuples") else rows
        wanted = brute.row_of(
            records_of(rows), as_of, both_clocks=CONTENDERS[name.removesuffix("-tuples")].both_clocks
        )
        verdict = brute.verdict(_columns(call(prepared, sent, as_of)), _columns(wanted.tolist()))
        times = timed(lambda: call(prepared, sent, as_of), calls, limit)
        measured = [{"name": name, "verdict": verdict, **times}]
        versions = {
            package: version(package) for package in CONTENDERS[name.removesuffix("-tuples")].packages
        }
    say("done", measured=measured, versions=versions)


def timed(call: Callable[[], Any], calls: int, limit: float) -> dict[str, list[float]]:
    """Wall and processor seconds of each call; none is begun once `limit` seconds are over."""
    for _ in range(min(WARM_UP, calls)):
        call()
    wall: list[float] = []
    processor: list[float] = []
    begun = time.perf_counter()
    while len(wall) < calls and time.perf_counter() - begun < limit:
        cpu, started = time.process_time(), time.perf_counter()
        call()
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - cpu)
    return {"wall": wall, "cpu": processor}


def _decoding(body: bytes, calls: int, limit: float) -> tuple[list[dict[str, Any]], dict[str, str]]:
    decoders: dict[str, Callable[[bytes], Any]] = {"json decode (stdlib)": json.loads}
    with suppress(ImportError):
        import msgspec

        decoders["json decode (msgspec)"] = msgspec.json.Decoder().decode
    measured = [
        {"name": name, "verdict": "", **timed(partial(decode, body), calls, limit)}
        for name, decode in decoders.items()
    ]
    return measured, {"msgspec": version("msgspec")} if len(decoders) > 1 else {}


def _columns(values: Sequence[float | None]) -> dict[str, Any]:
    filled = [np.nan if value is None else value for value in values]
    return {name: np.array([value], np.float64) for name, value in zip(COLUMNS, filled, strict=True)}


if __name__ == "__main__":
    main()
