"""`python -m benchmarks.models truth|cdnow|null|speed|forecast`: see `--help`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir

from rich.console import Console

from benchmarks.harness import ROOT
from benchmarks.machine import commit, machine
from benchmarks.report import Report

SHARED = ROOT.parent / "shared" / "data"


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    console = Console()
    if not console.is_terminal:
        console.width = 200
    told = sys.argv[1:] if words is None else words
    facts = {
        "Date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Machine": machine(),
        "Commit": commit(ROOT),
        "Command": shlex.join(["python", "-m", "benchmarks.models", *told]),
    }
    with console.status("starting") as status:
        reports = _reports(arguments, facts, status.update)
    for report in reports:
        report.show(console)
    if arguments.out:
        arguments.out.write_text("\n".join(report.markdown() for report in reports), encoding="utf-8")
        console.print(f"written: {arguments.out}")
    return 0


def _reports(arguments: argparse.Namespace, facts: Mapping[str, str], say: object) -> list[Report]:
    if arguments.what == "truth":
        from benchmarks.models.truth import Asked, truth_reports

        asked = Asked(arguments.opportunities or 12_000, arguments.seeds, arguments.scores, arguments.draws)
        return truth_reports(asked, facts, say)  # type: ignore[arg-type]
    if arguments.what == "cdnow":
        from benchmarks.models.cdnow import cdnow_reports

        return cdnow_reports(arguments.data / "cdnow" / "CDNOW_master.txt", facts, say)  # type: ignore[arg-type]
    if arguments.what == "forecast":
        from benchmarks.models.forecast_speed import speed_report
        from benchmarks.models.forecast_truth import Worlds, truth_report

        speed = speed_report(arguments.repeats, facts, say)  # type: ignore[arg-type]
        worlds = Worlds(arguments.opportunities or 12_000, arguments.seeds)
        return [speed, truth_report(worlds, {}, say)] if arguments.seeds else [speed]  # type: ignore[arg-type]
    if arguments.what == "speed":
        from benchmarks.models.speed import Asked as Trainings
        from benchmarks.models.speed import speed_reports

        trainings = Trainings(arguments.snapshots, arguments.columns, arguments.rounds, arguments.repeats)
        return speed_reports(trainings, arguments.worlds, facts, say)  # type: ignore[arg-type]
    from benchmarks.models.null import null_reports

    return null_reports(arguments.data / "null_crm", facts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.models",
        description="dealcast's models beside known truths and named peers.",
    )
    add = parser.add_argument
    add("what", choices=("truth", "cdnow", "null", "speed", "forecast"),
        help="truth: a made-up world whose true probabilities are known; cdnow: repeat orders beside BG/NBD; "
             "null: deals of which nothing tells won from lost; "
             "speed: the whole training beside lightgbm.train; "
             "forecast: the Monte Carlo over deals")  # fmt: skip
    add(
        "--opportunities",
        type=int,
        help="truth, forecast: deals in each world; default: 12000",
    )
    add("--seeds", type=_integers, default=(1, 2, 3), help="truth, forecast: with commas; default: 1,2,3")
    add("--scores", type=int, default=3_000, help="truth: scores judged in each; default: %(default)s")
    add("--draws", type=int, default=200, help="truth: futures behind each chance; default: %(default)s")
    add("--data", type=Path, default=SHARED, help="folder of the data sets; default: %(default)s")
    add("--snapshots", type=int, default=1_000_000, help="speed: rows of the frame; default: %(default)s")
    add(
        "--columns",
        type=_integers,
        default=(120,),
        help="speed: features, with commas, 0 for all; default: 120",
    )
    add(
        "--rounds",
        type=int,
        default=300,
        help="speed: trees, 0 for as many as are best; default: %(default)s",
    )
    add("--repeats", type=int, default=3, help="speed, forecast: runs of each kind; default: %(default)s")
    add("--worlds", type=Path, default=Path(gettempdir()) / "dealcast-worlds",
        help="speed: folder where the made-up CRM is kept; default: %(default)s")  # fmt: skip
    add("--out", type=Path, help="a Markdown file for the tables")
    return parser


def _integers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


if __name__ == "__main__":
    sys.exit(main())
