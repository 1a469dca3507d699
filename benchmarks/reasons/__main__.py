"""`python -m benchmarks.reasons`: see `--help`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before LightGBM: threads that wait must not spin

from benchmarks.harness import ROOT
from benchmarks.machine import commit, machine, versions


def main(words: Sequence[str] | None = None) -> int:
    from benchmarks.reasons.tables import Asked, reasons_reports

    arguments = _parser().parse_args(words)
    console = Console()
    if not console.is_terminal:
        console.width = 200
    told = sys.argv[1:] if words is None else words
    before = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    facts = {
        "Date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Machine": f"{machine()}; load average before: {before:.1f}",
        "Versions": versions([{name: version(name) for name in ("lightgbm", "numba", "numpy", "shap")}]),
        "Commit": commit(ROOT),
        "Command": shlex.join(["python", "-m", "benchmarks.reasons", *told]),
    }
    asked = Asked(
        arguments.models, arguments.rows, arguments.repeats, arguments.threads, arguments.fasttreeshap
    )
    with console.status("starting") as status:
        reports = reasons_reports(asked, facts, status.update)
    for report in reports:
        report.show(console)
    if arguments.out:
        arguments.out.write_text("\n".join(report.markdown() for report in reports), encoding="utf-8")
        console.print(f"written: {arguments.out}")
    return int(any(row[2] == "dealcast" and "WRONG" in row[-1] for row in reports[0].rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reasons",
        description="SHAP values beside LightGBM, shap and fasttreeshap, each held against pred_contrib.",
    )
    add = parser.add_argument
    add("--models", type=lambda text: text.split(","), default=["300 x 31", "recipe"],
        help="of '300 x 31', 'recipe', '100 x 255', with commas; default: the first two")  # fmt: skip
    add("--rows", type=int, default=20_000, help="explained at once; default: %(default)s")
    add("--repeats", type=int, default=3, help="runs of each; of one row three times as many; default: 3")
    add("--threads", type=int, default=2, help="for many rows; default: %(default)s")
    add("--fasttreeshap", action="store_true", help="with fasttreeshap, in an environment made by uv")
    add("--out", type=Path, help="a Markdown file for the tables")
    return parser


if __name__ == "__main__":
    sys.exit(main())
