"""The declaration of a table as a pandera schema: the last look at a clean table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from features.canonical import PHYSICAL
from features.tables import Column, Kind, Table
from features.times import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    import pandera.polars as pa


def pandera_schema(table: Table) -> pa.DataFrameSchema:
    """The schema of a clean table, made from its declaration.

    It asks for every canonical column in its physical type, values in the required ones, closed
    categories, smallest numbers, possible years, and one row per key where the table has no
    second clock (elsewhere a repeated key is a revision). Further columns may stand beside them.

    Pandera is imported here and not above, since that alone takes a second or two.
    """
    import pandera.polars as pa

    columns = {
        column.name: pa.Column(
            PHYSICAL[column.kind], nullable=not column.required, checks=_checks(column, pa), required=True
        )
        for column in table.columns
    }
    unique = None if table.has_two_clocks else list(table.key)
    return pa.DataFrameSchema(columns, strict=False, coerce=False, unique=unique, name=table.name)


def conform(table: Table, frame: pl.DataFrame) -> None:
    """Check a clean table against its schema.

    Raises:
        RuntimeError: it does not conform, which is a fault of the cleaning and not of the data.
            The message names columns and checks, never values.
    """
    import pandera.polars as pa

    try:
        pandera_schema(table).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        broken = error.failure_cases.select("column", "check").unique().sort("column", "check").rows()
        what = "; ".join(f"`{column}` breaks {check}" for column, check in broken)
    else:
        return
    # Outside the handler, so that pandera's message, which quotes values, is not chained.
    raise RuntimeError(
        f"{table.name}: a bug in the cleaning let through what its declaration forbids: {what}"
    )


def _checks(column: Column, pa: Any) -> list[Any]:
    checks = []
    if column.kind is Kind.TIME:
        first, last = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
        checks.append(pa.Check.in_range(first, last, include_max=False))
    if column.kind is Kind.NUMBER:
        checks.append(pa.Check(_finite, name="finite"))
    if column.minimum is not None:
        checks.append(pa.Check.ge(column.minimum))
    if column.allowed:
        checks.append(pa.Check.isin(column.allowed))
    return checks


def _finite(data: Any) -> pl.LazyFrame:
    finite: pl.LazyFrame = data.lazyframe.select(pl.col(data.key).is_finite())
    return finite
