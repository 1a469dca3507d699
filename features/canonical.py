"""A canonical data set in memory: clean tables of declared types, and their configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import polars as pl

from features.config import FILE_NAME, PipelineConfig
from features.tables import TABLES, Kind, Table
from features.times import from_micros, to_micros

TIME = pl.Datetime("us", "UTC")
_RECORDED_AT = pl.coalesce("recorded_at", "at").alias("recorded_at")
PHYSICAL: Mapping[Kind, pl.DataType] = MappingProxyType(
    {
        Kind.KEY: pl.String(),
        Kind.REFERENCE: pl.String(),
        Kind.TIME: TIME,
        Kind.NUMBER: pl.Float64(),
        Kind.CATEGORY: pl.String(),
        Kind.TEXT: pl.String(),
    }
)


def empty_table(table: Table) -> pl.DataFrame:
    """The table without a row, its columns of their physical types."""
    return pl.DataFrame(schema={column.name: PHYSICAL[column.kind] for column in table.columns})


@dataclass(frozen=True)
class CanonicalData:
    """Clean canonical tables.

    Attributes:
        tables: every canonical table by name (one that the source lacks is empty), with all
            canonical columns (one that the source lacks is null) and any further ones as text.
        config: what `pipeline.toml` says, or the defaults.
        absent: names of the tables which the source did not have.
    """

    tables: Mapping[str, pl.DataFrame]
    config: PipelineConfig = field(default_factory=PipelineConfig)
    absent: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self.tables[name]

    def watermark(self) -> int:
        """The latest instant at which anything was recorded: up to when these data know.

        Microseconds; a record's `recorded_at` counts (`at` where it is missing), an opportunity's
        creation and close too. An activity without a `recorded_at` may be planned for a time that
        lies far ahead, and tells nothing.
        """
        latest: list[datetime] = []
        for name, columns in _WATERMARKS.items():
            frame = self.tables[name]
            for column in columns:
                implied = column == "recorded_at" and name != "activities"
                value = frame.select(_RECORDED_AT if implied else column).max().item()
                if value is not None:
                    latest.append(value)
        return to_micros(max(latest)) if latest else 0

    def known_at(self, as_of: int) -> CanonicalData:
        """What these data were at `as_of` (microseconds): nothing recorded later is in them.

        A deal closed later is open again. Mutable columns of `opportunities` keep the last
        value, which is why nothing may read them without a history.
        """
        when = pl.lit(from_micros(as_of), dtype=TIME)
        tables = {name: _known_at(TABLES[name], frame, when) for name, frame in self.tables.items()}
        return replace(self, tables=MappingProxyType(tables))

    def write(self, folder: Path) -> None:
        """Write one Parquet file per table that is not absent, and `pipeline.toml`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in self.tables.items():
            if name not in self.absent:
                frame.write_parquet(folder / f"{name}.parquet")
        (folder / FILE_NAME).write_text(self.config.to_toml(), encoding="utf-8")


_WATERMARKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "opportunities": ("created_at", "closed_at"),
        **{table.name: ("recorded_at",) for table in TABLES.values() if table.has_two_clocks},
    }
)
# Times of facts in tables without two clocks: what they say is not known before them.
_FACTS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "opportunities": {"closed_at": ("closed_at", "outcome", "loss_reason")},
        "accounts": {"churned_at": ("churned_at",)},
        "leads": {
            "first_response_at": ("first_response_at",),
            "converted_at": ("converted_at", "opportunity_id"),
        },
    }
)


def _known_at(table: Table, frame: pl.DataFrame, when: pl.Expr) -> pl.DataFrame:
    if table.has_two_clocks:
        return frame.filter(when >= _RECORDED_AT)
    if "created_at" in table.column_names:
        frame = frame.filter(pl.col("created_at").is_null() | (pl.col("created_at") <= when))
    for time, columns in _FACTS.get(table.name, {}).items():
        later = pl.col(time) > when
        frame = frame.with_columns(pl.when(later).then(None).otherwise(pl.col(c)).alias(c) for c in columns)
    return frame
