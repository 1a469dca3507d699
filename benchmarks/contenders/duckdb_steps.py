"""DuckDB in two steps: activities per snapshot and age class first, then age classes into windows.

Snapshots are joined with all their activities; a snapshot has at most six age classes (under 7 days,
under 14, 30, 60, 90, older), so that the many windows are told over few rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from benchmarks.columns import COUNTED, DAY, KINDS, LAST, SPANS, TREND_DAYS, WINDOWS
from benchmarks.contenders.duckdb_tables import RECORDS, STAGED, columns, prepare, recency_and_rhythm

__all__ = ["columns", "prepare", "run"]

EDGES = tuple(sorted((*WINDOWS, TREND_DAYS)))
CLASS = "CASE " + " ".join(f"WHEN age < {days * DAY} THEN {i}" for i, days in enumerate(EDGES))
CLASS += f" ELSE {len(EDGES)} END::UTINYINT"


def run(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    return connection.sql(query()).to_arrow_table()


def query() -> str:
    return f"""
    WITH {RECORDS}, {STAGED},
    seen AS (
        SELECT s.snapshot, s.as_of - r.at_us AS age, r.gap, r.kind, r.duration_s,
            r.next_us IS NULL OR r.next_us > s.as_of AS stands
        FROM snapshots s JOIN records r USING (opportunity) WHERE r.at_us <= s.as_of
    ),
    classes AS (SELECT snapshot, {CLASS} AS class, {", ".join(per_class())} FROM seen GROUP BY ALL),
    told AS (SELECT snapshot, {", ".join(per_snapshot())} FROM classes GROUP BY snapshot)
    SELECT snapshot, {", ".join([*finished(), *recency_and_rhythm()])}
    FROM staged LEFT JOIN told USING (snapshot)
    """


def per_class() -> Iterator[str]:
    """What is told per snapshot and age class."""
    for kind in KINDS:
        yield f"count(*) FILTER (kind = '{kind}') AS {kind}"
        yield f"min(age) FILTER (kind = '{kind}') AS age_{kind}"
    yield "sum(duration_s)::BIGINT AS seconds, count(duration_s) AS timed"
    yield "count(*) FILTER (stands) AS contacts, count(*) AS seen, max(age) AS oldest, max(gap) AS gap"


def per_snapshot() -> Iterator[str]:
    """The same per snapshot and window."""
    for span, days in SPANS.items():
        within = "" if days is None else f"FILTER (class <= {EDGES.index(days)})"
        for kind in KINDS:
            yield f"sum({kind}) {within} AS {kind}_{span}"
        yield f"sum(seconds) {within} AS seconds_{span}, sum(timed) {within} AS timed_{span}"
        yield f"sum(contacts) {within} AS contacts_{span}"
    for name, kinds in LAST.items():
        youngest = [f"age_{kind}" for kind in kinds]
        least = f"least({', '.join(youngest)})" if len(kinds) > 1 else youngest[0]
        yield f"min({least}) AS youngest_{name}"
    yield "sum(seen) AS seen, max(oldest) AS oldest, max(gap) AS longest_gap"
    for name, days in (("month", 30), ("two_months", TREND_DAYS)):
        yield f"coalesce(sum(seen) FILTER (class <= {EDGES.index(days)}), 0) AS {name}"


def finished() -> Iterator[str]:
    """The columns per window."""
    for span in SPANS:
        for name, kinds in COUNTED.items():
            yield f"coalesce({' + '.join(f'{kind}_{span}' for kind in kinds)}, 0) AS {name}_{span}"
        yield f"coalesce(seconds_{span}, 0) AS activity_time_s_{span}"
        yield f"seconds_{span} / nullif(timed_{span}, 0) AS mean_duration_s_{span}"
        yield f"coalesce(contacts_{span}, 0) AS contacts_reached_{span}"
