"""Polars, prefix sums as in `polars_prefix`, but the positions come from one `join_asof` per window edge."""

from __future__ import annotations

import polars as pl

from benchmarks.contenders.polars_prefix import EDGES, columns_at
from benchmarks.contenders.polars_tables import Tables, columns, prepare

__all__ = ["columns", "prepare", "run"]


def run(tables: Tables) -> pl.DataFrame:
    return columns_at(tables, _positions(tables))


def _positions(tables: Tables) -> pl.DataFrame:
    snapshots = tables.snapshots.lazy()
    rows = tables.activities.lazy().select("opportunity", "at").with_row_index("row", offset=1)
    moves = tables.stage_changes.lazy().with_row_index("move", offset=1)
    first = _first(rows, "row").join(_first(moves, "move"), on="opportunity", how="full", coalesce=True)
    start = snapshots.join(first, on="opportunity", how="left", maintain_order="left")
    asked = [_last(snapshots, rows, "row", name, back) for name, back in EDGES.items()]
    asked.append(_last(snapshots, moves, "move", "moves", 0))
    parts = pl.collect_all([start.select(first="first_row", first_move="first_move"), *asked])
    # Where nothing came before an edge, the position is that of the opportunity's first record.
    position = pl.concat(parts, how="horizontal").with_columns(pl.col("first", "first_move").fill_null(0))
    return position.with_columns(
        pl.col(*EDGES).fill_null(pl.col("first")), pl.col("moves").fill_null(pl.col("first_move"))
    )


def _first(records: pl.LazyFrame, row: str) -> pl.LazyFrame:
    return records.group_by("opportunity").agg((pl.col(row).min() - 1).alias(f"first_{row}"))


def _last(snapshots: pl.LazyFrame, records: pl.LazyFrame, row: str, name: str, back: int) -> pl.LazyFrame:
    edge = snapshots.with_columns(edge=pl.col("as_of") - pl.duration(days=back))
    joined = edge.join_asof(records, left_on="edge", right_on="at", by="opportunity", check_sortedness=False)
    return joined.select(pl.col(row).alias(name))
