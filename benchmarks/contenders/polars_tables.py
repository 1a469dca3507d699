"""What the Polars contenders share: tables in memory, and their answer as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.columns import COLUMNS, DAY, Columns

ACTIVITY_COLUMNS = ("opportunity", "at", "kind", "contact", "duration_s")


@dataclass(frozen=True)
class Tables:
    """Frames in Polars' own types: integers for keys, Datetime in microseconds, Categorical kinds."""

    activities: pl.DataFrame
    stage_changes: pl.DataFrame
    snapshots: pl.DataFrame


def prepare(folder: Path, threads: int) -> Tables:  # noqa: ARG001  (POLARS_MAX_THREADS is set outside)
    return Tables(
        pl.read_parquet(folder / "activities.parquet", columns=list(ACTIVITY_COLUMNS)).rechunk(),
        pl.read_parquet(folder / "stage_changes.parquet", columns=["opportunity", "at"]).rechunk(),
        pl.read_parquet(folder / "snapshots.parquet").rechunk(),
    )


def columns(frame: pl.DataFrame) -> Columns:
    """The answer in the order of the snapshots; null becomes NaN."""
    if "snapshot" in frame.columns:
        frame = frame.sort("snapshot")
    frame = frame.select(pl.col(COLUMNS).cast(pl.Float64).fill_null(np.nan))
    return {name: frame[name].to_numpy() for name in COLUMNS}


def days(span: pl.Expr) -> pl.Expr:
    """A duration as days, float64."""
    return span.dt.total_microseconds() / DAY
