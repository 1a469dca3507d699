"""The proof by contradiction: columns read as fixed that their own history says have changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from features.audit.columns import OF_ACCOUNTS, fixed_by_nature, read_as_fixed, row_values
from features.audit.findings import Finding, Level, first_keys
from features.audit.moments import KNOWN
from features.canonical import TIME, CanonicalData
from features.errors import DataError
from features.times import iso, parse_instant, to_micros

CENT = 0.005  # amounts closer than this are the same


def contradictions(data: CanonicalData) -> Iterator[Finding]:
    """Columns read as fixed of which `field_changes` knows other values than the row shows.

    A row that shows the first value and not the last is out of date, and tells no future; it
    does not count.
    """
    fixed = read_as_fixed(data)
    for column in fixed:
        deals = contradicted(data, column)
        if len(deals):
            yield _proof(column, deals)
    yield from _overwritten_before_the_first_change(data, fixed)


def contradicted(data: CanonicalData, column: str) -> pl.Series:
    """Keys of the deals whose row shows another value of a column than was known earlier."""
    rows = row_values(data, column)
    changes = data["field_changes"].filter(pl.col("field") == column).sort(KNOWN, "at", "value")
    if rows is None or changes.is_empty() or rows["row"].null_count() == len(rows):
        return pl.Series("opportunity_id", [], dtype=pl.String)
    dtype, zone = rows["row"].dtype, data.config.time_zone
    both = changes.join(rows, on="opportunity_id", maintain_order="left").with_columns(
        KNOWN.alias("known"),
        _plain("row", rows["row"], dtype, zone),
        _plain("value", changes["value"], dtype, zone),
    )
    both = both.filter(pl.col("value").is_not_null()).with_columns(_differs().alias("differs"))
    by_deal = both.group_by("opportunity_id", maintain_order=True).agg(
        pl.col("differs").any().alias("any"),
        pl.col("differs").first().alias("first"),
        pl.col("differs").sort_by("at", "known").last().alias("last"),
    )
    overwritten = pl.col("any") & (pl.col("first") | ~pl.col("last"))
    return by_deal.filter(overwritten)["opportunity_id"]


def _plain(name: str, values: pl.Series, dtype: pl.DataType, time_zone: str) -> pl.Expr:
    """An expression for a column as texts that are equal where contents are; null for what is none."""
    if values.dtype == TIME:
        return pl.col(name).to_physical().cast(pl.String)
    texts = values.cast(pl.String).drop_nulls().unique()
    plain = {text: _plain_text(text.strip(), dtype, time_zone) for text in texts}
    return pl.col(name).cast(pl.String).replace_strict(plain, default=None, return_dtype=pl.String)


def _plain_text(text: str, dtype: pl.DataType, time_zone: str) -> str | None:
    """A number or a time as text in one form; text of its own for a column of texts alone."""
    number = None if dtype == TIME else _number(text)
    instant = None if dtype.is_numeric() or number else _instant(text, time_zone)
    return number or instant or (text if dtype == pl.String else None)


def _number(text: str) -> str | None:
    try:
        return repr(float(text))
    except ValueError:
        return None


def _instant(text: str, time_zone: str) -> str | None:
    try:
        return str(parse_instant(text, time_zone))
    except DataError:
        return None


def _differs() -> pl.Expr:
    row, value = pl.col("row"), pl.col("value")
    near = (row.cast(pl.Float64, strict=False) - value.cast(pl.Float64, strict=False)).abs() <= CENT
    return row.ne_missing(value) & ~near.fill_null(False)


def _proof(column: str, deals: pl.Series) -> Finding:
    return Finding(
        Level.PROOF,
        "fixed_yet_changed",
        column if column.startswith(OF_ACCOUNTS) else f"opportunities.{column}",
        f"read as fixed, but field_changes knows another, earlier value of {len(deals):,} deals; the "
        "table shows the last value, so that snapshots from before the change are told the future",
        "take it out of fixed_fields in pipeline.toml; it is then read from field_changes",
        {"deals": len(deals)},
        first_keys(deals),
    )


def _overwritten_before_the_first_change(data: CanonicalData, fixed: Iterable[str]) -> Iterator[Finding]:
    """Columns fixed by nature until their first change was known: rows read before it are overwritten."""
    changes = data["field_changes"]
    for column in fixed_by_nature():
        told = changes.filter(pl.col("field") == column).select(KNOWN.min()).item()
        if column in fixed or told is None:
            continue
        earlier = pl.lit(told, dtype=TIME) > pl.col("created_at")
        created = data["opportunities"].filter(earlier)["opportunity_id"]
        deals = contradicted(data, column)
        deals = deals.filter(deals.is_in(created.implode()))
        if len(deals):
            yield Finding(
                Level.SUSPECT,
                "fixed_until_changed",
                f"opportunities.{column}",
                f"its first change became known at {iso(to_micros(told))}; before that the row is read, "
                f"which shows a later value of {len(deals):,} deals",
                "train and test at later cut-offs only, or have the export tell earlier changes too",
                {"deals": len(deals)},
                first_keys(deals),
            )
