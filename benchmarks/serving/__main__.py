"""`python -m benchmarks.serving`: see `--help`."""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir

from rich.console import Console

from benchmarks.harness import ROOT
from benchmarks.machine import commit, machine, versions
from benchmarks.report import Report
from benchmarks.serving.load import Measured
from benchmarks.serving.measure import (
    MANY,
    PEERS,
    V2,
    WANTED,
    Found,
    Loaded,
    Started,
    beside_peers,
    loaded,
    measured,
    served,
    started,
    subjects,
)
from benchmarks.serving.world import LEAVES, TREES, World, made

PACKAGES = ("fastapi", "lightgbm", "msgspec", "numpy", "pydantic", "starlette", "uvicorn", "uvloop", "mlflow")
STARTS = 5
LEAST = {f"POST {MANY} histories": 1_500, f"POST {MANY} histories, with reasons": 500}


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    console = Console()
    if not console.is_terminal:
        console.width = 200
    told = sys.argv[1:] if words is None else words
    with console.status("making the world") as status:
        world = made(arguments.folder)
        before = os.getloadavg()[0]
        starts = started(world, STARTS, status.update)
        with served(world) as (floors, own, anew):
            asked = subjects(world, floors, own, anew)
            found = measured(asked, arguments.rounds, arguments.seconds, status.update)
            under = [loaded(asked[i], arguments.seconds) for i in (3, 4)]
            row = next(subject for subject in asked if subject.name == V2)
            rivals = beside_peers(world, row, arguments.peers, arguments.seconds, status.update)
        loads = f"{before:.1f} before, {os.getloadavg()[0]:.1f} after"
    facts = {
        "Date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Machine": machine(),
        "Commit": commit(ROOT),
        "Command": shlex.join(["python", "-m", "benchmarks.serving", *told]),
        "Model": _model(world),
        "Deal": f"{world.records} records with its account's",
        "Versions": versions([_versions()]),
        "Load average": loads,
    }
    reports = [_speed(found, facts), _under_load(under), _ready(starts), _peers(rivals)]
    for report in reports:
        report.show(console)
    if arguments.out:
        arguments.out.write_text("\n".join(report.markdown() for report in reports), encoding="utf-8")
        console.print(f"written: {arguments.out}")
    return int(any(each.failed for each in found))


def _speed(found: Sequence[Found], facts: Mapping[str, str]) -> Report:
    header = ("what", "p50 ms", "p99 ms", "requests/s", "deals/s", "x empty POST", "line", "held",
        "CPU ms", "x empty's")  # fmt: skip
    rows = []
    for each in found:
        line, held = _line(each)
        deals = f"{each.rate * each.subject.deals:,.0f}"
        rows.append(
            [
                each.subject.name, f"{each.p50 * 1e3:.2f}", f"{each.p99 * 1e3:.2f}", f"{each.rate:,.0f}",
                deals, f"{each.times_floor:.2f}", line, held,
                f"{each.cpu * 1e3:.3f}", f"{each.cpu / found[0].cpu:.1f}",
            ]
        )  # fmt: skip
    notes = [
        "One worker, one connection of wrk, loopback; medians of the rounds, and of their ratios.",
        "CPU ms: of the server's process a request, threads and receipts included; says more than p50 where"
        " other work is going on, as a request of more than a time slice waits for it.",
        "A score from SQLite is of another `as_of` in every request, and leaves a receipt.",
        *(f"{each.subject.name}: {each.failed} requests failed" for each in found if each.failed),
    ]
    return Report("The service beside floors", facts, header, rows, notes)


def _line(each: Found) -> tuple[str, str]:
    least = LEAST.get(each.subject.name)
    if least is not None:
        return f">= {least:,} deals/s", _held(each.rate * each.subject.deals >= least)
    most = each.subject.most
    return ("", "") if most is None else (f"<= {most:g} x", _held(each.times_floor <= most))


def _held(holds: bool) -> str:
    return "yes" if holds else "no"


def _under_load(found: Sequence[Loaded]) -> Report:
    header = ("what", "most/s", "asked/s", "p50 ms", "p90 ms", "p99 ms", "p99 / p50", "line", "held")
    rows = []
    for each in found:
        quantile = each.paced.quantile
        ratio = quantile[99] / quantile[50]
        times = [f"{quantile[share] * 1e3:.2f}" for share in (50, 90, 99)]
        rates = [f"{each.most:,.0f}", f"{each.paced.rate:,.0f}"]
        rows.append([each.name, *rates, *times, f"{ratio:.1f}", "< 5", _held(ratio < 5)])
    notes = ["Eight connections, each waiting by chance around a mean that makes 60% of the greatest rate."]
    return Report("At 60% of the greatest rate", {}, header, rows, notes)


def _ready(starts: Sequence[Started]) -> Report:
    seconds, mib = [each.seconds for each in starts], [each.resident for each in starts]
    rows = []
    for name, values, shown, most in (("seconds", seconds, ".2f", 1.5), ("MiB resident", mib, ".0f", 190)):
        middle = statistics.median(values)
        ends = f"{min(values):{shown}} to {max(values):{shown}}"
        rows.append([name, f"{middle:{shown}}", ends, f"<= {most}", _held(middle <= most)])
    notes = ["From the start of the process to the first answer of /health/ready; 190 MiB are 200 MB."]
    return Report(
        "A worker that is ready", {}, ("what", "median", f"of {len(starts)}", "line", "held"), rows, notes
    )


def _peers(rivals: Mapping[str, tuple[Measured, Measured] | str]) -> Report:
    header = (
        "peer",
        "requests/s",
        "p50 ms",
        "dealcast's requests/s",
        "p50 ms",
        "times the peer's",
        "line",
        "held",
    )
    rows, notes = [], ["The same trees, one ready-made row a request, four connections, in turn."]
    for name, found in rivals.items():
        if isinstance(found, str):
            notes.append(f"{name} did not serve: {found}")
            continue
        own, its = found
        ratio = own.rate / its.rate
        shown = [f"{its.rate:,.0f}", f"{its.quantile[50] * 1e3:.2f}", f"{own.rate:,.0f}"]
        shown += [f"{own.quantile[50] * 1e3:.2f}", f"{ratio:.1f}"]
        rows.append([name, *shown, f">= {WANTED[name]:g}", _held(ratio >= WANTED[name])])
        if its.failed:
            notes.append(f"{name}: {its.failed} requests failed")
    return Report("Ready-made rows beside other servers", {}, header, rows, notes)


def _model(world: World) -> str:
    import json

    described = json.loads((world.bundles / "win" / "bundle.json").read_text(encoding="utf-8"))
    features = len(described["encoding"]["names"])
    return (
        f"{TREES} trees x {LEAVES} leaves x {features} features for win and stall, fewer features for churn"
    )


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving",
        description="dealcast's service beside floors and other servers of models, by wrk.",
    )
    add = parser.add_argument
    add("--rounds", type=int, default=3, help="in which everything is asked in turn; default: %(default)s")
    add("--seconds", type=float, default=2, help="of each run of wrk; default: %(default)s")
    add("--peers", type=_names, default=PEERS, help=f"with commas, of: {', '.join(PEERS)}; '' for none")
    add("--folder", type=Path, default=Path(gettempdir()) / "dealcast-serving",
        help="where the made-up CRM and its models are kept; default: %(default)s")  # fmt: skip
    add("--out", type=Path, help="a Markdown file for the tables")
    return parser


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    unknown = sorted(set(names) - set(PEERS))
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no such peer: {', '.join(unknown)} (there are: {', '.join(PEERS)})"
        )
    return names


if __name__ == "__main__":
    sys.exit(main())
