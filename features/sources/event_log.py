"""Event logs of any process, CSV or XES, as canonical tables: a case is a deal, an event what befell it.

Every event is known from its own time on, so that a snapshot sees exactly the log up to then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import polars as pl

from features.canonical import CanonicalData, empty_table
from features.errors import DataError
from features.sources import log_tables
from features.sources.log_events import read_log, typed_events
from features.sources.log_spans import with_spans
from features.sources.mapping import EventLogMapping
from features.tables import TABLES

UNMAPPED = "events that the mapping gives no meaning, not kept"
UNBEGUN = "events that end what no earlier event began, made no activity"


@dataclass(frozen=True)
class EventLogReport:
    """What became of a log.

    Attributes:
        events: how many it holds, unusable ones included.
        opportunities: how many cases became opportunities.
        counts: rule -> how many events or values fell under it; rules without any are left out.
        unmapped: activity -> events of it that the mapping gives no meaning.
        unseen: activities of the mapping which no event has.
    """

    events: int
    opportunities: int
    counts: Mapping[str, int]
    unmapped: Mapping[str, int]
    unseen: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report in words, for print; counts and the mapping's own names, none of the log's."""
        lines = [f"{self.events:,} events of {self.opportunities:,} cases"]
        lines += [f"{count:,} {rule}" for rule, count in self.counts.items()]
        if self.unseen:
            lines.append(f"no event has these activities of the mapping: {', '.join(self.unseen)}")
        return lines


@dataclass(frozen=True)
class EventLogImport:
    """An imported log: clean canonical tables, and the report of what was left out."""

    data: CanonicalData
    report: EventLogReport


def import_event_log(source: Path, mapping: EventLogMapping) -> EventLogImport:
    """The canonical tables of an event log.

    Args:
        source: `.csv`, `.csv.gz`, `.xes` or `.xes.gz`; a CSV and an XES file of one log give the
            same tables.
        mapping: see `read_event_log_mapping`.

    Raises:
        UnreadableFile: the file is not what its ending promises, is cut off or empty.
        MissingColumn: a mapped column or attribute is not in the log.
        ConfigError: the mapping has no section for this form.
        DataError: not one event can be used, or none is a stage of the mapping.
    """
    texts = read_log(source, mapping)
    usable, counts = typed_events(texts, mapping)
    events = with_spans(usable, mapping)
    closed = log_tables.closings(events, mapping)
    deals = log_tables.opportunities(events, closed)
    activities, unbegun = log_tables.activities(events, deals, mapping.records)
    tables = {
        "accounts": log_tables.accounts(deals),
        "reps": log_tables.reps(events),
        "opportunities": deals,
        "stage_changes": log_tables.stage_changes(events, closed, mapping),
        "field_changes": log_tables.field_changes(events),
        "activities": activities,
    }
    if tables["stage_changes"].is_empty():
        raise DataError(
            f"{source}: no event is a stage, won or lost of {mapping.where} at lifecycle"
            f" {mapping.stage_lifecycle}; check its activities"
        )
    report = _report(len(texts), len(deals), events, mapping, {**counts, UNBEGUN: unbegun})
    return EventLogImport(_data(tables, mapping), report)


def _data(tables: Mapping[str, pl.DataFrame], mapping: EventLogMapping) -> CanonicalData:
    absent = frozenset(TABLES) - frozenset(tables)
    every = {name: tables[name] if name in tables else empty_table(table) for name, table in TABLES.items()}
    return CanonicalData(MappingProxyType(every), mapping.config, absent)


def _report(
    read: int, deals: int, events: pl.DataFrame, mapping: EventLogMapping, counts: Mapping[str, int]
) -> EventLogReport:
    meant = _meant(mapping)
    seen = events.group_by("activity", "lifecycle").len().sort("activity", "lifecycle")
    unmapped: dict[str, int] = {}
    for activity, lifecycle, count in seen.iter_rows():
        if (activity, lifecycle) not in meant:
            unmapped[activity] = unmapped.get(activity, 0) + count
    unseen = {activity for activity, _ in meant} - set(seen["activity"])
    found = {**counts, UNMAPPED: sum(unmapped.values())}
    found = {rule: count for rule, count in found.items() if count}
    return EventLogReport(read, deals, found, unmapped, tuple(sorted(unseen)))


def _meant(mapping: EventLogMapping) -> set[tuple[str, str]]:
    """The (activity, lifecycle) to which the mapping gives a meaning."""
    stages = (*mapping.stages, mapping.won, mapping.lost)
    moves = {(activity, mapping.stage_lifecycle) for stage in stages for activity in stage.activities}
    records = {(rule.activity, rule.lifecycle) for rule in mapping.records}
    begins = {(rule.activity, rule.since) for rule in mapping.records if rule.since}
    return moves | records | begins
