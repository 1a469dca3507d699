"""DuckDB, join and aggregates with packed counters: the counts per kind of a window in one HUGEINT.

Snapshots are joined with all their activities. A grouped aggregate costs by the number of its counters,
so that the eight kinds and the records which stand for a contact share one sum, 14 bits each (up to
16,383 per snapshot), and so do the seconds and the number of timed records.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from benchmarks.columns import COUNTED, DAY, KINDS, LAST, SPANS, TREND_DAYS
from benchmarks.contenders.duckdb_tables import (
    RECORDS,
    STAGED,
    columns,
    of_kinds,
    prepare,
    recency_and_rhythm,
)

__all__ = ["columns", "prepare", "run"]

BITS = 14
MASK = (1 << BITS) - 1
FIELDS = (*KINDS, "stands")


def run(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    return connection.sql(query()).to_arrow_table()


def query() -> str:
    return f"""
    WITH {RECORDS}, {STAGED},
    packed AS (
        SELECT opportunity, at_us, next_us, gap, kind,
            1::HUGEINT << ({BITS} * enum_code(kind))::INTEGER AS pack,
            duration_s * 65536::BIGINT + 1 AS timed
        FROM records
    ),
    seen AS (
        SELECT s.snapshot, s.as_of - r.at_us AS age, r.gap, r.kind, r.timed,
            CASE WHEN r.next_us <= s.as_of THEN r.pack
                ELSE r.pack + (1::HUGEINT << {BITS * len(KINDS)}) END AS pack
        FROM snapshots s JOIN packed r USING (opportunity) WHERE r.at_us <= s.as_of
    ),
    told AS (SELECT snapshot, {", ".join(aggregates())} FROM seen GROUP BY snapshot)
    SELECT snapshot, {", ".join([*unpacked(), *recency_and_rhythm()])}
    FROM staged LEFT JOIN told USING (snapshot)
    """


def aggregates() -> Iterator[str]:
    """What is told over the visible activities of one snapshot."""
    for span, days in SPANS.items():
        within = "" if days is None else f"FILTER (age < {days * DAY})"
        yield f"sum(pack) {within} AS pack_{span}, sum(timed) {within} AS timed_{span}"
    for name, kinds in LAST.items():
        mine = "" if kinds == KINDS else f"FILTER ({of_kinds(kinds)})"
        yield f"min(age) {mine} AS youngest_{name}"
    yield "count(*) AS seen, max(age) AS oldest, max(gap) AS longest_gap"
    yield f"count(*) FILTER (age < {30 * DAY}) AS month"
    yield f"count(*) FILTER (age < {TREND_DAYS * DAY}) AS two_months"


def unpacked() -> Iterator[str]:
    """The columns per window."""
    for span in SPANS:
        field = {
            name: f"((coalesce(pack_{span}, 0) >> {BITS * place}) & {MASK})::INTEGER"
            for place, name in enumerate(FIELDS)
        }
        for name, kinds in COUNTED.items():
            yield f"{' + '.join(field[kind] for kind in kinds)} AS {name}_{span}"
        yield f"{field['stands']} AS contacts_reached_{span}"
        seconds, number = f"(timed_{span} // 65536)", f"(timed_{span} % 65536)"
        yield f"coalesce({seconds}, 0)::BIGINT AS activity_time_s_{span}"
        yield f"{seconds}::DOUBLE / {number} AS mean_duration_s_{span}"
