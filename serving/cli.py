"""The command line: `dealcast`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from features.errors import DataError
from serving.commands import (
    alerts,
    audit,
    backtest,
    data,
    drift,
    evaluate,
    follow,
    forecast,
    models,
    outbox,
    patterns,
    promotion,
    report,
    retrain,
    rules,
    serve,
    store,
    study,
    team,
    tune,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Win, stall and churn probabilities from a CRM's activity histories, with reasons that add up.",
)
app.command()(data.sample)
app.add_typer(data.import_app, name="import")
app.add_typer(store.store_app, name="store")
app.command()(data.check)
app.command()(audit.audit)
app.command()(data.features)
app.command()(models.train)
app.command()(evaluate.evaluate)
app.command()(promotion.compare)
app.command()(promotion.promote)
app.command()(promotion.rollback)
app.command()(promotion.ledger)
app.command()(retrain.retrain)
app.command()(outbox.register)
app.command()(tune.tune)
app.command()(models.score)
app.command()(forecast.forecast)
app.command()(backtest.backtest)
app.command()(drift.drift)
app.command()(rules.rules)
app.command()(patterns.patterns)
app.command()(team.team)
app.command()(study.study)
app.command()(alerts.alerts)
app.command()(alerts.priorities)
app.command()(report.report)
app.command()(models.pull)
app.command()(follow.follow)
app.command()(serve.serve)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dealcast {version('dealcast')}")
        raise typer.Exit


@app.callback()
def _dealcast(
    _shown: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and stop.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run a command; an error of data, of a store or of ours ends with one clear line and exit code 1."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait must not spin: ten times
    # slower beside other work (train win on 800 deals beside two busy processes: 23.1 s, so 2.5 s)
    try:
        app()
    except Exception as error:
        if os.environ.get("DEALCAST_DEBUG"):
            raise
        sys.stderr.write(f"dealcast: {_told(error)}\n")
        raise SystemExit(1) from None


def _told(error: Exception) -> str:
    from training.errors import TrackingError

    if isinstance(error, DataError | TrackingError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed here; `pip install 'dealcast[train,serve]'` brings it"
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    return f"an error of dealcast itself ({type(error).__name__}: {error}); DEALCAST_DEBUG=1 shows the trace"


if __name__ == "__main__":
    main()
