"""What the commands share: reading data, saying what the cleaning found, options."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from features.times import parse_instant
from serving.clock import now

if TYPE_CHECKING:
    from features.canonical import CanonicalData
    from features.quality_report import QualityReport

out = Console(highlight=False, markup=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="Folder of canonical tables, or a store: sqlite:///… or postgresql://…"
    ),
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="T", help="ISO 8601, e.g. 2025-03-31; or `latest`.")
]
TrackingUri = Annotated[
    str | None,
    typer.Option(
        help="MLflow store; default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db in this folder.",
        show_default=False,
    ),
]
Artifacts = Annotated[
    str | None,
    typer.Option(
        metavar="URI",
        help="Where new experiments keep their files; default: DEALCAST_ARTIFACTS, else beside an SQLite"
        " store or as a tracking server has it. Needed for a database, e.g. s3://bucket/dealcast.",
        show_default=False,
    ),
]
Alias = Annotated[str, typer.Option(help="champion, challenger, or a version number.")]
Snapshots = Annotated[
    Path | None, typer.Option(help="CSV or Parquet of opportunity_id (or account_id), as_of.")
]
LATEST = "latest"
BUNDLES = Path("dealcast-bundles")
UNSENT = Path("dealcast-unsent")


class Spoken(StrEnum):
    """The languages of reasons and tables."""

    ENGLISH = "en"
    CHINESE = "zh-CN"


Lang = Annotated[Spoken, typer.Option("--language", help="Language of the reasons.")]


def open_data(data: str) -> tuple[CanonicalData, QualityReport]:
    """Read and clean a data set, a folder's or a store's, saying in a line what was found."""
    with err.status(f"reading {shown(data)}"):
        tables, report = _read(data)
    rows = sum(counts.read for counts in report.tables.values())
    taken = sum(counts.quarantined for counts in report.tables.values())
    err.print(f"{shown(data)}: {rows:,} rows read" + (f", {taken:,} quarantined" if taken else ""))
    return tables, report


def shown(data: str) -> str:
    """DATA for messages: a store's address without its password."""
    if "://" not in data:
        return data
    from serving.store.addresses import shown

    return shown(data)


def name_of(data: str) -> str:
    """A short name of DATA: the folder's, or the database's."""
    if "://" not in data:
        return Path(data).resolve().name
    from serving.store.addresses import address_of

    return Path(address_of(data).database or "store").name


def _read(data: str) -> tuple[CanonicalData, QualityReport]:
    if "://" not in data:
        from features.sources.folder import load

        return load(Path(data))
    from serving.store import dataset
    from serving.store.store import Store

    store = Store(data)
    store.check()
    try:
        return dataset.load(store)
    finally:
        store.close()


def keep_quarantine(report: QualityReport, output: Path) -> None:
    """Write the quarantine beside an output file, where there is anything in it."""
    if len(report.quarantine):
        folder = output.with_name(output.name + ".quality")
        report.write(folder)
        err.print(f"what was taken out or emptied is listed in {folder}")


def instant(text: str | None, data: CanonicalData) -> int:
    """The instant an option names, in the data set's time zone; without one, or for `latest`, the
    data's own watermark: the latest time at which anything in them was recorded."""
    if text is None or text == LATEST:
        return min(data.watermark(), now())
    return parse_instant(text, data.config.time_zone, name="--as-of")
