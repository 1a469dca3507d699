"""The mapping of `dealcast import event-log`: a log's own names, and what they mean here.

A mapping is a TOML file; `examples/bpic2012.toml` is a commented one. `read_event_log_mapping`
refuses whatever it does not know, so that a misspelt key is an error and not a silent default.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.config import PipelineConfig, config_from
from features.errors import ConfigError
from features.tables import ACTIVITY_KINDS, ACTIVITY_OUTCOMES, DIRECTIONS, OPPORTUNITIES

ROLES = ("case_id", "activity", "timestamp", "lifecycle", "resource", "account")
REQUIRED_ROLES = ROLES[:3]
EXTRA_PREFIX = "extra."  # keeps a log's further columns apart from those of this code
OPPORTUNITY_COLUMNS = ("created_at", "amount", "expected_close_at", "source", "product", "currency")
COMPLETE = "COMPLETE"

_SECTIONS = ("csv", "xes", "stages", "stage_lifecycle", "won", "lost", "activities", "pipeline")
_ALLOWED_VALUES = {"kind": ACTIVITY_KINDS, "direction": DIRECTIONS, "outcome": ACTIVITY_OUTCOMES}
_RECORD_KEYS = ("kind", "direction", "outcome", "since")


@dataclass(frozen=True)
class LogNames:
    """The names which one form of a log, CSV or XES, uses.

    Attributes:
        columns: role (one of `ROLES`), column of `opportunities`, or `extra.NAME` for a column
            beyond the canonical ones -> column of the CSV, or key of the XES attribute
            (`case.KEY` for an attribute of the trace).
        separator: what stands between two values of the CSV.
    """

    columns: Mapping[str, str]
    separator: str = ","


@dataclass(frozen=True)
class Stage:
    """A stage of a deal, entered by any of the activities."""

    name: str
    activities: tuple[str, ...]


@dataclass(frozen=True)
class RecordRule:
    """What an event of one activity and lifecycle becomes among the `activities`.

    Attributes:
        since: the lifecycle that began what this event ends. The record then happened from the
            beginning on, is known from this event on, and carries the duration; it is a later
            version of the record which the beginning made, where it made one.
    """

    activity: str
    lifecycle: str
    kind: str
    direction: str | None = None
    outcome: str | None = None
    since: str | None = None


@dataclass(frozen=True)
class EventLogMapping:
    """How a log becomes canonical tables. Lifecycles are upper case; an event without one is COMPLETE.

    Attributes:
        where: the file, for messages.
        csv, xes: the names in each form; None where the mapping does not cover it.
        stages: the open stages in order.
        won, lost: the stage of a closed deal and the activities that close it.
        records: what else an event becomes; an event may be a stage move and a record.
        stage_lifecycle: the lifecycle at which an activity moves or closes a deal.
        config: the `pipeline.toml` to write.
    """

    where: str
    csv: LogNames | None
    xes: LogNames | None
    stages: tuple[Stage, ...]
    won: Stage
    lost: Stage
    records: tuple[RecordRule, ...]
    stage_lifecycle: str
    config: PipelineConfig


def read_event_log_mapping(path: Path) -> EventLogMapping:
    """The mapping that a TOML file holds.

    Raises:
        ConfigError: the file is missing or no TOML, or it says something that is not understood.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such mapping; examples/bpic2012.toml of the project shows one"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    return event_log_mapping_from(values, where=str(path))


def event_log_mapping_from(values: Mapping[str, Any], *, where: str) -> EventLogMapping:
    """The mapping that plain values describe, each checked; `where` names the source in messages."""
    _check_keys(values, _SECTIONS, where)
    stages = tuple(_stage(value, where) for value in _list(values.get("stages", []), "stages", where))
    mapping = EventLogMapping(
        where=where,
        csv=_names(values, "csv", where),
        xes=_names(values, "xes", where),
        stages=stages,
        won=_closing(values, "won", where),
        lost=_closing(values, "lost", where),
        records=tuple(_records(_table(values, "activities", where), where)),
        stage_lifecycle=_text(values.get("stage_lifecycle", COMPLETE), "stage_lifecycle", where).upper(),
        config=_config(_table(values, "pipeline", where), stages, where),
    )
    _check_meanings(mapping)
    return mapping


def _names(values: Mapping[str, Any], form: str, where: str) -> LogNames | None:
    if form not in values:
        return None
    section, place = _table(values, form, where), f"{where}: [{form}]"
    further = ("separator",) if form == "csv" else ()
    _check_keys(section, (*ROLES, *further, "opportunity", "extra"), place)
    missing = [role for role in REQUIRED_ROLES if role not in section]
    if missing:
        raise ConfigError(f"{place}: {', '.join(missing)} is missing; give the name it has in the log")
    deal, extra = _table(section, "opportunity", place), _table(section, "extra", place)
    _check_keys(deal, OPPORTUNITY_COLUMNS, f"{where}: [{form}.opportunity]")
    taken = sorted(set(extra) & {*ROLES, *OPPORTUNITIES.column_names})
    if taken:
        raise ConfigError(f"{where}: [{form}.extra] {', '.join(taken)} is a canonical name; choose another")
    roles = {role: section[role] for role in ROLES if role in section}
    extra = {EXTRA_PREFIX + name: value for name, value in extra.items()}
    columns = {name: _text(value, name, place) for name, value in {**roles, **deal, **extra}.items()}
    return LogNames(columns, _separator(section.get("separator", ","), place))


def _separator(value: Any, place: str) -> str:
    if not isinstance(value, str) or len(value.encode()) != 1:
        raise ConfigError(f"{place}: separator must be one character such as ',' or ';'")
    return value


def _stage(value: Any, where: str) -> Stage:
    """A stage from its name, which is then also its activity, or from a table."""
    if isinstance(value, str):
        return Stage(value, (value,))
    place = f"{where}: stages"
    if not isinstance(value, Mapping):
        raise ConfigError(f"{place}: each must be a name or {{ name = …, activities = […] }}, not {value!r}")
    _check_keys(value, ("name", "activities"), place)
    name = _text(value.get("name"), "name", place)
    return Stage(name, _texts(value.get("activities", [name]), "activities", f"{place} {name}"))


def _closing(values: Mapping[str, Any], outcome: str, where: str) -> Stage:
    section, place = _table(values, outcome, where), f"{where}: [{outcome}]"
    _check_keys(section, ("stage", "activities"), place)
    activities = _texts(section.get("activities", []), "activities", place)
    if not activities:
        raise ConfigError(f"{place}: activities is missing; list those that close a deal as {outcome}")
    return Stage(_text(section.get("stage", outcome), "stage", place), activities)


def _records(section: Mapping[str, Any], where: str) -> Iterable[RecordRule]:
    for activity in section:
        lifecycles = _table(section, activity, f"{where}: [activities]")
        for lifecycle in lifecycles:
            place = f"{where}: [activities.{activity!r}] {lifecycle}"
            record = _table(lifecycles, lifecycle, place)
            _check_keys(record, _RECORD_KEYS, place)
            yield _record(activity, lifecycle, record, place)


def _record(activity: str, lifecycle: str, record: Mapping[str, Any], place: str) -> RecordRule:
    if "kind" not in record:
        raise ConfigError(f"{place}: kind is missing (allowed: {', '.join(ACTIVITY_KINDS)})")
    for name, allowed in _ALLOWED_VALUES.items():
        if name in record and record[name] not in allowed:
            raise ConfigError(f"{place}: unknown {name} {record[name]!r} (allowed: {', '.join(allowed)})")
    since = _text(record["since"], "since", place).upper() if "since" in record else None
    return RecordRule(
        activity, lifecycle.upper(), record["kind"], record.get("direction"), record.get("outcome"), since
    )


def _config(section: Mapping[str, Any], stages: tuple[Stage, ...], where: str) -> PipelineConfig:
    if "stages" in section:
        raise ConfigError(f"{where}: [pipeline] stages comes from `stages` of the mapping; leave it out")
    names = [stage.name for stage in stages]
    return config_from({**section, "stages": names}, where=f"{where}: [pipeline]")


def _check_meanings(mapping: EventLogMapping) -> None:
    if mapping.csv is None and mapping.xes is None:
        raise ConfigError(f"{mapping.where}: neither [csv] nor [xes] says what the columns are called")
    moves = [a for stage in (*mapping.stages, mapping.won, mapping.lost) for a in stage.activities]
    repeated = sorted({activity for activity in moves if moves.count(activity) > 1})
    if repeated:
        raise ConfigError(
            f"{mapping.where}: {', '.join(repeated)} stands in more than one of stages, won, lost"
        )
    rules = {(rule.activity, rule.lifecycle): rule for rule in mapping.records}
    for rule in mapping.records:
        begun = rules.get((rule.activity, rule.since or ""))
        if rule.since == rule.lifecycle or (begun is not None and begun.since is not None):
            raise ConfigError(
                f"{mapping.where}: [activities.{rule.activity!r}] {rule.lifecycle}: since = {rule.since!r}"
                " must name another lifecycle, one that has no `since` itself"
            )


def _check_keys(values: Mapping[str, Any], allowed: tuple[str, ...], place: str) -> None:
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        raise ConfigError(f"{place}: unknown key {', '.join(unknown)} (allowed: {', '.join(allowed)})")


def _table(values: Mapping[str, Any], name: str, place: str) -> Mapping[str, Any]:
    value = values.get(name, {})
    if not isinstance(value, Mapping):
        raise ConfigError(f"{place}: {name} must be a table, not {value!r}")
    return value


def _list(value: Any, name: str, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigError(f"{place}: {name} must be a list, not {value!r}")
    return value


def _text(value: Any, name: str, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{place}: {name} must be text, not {value!r}")
    return value


def _texts(value: Any, name: str, place: str) -> tuple[str, ...]:
    return tuple(_text(item, name, place) for item in _list(value, name, place))
