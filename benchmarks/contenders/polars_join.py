"""Polars, the plain way: snapshots joined with all their activities, then conditional aggregates.

A record counts for its contact if the contact's next record comes after the snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from benchmarks.columns import COLUMNS, COUNTED, KINDS, LAST, SPANS, TREND_DAYS
from benchmarks.contenders.polars_tables import Tables, columns, days, prepare

__all__ = ["columns", "prepare", "run"]

ZERO_WHERE_NONE = (*COUNTED, "activity_time_s", "contacts_reached")


def run(tables: Tables) -> pl.DataFrame:
    activities = tables.activities.lazy().with_columns(
        next=pl.col("at").shift(-1).over("contact"),
        gap=pl.col("at") - pl.col("at").shift(1).over("opportunity"),
    )
    snapshots = tables.snapshots.lazy().with_row_index("snapshot")
    moves = tables.stage_changes.lazy().rename({"at": "moved_at"})
    seen = snapshots.join(activities, on="opportunity").filter(pl.col("at") <= pl.col("as_of"))
    aged = seen.with_columns(
        age=pl.col("as_of") - pl.col("at"),
        stands=pl.col("next").is_null() | (pl.col("next") > pl.col("as_of")),
        **{kind: pl.col("kind") == kind for kind in KINDS},
    ).with_columns(within(days).alias(span) for span, days in SPANS.items())
    told = aged.group_by("snapshot").agg(*aggregates())
    staged = snapshots.join_asof(
        moves, left_on="as_of", right_on="moved_at", by="opportunity", check_sortedness=False
    )
    whole = staged.join(told, on="snapshot", how="left").with_columns(
        pl.col(f"{name}_{span}").fill_null(0) for name in ZERO_WHERE_NONE for span in SPANS
    )
    return whole.select("snapshot", *finished()).collect(engine="streaming")


def within(window: int | None) -> pl.Expr:
    return pl.lit(True) if window is None else pl.col("age") < pl.duration(days=window)


def aggregates() -> Iterator[pl.Expr]:
    """What is told over the visible activities of one snapshot."""
    for span in SPANS:
        for name, kinds in COUNTED.items():
            yield (pl.any_horizontal(*kinds) & pl.col(span)).sum().alias(f"{name}_{span}")
        durations = pl.col("duration_s").filter(pl.col(span))
        yield durations.sum().alias(f"activity_time_s_{span}")
        yield durations.mean().alias(f"mean_duration_s_{span}")
        yield (pl.col("stands") & pl.col(span)).sum().alias(f"contacts_reached_{span}")
    for name, kinds in LAST.items():
        mine = pl.col("age") if kinds == KINDS else pl.col("age").filter(pl.any_horizontal(*kinds))
        yield mine.min().alias(f"days_since_last_{name}")
    yield pl.len().cast(pl.Int64).alias("count")
    yield pl.col("age").max().alias("oldest")
    yield pl.col("gap").max().alias("longest_gap")
    yield within(30).cast(pl.Int64).sum().alias("month")
    yield within(TREND_DAYS).cast(pl.Int64).sum().alias("two_months")


def finished() -> Iterator[pl.Expr]:
    """The columns from the aggregates."""
    last = pl.col("days_since_last_activity")
    made = {
        **{f"days_since_last_{name}": days(pl.col(f"days_since_last_{name}")) for name in LAST},
        "days_in_stage": days(pl.col("as_of") - pl.col("moved_at")),
        "mean_gap_days": pl.when(pl.col("count") > 1).then(
            days(pl.col("oldest") - last) / (pl.col("count") - 1)
        ),
        "longest_silence_days": days(pl.max_horizontal("longest_gap", last)),
        "activity_trend_30d": (2 * pl.col("month") - pl.col("two_months")).fill_null(0),
    }
    return (made.get(name, pl.col(name)).alias(name) for name in COLUMNS)
