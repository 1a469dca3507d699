"""What the pandas contenders share: tables in memory, and their answer as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.columns import COLUMNS, Columns


@dataclass(frozen=True)
class Tables:
    """Frames with int32 keys, categorical kinds and float64 durations; instants as int64 microseconds."""

    activities: pd.DataFrame
    stage_changes: pd.DataFrame
    snapshots: pd.DataFrame


def prepare(folder: Path, threads: int) -> Tables:  # noqa: ARG001  (pandas knows but one)
    activities = pd.read_parquet(
        folder / "activities.parquet", columns=["opportunity", "at", "kind", "contact", "duration_s"]
    )
    moves = pd.read_parquet(folder / "stage_changes.parquet", columns=["opportunity", "at"])
    snapshots = pd.read_parquet(folder / "snapshots.parquet")
    for frame, column in ((activities, "at"), (moves, "at"), (snapshots, "as_of")):
        frame[column] = frame[column].astype("datetime64[us]").astype("int64")
    return Tables(activities, moves, snapshots)


def columns(frame: pd.DataFrame) -> Columns:
    """The answer in the order of the snapshots."""
    return {name: frame[name].to_numpy("float64") for name in COLUMNS}
