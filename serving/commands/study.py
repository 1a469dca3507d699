"""`study`: what past data say about the firm's own process, for a server to read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from serving.commands.common import BUNDLES, AsOf, Data, err, instant, open_data, out


def study(
    data: Data,
    as_of: AsOf = None,
    to: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Beside the bundles, where `dealcast serve` looks.")
    ] = BUNDLES / "study.json",
    budget: Annotated[
        float, typer.Option(min=0.1, max=1000.0, help="Alerts per rep and week, over all rules.")
    ] = 3.0,
) -> None:
    """Study the past: which rules of alerts held, and whether dwelling too long loses deals.

    Writes one JSON file of sections, which a server reads beside its models and reads again when it changes.
    A section that the data cannot carry is left out, with the reason. Nothing recorded after T counts.

    Example: dealcast study data/ --as-of latest --out dealcast-bundles/study.json
    """
    from training.alerts.record import alerts
    from training.study import SECTIONS, Section, write_study
    from training.study import study as studied

    tables, _ = open_data(data)
    when = instant(as_of, tables)
    sections: dict[str, Section] = {**SECTIONS, "alerts": partial(alerts, budget=budget)}
    with err.status("studying the past") as status:
        found = studied(tables, when, sections, tell=lambda name: status.update(f"studying {name}"))
    write_study(found, to)
    for name, why in found["left_out"].items():
        err.print(f"{name}: left out: {why}")
    out.print(f"{to}: {', '.join(found['sections']) or 'no section'}")
