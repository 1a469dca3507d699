"""Repeated keys: exact repeats, revisions, and rows that contradict each other."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from features.rules import POSITION
from features.tables import Table

_KNOWN_FROM = "\0known from"


@dataclass(frozen=True)
class Distinct:
    """A table without repeats.

    Attributes:
        frame: the rows that stay, in the order in which they came.
        repeats: how many rows equalled an earlier one in all columns.
        contradicting: positions of the rows whose key stands for another content already.
        revisions: how many of the rows that stay are later versions of another one.
    """

    frame: pl.DataFrame
    repeats: int
    contradicting: pl.Series
    revisions: int


def distinct(frame: pl.DataFrame, table: Table) -> Distinct:
    """The table without exact repeats and with one row per version of a key.

    In a table of two clocks, rows of one key that became known at different times are versions
    of a record, and all stay. Of rows of the same version, or of the same key elsewhere, the
    content decides which one stays (an opportunity's latest close and any other's earliest
    creation before everything else, then the largest value column by column), so that the order
    of the file does not, and a row that was made later changes nothing before.
    """
    doubled = _doubled(frame, table.key)
    none = pl.Series(dtype=pl.UInt32)
    if not doubled.any():
        return Distinct(frame, 0, none, 0)
    several = frame.filter(doubled)
    content = [column for column in frame.columns if column != POSITION]
    unequal = several.unique(subset=content, keep="first", maintain_order=True)
    chosen = _one_per_version(unequal, table)
    contradicting = unequal.join(chosen, on=POSITION, how="anti")[POSITION].sort()
    dropped = several.join(chosen, on=POSITION, how="anti")[POSITION]
    return Distinct(
        frame.filter(~pl.col(POSITION).is_in(dropped.implode())),
        several.height - unequal.height,
        contradicting,
        chosen.height - chosen.select(table.key).n_unique(),
    )


def _doubled(frame: pl.DataFrame, key: tuple[str, ...]) -> pl.Series:
    keys = pl.col(key[0]) if len(key) == 1 else pl.struct(key)
    return frame.select(keys.is_duplicated().alias("doubled")).to_series()


def _one_per_version(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    version = list(table.key)
    if table.has_two_clocks:
        frame = frame.with_columns(pl.coalesce("recorded_at", "at").alias(_KNOWN_FROM))
        version.append(_KNOWN_FROM)
    order = _preference(frame, table)
    falling = [name != "created_at" or table.name == "opportunities" for name in order]
    ranked = frame.sort(order, descending=falling, nulls_last=True)
    return ranked.unique(subset=version, keep="first", maintain_order=True)


def _preference(frame: pl.DataFrame, table: Table) -> list[str]:
    """Columns by which contradicting rows are ranked; further ones by name, as files differ in order."""
    by_time = "closed_at" if table.name == "opportunities" else "created_at"
    first = [by_time] if by_time in frame.columns else []
    further = sorted(set(frame.columns) - set(table.column_names) - {POSITION, _KNOWN_FROM})
    return [*first, *(name for name in table.column_names if name not in first), *further]
