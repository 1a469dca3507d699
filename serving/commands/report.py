"""`report`: the manager's report, as files."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from serving.commands.common import BUNDLES, Alias, Data, Spoken, TrackingUri, err, out


def report(
    data: Data,
    as_of: Annotated[str, typer.Option("--as-of", metavar="T", help="ISO 8601, or `latest`.")],
    to: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the report.")],
    deals: Annotated[
        int, typer.Option(min=0, max=2_000, help="Deals with a page of their own: those that need help.")
    ] = 50,
    horizon: Annotated[int, typer.Option(min=1, max=730, help="Days of the forecast.")] = 90,
    language: Annotated[
        Spoken | None, typer.Option(help="One language alone; default: both.", show_default=False)
    ] = None,
    bundles: Annotated[Path, typer.Option(metavar="DIR", help="Where study.json lies.")] = BUNDLES,
    alias: Alias = "champion",
    tracking_uri: TrackingUri = None,
) -> None:
    """Write the pages as files without a network, for print: deals, week, alerts, forecast, team, models.

    The figures are those of the API at that moment. A report that is there already is written anew.

    Example: dealcast report data/ --as-of 2025-06-30 --out report/
    """
    from serving.commands.alerts import service_of
    from serving.report import Wished, write_report
    from serving.sheets import LANGUAGES

    languages = LANGUAGES if language is None else (language.value,)
    service, _ = service_of(data, as_of, bundles, alias, tracking_uri)
    gc.freeze()  # what is there by now stays: nothing of it is to be looked through again
    with err.status("writing pages") as status:
        written = write_report(service, to, Wished(deals, horizon, languages), status.update)
    for line in written.missing:
        err.print(line)
    out.print(f"{to / 'index.html'}: {written.pages} pages, {written.deals} deals with one of their own")
