"""Sentences on a clean data set as a whole: what it lacks, and what therefore is left out."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from features.canonical import CanonicalData
from features.tables import OPPORTUNITIES, TABLES, Kind

# Columns of `opportunities` that are taken never to change after the creation.
FIXED = ("kind", "source", "product", "currency")


def notes_on(data: CanonicalData) -> tuple[str, ...]:
    """What there is to say of the data set; columns and counts only, no values."""
    return (
        *_absent(data),
        *_nothing_left(data),
        *_without_history(data),
        *_fixed_yet_changing(data),
        *_unknown_fixed_fields(data),
        *_extra_columns(data),
        *_unknown_entities(data),
        *_stage_order(data),
    )


def _absent(data: CanonicalData) -> Iterator[str]:
    absent = [name for name in TABLES if name in data.absent]
    if absent:
        yield f"tables not in the data set: {', '.join(absent)}; features that need them are empty"


def _nothing_left(data: CanonicalData) -> Iterator[str]:
    for name, frame in data.tables.items():
        if name not in data.absent and frame.is_empty():
            yield f"{name} is there but has no usable row"


def _without_history(data: CanonicalData) -> Iterator[str]:
    changing = _changes_by_field(data)
    for column in OPPORTUNITIES.columns:
        if not column.mutable or column.name in changing or column.name in data.config.fixed_fields:
            continue
        if data["opportunities"][column.name].null_count() < data["opportunities"].height:
            yield (
                f"{column.name} has no history in field_changes and is left out of the features; "
                f"add its changes, or name it in fixed_fields of pipeline.toml if it never changes"
            )


def _fixed_yet_changing(data: CanonicalData) -> Iterator[str]:
    changing = _changes_by_field(data)
    for name in dict.fromkeys((*FIXED, *data.config.fixed_fields)):
        if name in changing:
            yield (
                f"{name} of opportunities is taken as fixed, but field_changes holds "
                f"{changing[name]:,} changes of it; where the CRM rewrites it, the table shows the last value"
            )


def _unknown_fixed_fields(data: CanonicalData) -> Iterator[str]:
    for name in data.config.fixed_fields:
        table, own = _placed(name)
        if own not in data[table].columns:
            yield f"fixed_fields of pipeline.toml names {own}, which {table} does not have"


def _extra_columns(data: CanonicalData) -> Iterator[str]:
    """Further columns that are to be features and cannot be, or that are empty."""
    changing = _changes_by_field(data)
    for name in (*data.config.extra_categories, *data.config.extra_numbers):
        table, own = _placed(name)
        there = own in data[table].columns
        if name in data.config.fixed_fields:
            if not there:
                yield f"{own}, an extra feature, is no column of {table}; the feature is empty"
        elif name not in changing:
            yield (
                f"{own} of {table}, an extra feature, has no history in field_changes and is left out; "
                f"add its changes, or name {name} in fixed_fields of pipeline.toml if it never changes"
            )


def _placed(name: str) -> tuple[str, str]:
    """Table and column of a name that may begin with its table."""
    table, _, own = name.rpartition(".")
    return table or "opportunities", own


def _unknown_entities(data: CanonicalData) -> Iterator[str]:
    """References to accounts, contacts and reps that their tables, being there, do not list."""
    for table in TABLES.values():
        for column in table.columns:
            other = column.refers_to
            if (
                column.kind is not Kind.REFERENCE
                or other is None
                or other in data.absent
                or other == table.name
            ):
                continue
            known = data[other][TABLES[other].key[0]]
            named = data[table.name][column.name].drop_nulls()
            unknown = named.filter(~named.is_in(known.implode()))
            if len(unknown):
                yield (
                    f"{table.name}.{column.name}: {len(unknown):,} rows name {unknown.n_unique():,} {other} "
                    f"that {other} does not list; they are kept and known by name only"
                )


def _stage_order(data: CanonicalData) -> Iterator[str]:
    if not data.config.stages:
        yield (
            "no order of stages is given; it is worked out from the data: "
            "name the open stages in order as stages in pipeline.toml to fix it"
        )


def _changes_by_field(data: CanonicalData) -> dict[str, int]:
    return dict(data["field_changes"].group_by("field").agg(pl.len()).iter_rows())
