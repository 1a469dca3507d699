"""What can be set from outside, read once at a door, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from features.errors import ConfigError

PREFIX = "DEALCAST_"
DATABASE = PREFIX + "DATABASE_URL"


@dataclass(frozen=True)
class Settings:
    """Settings of a server process; each field is DEALCAST_<NAME> in the environment.

    Attributes:
        bundles: folder with one bundle per target, as `dealcast pull` leaves it.
        data: folder of canonical tables that is served by id; None: the store is, if there is one.
        database: address of the store that is served where no folder is; None: posted histories only.
        max_body_bytes: larger request bodies are refused with 413.
        max_opportunities: more opportunities in one request are refused with 422.
    """

    bundles: Path = Path("dealcast-bundles")
    data: Path | None = None
    database: str | None = None
    max_body_bytes: int = 8 * 1024 * 1024
    max_opportunities: int = 1000


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Settings from environment variables; what is not set has its default.

    Raises:
        ConfigError: a number is none, or not positive.
    """
    data = environment.get(PREFIX + "DATA")
    return Settings(
        bundles=Path(environment.get(PREFIX + "BUNDLES", str(Settings.bundles))),
        data=Path(data) if data else None,
        database=environment.get(DATABASE) or None,
        max_body_bytes=_positive(environment, "MAX_BODY_BYTES", Settings.max_body_bytes),
        max_opportunities=_positive(environment, "MAX_OPPORTUNITIES", Settings.max_opportunities),
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


def _positive(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(PREFIX + name, str(default))
    if not text.isdigit() or int(text) == 0:
        raise ConfigError(f"{PREFIX}{name} must be a whole number from 1 on, not {text!r}")
    return int(text)
