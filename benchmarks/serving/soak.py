"""`python -m benchmarks.serving.soak`: half an hour at half the greatest rate; what memory and the p99 do.

Eight connections ask one worker for scores from SQLite, each of another moment, so that nothing kept serves
and each leaves a receipt; with `--mixed` every other minute asks for reasons. The first portions are left
out of the judgement, while what is kept between requests fills up.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from tempfile import gettempdir

from rich.console import Console

from benchmarks.harness import ROOT
from benchmarks.machine import commit, machine
from benchmarks.report import Report
from benchmarks.serving.load import Measured, Request, measure
from benchmarks.serving.servers import free_port, running, uvicorn
from benchmarks.serving.world import T, World, made

CONNECTIONS = 8
WARM_SECONDS = 20
LEFT_OUT = 0.2  # of the portions, at the beginning
MOST_GROWTH = 0.03  # of the resident memory
MOST_SLOWER = 0.2  # of the p99, from the first half of what is judged to the second


@dataclass(frozen=True)
class Portion:
    """Some seconds of it. `own` and `mapped`: MiB of the process that are its own, and of mapped files."""

    asked: Measured
    own: float
    mapped: float

    @property
    def resident(self) -> float:
        return self.own + self.mapped


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    console = Console()
    if not console.is_terminal:
        console.width = 160
    with console.status("making the world") as status:
        world = made(arguments.folder)
        portions = list(_portions(world, arguments, status.update))
    told = sys.argv[1:] if words is None else words
    report, holds = judged(portions)
    facts = {
        "Date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Machine": machine(),
        "Commit": commit(ROOT),
        "Command": shlex.join(["python", "-m", "benchmarks.serving.soak", *told]),
    }
    report = replace(report, facts=facts)
    report.show(console)
    if arguments.out:
        report.write(arguments.out)
    return int(not holds)


def _portions(world: World, asked: argparse.Namespace, say: Callable[[str], None]) -> Iterator[Portion]:
    with tempfile.TemporaryDirectory(prefix="dealcast-soak-") as scratch, ExitStack() as stack:
        folder, port = Path(scratch), free_port()
        copyfile(world.folder / "store.db", folder / "store.db")  # its receipts are not the benchmark's
        more = {
            "DEALCAST_BUNDLES": str(world.bundles),
            "DEALCAST_DATABASE_URL": f"sqlite:///{folder / 'store.db'}",
            "DEALCAST_LOG_REQUESTS": "failed",
        }
        ready = Request("/health/ready")
        command = uvicorn("serving.worker:app", port)
        pid = stack.enter_context(running(command, port, ready, folder=folder, more=more))
        path = f"/v1/opportunities/{world.deal}/score?as_of={T[:-1]}.{{n}}Z"
        plain, reasons = Request(f"{path}&explain=false"), Request(path)
        measure(port, plain, WARM_SECONDS, CONNECTIONS)  # while the worker makes what its pages need
        waits = {}
        for request in (plain, reasons) if asked.mixed else (plain,):
            most = measure(port, request, 3, CONNECTIONS)
            mean = CONNECTIONS / (asked.share * most.rate)
            waits[request.path] = max(mean - most.quantile[50] / CONNECTIONS * 2, 0.0)
        for number in range(max(round(asked.minutes * 60 / asked.seconds), 5)):
            say(f"{number * asked.seconds / 60:.0f} of {asked.minutes:g} minutes")
            request = reasons if asked.mixed and number % 2 else plain
            found = measure(port, request, asked.seconds, CONNECTIONS, waits[request.path])
            yield Portion(found, *_memory(pid))


def _memory(pid: int) -> tuple[float, float]:
    """MiB of a process that are its own, and of mapped files, resident both."""
    kept = {"RssAnon": 0.0, "RssFile": 0.0}
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name in kept:
            kept[name] = int(value.split()[0]) / 1024
    return kept["RssAnon"], kept["RssFile"]


def judged(portions: Sequence[Portion]) -> tuple[Report, bool]:
    """The table, and whether memory and the p99 stayed flat after the first portions."""
    judging = portions[round(len(portions) * LEFT_OUT) :]
    half = len(judging) // 2
    first, last = judging[:half], judging[-half:]
    grown = _mean(last) / _mean(first) - 1
    slower = _p99(last) / _p99(first) - 1
    failed = sum(each.asked.failed for each in portions)
    rows = [
        [
            f"{number}", f"{each.asked.rate:,.0f}", f"{each.asked.quantile[50] * 1e3:.2f}",
            f"{each.asked.quantile[99] * 1e3:.2f}", f"{each.own:,.0f}", f"{each.mapped:,.0f}",
        ]
        for number, each in enumerate(portions, 1)
    ]  # fmt: skip
    holds = abs(grown) <= MOST_GROWTH and slower <= MOST_SLOWER and not failed
    notes = [
        f"Resident memory from the first half of what is judged to the second: {grown:+.1%} (at most"
        f" {MOST_GROWTH:.0%}), p99 {slower:+.0%} (at most {MOST_SLOWER:.0%}), {failed} requests failed:"
        f" {'holds' if holds else 'does not hold'}.",
        f"{sum(each.asked.count for each in portions):,} requests; the first {len(portions) - len(judging)}"
        " portions are not judged.",
    ]
    header = ("portion", "requests/s", "p50 ms", "p99 ms", "own MiB", "mapped MiB")
    return Report("At half the greatest rate", {}, header, rows, notes), holds


def _mean(portions: Sequence[Portion]) -> float:
    return statistics.fmean(each.resident for each in portions)


def _p99(portions: Sequence[Portion]) -> float:
    return statistics.median(each.asked.quantile[99] for each in portions)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.soak",
        description="One worker at half its greatest rate: whether its memory and its p99 stay flat.",
        epilog="Example: python -m benchmarks.serving.soak --minutes 30 --out soak.md",
    )
    add = parser.add_argument
    add("--minutes", type=float, default=30, help="in all; default: %(default)s")
    add("--seconds", type=float, default=60, help="of each portion; default: %(default)s")
    add("--share", type=float, default=0.5, help="of the greatest rate; default: %(default)s")
    add("--mixed", action="store_true", help="every other portion asks for reasons, at half of that rate")
    add("--folder", type=Path, default=Path(gettempdir()) / "dealcast-serving",
        help="where the made-up CRM and its models are kept; default: %(default)s")  # fmt: skip
    add("--out", type=Path, help="a Markdown file for the table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
