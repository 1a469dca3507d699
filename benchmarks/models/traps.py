"""The made-up world's traps of the records, taken out or made stronger, and a reader who falls into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import polars as pl

from features.canonical import TIME, CanonicalData

BACKFILLED = 12  # meetings typed in after each win, in the stronger trap
WITHIN_DAYS = 60  # before the win, for which they are dated


def without_traps(data: CanonicalData) -> CanonicalData:
    """No meeting typed in after a close, no field overwritten at one."""
    closed = data["opportunities"].select("opportunity_id", "closed_at")
    activities = data["activities"].join(closed, on="opportunity_id", how="left", maintain_order="left")
    late = (pl.col("recorded_at") > pl.col("closed_at")).fill_null(value=False)
    changes = data["field_changes"].join(closed, on="opportunity_id", how="left", maintain_order="left")
    at_close = (pl.col("at") >= pl.col("closed_at")).fill_null(value=False)
    return _with(
        data,
        activities=activities.filter(~late).drop("closed_at"),
        field_changes=changes.filter(~at_close).drop("closed_at"),
    )


def with_stronger_traps(data: CanonicalData, seed: int) -> CanonicalData:
    """Twelve meetings before each win typed in after it; the amount of each lost deal overwritten by 0."""
    deals = data["opportunities"]
    lost = deals.filter(pl.col("outcome") == "lost").select("opportunity_id", pl.col("closed_at").alias("at"))
    zeros = lost.with_columns(
        pl.lit("amount").alias("field"), pl.lit("0.00").alias("value"), pl.col("at").alias("recorded_at")
    )
    changes = pl.concat([data["field_changes"], zeros], how="diagonal").unique(
        ["opportunity_id", "at", "field"], keep="last", maintain_order=True
    )
    amount = pl.when(pl.col("outcome") == "lost").then(0.0).otherwise("amount").alias("amount")
    return _with(
        data,
        opportunities=deals.with_columns(amount),
        field_changes=changes,
        activities=pl.concat([data["activities"], _backfilled(data, seed)], how="diagonal"),
    )


def read_by_one_clock(data: CanonicalData) -> CanonicalData:
    """As one reads who takes every record for known when it happened: the traps snap."""
    recorded = pl.lit(None, TIME).alias("recorded_at")
    return _with(data, activities=data["activities"].with_columns(recorded))


def _backfilled(data: CanonicalData, seed: int) -> pl.DataFrame:
    won = data["opportunities"].filter(pl.col("outcome") == "won")
    rng = np.random.default_rng([seed, 9])
    rows = won.select("opportunity_id", "account_id", "rep_id", "created_at", "closed_at")
    rows = rows[np.repeat(np.arange(len(rows)), BACKFILLED)]
    before = pl.Series(rng.uniform(0.02, WITHIN_DAYS, len(rows)) * 86_400e6).cast(pl.Duration("us"))
    after = pl.Series(rng.uniform(0.1, 5.0, len(rows)) * 86_400e6).cast(pl.Duration("us"))
    return (
        rows.with_columns(
            (pl.col("closed_at") - before).alias("at"),
            (pl.col("closed_at") + after).alias("recorded_at"),
            pl.Series("activity_id", [f"B-{i:06d}" for i in range(len(rows))]),
            pl.lit("meeting").alias("kind"),
            pl.lit("held").alias("outcome"),
            pl.lit(2700.0).alias("duration_s"),
        )
        .filter(pl.col("at") > pl.col("created_at"))
        .drop("created_at", "closed_at")
    )


def _with(data: CanonicalData, **tables: pl.DataFrame) -> CanonicalData:
    changed: Mapping[str, pl.DataFrame] = MappingProxyType({**data.tables, **tables})
    return replace(data, tables=changed)
