"""`drift`: the present held against what the models were trained on, and the figures to expect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.errors import DataError
from serving.commands.common import Alias, AsOf, Data, TrackingUri, err, instant, open_data, out, shown
from serving.commands.models import Choice

if TYPE_CHECKING:
    from rich.table import Table

    from training.bundle import Bundle
    from training.drift import Shift
    from training.watch import DriftReport


def drift(
    data: Data,
    as_of: AsOf = None,
    days: Annotated[int, typer.Option(min=7, help="The snapshots of so many days up to T.")] = 90,
    target: Annotated[Choice, typer.Option(help="Whose models.")] = Choice.ALL,
    alias: Alias = "champion",
    top: Annotated[int, typer.Option(min=0, help="Rows of each printed table.")] = 10,
    to: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Everything, as JSON.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 unless all models hold, or where one cannot be judged.")
    ] = False,
    tracking_uri: TrackingUri = None,
) -> None:
    """Compare the present with what the models were trained on, beyond what chance alone makes.

    Features, shown probabilities and reasons are compared; the log loss and ROC AUC to expect are worked
    out before any label is known; where labels are due, what was said is held against what came true.
    With `all`, a target that cannot be judged is passed over, saying why.

    Example: dealcast drift data/ --days 90 --target win
    """
    from training.errors import DriftFound
    from training.tracking import Tracking
    from training.watch import watch

    tables, _ = open_data(data)
    when = instant(as_of, tables)
    tracking = Tracking(tracking_uri)
    targets = tracking.targets(alias) if target is Choice.ALL else [target.value]
    if not targets:
        raise DataError(f"tracking store {tracking.uri} has no {alias}; train one with `dealcast train DATA`")
    reports = {}
    for each in targets:
        with err.status(f"looking at {each}"):
            bundle, version = tracking.load(each, alias)
            try:
                report = watch(bundle, tables, when, days)
            except DataError as error:
                if target is not Choice.ALL:
                    raise
                out.print(f"{each}: passed over: {error}")
                continue
        reports[each] = report.to_dict() | {"version": version}
        _print(report, bundle, top)
    if not reports:
        raise DataError("no model could be judged; the lines above say why")
    if to is not None:
        text = json.dumps({"days": days, "models": reports}, ensure_ascii=False, indent=1, allow_nan=False)
        to.write_text(text + "\n", encoding="utf-8")
        out.print(f"{to}: everything as JSON")
    wrong = [each for each in targets if each not in reports or reports[each]["verdict"] != "holds"]
    if strict and wrong:
        raise DriftFound(f"{shown(data)}: not as at training, or not to be judged: {', '.join(wrong)}")


def _print(report: DriftReport, bundle: Bundle, top: int) -> None:
    from rich.console import Console

    console = Console(markup=False) if Console().is_terminal else Console(markup=False, width=160)
    if report.drifted and top:
        console.print(_table(report, bundle, top))
    if report.overlap >= 0.005:
        out.print(
            f"{report.target}: {report.overlap:.0%} of the snapshots lie before the model's cut-off and may"
            " have trained it; drift shows less there"
        )
    out.print(report.line())


def _table(report: DriftReport, bundle: Bundle, top: int) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = f"{report.target}: what is not as it was ({report.rows:,} snapshots, {report.begin[:10]} on)"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("what")
    table.add_column("moved most")
    for head in ("at training", "now", "index", "by chance", "say"):
        table.add_column(head, justify="right", no_wrap=True)
    for shift in report.drifted[:top]:
        table.add_row(*_cells(shift, bundle))
    return table


def _cells(shift: Shift, bundle: Bundle) -> list[str]:
    from serving.wording import behaviour_name

    words = {feature.name: feature.en for feature in bundle.features}
    if shift.name in words:
        name, say = words[shift.name], f"{shift.say:.1%}"
    elif shift.name == "probability":
        name, say = "the shown probability", ""
    else:
        name, say = f"reasons by {behaviour_name(shift.name, 'en')}", ""
    shares = [f"{shift.before:.1%}", f"{shift.after:.1%}"]
    return [name, shift.moved, *shares, f"{shift.index:.2f}", f"{shift.by_chance:.2f}", say]
