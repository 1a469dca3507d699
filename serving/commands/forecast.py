"""`forecast`: bookings to come, by week, month and quarter, that add up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from features.errors import DataError
from features.times import iso
from serving.commands.common import Alias, Data, TrackingUri, err, instant, keep_quarantine, open_data, out

if TYPE_CHECKING:
    from rich.table import Table

    from training.forecast.assemble import Forecast, Models
    from training.forecast.flow import Flow

Horizon = Annotated[int, typer.Option(min=1, max=730, help="Days ahead.")]
By = Annotated[
    str,
    typer.Option(help="Columns with commas: rep_id, team_id, region, product, source.", show_default=False),
]
Currency = Annotated[
    str | None, typer.Option(help="Of the deals that count; default: that of the data.", show_default=False)
]

WIDTH = 110  # figures must not be cut off where the terminal is narrow


def forecast(
    data: Data,
    as_of: Annotated[str, typer.Option("--as-of", metavar="T", help="ISO 8601, or `latest`.")],
    to: Annotated[Path, typer.Option("--out", metavar="FILE", help=".parquet or .csv")],
    horizon: Horizon = 90,
    by: By = "",
    currency: Currency = None,
    draws: Annotated[int, typer.Option(min=100, max=100_000, help="Of the Monte Carlo.")] = 2_000,
    seed: Annotated[int, typer.Option(help="Of the Monte Carlo.")] = 0,
    deals: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The open deals, one row each.", show_default=False)
    ] = None,
    widening: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="Factor of every distance from P50; default: as the latest backtest says.",
            show_default=False,
        ),
    ] = None,
    targets: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Table of team_id, quarter (2025-Q3), amount; default: DATA/targets.csv, if there.",
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="Show what changed in the quarter since then.")
    ] = None,
    alias: Alias = "champion",
    tracking_uri: TrackingUri = None,
) -> None:
    """Forecast bookings: booked already, from open deals, from deals not yet created.

    One row per group and calendar week, month and quarter that the horizon touches, and for the horizon
    itself: P10, P50, P90 and mean, of which booked, open and new are the parts. In every draw each level
    is the sum of its parts; quantiles are not sums. Needs the models `win` and `close`. Ranges that the
    latest `dealcast backtest` of the store has shown to be too narrow are widened. With a table of targets
    (of teams: --by team_id) it prints how likely each is reached; with --since the change of the quarter's
    expected bookings in parts that add up.

    Example: dealcast forecast data/ --as-of 2025-03-31 --horizon 90 --by team_id --out forecast.csv
    """
    from serving.files import check_format, write_frame
    from training.forecast.assemble import Asked
    from training.forecast.assemble import forecast as made_of
    from training.forecast.flow import flow as flow_of
    from training.tracking import Tracking

    check_format(to)
    if deals is not None:
        check_format(deals)
    tables, report = open_data(data)
    with err.status("loading models"):
        models = load_models(tracking_uri, alias)
        record = None if widening is not None else Tracking(tracking_uri).forecast_record()
    given = 1.0 if widening is None else widening
    factor, of_weeks = (given, given) if record is None else record.widenings
    columns = tuple(name.strip() for name in by.split(",") if name.strip())
    asked = Asked(horizon, columns, currency, draws, seed, factor, of_weeks)
    when = instant(as_of, tables)
    with err.status("drawing futures"):
        made = made_of(tables, when, models, asked)
        write_frame(made.frame(), to)
        if deals is not None:
            write_frame(made.deals_frame(), deals)
    keep_quarantine(report, to)
    for note in (*made.notes, *(record.notes if record is not None else ())):
        err.print(note)
    _show(made)
    _show_targets(made, targets, data)
    if since is not None:
        _show_flow(flow_of(tables, instant(since, tables), when, models, asked), made.currency)
    out.print(f"{to}: {len(made.cells):,} groups, {len(made.calendar.periods):,} periods")


def load_models(tracking_uri: str | None, alias: str) -> Models:
    """The win model and the model of when.

    Raises:
        DataError: there is no model of when.
    """
    from training.forecast.assemble import Models
    from training.tracking import Tracking

    tracking = Tracking(tracking_uri)
    win, _ = tracking.load("win", alias)
    close = tracking.load_close(alias)
    if close is None:
        raise DataError(
            f"tracking store {tracking.shown} has no {alias} of close; train one with"
            " `dealcast train DATA --target close`"
        )
    return Models(win, close[0])


def _show(made: Forecast) -> None:
    from rich.table import Table

    table = Table("period", "from", "P10", "P50", "P90", "mean", "booked", "open", "new")
    for column in table.columns[2:]:
        column.justify = "right"
    table.title = f"All deals as of {iso(made.as_of)}, {made.currency or 'no currency given'}"
    for row in made.rows():
        if row["cell"] is not None or row["period"] == "week":
            continue
        figures = [f"{row[name]:,.0f}" for name in ("p10", "p50", "p90", "mean", "booked", "open", "new")]
        kind = row["period"] + ("" if row["whole"] else " (in part)")
        table.add_row(kind, iso(row["begin"])[:10], *figures)
    _print(table)


def _print(table: Table) -> None:
    Console(width=max(out.width, WIDTH), highlight=False).print(table)


def _show_targets(made: Forecast, named: Path | None, data: str) -> None:
    """Of a table that was named each target must fit; of the one beside the data those that do are shown."""
    from rich.table import Table

    from training.forecast.goals import goals_file, outlooks, outlooks_within, read_goals

    if named is not None:
        found = outlooks(made, read_goals(named))
        notes: list[str] = []
    else:
        path = None if "://" in data else goals_file(Path(data))
        found, notes = outlooks_within(made, [] if path is None else read_goals(path))
    for note in notes:
        err.print(note)
    if not found:
        return
    table = Table("team", "quarter", "target", "P50", "reached with", title="Targets")
    for each in found:
        goal = each.goal
        figures = (f"{goal.amount:,.0f}", f"{each.median:,.0f}", f"{each.probability:.0%}")
        table.add_row(goal.team, goal.quarter, *figures)
    _print(table)


def _show_flow(found: Flow, currency: str) -> None:
    from rich.table import Table

    title = f"Expected bookings of the quarter from {iso(found.begin)[:10]}, {currency}"
    table = Table("", "change", title=title)
    table.add_row("before", f"{found.before / 100:,.2f}")
    for name, change in found.parts.items():
        table.add_row(name.replace("_", " "), f"{change / 100:+,.2f}")
    table.add_row("after", f"{found.after / 100:,.2f}")
    _print(table)
