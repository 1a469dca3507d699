"""`backtest`: forecasts as if live at many past dates, beside what came and simple baselines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.common import Artifacts, AsOf, Data, TrackingUri, err, instant, open_data, out
from serving.commands.forecast import Currency

if TYPE_CHECKING:
    from training.forecast.backtest import Backtest


def backtest(
    data: Data,
    as_of: AsOf = None,
    horizon: Annotated[int, typer.Option(min=7, max=365, help="Days of each window.")] = 91,
    steps: Annotated[int, typer.Option(min=1, help="How many dates.")] = 40,
    every: Annotated[int, typer.Option(min=1, help="Days between them.")] = 7,
    retrain: Annotated[int, typer.Option(min=1, help="Dates that one training serves.")] = 13,
    currency: Currency = None,
    to: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="All windows as JSON.", show_default=False)
    ] = None,
    tracking_uri: TrackingUri = None,
    artifacts: Artifacts = None,
) -> None:
    """Forecast as if live at many past dates, and judge by what came.

    Win and close are trained at the first date and again after every --retrain dates, on what was known
    then; the last window ends at T. Ranges that held too seldom before a date are widened for it, as they
    would have been live. The figures are logged as a run of the experiment dealcast/forecast.

    Example: dealcast backtest data/ --steps 40 --every 7 --out backtest.json
    """
    from training.forecast.assemble import Asked
    from training.forecast.backtest import Plan
    from training.forecast.backtest import backtest as replay
    from training.tracking import Tracking

    tracking = Tracking(tracking_uri, artifacts)
    tracking.check()
    tables, _ = open_data(data)
    until = instant(as_of, tables)
    plan = Plan(steps, every, retrain, Asked(days=horizon, currency=currency))
    with err.status("backtest") as status:
        found = replay(tables, until, plan, lambda text: status.update(f"backtest: {text}"))
    if to is not None:
        to.write_text(json.dumps(found.to_dict(), indent=1), encoding="utf-8")
    tracking.log_backtest(found)
    _show(found)


def _show(found: Backtest) -> None:
    from rich.table import Table

    shown, errors = found.measured(), found.wapes()
    title = f"{shown.periods} forecasts of {found.days} days, as if live; WAPE of the bookings"
    table = Table("dealcast", *(name.replace("_", " ") for name in errors), title=title)
    table.add_row(*(f"{value:.3f}" for value in (shown.wape, *errors.values())))
    out.print(table)
    drawn = found.measured(widened=False)
    out.print(
        f"P10 to P90 held {shown.coverage_80:.0%} of the bookings (wanted 80%;"
        f" as drawn {drawn.coverage_80:.0%}),"
        f" P25 to P75 {shown.coverage_50:.0%}; bias {shown.bias:+.1%}, MASE {shown.mase:.2f},"
        f" pinball {shown.pinball:.4f}"
    )
    if found.widening > 1:
        out.print(
            f"ranges were too narrow: forecast with --widening {found.widening:.2f} until they hold again"
        )
