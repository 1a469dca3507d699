"""`python -m benchmarks`: see `--help`."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks.contenders import CONTENDERS, REFERENCE
from benchmarks.growth import ACTIVITIES, Course, grow, grown_report
from benchmarks.harness import ROOT, Data, Progress, Settings, compare
from benchmarks.machine import commit, machine, versions
from benchmarks.online import PEERS, RECORDS, Asked, measure_online, online_report
from benchmarks.report import Report, compared, load_of
from benchmarks.world import Sizes, world

EXAMPLES = """examples:
  python -m benchmarks --activities 200000 --opportunities 8000 --snapshots 40000
  python -m benchmarks --folder /tmp/bench --out results.md
  python -m benchmarks --contenders dealcast,polars,polars-asof --repeats 3
  python -m benchmarks growth --sizes 500000,1000000 --out growth.md
  python -m benchmarks online --calls 500
"""


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    console = Console()
    if not console.is_terminal:
        console.width = 200
    settings = Settings(arguments.repeats, arguments.limit, arguments.threads, arguments.checked)
    facts = {
        "Date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Machine": machine(),
        "Commit": commit(ROOT),
        "Command": shlex.join(["python", "-m", "benchmarks", *(sys.argv[1:] if words is None else words)]),
    }
    run = {"compare": _compare, "growth": _growth, "online": _online}[arguments.what]
    with console.status("starting") as status:
        report = run(arguments, settings, facts, status.update)
    report.show(console)
    if arguments.out:
        report.write(arguments.out)
        console.print(f"written: {arguments.out}")
    return int(any("failed" in row or "WRONG" in row for row in report.rows))


def _compare(
    arguments: argparse.Namespace, settings: Settings, facts: Mapping[str, str], progress: Progress
) -> Report:
    names = _chosen(arguments, CONTENDERS, [name for name, c in CONTENDERS.items() if c.default])
    sizes = Sizes(arguments.activities, arguments.opportunities, arguments.snapshots, arguments.seed)
    with _folder(arguments.folder) as folder:
        progress(f"making {sizes.activities:,} activities")
        data = Data(world(folder, sizes), sizes, settings.checked)
        outcomes = compare(names, data, settings, progress)
    told = {
        **facts,
        "Sizes": f"{sizes.activities:,} activities, {sizes.opportunities:,} opportunities, "
        f"{sizes.snapshots:,} snapshots, seed {sizes.seed}; {settings.threads} threads",
        "Versions": versions(outcome.versions for outcome in outcomes),
        "Other work": load_of(outcomes),
    }
    return compared(outcomes, sizes.snapshots, told)


def _growth(
    arguments: argparse.Namespace, settings: Settings, facts: Mapping[str, str], progress: Progress
) -> Report:
    names = _chosen(arguments, CONTENDERS, [REFERENCE])
    with _folder(arguments.folder) as folder:
        course = Course(arguments.sizes, folder, arguments.seed, keep=arguments.folder is not None)
        grown = grow(names, course, settings, progress)
    outcomes = [outcome for _, outcome in grown]
    told = {
        **facts,
        "Versions": versions(outcome.versions for outcome in outcomes),
        "Other work": load_of(outcomes),
    }
    return grown_report(grown, told)


def _online(
    arguments: argparse.Namespace, _: Settings, facts: Mapping[str, str], progress: Progress
) -> Report:
    names = _chosen(arguments, PEERS, list(PEERS))
    asked = Asked(RECORDS, arguments.calls, arguments.limit, arguments.seed)
    measured = measure_online(names, asked, progress)
    return online_report(measured, {**facts, "Versions": versions(m.versions for m in measured)})


def _chosen(arguments: argparse.Namespace, there_are: Iterable[str], default: list[str]) -> list[str]:
    names: list[str] = arguments.contenders or default
    unknown = sorted(set(names) - set(there_are))
    if unknown:
        print(f"no such contender: {', '.join(unknown)} (there are: {', '.join(there_are)})", file=sys.stderr)
        raise SystemExit(2)
    return names


@contextlib.contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """The folder of the data sets; a temporary one, removed afterwards, where none is given."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="dealcast-bench-") as scratch:
        yield Path(scratch)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="dealcast's feature engine beside Polars, DuckDB, pandas and Featuretools.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default, sizes = Settings(), Sizes()
    add = parser.add_argument
    add("what", nargs="?", choices=("compare", "growth", "online"), default="compare",
        help="compare: all contenders on one data set (default); growth: dealcast at growing sizes; "
             "online: one opportunity from its records")  # fmt: skip
    add("--activities", type=int, default=sizes.activities, help="default: %(default)s")
    add("--opportunities", type=int, default=sizes.opportunities, help="default: %(default)s")
    add("--snapshots", type=int, default=sizes.snapshots, help="default: %(default)s")
    add("--seed", type=int, default=sizes.seed, help="of the made-up data; default: %(default)s")
    add("--sizes", type=_integers, default=ACTIVITIES, help="growth: numbers of activities, with commas")
    add("--calls", type=int, default=2_000, help="online: calls per contender; default: %(default)s")
    add("--contenders", type=_names, help=f"with commas, of: {', '.join(CONTENDERS)}; "
        f"online of: {', '.join(PEERS)}")  # fmt: skip
    add("--repeats", type=int, default=default.repeats, help="runs of each; default: %(default)s")
    add("--limit", type=float, default=default.limit,
        help="seconds after which no further run of a contender is begun; default: %(default)s")  # fmt: skip
    add("--threads", type=int, default=default.threads, help="default: all processors (%(default)s)")
    add("--checked", type=int, default=default.checked,
        help="snapshots held against brute force, 0 for none; default: %(default)s")  # fmt: skip
    add("--folder", type=Path, help="keeps the made-up data for the next run; default: a temporary folder")
    add("--out", type=Path, help="a Markdown file for the table")
    return parser


def _integers(text: str) -> tuple[int, ...]:
    return tuple(int(part.replace("_", "")) for part in text.split(",") if part)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


if __name__ == "__main__":
    sys.exit(main())
