"""DuckDB for one opportunity: the records as an Arrow table, then one statement, prepared beforehand.

The statement is that of `duckdb_packed` for one snapshot. Nearly all of a call is DuckDB's planning of it,
which it does anew each time; with as many aggregates as there are columns it takes longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from benchmarks.columns import COLUMNS, KINDS
from benchmarks.contenders.duckdb_packed import BITS, aggregates, unpacked
from benchmarks.contenders.duckdb_tables import recency_and_rhythm

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
TYPES = {"at": pa.int64(), "kind": pa.string(), "contact_id": pa.string(), "duration_s": pa.int64()}
QUERY = f"""
WITH records AS (
    SELECT *, lead(at_us) OVER (PARTITION BY contact_id ORDER BY at_us) AS next_us,
        at_us - lag(at_us) OVER (ORDER BY at_us) AS gap
    FROM activities WHERE at_us <= $1::BIGINT
),
seen AS (
    SELECT $1::BIGINT - at_us AS age, gap, kind, duration_s * 65536::BIGINT + 1 AS timed,
        (1::HUGEINT << ({BITS} * enum_code(kind))::INTEGER)
        + CASE WHEN next_us <= $1::BIGINT THEN 0 ELSE 1::HUGEINT << {BITS * len(KINDS)} END AS pack
    FROM records
),
told AS (SELECT $1::BIGINT AS as_of, $2::BIGINT AS moved_us, {", ".join(aggregates())} FROM seen),
named AS (SELECT {", ".join([*unpacked(), *recency_and_rhythm()])} FROM told)
SELECT {", ".join(COLUMNS)} FROM named
"""


def prepare() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.execute(f"CREATE TYPE activity_kind AS ENUM {KINDS}")
    connection.execute(
        "CREATE TABLE activities (at_us BIGINT, kind activity_kind, contact_id VARCHAR, duration_s BIGINT)"
    )
    connection.execute(f"PREPARE told AS {QUERY}")
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
