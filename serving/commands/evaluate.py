"""`evaluate`: the recipe as a user would have lived it, retrained at every step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.times import DAY, iso
from serving.commands.common import AsOf, Data, err, instant, open_data, out
from serving.commands.data import ModelName

if TYPE_CHECKING:
    from training.paired import Difference
    from training.walk import Walk

_WORDS = {"log_loss": "log loss", "roc_auc": "ROC AUC", "calibration_error": "calibration error"}


def evaluate(
    data: Data,
    target: Annotated[ModelName, typer.Option(help="What is predicted.")] = ModelName.WIN,
    steps: Annotated[int, typer.Option(min=1, help="How often it is retrained.")] = 6,
    every: Annotated[int, typer.Option(min=1, metavar="DAYS", help="Days from one step to the next.")] = 30,
    capacity: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Visits a week: what the N highest scores met.")
    ] = None,
    as_of: AsOf = None,
    to: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=".json")] = None,
) -> None:
    """Walk forward through time: retrain at every step, score what comes next, judge by what came of it.

    Each step knows nothing later than itself. Figures come with 90% intervals over draws of deals or
    accounts, beside the base rate, the stage's rate and a logistic regression as of each step. Nothing is
    registered.

    Example: dealcast evaluate data/ --target win --steps 6 --every 30 --capacity 20 --out evaluation.json
    """
    if to is not None and to.suffix != ".json":
        raise typer.BadParameter(f"--out {to}: write it as a .json file")
    from training.walk import walk

    tables, _ = open_data(data)
    with err.status("walking forward") as status:
        found = walk(
            tables, target.value, instant(as_of, tables), steps=steps, every=every * DAY,
            capacity=capacity, told=status.update,
        )  # fmt: skip
    _print(found)
    if to is not None:
        to.write_text(
            json.dumps(found.to_dict(), indent=1, sort_keys=True, allow_nan=False), encoding="utf-8"
        )
        out.print(f"{to}: all figures, steps and slices")


def _print(found: Walk) -> None:
    from rich.table import Table

    for step in found.steps:
        if step.skipped:
            out.print(f"{iso(step.at)[:10]}: no model yet: {step.skipped}")
    lower = {step.rung for step in found.steps if step.rung not in (None, "model")}
    if lower:
        out.print(f"some steps showed no more than {' or '.join(sorted(str(r) for r in lower))}")
    out.print(
        f"{found.target}: {found.rows:,} scores of {found.entities:,} deals or accounts after"
        f" {iso(found.steps[0].at)[:10]}, judged by what was known at {iso(found.until)[:10]}"
    )
    table = Table("", "dealcast", *(name.replace("_", " ") for name in found.against), title=found.target)
    for metric, word in _WORDS.items():
        cells = [_beside(each[metric]) for each in found.against.values()]
        table.add_row(word, f"{found.metrics[metric]:.4f}", *cells)
    lifts = [f"{found.metrics[f'baseline_{name}_lift_top_tenth']:.2f}" for name in found.against]
    table.add_row("lift, top tenth", f"{found.metrics['lift_top_tenth']:.2f}", *lifts)
    out.print(table)
    shown = Table("said", "came true", "n", title="When it said …")
    for row in found.reliability:
        shown.add_row(f"{row.low:.0%} to {row.high:.0%}", f"{row.observed:.0%}", f"{row.n:,}")
    out.print(shown)
    if found.chosen is not None:
        c = found.chosen
        out.print(
            f"{c.capacity} visits a week to the highest scores: {c.rate:.0%} of {c.visits:,} came true, of"
            f" all {c.overall:.0%}: {c.lift:.2f} times as often"
        )
    worst = max(found.slices, key=lambda each: each.figures["log_loss"].harm, default=None)
    if worst is not None:
        figure = worst.figures["log_loss"]
        out.print(f"weakest slice: {worst.name}, log loss {figure.second:.4f}, base rate {figure.first:.4f}")


def _beside(difference: Difference) -> str:
    """A baseline's figure, and how often dealcast is better."""
    return f"{difference.first:.4f} (better in {difference.better:.0%} of draws)"
