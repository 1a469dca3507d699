"""`follow`: a folder of bundles kept at the champions of a tracking store."""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.common import BUNDLES, Alias, TrackingUri

if TYPE_CHECKING:
    from training.errors import BundleError
    from training.tracking import Named, Tracking

log = logging.getLogger("dealcast.follow")
_GLANCE_SECONDS = 0.1  # between looks at whether somebody wants the store looked at now
_AGAIN_SECONDS = 300  # after which a version that did not load is fetched once more
_SHARE = 0.2


def follow(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the served bundles.")] = BUNDLES,
    alias: Alias = "champion",
    with_parent: Annotated[
        bool, typer.Option("--with-parent", help="End when standard input ends.", hidden=True)
    ] = False,
    tracking_uri: TrackingUri = None,
) -> None:
    """Keep a folder of bundles at the champions: `dealcast serve` runs this beside its workers.

    Every 5 s, give or take a fifth (DEALCAST_FOLLOW_SECONDS), the tracking store is asked for the
    champions; a new one is fetched, tried and pointed to. What the latest backtest of forecasts showed comes
    along. A version that does not load is refused, and the
    former one stays. While the store is away nothing changes.

    Example: dealcast follow dealcast-bundles --tracking-uri http://mlflow:5000
    """
    import logging.config

    from serving.running.logs import log_config
    from serving.settings import settings_from
    from training.tracking import Tracking

    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")  # MLflow's own is two minutes
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    seconds = settings_from(os.environ).follow_seconds
    logging.config.dictConfig(log_config())
    if with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    follower = Follower(Tracking(tracking_uri), alias, folder)
    rest = threading.Event()
    while True:
        nudged = follower.nudge
        follower.look()
        left = seconds * random.uniform(1 - _SHARE, 1 + _SHARE)
        while left > 0 and follower.nudge == nudged:
            rest.wait(min(left, _GLANCE_SECONDS))
            left -= _GLANCE_SECONDS


class Follower:
    """What was delivered last, and what was refused."""

    def __init__(self, tracking: Tracking, alias: str, folder: Path) -> None:
        from serving.running.metrics import metrics

        self._tracking, self._alias, self._folder = tracking, alias, folder
        self._figures = metrics()
        self._delivered: Mapping[str, Named] = {}
        self._refused_at: float | None = None
        self._away = False

    @property
    def nudge(self) -> float:
        """Changes when somebody wants the store looked at now."""
        from serving.bundles import NUDGE

        try:
            return (self._folder / NUDGE).stat().st_mtime
        except OSError:
            return 0.0

    def look(self) -> None:
        """Deliver what the alias names now and what the latest backtest showed, where either is new."""
        from features.errors import DataError
        from serving.bundles import keep_record
        from serving.clock import elapsed, now
        from serving.commands.delivering import follow_to, wanted
        from training.errors import TrackingError

        try:
            found = wanted(self._tracking, self._alias)
            if found != self._delivered or self._due(elapsed()):
                self._refused_at = None
                versions = follow_to(self._tracking, self._folder, found, self._refuse)
                self._delivered = found
                log.info("bundles delivered", extra={"told": {"versions": versions}})
            keep_record(self._folder, self._tracking.forecast_record())
        except (DataError, TrackingError, OSError) as error:
            self._say_away(error)
            return
        self._away = False
        self._figures.tracking_up.set(1)
        self._figures.tracking_at.set(now() / 1e6)

    def _due(self, at: float) -> bool:
        return self._refused_at is not None and at - self._refused_at > _AGAIN_SECONDS

    def _refuse(self, target: str, version: str, error: BundleError) -> None:
        from serving.clock import elapsed

        self._refused_at = elapsed()
        self._figures.bundles_refused.labels("follower").inc()
        log.error("%s v%s is refused, the former version stays: %s", target, version, error)

    def _say_away(self, error: Exception) -> None:
        """Once, and not every few seconds."""
        self._figures.tracking_up.set(0)
        if not self._away:
            log.warning("the champions cannot be looked at, the bundles stay as they are: %s", error)
        self._away = True


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)
