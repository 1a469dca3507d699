"""Trained models on their way to the tracking store, and `register` for those that did not get there."""

from __future__ import annotations

import contextlib
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self

import typer

from serving.commands.common import UNSENT, Artifacts, TrackingUri, err, out

if TYPE_CHECKING:
    from training.hazard import TrainedClose
    from training.run import Trained
    from training.tracking import Registered, Tracking
    from training.unsent import Reading


def register(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="Models that a training left behind.")
    ],
    tracking_uri: TrackingUri = None,
    artifacts: Artifacts = None,
) -> None:
    """Log and register trained models that the tracking store did not get, and remove their folders.

    `dealcast train` leaves a model in dealcast-unsent/ where the store goes away while it trains. All
    that the run would have carried lies there; nothing is computed again.

    Example: dealcast register dealcast-unsent/win-2025-03-31-0f3a9c21d4be
    """
    from training.tracking import Tracking

    with Outbox(Tracking(tracking_uri, artifacts)) as outbox:
        for folder in folders:
            if registered := outbox.send(folder):
                out.print(
                    f"{folder}: dealcast-{registered.target} v{registered.version} ({registered.alias})"
                )


class Outbox:
    """Keeps each model in a folder until the tracking store has it.

    On leaving, raises TrackingError if the store did not take one, naming the folders that stay.
    """

    def __init__(self, tracking: Tracking) -> None:
        self.tracking = tracking
        self.kept: list[Path] = []
        self.why: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def prepare(self) -> None:
        """Make the folder, so that a place where nothing can be written is known before long work."""
        UNSENT.mkdir(exist_ok=True)

    def put(self, trained: Trained, quality: Path, data_name: str, load: Sequence[Reading]) -> Path:
        """Write a trained model with all that is told about it into a folder; the folder."""
        from training.unsent import folder_name, save_training

        folder = UNSENT / folder_name(trained)
        for line in save_training(trained, folder, quality=quality, data_name=data_name, load=load):
            err.print(line)
        if not load:
            err.print("the machine's load is not logged: psutil is not installed; `pip install psutil`")
        return folder

    def put_close(self, trained: TrainedClose) -> Path:
        """The same of a model of when."""
        from training.unsent import folder_name, save_close

        folder = UNSENT / folder_name(trained)
        save_close(trained, folder)
        return folder

    def send(self, folder: Path) -> Registered | None:
        """Register the model of a folder and remove it; None where the store failed, and it stays."""
        from training.errors import TrackingError
        from training.unsent import load_training

        unsent = load_training(folder)
        try:
            registered = self.tracking.send(unsent)
        except TrackingError as error:
            self.kept.append(folder)
            self.why = error
            return None
        except Exception:
            err.print(f"the trained model lies in {folder}")
            raise
        shutil.rmtree(folder)
        return registered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # not there, or it holds models
            UNSENT.rmdir()
        if not self.kept:
            return
        from training.errors import TrackingError

        words = ["dealcast", "register", *map(str, self.kept)]
        if self.tracking.uri == self.tracking.shown:  # else the address has a password
            words += ["--tracking-uri", self.tracking.uri]
        line = f"{self.why}; nothing trained is lost: `{shlex.join(words)}` registers what it did not take"
        if error is not None:
            err.print(line)
            return
        raise TrackingError(line) from self.why
