"""`backtest`: forecasts as if live at many past dates, beside what came and simple baselines."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.common import Artifacts, AsOf, Data, TrackingUri, err, instant, open_data, out
from serving.commands.forecast import Currency

if TYPE_CHECKING:
    from training.forecast.backtest import Backtest
    from training.forecast.measures import Measured


class Windows(StrEnum):
    """What a backtest forecasts each time."""

    HORIZON = "horizon"
    MONTH = "month"
    QUARTER = "quarter"


_RETRAIN = {"horizon": 13, "month": 3, "quarter": 1}


def backtest(
    data: Data,
    as_of: AsOf = None,
    horizon: Annotated[int, typer.Option(min=7, max=365, help="Days of each window.")] = 91,
    steps: Annotated[int, typer.Option(min=1, help="How many dates.")] = 40,
    every: Annotated[int, typer.Option(min=1, help="Days between them.")] = 7,
    period: Annotated[
        Windows, typer.Option(help="Windows of --horizon days, or whole calendar months or quarters.")
    ] = Windows.HORIZON,
    retrain: Annotated[
        int | None,
        typer.Option(min=1, help="Dates that one training serves; default: a quarter's.", show_default=False),
    ] = None,
    currency: Currency = None,
    to: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="All windows as JSON.", show_default=False)
    ] = None,
    tracking_uri: TrackingUri = None,
    artifacts: Artifacts = None,
) -> None:
    """Forecast as if live at many past dates, and judge by what came.

    With --period month or quarter the windows are the last --steps whole ones, each forecast at its begin,
    and do not overlap; else they are --horizon days, --every so many days, the last one ends at T. The first
    whole week of each forecast is judged beside them. Win and close are trained at the first date and again
    after every --retrain dates, on what was known then. Ranges that held too seldom before a date are widened
    for it, as they would have been live. The figures are logged as a run of the experiment dealcast/forecast;
    forecasts are widened by the latest.

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
    plan = Plan(
        steps, every, retrain or _RETRAIN[period.value], Asked(days=horizon, currency=currency), period.value
    )
    with err.status("backtest") as status:
        found = replay(tables, until, plan, lambda text: status.update(f"backtest: {text}"))
    if to is not None:
        to.write_text(json.dumps(found.to_dict(), indent=1), encoding="utf-8")
    tracking.log_backtest(found)
    _show(found)


def _show(found: Backtest) -> None:
    from rich.table import Table

    shown, errors = found.measured(), found.wapes()
    each = f"{found.days} days" if found.period == "horizon" else f"a {found.period}"
    title = f"{shown.periods} forecasts of {each}, as if live; WAPE of the bookings"
    table = Table("dealcast", *(name.replace("_", " ") for name in errors), title=title)
    table.add_row(*(f"{value:.3f}" for value in (shown.wape, *errors.values())))
    out.print(table)
    out.print(f"bias {shown.bias:+.1%}, MASE {shown.mase:.2f}, pinball {shown.pinball:.4f}")
    if len(found.weeks.begin):
        weeks = found.weeks.measured()
        out.print(
            f"{_held(weeks, found.weeks.measured(widened=False))} of {weeks.periods} weeks, each as it was"
            f" said before it began; WAPE {weeks.wape:.3f} (the week before: {found.weeks.last_wape:.3f})"
        )
    overlap = f", which overlap: worth about {found.apart:.0f}" if found.apart < shown.periods else ""
    out.print(f"{_held(shown, found.measured(widened=False))} of these {shown.periods} forecasts{overlap}")
    if found.widening > 1:
        out.print(
            f"ranges were too narrow: forecasts are widened by {found.widening:.2f} until they hold again"
        )
    if found.weeks.widening > 1:
        out.print(f"ranges of weeks were too narrow: they are widened by {found.weeks.widening:.2f}")


def _held(shown: Measured, drawn: Measured) -> str:
    return (
        f"P10 to P90 held {shown.coverage_80:.0%} (80% wanted; as drawn {drawn.coverage_80:.0%}),"
        f" P25 to P75 {shown.coverage_50:.0%}"
    )
