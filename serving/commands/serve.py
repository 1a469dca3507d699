"""`serve`: the API."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.errors import DataError
from serving.commands.common import BUNDLES, TrackingUri, err

if TYPE_CHECKING:
    from serving.settings import Settings

_RESTART_SECONDS = 5.0
_RUN_PREFIX = "dealcast-run-"


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
    the bundles already there are served. From then on a process of its own (`dealcast follow`) looks for
    new champions, and every worker goes over to them while it serves. The serving processes themselves
    never open the tracking store. With --no-fetch nobody does; the workers follow the folder alone.

    Example: dealcast serve data/ --port 8000 --workers 2
    """
    from serving.settings import DATABASE, hand_over, settings_from

    folder, database = _source(data, os.environ.get(DATABASE))
    if fetch:
        _fetch(bundles, tracking_uri)
    settings = replace(settings_from(os.environ), bundles=bundles, data=folder, database=database)
    hand_over(settings)
    if workers > 1:
        _try(bundles, database)
    with _run_folder(), _following(bundles, tracking_uri) if fetch else nullcontext():
        _run(host, port, workers, settings)


def _run(host: str, port: int, workers: int, settings: Settings) -> None:
    """Serve until a signal ends it; requests in flight finish, waiting receipts are written."""
    import uvicorn

    from serving import worker
    from serving.running.logs import log_config

    # The only worker is this process, where what is wrong ends in one clear line.
    app: Any = worker.app() if workers == 1 else "serving.worker:app"
    if settings.database is not None:
        from serving.store.addresses import shown

        err.print(f"store: {shown(settings.database)}")
    err.print(f"http://{host}:{port} (the pages) · http://{host}:{port}/docs (the API)")
    signal.signal(signal.SIGTERM, _leave)  # uvicorn raises the signal again when it is done
    uvicorn.run(
        app, factory=workers > 1, host=host, port=port, workers=workers,
        log_config=log_config(), access_log=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )  # fmt: skip


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit(0)


@contextmanager
def _run_folder() -> Iterator[None]:
    """Where the processes of this server keep their figures, and tell each other what they serve.

    In memory where there is such a place: a full disk must not reach it, for the figures' files are mapped.
    """
    from serving.running.metrics import FOLDER
    from serving.settings import RUN_FOLDER

    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    _clear_abandoned(place or Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_RUN_PREFIX, dir=place) as folder, _held(Path(folder)):
        os.environ[RUN_FOLDER] = folder
        os.environ[FOLDER] = str(Path(folder) / "metrics")
        Path(os.environ[FOLDER]).mkdir()
        yield


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a run folder's lock, which goes with the process; whether nobody else holds it."""
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows: nothing is ever taken for abandoned
        yield False
        return
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def _clear_abandoned(place: Path) -> None:
    """Remove run folders of servers that were killed."""
    for folder in place.glob(f"{_RUN_PREFIX}*"):
        if (folder / "lock").is_file() and os.access(folder / "lock", os.W_OK):
            with _held(folder) as abandoned:
                if abandoned:
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _following(bundles: Path, tracking_uri: str | None) -> Iterator[None]:
    """`dealcast follow` beside the workers, begun again where it ends, until this process does."""
    over = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def supervise() -> None:
        while not over.is_set():
            command = _dealcast("follow", str(bundles), "--with-parent", tracking_uri=tracking_uri)
            running[:] = [subprocess.Popen(command, stdin=subprocess.PIPE)]
            running[0].wait()
            over.wait(_RESTART_SECONDS)

    threading.Thread(target=supervise, name="follow", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        for process in running:
            process.kill()


def _source(data: str | None, named: str | None) -> tuple[Path | None, str | None]:
    """The folder that is served, or the store's address."""
    from serving.store.addresses import DEFAULT, is_address

    if data is None or is_address(data):
        return None, data or named or DEFAULT
    if not Path(data).is_dir():
        raise DataError(f"{data}: there is no such folder; name the folder that holds the tables, or a store")
    return Path(data), None


def _fetch(bundles: Path, tracking_uri: str | None) -> None:
    """In a process of its own, so that MLflow never enters the serving one."""
    command = _dealcast("pull", str(bundles), tracking_uri=tracking_uri)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        err.print(done.stdout.strip())
        return
    why = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given"
    if not (bundles / "versions.json").is_file():
        raise DataError(why.removeprefix("dealcast: "))
    err.print(f"the champions could not be fetched ({why}); serving the bundles in {bundles}")


def _dealcast(*words: str, tracking_uri: str | None) -> list[str]:
    told = ["--tracking-uri", tracking_uri] if tracking_uri else []
    return [sys.executable, "-m", "serving.cli", *words, *told]


def _try(bundles: Path, database: str | None) -> None:
    """One clear error here rather than a trace from every worker; the store brought up to this version."""
    from serving.bundles import load_models
    from serving.store.store import open_store

    load_models(bundles)
    if database is not None:
        open_store(database).close()
