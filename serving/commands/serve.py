"""`serve`: the API."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from features.errors import DataError
from serving.commands.common import BUNDLES, TrackingUri, err


def serve(
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Folder or store to serve by id; default: the store."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes on the one port.")] = 1,
    bundles: Annotated[Path, typer.Option(help="Folder of the served bundles.")] = BUNDLES,
    fetch: Annotated[bool, typer.Option("--fetch/--no-fetch", help="Fetch the champions first.")] = True,
    tracking_uri: TrackingUri = None,
) -> None:
    """Serve scores over HTTP: from a folder, read once, or from a store, which takes records.

    Without DATA the store is that of DEALCAST_DATABASE_URL, else sqlite:///dealcast.db in this folder.

    The champions are fetched from the tracking store into a folder first; where the store is away,
    the bundles already there are served. The serving processes themselves never open the store.

    Example: dealcast serve data/ --port 8000 --workers 2
    """
    import os

    from serving.settings import DATABASE, hand_over, settings_from

    folder, database = _source(data, os.environ.get(DATABASE))
    if fetch:
        _fetch(bundles, tracking_uri)
    settings = replace(settings_from(os.environ), bundles=bundles, data=folder, database=database)
    hand_over(settings)
    _try_models(bundles)
    if database is not None:
        _try_store(database)
    import uvicorn

    err.print(f"http://{host}:{port}/docs (the API) · http://{host}:{port}/health/ready")
    uvicorn.run(
        "serving.app:from_environment", factory=True, host=host, port=port, workers=workers, log_level="info"
    )


def _source(data: str | None, named: str | None) -> tuple[Path | None, str | None]:
    """The folder that is served, or the store's address."""
    from serving.store.addresses import DEFAULT, is_address

    if data is None or is_address(data):
        return None, data or named or DEFAULT
    if not Path(data).is_dir():
        raise DataError(f"{data}: there is no such folder; name the folder that holds the tables, or a store")
    return Path(data), None


def _try_store(address: str) -> None:
    """Its tables brought up to this version before there are workers."""
    from serving.store.store import open_store

    store = open_store(address)
    err.print(f"store: {store.shown}")
    store.close()


def _fetch(bundles: Path, tracking_uri: str | None) -> None:
    """In a process of its own, so that MLflow never enters the serving one."""
    command = [sys.executable, "-m", "serving.cli", "pull", str(bundles)]
    if tracking_uri:
        command += ["--tracking-uri", tracking_uri]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        err.print(done.stdout.strip())
        return
    why = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given"
    if not (bundles / "versions.json").is_file():
        raise DataError(why.removeprefix("dealcast: "))
    err.print(f"the champions could not be fetched ({why}); serving the bundles in {bundles}")


def _try_models(bundles: Path) -> None:
    """One clear error here rather than a trace from every worker."""
    from serving.bundles import load_models

    load_models(bundles)
