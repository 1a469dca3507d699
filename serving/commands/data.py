"""`sample`, `import`, `check`, `features`: from a CRM to a feature frame."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.errors import DataError
from serving.commands.common import (
    AsOf,
    Data,
    Snapshots,
    TrackingUri,
    err,
    instant,
    keep_quarantine,
    open_data,
    out,
)

if TYPE_CHECKING:
    from features.build import Entity

import_app = typer.Typer(
    no_args_is_help=True, help="Turn a CRM's export or an event log into canonical tables."
)


class ModelName(StrEnum):
    """For whose model features are built."""

    WIN = "win"
    STALL = "stall"
    CHURN = "churn"


class EntityName(StrEnum):
    """Whose features are asked for."""

    OPPORTUNITY = "opportunity"
    ACCOUNT = "account"


Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write.")]
Input = Annotated[Path, typer.Argument(metavar="INPUT", help="What to read.")]


def sample(
    folder: Out,
    opportunities: Annotated[int, typer.Option(min=50, help="How many deals.")] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Do nothing where OUT has tables already.")] = False,
) -> None:
    """Write a made-up CRM with known causes, late records, overwritten fields and some dirt.

    Example: dealcast sample demo/crm --opportunities 5000 --seed 1
    """
    from features.sample import make_sample, write_sample

    there = folder.is_dir() and any(folder.iterdir())
    if there and keep:
        err.print(f"{folder}: kept as it is")
        return
    if there and not (folder / "CAUSES.md").is_file():
        raise DataError(f"{folder}: holds other files; name a new folder")
    with err.status(f"making {opportunities:,} opportunities"):
        write_sample(make_sample(opportunities, seed), folder)
    out.print(f"{folder}: a made-up CRM of {opportunities:,} opportunities; CAUSES.md says what drives them")


@import_app.command("folder")
def import_folder(
    source: Input,
    folder: Out,
    mapping: Annotated[
        Path | None, typer.Option(help="TOML file that maps files, columns and values.")
    ] = None,
) -> None:
    """Clean a folder of tables; with a mapping, of any names.

    \b
    The mapping names for each canonical table its file, the file's own column names and values:
      [opportunities]
      file = "deals.csv"
      columns = { opportunity_id = "id", account_id = "company", rep_id = "owner", created_at = "opened" }
      [opportunities.values.outcome]
      "Closed Won" = "won"
      [pipeline]
      stages = ["Qualify", "Propose"]

    Example: dealcast import folder export/ data/ --mapping mapping.toml
    """
    from features.sources.folder import load
    from features.sources.folder_mapping import read_folder_mapping

    with err.status(f"reading {source}"):
        data, report = load(source, None if mapping is None else read_folder_mapping(mapping))
        data.write(folder)
        report.write(folder / "quality")
    out.print(report.render())


@import_app.command("event-log")
def import_log(
    source: Input,
    folder: Out,
    mapping: Annotated[Path, typer.Option(help="TOML file: what the events mean.")],
) -> None:
    """Turn an event log (CSV or XES, plain or .gz) into canonical tables.

    Example: dealcast import event-log events.csv.gz data/ --mapping examples/bpic2012.toml
    """
    from features.sources.event_log import import_event_log
    from features.sources.mapping import read_event_log_mapping

    meaning = read_event_log_mapping(mapping)
    with err.status(f"reading {source}"):
        imported = import_event_log(source, meaning)
        imported.data.write(folder)
    for line in imported.report.lines():
        out.print(line)
    out.print(f"{folder}: canonical tables written")


def check(
    data: Data,
    to: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="For the quarantine.")] = None,
) -> None:
    """Report on the quality of a data set: what was dropped, repaired, quarantined or is missing.

    Example: dealcast check data/ --out data/quality
    """
    _, report = open_data(data)
    if to is not None:
        report.write(to)
    out.print(report.render())
    if to is not None:
        out.print(f"quarantine and counts: {to}")


def features(
    data: Data,
    to: Annotated[Path, typer.Option("--out", metavar="FILE", help=".parquet or .csv")],
    as_of: AsOf = None,
    snapshots: Snapshots = None,
    entity: Annotated[EntityName, typer.Option(help="Whose features.")] = EntityName.OPPORTUNITY,
    model: Annotated[
        ModelName | None, typer.Option("--for", help="Read as this target's champion reads; sets --entity.")
    ] = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Write the feature frame of all open opportunities (or ordering accounts) at T, or of listed pairs.

    Where pipeline.toml gives no order of stages, --for reads the data as the model does, so that the
    frame is what the registered model and the service see.

    Example: dealcast features data/ --as-of 2025-03-31 --out features.parquet
    """
    if (as_of is None) == (snapshots is None):
        raise typer.BadParameter("give either --as-of or --snapshots")
    from serving.files import check_format, write_frame
    from serving.frames import feature_table

    check_format(to)
    tables, report = open_data(data)
    asked = None if as_of is None else instant(as_of, tables)
    whose: Entity = entity.value
    conventions = reference = None
    if model is not None:
        from training.labels import ENTITY
        from training.tracking import Tracking

        bundle, _ = Tracking(tracking_uri).load(model.value)
        conventions, reference = bundle.conventions, bundle.reference
        whose = ENTITY[model.value]
    with err.status("building features"):
        frame = feature_table(tables, whose, asked, snapshots, conventions=conventions, reference=reference)
    write_frame(frame, to)
    keep_quarantine(report, to)
    out.print(f"{to}: {frame.height:,} snapshots x {frame.width - 2} features")
