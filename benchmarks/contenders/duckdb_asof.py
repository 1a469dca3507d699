"""DuckDB, prefix sums: running counts, looked up at each window's edge by an ASOF join.

The running counts stream over the table as it was inserted, by (opportunity, at), and go on from one
opportunity to the next; an edge before an opportunity's first record takes what came before that.
Distinct contacts as in `polars_prefix`: records relieved by a next one are counted up to the snapshot,
the others up to the window's edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.columns import COUNTED, DAY, KINDS, LAST, SPANS, TREND_DAYS, WINDOWS
from benchmarks.contenders import duckdb_tables
from benchmarks.contenders.duckdb_tables import STAGED, columns, recency_and_rhythm

__all__ = ["columns", "prepare", "run"]

STREAM = "OVER (ROWS UNBOUNDED PRECEDING)"
BY_CONTACT = "OVER (PARTITION BY contact ORDER BY at_us)"
BY_DEAL = "OVER (PARTITION BY opportunity ORDER BY at_us)"
SUMS: Mapping[str, str] = {
    **{kind: f"count(*) FILTER (kind = '{kind}')" for kind in KINDS},
    "seconds": "sum(coalesce(duration_s, 0))",
    "timed": "count(duration_s)",
    "number": "count(*)",
    "relieved_total": "count(since)",
    **{f"relieved_{days}d": f"count(*) FILTER (since <= {days * DAY})" for days in WINDOWS},
    **{f"left_{days}d": f"count(*) FILTER (until IS NULL OR until > {days * DAY})" for days in WINDOWS},
}


def prepare(folder: Path, threads: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb_tables.prepare(folder, threads)
    connection.execute("SET preserve_insertion_order = true")
    return connection


def run(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE records AS
        SELECT opportunity, at_us, kind, duration_s, at_us - lag(at_us) {BY_CONTACT} AS since,
            lead(at_us) {BY_CONTACT} - at_us AS until, at_us - lag(at_us) {BY_DEAL} AS gap
        FROM activities ORDER BY opportunity, at_us;
    CREATE OR REPLACE TEMP TABLE sums AS
        SELECT opportunity, at_us, {", ".join(f"({sql} {STREAM})::BIGINT AS {n}" for n, sql in SUMS.items())},
            {", ".join(_latest("at_us", f"FILTER (kind = '{kind}')", f"last_{kind}") for kind in KINDS)},
            {_latest("coalesce(gap, 0)", "", "longest_gap")}
        FROM records;
    """)
    return connection.sql(query()).to_arrow_table()


def _latest(value: str, condition: str, name: str) -> str:
    """The greatest value so far within the opportunity: a running maximum under the opportunity's key."""
    greatest = f"max((opportunity::HUGEINT << 62) + {value}) {condition} {STREAM}"
    return f"(({greatest}) & {(1 << 62) - 1})::BIGINT AS {name}"


def query() -> str:
    edges = {**{f"{days}d": days for days in WINDOWS}, "trend": TREND_DAYS}
    wanted = {edge: [*KINDS, "seconds", "timed", "number", f"left_{edge}"] for edge in edges}
    wanted["trend"] = ["number"]
    looked_up = ", ".join(f"at_{edge} AS ({_asof(wanted[edge], back)})" for edge, back in edges.items())
    now = [*SUMS, *(f"last_{kind}" for kind in KINDS), "longest_gap", "at_us"]
    joins = " ".join(f"JOIN at_{edge} USING (snapshot)" for edge in edges)
    return f"""
    WITH {STAGED}, {looked_up}, at_now AS ({_asof(now, 0)}),
    base AS (
        SELECT opportunity, min(at_us) AS first_us, {", ".join(f"min({n}) AS base_{n}" for n in SUMS)}
        FROM ({_before_first()}) GROUP BY opportunity
    ),
    told AS (
        SELECT snapshot, as_of, moved_us, {", ".join(_told())}
        FROM snapshots LEFT JOIN base USING (opportunity) JOIN staged USING (snapshot, as_of)
            JOIN at_now USING (snapshot) {joins}
    )
    SELECT snapshot, {", ".join([*_window_names(), *recency_and_rhythm()])}
    FROM told
    """


def _asof(names: list[str], days: int) -> str:
    suffix = "now" if days == 0 else "trend" if days == TREND_DAYS else f"{days}d"
    taken = ", ".join(f"a.{name} AS {name}_at_{suffix}" for name in names)
    return f"""SELECT s.snapshot, {taken} FROM snapshots s ASOF LEFT JOIN sums a
        ON s.opportunity = a.opportunity AND a.at_us <= s.as_of - {days * DAY}"""


def _before_first() -> str:
    """The running counts before each opportunity's first record: those of the row before it."""
    lagged = ", ".join(f"lag({name}, 1, 0) OVER () AS {name}" for name in SUMS)
    return f"""SELECT * FROM (
        SELECT opportunity, at_us, lag(opportunity) OVER () AS before, {lagged} FROM sums
    ) WHERE before IS NULL OR before <> opportunity"""


def _told() -> Iterator[str]:
    def inside(name: str, edge: str) -> str:
        start = f"base_{name}" if edge == "total" else f"coalesce({name}_at_{edge}, base_{name})"
        return f"coalesce({name}_at_now - {start}, 0)"

    for span in SPANS:
        for name, kinds in COUNTED.items():
            yield f"{' + '.join(inside(kind, span) for kind in kinds)} AS {name}_{span}"
        yield f"{inside('seconds', span)} AS activity_time_s_{span}"
        yield f"{inside('seconds', span)} / nullif({inside('timed', span)}, 0) AS mean_duration_s_{span}"
        left = "0" if span == "total" else f"coalesce(left_{span}_at_{span} - base_left_{span}, 0)"
        standing = f"{inside('number', 'total')} - {inside(f'relieved_{span}', 'total')} - {left}"
        yield f"{standing} AS contacts_reached_{span}"
    for name, kinds in LAST.items():
        last = [f"CASE WHEN {inside(kind, 'total')} > 0 THEN last_{kind}_at_now END" for kind in kinds]
        yield f"as_of - greatest({', '.join(last)}) AS youngest_{name}"
    yield f"as_of - first_us AS oldest, {inside('number', 'total')} AS seen"
    yield "longest_gap_at_now AS longest_gap"
    yield f"{inside('number', '30d')} AS month, {inside('number', 'trend')} AS two_months"


def _window_names() -> Iterator[str]:
    names = (*COUNTED, "activity_time_s", "mean_duration_s", "contacts_reached")
    return (f"{name}_{span}" for span in SPANS for name in names)
