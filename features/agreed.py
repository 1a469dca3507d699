"""The conventions of a data set: what `pipeline.toml` says, and the rest as the data show it."""

from __future__ import annotations

import polars as pl

from features.canonical import CanonicalData
from features.conventions import CATEGORICAL_FIELDS, NUMERIC_FIELDS, OWNER_FIELD, TIME_FIELDS, Conventions
from features.tables import OPPORTUNITIES

CLOSING_SHARE, CLOSING_DEALS = 0.95, 20


def conventions_of(data: CanonicalData, known_at: int | None = None) -> Conventions:
    """The conventions of a data set, worked out from what was known at `known_at` (microseconds).

    A column that never changes by nature (kind, source, product) counts as mutable as soon as
    `field_changes` holds a change of it: its column then shows the last value.
    """
    config = data.config
    known = data if known_at is None else data.known_at(known_at)
    changed = set(known["field_changes"]["field"].unique())
    by_nature = {column.name for column in OPPORTUNITIES.columns if not column.mutable} - changed
    custom = (*config.extra_categories, *config.extra_numbers)
    fields = (*CATEGORICAL_FIELDS, *NUMERIC_FIELDS, *TIME_FIELDS, OWNER_FIELD, *custom)
    fixed = tuple(f for f in fields if f in by_nature or f in config.fixed_fields)
    return Conventions(
        config.stages or stage_order(known), fixed, config.time_zone, config.working_days,
        config.holidays, config.extra_categories, config.extra_numbers,
    )  # fmt: skip


def stage_order(data: CanonicalData) -> tuple[str, ...]:
    """The open stages in the order in which deals go through them.

    A stage comes before another if most deals that saw both entered it first; stages are sorted
    by how many others they come before (the Copeland order), then by name. A move at or after
    the close is not a move to an open stage, nor is one to a stage in which nearly every deal was
    closed within a day of entering it.
    """
    closes = data["opportunities"].select("opportunity_id", "closed_at")
    moves = data["stage_changes"].join(closes, on="opportunity_id")
    moves = moves.filter(pl.col("closed_at").is_null() | (pl.col("at") < pl.col("closed_at")))
    moves = moves.filter(~pl.col("stage").is_in(_closing(moves).implode()))
    first = moves.group_by("opportunity_id", "stage").agg(pl.col("at").min())
    pairs = first.join(first, on="opportunity_id", suffix="_other").filter(pl.col("at") < pl.col("at_other"))
    counts = pairs.group_by("stage", "stage_other").len()
    both = counts.join(
        counts,
        left_on=["stage", "stage_other"],
        right_on=["stage_other", "stage"],
        how="left",
        suffix="_back",
    )
    ahead = both.filter(pl.col("len") > pl.col("len_back").fill_null(0))
    score = dict(ahead.group_by("stage").len().iter_rows())
    return tuple(sorted(first["stage"].unique(), key=lambda stage: (-score.get(stage, 0), stage)))


def _closing(moves: pl.DataFrame) -> pl.Series:
    """The stages that are a close by another name: their deals close within a day, nearly all."""
    soon = (pl.col("closed_at") - pl.col("at") <= pl.duration(days=1)).fill_null(False)
    shares = moves.group_by("stage").agg(soon.mean().alias("share"), pl.len().alias("deals"))
    return shares.filter((pl.col("share") >= CLOSING_SHARE) & (pl.col("deals") >= CLOSING_DEALS))["stage"]
