"""DuckDB, the plain way: snapshots joined with all their activities, then conditional aggregates."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from benchmarks.columns import COUNTED, DAY, LAST, SPANS, TREND_DAYS
from benchmarks.contenders.duckdb_tables import (
    RECORDS,
    STAGED,
    columns,
    of_kinds,
    prepare,
    recency_and_rhythm,
)

__all__ = ["columns", "prepare", "run"]


def run(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    return connection.sql(query()).to_arrow_table()


def query() -> str:
    zero = [f"coalesce({n}_{s}, 0) AS {n}_{s}" for s in SPANS for n in (*COUNTED, "activity_time_s")]
    zero += [f"coalesce(contacts_reached_{s}, 0) AS contacts_reached_{s}, mean_duration_s_{s}" for s in SPANS]
    return f"""
    WITH {RECORDS}, {STAGED},
    seen AS (
        SELECT s.snapshot, s.as_of - r.at_us AS age, r.gap, r.kind, r.duration_s,
            r.next_us IS NULL OR r.next_us > s.as_of AS stands
        FROM snapshots s JOIN records r USING (opportunity) WHERE r.at_us <= s.as_of
    ),
    told AS (SELECT snapshot, {", ".join(aggregates())} FROM seen GROUP BY snapshot)
    SELECT snapshot, {", ".join([*zero, *recency_and_rhythm()])}
    FROM staged LEFT JOIN told USING (snapshot)
    """


def aggregates() -> Iterator[str]:
    """What is told over the visible activities of one snapshot."""
    for span, days in SPANS.items():
        within = "true" if days is None else f"age < {days * DAY}"
        for name, kinds in COUNTED.items():
            yield f"count(*) FILTER (({of_kinds(kinds)}) AND {within}) AS {name}_{span}"
        yield f"coalesce(sum(duration_s) FILTER ({within}), 0) AS activity_time_s_{span}"
        yield f"avg(duration_s) FILTER ({within}) AS mean_duration_s_{span}"
        yield f"count(*) FILTER (stands AND {within}) AS contacts_reached_{span}"
    for name, kinds in LAST.items():
        yield f"min(age) FILTER ({of_kinds(kinds)}) AS youngest_{name}"
    yield "count(*) AS seen, max(age) AS oldest, max(gap) AS longest_gap"
    yield f"count(*) FILTER (age < {30 * DAY}) AS month"
    yield f"count(*) FILTER (age < {TREND_DAYS * DAY}) AS two_months"
