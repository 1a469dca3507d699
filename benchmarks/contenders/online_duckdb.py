"""DuckDB for one opportunity: the records as an Arrow table, then one statement, prepared beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from benchmarks.columns import COLUMNS, COUNTED, DAY, KINDS, LAST, SPANS, TREND_DAYS
from benchmarks.contenders.duckdb_tables import of_kinds, recency_and_rhythm

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
TYPES = {"at": pa.int64(), "kind": pa.string(), "contact_id": pa.string(), "duration_s": pa.int64()}


def prepare() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.execute(f"CREATE TYPE activity_kind AS ENUM {KINDS}")
    connection.execute(
        "CREATE TABLE activities (at_us BIGINT, kind activity_kind, contact_id VARCHAR, duration_s BIGINT)"
    )
    connection.execute(f"PREPARE told AS {query()}")
    return connection


def row(prepared: duckdb.DuckDBPyConnection, rows: Rows, as_of: int) -> Sequence[float | None]:
    activities = rows["activities"]
    sent = pa.table(
        {name: pa.array([record[name] for record in activities], type_) for name, type_ in TYPES.items()}
    )
    moved = max((move["at"] for move in rows["stage_changes"] if move["at"] <= as_of), default=None)
    prepared.register("sent", sent)
    prepared.execute("DELETE FROM activities")
    prepared.execute("INSERT INTO activities SELECT * FROM sent")
    stage = "NULL" if moved is None else str(moved)
    found: Sequence[float | None] = prepared.execute(f"EXECUTE told({as_of}, {stage})").fetchall()[0]
    return found


def query() -> str:
    return f"""
    WITH seen AS (
        SELECT *, $1::BIGINT - at_us AS age, at_us - lag(at_us) OVER (ORDER BY at_us) AS gap
        FROM activities WHERE at_us <= $1::BIGINT
    ),
    told AS (SELECT $1::BIGINT AS as_of, $2::BIGINT AS moved_us, {", ".join(_aggregates())} FROM seen),
    named AS (SELECT *, {", ".join(recency_and_rhythm())} FROM told)
    SELECT {", ".join(COLUMNS)} FROM named
    """


def _aggregates() -> Iterator[str]:
    for span, days in SPANS.items():
        within = "true" if days is None else f"age < {days * DAY}"
        for name, kinds in COUNTED.items():
            yield f"count(*) FILTER (({of_kinds(kinds)}) AND {within}) AS {name}_{span}"
        yield f"coalesce(sum(duration_s) FILTER ({within}), 0)::BIGINT AS activity_time_s_{span}"
        yield f"avg(duration_s) FILTER ({within}) AS mean_duration_s_{span}"
        yield f"count(DISTINCT contact_id) FILTER ({within}) AS contacts_reached_{span}"
    for name, kinds in LAST.items():
        yield f"min(age) FILTER ({of_kinds(kinds)}) AS youngest_{name}"
    yield "count(*) AS seen, max(age) AS oldest, max(gap) AS longest_gap"
    yield f"count(*) FILTER (age < {30 * DAY}) AS month"
    yield f"count(*) FILTER (age < {TREND_DAYS * DAY}) AS two_months"
