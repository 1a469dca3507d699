"""Polars for one opportunity: a frame from the records, then all columns in one select.

The expressions are made once; `prepare` is their making.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from benchmarks.columns import COLUMNS, COUNTED, DAY, KINDS, LAST, SPANS, TREND_DAYS

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
SCHEMA: dict[str, Any] = {
    "at": pl.Int64,
    "kind": pl.Enum(KINDS),
    "contact_id": pl.String,
    "duration_s": pl.Int64,
}


def prepare() -> list[pl.Expr]:
    made = {expression.meta.output_name(): expression for expression in _expressions()}
    return [made[name] for name in COLUMNS]


def row(prepared: list[pl.Expr], rows: Rows, as_of: int) -> Sequence[float | None]:
    activities = rows["activities"]
    frame = pl.DataFrame({name: [record[name] for record in activities] for name in SCHEMA}, schema=SCHEMA)
    moved = max((move["at"] for move in rows["stage_changes"] if move["at"] <= as_of), default=None)
    seen = frame.filter(pl.col("at") <= as_of).with_columns(
        age=as_of - pl.col("at"), moved=pl.lit(None if moved is None else as_of - moved, pl.Int64)
    )
    return seen.select(prepared).row(0)


def _expressions() -> Iterator[pl.Expr]:
    age = pl.col("age")
    for span, days in SPANS.items():
        within = pl.lit(True) if days is None else age < days * DAY
        for name, kinds in COUNTED.items():
            mine = pl.col("kind") == kinds[0] if len(kinds) == 1 else pl.col("kind").is_in(kinds)
            yield (mine & within).sum().alias(f"{name}_{span}")
        durations = pl.col("duration_s").filter(within)
        yield durations.sum().alias(f"activity_time_s_{span}")
        yield durations.mean().alias(f"mean_duration_s_{span}")
        yield pl.col("contact_id").filter(within).n_unique().alias(f"contacts_reached_{span}")
    for name, kinds in LAST.items():
        mine = age if kinds == KINDS else age.filter(pl.col("kind").is_in(kinds))
        yield (mine.min() / DAY).alias(f"days_since_last_{name}")
    yield (pl.col("moved").first() / DAY).alias("days_in_stage")
    several = pl.when(pl.len() > 1).then(pl.len() - 1)
    yield ((age.max() - age.min()) / DAY / several).alias("mean_gap_days")
    gaps = age.sort().diff().max()
    yield (pl.max_horizontal(gaps, age.min()) / DAY).alias("longest_silence_days")
    month, two_months = ((age < days * DAY).cast(pl.Int64).sum() for days in (30, TREND_DAYS))
    yield (2 * month - two_months).alias("activity_trend_30d")
