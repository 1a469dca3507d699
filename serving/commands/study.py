"""`study`: what past data say about the firm's own process, for a server to read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.errors import DataError
from serving.commands.common import (
    BUNDLES,
    Alias,
    AsOf,
    Data,
    TrackingUri,
    err,
    instant,
    open_data,
    out,
)  # fmt: skip

if TYPE_CHECKING:
    from features.canonical import CanonicalData
    from training.tracking import Tracking


def study(
    data: Data,
    as_of: AsOf = None,
    to: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Beside the bundles, where `dealcast serve` looks.")
    ] = BUNDLES / "study.json",
    budget: Annotated[
        float, typer.Option(min=0.1, max=1000.0, help="Alerts per rep and week, over all rules.")
    ] = 3.0,
    alias: Alias = "champion",
    tracking_uri: TrackingUri = None,
) -> None:
    """Study the past: which rules of alerts held, what goes with winning, each team's figures, and whether
    the present is still what the models learnt from.

    Writes one JSON file of sections, which a server reads beside its models and reads again when it changes.
    A section that the data cannot carry is left out, with the reason. Nothing recorded after T counts.

    Example: dealcast study data/ --as-of latest --out dealcast-bundles/study.json
    """
    from training.alerts.record import alerts
    from training.study import SECTIONS, Section, write_study
    from training.study import study as studied
    from training.tracking import Tracking

    tables, _ = open_data(data)
    when = instant(as_of, tables)
    sections: dict[str, Section] = {**SECTIONS, "alerts": partial(alerts, budget=budget)}
    sections["drift"] = partial(drift, tracking=Tracking(tracking_uri), alias=alias)
    with err.status("studying the past") as status:
        found = studied(tables, when, sections, tell=lambda name: status.update(f"studying {name}"))
    write_study(found, to)
    for name, why in found["left_out"].items():
        err.print(f"{name}: left out: {why}")
    out.print(f"{to}: {', '.join(found['sections']) or 'no section'}")


def drift(data: CanonicalData, as_of: int, *, tracking: Tracking, alias: str = "champion") -> dict[str, Any]:
    """The section of a tracking store's models.

    Raises:
        DataError: the store has none, or does not answer.
    """
    from training.errors import TrackingError
    from training.study import drift_of

    try:
        models = {target: tracking.load(target, alias) for target in tracking.targets(alias)}
    except TrackingError as error:
        raise DataError(str(error)) from error
    if not models:
        raise DataError(f"tracking store {tracking.shown} has no {alias}; train one, then study again")
    return drift_of(models)(data, as_of)
