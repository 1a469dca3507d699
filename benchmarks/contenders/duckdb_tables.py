"""What the DuckDB contenders share: tables in memory, parts of their SQL, and their answer as arrays.

Instants are BIGINT microseconds, which DuckDB subtracts faster than it does TIMESTAMP and INTERVAL.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.columns import COLUMNS, DAY, KINDS, LAST, Columns

LOAD = """
CREATE TYPE activity_kind AS ENUM {kinds};
CREATE TABLE activities AS SELECT opportunity, epoch_us("at") AS at_us, kind::activity_kind AS kind,
    contact, duration_s FROM '{folder}/activities.parquet';
CREATE TABLE stage_changes AS SELECT opportunity, epoch_us("at") AS at_us
    FROM '{folder}/stage_changes.parquet';
CREATE TABLE snapshots AS SELECT (row_number() OVER () - 1)::INTEGER AS snapshot, opportunity,
    epoch_us(as_of) AS as_of FROM '{folder}/snapshots.parquet';
"""
# A record stands for its contact until the contact's next one; `gap` is to the record before.
RECORDS = """records AS (
    SELECT *, lead(at_us) OVER (PARTITION BY contact ORDER BY at_us) AS next_us,
        at_us - lag(at_us) OVER (PARTITION BY opportunity ORDER BY at_us) AS gap
    FROM activities
)"""
STAGED = """staged AS (
    SELECT s.snapshot, s.as_of, m.at_us AS moved_us
    FROM snapshots s ASOF LEFT JOIN stage_changes m ON s.opportunity = m.opportunity AND m.at_us <= s.as_of
)"""


def prepare(folder: Path, threads: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}; SET preserve_insertion_order = false")
    connection.execute(LOAD.format(kinds=KINDS, folder=folder))
    return connection


def columns(table: pa.Table) -> Columns:
    """The answer in the order of the snapshots; null becomes NaN."""
    order = np.argsort(table["snapshot"].to_numpy())
    answer = {}
    for name in COLUMNS:
        values = table[name].cast(pa.float64()).fill_null(np.nan)
        answer[name] = values.to_numpy()[order]
    return answer


def of_kinds(kinds: tuple[str, ...]) -> str:
    """The SQL condition that an activity is of one of some kinds."""
    return " OR ".join(f"kind = '{kind}'" for kind in kinds)


def days(micros: str) -> str:
    return f"({micros}) / {float(DAY)}"


def recency_and_rhythm() -> list[str]:
    """The last columns, from `youngest_*`, `oldest`, `seen`, `longest_gap`, `month` and `two_months`."""
    last = "youngest_activity"
    return [
        *(f"{days(f'youngest_{name}')} AS days_since_last_{name}" for name in LAST),
        f"{days('as_of - moved_us')} AS days_in_stage",
        f"{days(f'oldest - {last}')} / nullif(greatest(seen - 1, 0), 0) AS mean_gap_days",
        f"{days(f'greatest(longest_gap, {last})')} AS longest_silence_days",
        "coalesce(2 * month - two_months, 0) AS activity_trend_30d",
    ]
