"""dealcast: the canonical tables, their history, and the features of the snapshots, under both clocks.

Three rows of the report: `FEATURES` (the columns of the comparison, the history being ready), `HISTORY`
(the history from the canonical tables), `CATALOGUE` (every feature there is). Everything that the
benchmarks ask of the engine is asked in this file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from benchmarks.columns import COLUMNS, Columns
from benchmarks.world import STAGES
from features.agreed import conventions_of
from features.build import build_features
from features.canonical import PHYSICAL, TIME, CanonicalData
from features.config import PipelineConfig
from features.conventions import Conventions
from features.frame import FeatureFrame
from features.from_rows import history_from_rows
from features.from_tables import history_from_tables
from features.history import History
from features.snapshots import Snapshots
from features.tables import ROLES, TABLES, Table

REPS = 500
_READING = Conventions(STAGES)  # a model's own, kept between requests


@dataclass(frozen=True)
class Part:
    """One row of the report."""

    prepare: Callable[[Path, int], Any]
    run: Callable[[Any], Any]
    columns: Callable[[Any], Columns] | None = None


@dataclass(frozen=True)
class Ready:
    history: History
    snapshots: Snapshots
    threads: int


def history_of(data: CanonicalData) -> History:
    return history_from_tables(data, conventions_of(data))


def ready(folder: Path, threads: int) -> Ready:
    snapshots = pl.read_parquet(folder / "snapshots.parquet")
    # The opportunities' ids are sorted as their numbers are, so that the numbers are the codes.
    codes = snapshots["opportunity"].cast(pl.Int64).to_numpy(writable=True)
    as_of = snapshots["as_of"].to_physical().to_numpy(writable=True)
    return Ready(history_of(canonical(folder, threads)), Snapshots(codes, as_of), threads)


def chosen(made: Ready) -> FeatureFrame:
    return build_features(made.history, made.snapshots, only=COLUMNS, threads=made.threads)


def catalogue(made: Ready) -> FeatureFrame:
    return build_features(made.history, made.snapshots, threads=made.threads)


def columns(frame: FeatureFrame) -> Columns:
    return {f.name: frame.values[:, place] for place, f in enumerate(frame.features) if f.name in COLUMNS}


def one(
    tables: Mapping[str, Sequence[Mapping[str, Any]]], as_of: int, *, whole: bool = False
) -> FeatureFrame:
    """The features of one request's only opportunity, from its decoded records."""
    import numpy as np

    history = history_from_rows(tables, _READING)
    snapshot = Snapshots(np.zeros(1, np.int64), np.array([as_of], np.int64))
    return build_features(history, snapshot, only=None if whole else COLUMNS)


def canonical(folder: Path, threads: int) -> CanonicalData:  # noqa: ARG001
    """The data set as clean canonical tables: numbers become texts, the rest of the columns is empty."""
    deals = pl.scan_parquet(folder / "opportunities.parquet")
    accounts = deals.select("opportunity", "account")
    activities = pl.scan_parquet(folder / "activities.parquet")
    moves = pl.scan_parquet(folder / "stage_changes.parquet")
    contacts = activities.select("opportunity", "contact").unique("contact").join(accounts, on="opportunity")
    made = {
        "opportunities": deals.select(
            _id("opportunity"),
            _id("account"),
            _rep(),
            "created_at",
            "closed_at",
            outcome=pl.when("won").then(pl.lit("won")).otherwise(pl.lit("lost")),
        ),
        "accounts": accounts.unique("account").select(_id("account")),
        "contacts": contacts.sort("contact").select(
            _id("contact"), _id("account"), role=(pl.col("contact") % len(ROLES)).replace_strict(_numbered())
        ),
        "stage_changes": moves.select(_id("opportunity"), "at", "stage"),
        "activities": activities.with_row_index("activity").select(
            _id("activity"), _id("opportunity"), _id("contact"), _rep(),
            "at", "recorded_at", "kind", "direction", "outcome", "duration_s",
        ),
    }  # fmt: skip
    tables = {name: _table(table, made.get(name)) for name, table in TABLES.items()}
    absent = frozenset(TABLES) - frozenset(made)
    return CanonicalData(MappingProxyType(tables), PipelineConfig(stages=STAGES), absent)


def _numbered() -> dict[int, str]:
    return dict(enumerate(ROLES))


def _id(name: str) -> pl.Expr:
    return (pl.lit(name[0]) + pl.col(name).cast(pl.String).str.zfill(9)).alias(f"{name}_id")


def _rep() -> pl.Expr:
    return (pl.lit("r") + (pl.col("opportunity") % REPS).cast(pl.String).str.zfill(4)).alias("rep_id")


def _table(table: Table, made: pl.LazyFrame | None) -> pl.DataFrame:
    """All canonical columns in their physical types, those that were not made empty."""
    schema = {column.name: PHYSICAL[column.kind] for column in table.columns}
    if made is None:
        return pl.DataFrame(schema=schema)
    names = made.collect_schema().names()
    columns = [
        _typed(name, type_) if name in names else pl.lit(None, type_).alias(name)
        for name, type_ in schema.items()
    ]
    return made.select(columns).collect()


def _typed(name: str, type_: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    return column.dt.replace_time_zone("UTC") if type_ == TIME else column.cast(type_)


FEATURES = Part(ready, chosen, columns)
HISTORY = Part(canonical, history_of)
CATALOGUE = Part(ready, catalogue, columns)
