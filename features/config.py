"""`pipeline.toml`: what a data set cannot say of itself."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from features.errors import ConfigError
from features.locales import check_locale
from features.tables import TABLES

FILE_NAME = "pipeline.toml"
CHOICES = {"learn_at": ("weekly", "records"), "same_day_deals": ("learn", "leave_out")}
LEAST_DAYS = {"stall_days": 1, "churn_days": 1, "dead_days": 0}
EXTRA = ("extra_categories", "extra_numbers")
EXTRA_CANONICAL = ("currency", "employees", "annual_revenue")  # canonical, and no features of their own


@dataclass(frozen=True)
class PipelineConfig:
    """How one firm sells; every part may be left out.

    Attributes:
        stages: the open stages in their order; empty where they are to be worked out.
        currency: the currency of the amounts, for print.
        time_zone: IANA name, in which times without an offset are read.
        working_days: ISO weekdays, 1 is Monday.
        holidays: country of the public holidays as an ISO code, "CN", or with its part, "DE-BY";
            empty for none.
        fixed_fields: columns of `opportunities` that never change after the creation and may
            therefore be used without a history of changes.
        extra_categories, extra_numbers: further columns that are to be features, of
            `opportunities`, or of `accounts` where written "accounts.NAME".
        crm_probability: one of `extra_numbers`: the CRM's own win probability, a share or in percent, beside
            which a win model is judged.
        learn_at: the moments at which a model learns from a deal; "weekly": once a week; "records":
            also whenever something of the deal became known, where scores are asked just then.
        stall_days: horizon of the stall label in days.
        churn_days: horizon of the churn label in days.
        win_given_stage: if not empty, a win probability is given that the deal reaches this stage.
        dead_days: an open deal of which nothing was recorded for so long counts as lost; 0: never.
        same_day_deals: what deals that were closed within a day of their creation are to a win, "learn"
            or "leave_out": many a CRM gets those typed in once they are won.
    """

    stages: tuple[str, ...] = ()
    currency: str = ""
    time_zone: str = "UTC"
    working_days: tuple[int, ...] = (1, 2, 3, 4, 5)
    holidays: str = ""
    fixed_fields: tuple[str, ...] = ()
    extra_categories: tuple[str, ...] = ()
    extra_numbers: tuple[str, ...] = ()
    crm_probability: str = ""
    learn_at: str = "weekly"
    stall_days: int = 30
    churn_days: int = 90
    win_given_stage: str = ""
    dead_days: int = 0
    same_day_deals: str = "learn"

    def to_toml(self) -> str:
        """The same as the text of a `pipeline.toml`."""
        return "".join(f"{name} = {_toml(value)}\n" for name, value in asdict(self).items())


def read_config(folder: Path) -> PipelineConfig:
    """The configuration beside the tables, or the defaults where there is no file.

    Raises:
        ConfigError: the file is no TOML, has an unknown key or a value of the wrong kind.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return PipelineConfig()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    return config_from(values, where=str(path))


def config_from(values: Mapping[str, Any], *, where: str) -> PipelineConfig:
    """A configuration from plain values, each checked; `where` names the source in messages."""
    allowed = tuple(PipelineConfig.__dataclass_fields__)
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        raise ConfigError(f"{where}: unknown key {', '.join(unknown)} (allowed: {', '.join(allowed)})")
    checked = {name: _checked(name, value, where) for name, value in values.items()}
    both = sorted(set(checked.get(EXTRA[0], ())) & set(checked.get(EXTRA[1], ())))
    if both:
        raise ConfigError(f"{where}: {both[0]} is named both in {EXTRA[0]} and in {EXTRA[1]}; name it in one")
    crm = checked.get("crm_probability", "")
    if crm and crm not in checked.get("extra_numbers", ()):
        raise ConfigError(f"{where}: crm_probability is {crm!r}; name the same column in extra_numbers too")
    return PipelineConfig(**checked)


def _checked(name: str, value: Any, where: str) -> Any:
    if name in ("stages", "fixed_fields", *EXTRA):
        texts = _texts(name, value, where)
        if name in EXTRA:
            _check_extra(name, texts, where)
        return texts
    if name == "working_days":
        return _weekdays(value, where)
    if name in LEAST_DAYS:
        least = LEAST_DAYS[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ConfigError(
                f"{where}: {name} must be a whole number of days from {least} on, not {value!r}"
            )
        return value
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {name} must be text, not {value!r}")
    if name == "time_zone":
        _check_time_zone(value, where)
    if name == "holidays" and value:
        check_locale(value, where)
    if name in CHOICES and value not in CHOICES[name]:
        raise ConfigError(f"{where}: {name} is {value!r} (allowed: {', '.join(CHOICES[name])})")
    return value


def _texts(name: str, value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{where}: {name} must be a list of texts, not {value!r}")
    if len(set(value)) < len(value):
        raise ConfigError(f"{where}: {name} names something twice: {value!r}")
    return tuple(value)


def _check_extra(name: str, columns: tuple[str, ...], where: str) -> None:
    """An extra column is none that the house knows already, and none that only the close tells."""
    for column in columns:
        table, _, own = column.rpartition(".")
        if table not in ("", "accounts") or not own:
            raise ConfigError(
                f"{where}: {name} names {column!r}; name a column of opportunities, or accounts.COLUMN"
            )
        if own in TABLES[table or "opportunities"].column_names and own not in EXTRA_CANONICAL:
            raise ConfigError(
                f"{where}: {name} names {column!r}, a column of its own meaning here; only further columns"
                f" (and {', '.join(sorted(EXTRA_CANONICAL))}) can be extra features"
            )


def _weekdays(value: Any, where: str) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not value or not all(day in range(1, 8) for day in value):
        raise ConfigError(f"{where}: working_days must be a list of ISO weekdays 1 to 7, not {value!r}")
    return tuple(value)


def _check_time_zone(value: str, where: str) -> None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"{where}: unknown time_zone {value!r}; use an IANA name such as Asia/Shanghai"
        ) from None


def _toml(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
