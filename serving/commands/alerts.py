"""`alerts` and `priorities`: the lists of the week, as the API gives them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from serving.commands.common import (
    BUNDLES,
    Alias,
    AsOf,
    Data,
    Lang,
    Spoken,
    TrackingUri,
    err,
    instant,
    out,
)

WIDTH = 160

Rep = Annotated[str | None, typer.Option("--rep", metavar="ID", help="Deals of this rep alone.")]
Team = Annotated[str | None, typer.Option("--team", metavar="ID", help="Deals of this team's reps alone.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The answer of the API, as JSON.")]
Bundles = Annotated[Path, typer.Option(metavar="DIR", help="Where study.json lies.")]


def alerts(
    data: Data,
    as_of: AsOf = None,
    rule: Annotated[str | None, typer.Option(help="Alerts of this rule alone.")] = None,
    rep: Rep = None,
    team: Team = None,
    top: Annotated[int, typer.Option(min=1, max=200, help="Alerts at most.")] = 50,
    to: Out = None,
    bundles: Bundles = BUNDLES,
    language: Lang = Spoken.ENGLISH,
    alias: Alias = "champion",
    tracking_uri: TrackingUri = None,
) -> None:
    """Print the open deals that need a look, by the rules of `dealcast study`, with each rule's record.

    The probabilities are those of `dealcast score`. Without a study the thresholds are defaults.

    Example: dealcast alerts data/ --as-of latest --out alerts.json
    """
    from serving.alerts import Question

    asked = Question(rep, team, rule, top)
    spoken = "zh-CN" if language is Spoken.CHINESE else "en"
    service, when = service_of(data, as_of, bundles, alias, tracking_uri)
    with err.status("looking at open deals"):
        body = service.alerts(asked, when, spoken).body
    found = json.loads(body)
    table = Table(
        "opportunity", "rep", "stage", "alert", "right before", "what", title=f"Alerts as of {found['as_of']}"
    )
    for each in found["alerts"]:
        cause = f"; {each['cause']['text']}" if each["cause"] else ""
        table.add_row(
            each["opportunity_id"], each["rep_id"] or "", each["stage"] or "",
            found["rules"][each["rule"]]["title"], _right(found["rules"][each["rule"]]["record"]),
            each["text"] + cause,
        )  # fmt: skip
    _print(table, to, body)
    for each in found["groups"]:
        out.print(f"{each['name']}: {each['text']}")
    if found["note"]:
        err.print(found["note"])


def priorities(
    data: Data,
    as_of: AsOf = None,
    capacity: Annotated[int, typer.Option(min=1, max=100, help="Actions a week of a rep.")] = 10,
    rep: Rep = None,
    team: Team = None,
    to: Out = None,
    language: Lang = Spoken.ENGLISH,
    alias: Alias = "champion",
    tracking_uri: TrackingUri = None,
) -> None:
    """Print whom to call or visit next: for each rep the deals with the greatest gain x value.

    The gain is what the best feasible action adds to the win probability over doing nothing for a week, as
    the what-if says it: an association, not a proven effect. Reps are listed by their id; nobody is ranked.

    Example: dealcast priorities data/ --as-of latest --capacity 5
    """
    from serving.priorities import Question

    asked = Question(rep, team, capacity)
    spoken = "zh-CN" if language is Spoken.CHINESE else "en"
    service, when = service_of(data, as_of, BUNDLES, alias, tracking_uri)
    with err.status("judging actions"):
        body = service.priorities(asked, when, spoken).body
    found = json.loads(body)
    table = Table("rep", "opportunity", "stage", "gained", "what", title=f"The week from {found['as_of']}")
    for each in found["reps"]:
        for line in each["lines"]:
            row = each["rep_id"] or "", line["opportunity_id"], line["stage"] or ""
            table.add_row(*row, f"{line['gained']:,.0f}", line["text"])
    _print(table, to, body)
    out.print(f"{found['deals']:,} open deals judged; {found['note']}")


def service_of(
    data: str, as_of: str | None, bundles: Path, alias: str, tracking_uri: str | None
) -> tuple[Any, str]:
    """A service over the data with the tracking store's models, and the moment asked for, its watermark."""
    from features.times import iso
    from serving.commands.models import data_and_scorer
    from serving.histories import of_tables
    from serving.service import Service
    from serving.settings import Settings
    from serving.whole import Whole

    tables, _, scorer = data_and_scorer(data, tracking_uri, alias)
    when = instant(as_of, tables)
    return Service(scorer, Whole(of_tables(tables), when, tables), Settings(bundles)), iso(when)


def _right(record: dict[str, Any] | None) -> str:
    """ "62% (55-69), n=80; any deal 38%"."""
    if record is None:
        return "no record"
    from training.explain import percent

    share, low, high, base = (percent(record[name]) for name in ("precision", "low", "high", "base_rate"))
    return f"{share}% ({low}-{high}), n={record['deals']}; any deal {base}%"


def _print(table: Table, to: Path | None, body: bytes) -> None:
    Console(width=max(out.width, WIDTH), highlight=False, markup=False).print(table)
    if to is not None:
        to.write_bytes(body)
        out.print(f"{to}: written")
