"""What can be set from outside, read once at a door, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from features.errors import ConfigError

PREFIX = "DEALCAST_"
DATABASE = PREFIX + "DATABASE_URL"
RUN_FOLDER = PREFIX + "RUN_FOLDER"
CORS = PREFIX + "CORS_ORIGINS"


@dataclass(frozen=True)
class Settings:
    """Settings of a server process; each field is DEALCAST_<NAME> in the environment.

    Attributes:
        bundles: folder with one bundle per target, as `dealcast pull` leaves it.
        data: folder of canonical tables that is served by id; None: the store is, if there is one.
        database: address of the store that is served where no folder is; None: posted histories only.
        targets: table of teams' targets by quarter, for forecasts; None: the one beside the folder's tables.
        max_body_bytes: larger request bodies are refused with 413.
        max_opportunities: more opportunities in one request are refused with 422.
        kept_rows: of the store, of the deals asked for last, that one worker keeps as it read them.
        running: requests that one worker works on at a time.
        waiting: requests that may wait for their turn in one worker; more are refused with 429.
        wait_seconds: that a request waits for its turn before it is refused with 503.
        body_seconds: that a client may take to send its body, once its turn has come.
        request_seconds: after which a request is answered with 503, whatever it does.
        drain_seconds: that a worker goes on serving, not ready, after it was told to end.
        shutdown_seconds: that requests in flight are given to finish.
        watch_seconds: between a worker's looks at which bundles it is to serve, give or take a fifth.
        follow_seconds: between looks at the champions in the tracking store, give or take a fifth.
        webhook_secret: of MLflow's signed webhook; None: there is none.
        cors_origins: whose pages may ask from a browser, as the widget does: "https://crm.example".
        run_folder: where the processes of one server tell each other how they do; None: one process.
        log_requests: a line in the log for each request, or for those alone that failed.
    """

    bundles: Path = Path("dealcast-bundles")
    data: Path | None = None
    database: str | None = None
    targets: Path | None = None
    max_body_bytes: int = 8 * 1024 * 1024
    max_opportunities: int = 1000
    kept_rows: int = 50_000
    running: int = 8
    waiting: int = 128
    wait_seconds: float = 2.0
    body_seconds: float = 10.0
    request_seconds: float = 30.0
    drain_seconds: float = 0.0
    shutdown_seconds: int = 30
    watch_seconds: float = 0.5
    follow_seconds: float = 5.0
    webhook_secret: str | None = field(default=None, repr=False)
    cors_origins: tuple[str, ...] = ()
    run_folder: Path | None = None
    log_requests: bool = True


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Settings from environment variables; what is not set has its default.

    Raises:
        ConfigError: a number is none, or not positive; a word is not one of those allowed.
    """
    run_folder = environment.get(RUN_FOLDER)
    data, targets = environment.get(PREFIX + "DATA"), environment.get(PREFIX + "TARGETS")
    return Settings(
        bundles=Path(environment.get(PREFIX + "BUNDLES", str(Settings.bundles))),
        data=Path(data) if data else None,
        database=environment.get(DATABASE) or None,
        targets=Path(targets) if targets else None,
        max_body_bytes=_positive(environment, "MAX_BODY_BYTES", Settings.max_body_bytes),
        max_opportunities=_positive(environment, "MAX_OPPORTUNITIES", Settings.max_opportunities),
        kept_rows=_positive(environment, "KEPT_ROWS", Settings.kept_rows),
        running=_positive(environment, "RUNNING", Settings.running),
        waiting=_positive(environment, "WAITING", Settings.waiting),
        wait_seconds=_seconds(environment, "WAIT_SECONDS", Settings.wait_seconds),
        body_seconds=_seconds(environment, "BODY_SECONDS", Settings.body_seconds),
        request_seconds=_seconds(environment, "REQUEST_SECONDS", Settings.request_seconds),
        drain_seconds=_seconds(environment, "DRAIN_SECONDS", Settings.drain_seconds),
        shutdown_seconds=_positive(environment, "SHUTDOWN_SECONDS", Settings.shutdown_seconds),
        watch_seconds=_seconds(environment, "WATCH_SECONDS", Settings.watch_seconds),
        follow_seconds=_seconds(environment, "FOLLOW_SECONDS", Settings.follow_seconds),
        webhook_secret=environment.get(PREFIX + "WEBHOOK_SECRET") or None,
        cors_origins=_origins(environment),
        run_folder=Path(run_folder) if run_folder else None,
        log_requests=_word(environment, "LOG_REQUESTS", ("all", "failed")) == "all",
    )


def hand_over(settings: Settings) -> None:
    """Put settings into this process's environment, for the worker processes it starts."""
    os.environ[PREFIX + "BUNDLES"] = str(settings.bundles)
    os.environ.pop(PREFIX + "DATA", None)
    if settings.data is not None:
        os.environ[PREFIX + "DATA"] = str(settings.data)
    os.environ.pop(DATABASE, None)
    if settings.database is not None:
        os.environ[DATABASE] = settings.database


def _origins(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Origins with commas between them, each as a browser writes it."""
    found = tuple(text.strip() for text in environment.get(CORS, "").split(",") if text.strip())
    for origin in found:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or f"{parts.scheme}://{parts.netloc}" != origin:
            raise ConfigError(
                f"{CORS} holds {origin!r}; write origins with commas between them, such as https://crm.example"
            )
    return found


def _positive(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(PREFIX + name, str(default))
    if not text.isdigit() or int(text) == 0:
        raise ConfigError(f"{PREFIX}{name} must be a whole number from 1 on, not {text!r}")
    return int(text)


def _seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(PREFIX + name, str(default))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ConfigError(f"{PREFIX}{name} must be a number of seconds from 0 on, not {text!r}")
    return value


def _word(environment: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    text = environment.get(PREFIX + name, allowed[0])
    if text not in allowed:
        raise ConfigError(f"{PREFIX}{name} must be one of {', '.join(allowed)}, not {text!r}")
    return text
