"""Rows as tables in DuckDB, and beside them what SQL could not read by itself: numbers and times out of
text, wall times, holidays.

The SQL stands in the files beside this one. `common.sql` says what each snapshot sees; every other
file makes one table of the same name, with a row per snapshot and a column per feature.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import duckdb
import holidays
import pyarrow as pa

from features.errors import DataError
from features.times import parse_instant

if TYPE_CHECKING:
    from features.conventions import Conventions
    from tests.factories import Row, Rows

Entity = Literal["opportunity", "account"]
Snapshot = tuple[str, int]

HERE = Path(__file__).parent
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXT, TIME, NUMBER = pa.string(), pa.int64(), pa.float64()
RENAMED = {"happened": "at"}  # `at` is a word of DuckDB's own
COLUMNS: Mapping[str, Mapping[str, pa.DataType]] = {
    "accounts": {"account_id": TEXT, "industry": TEXT, "region": TEXT, "created_at": TIME},
    "contacts": {"contact_id": TEXT, "account_id": TEXT, "role": TEXT, "created_at": TIME},
    "reps": {"rep_id": TEXT, "team_id": TEXT, "hired_at": TIME},
    "leads": {
        "lead_id": TEXT, "created_at": TIME, "source": TEXT, "first_response_at": TIME,
        "converted_at": TIME, "opportunity_id": TEXT,
    },
    "opportunities": {
        "opportunity_id": TEXT, "account_id": TEXT, "rep_id": TEXT, "created_at": TIME, "kind": TEXT,
        "source": TEXT, "product": TEXT, "amount": NUMBER, "expected_close_at": TIME, "closed_at": TIME,
        "outcome": TEXT,
    },
    "stage_changes": {"opportunity_id": TEXT, "happened": TIME, "stage": TEXT, "recorded_at": TIME},
    "field_changes": {
        "opportunity_id": TEXT, "happened": TIME, "field": TEXT, "value": TEXT, "recorded_at": TIME,
        "amount": NUMBER, "close_at": TIME,
    },
    "activities": {
        "activity_id": TEXT, "happened": TIME, "kind": TEXT, "opportunity_id": TEXT, "account_id": TEXT,
        "rep_id": TEXT, "contact_id": TEXT, "direction": TEXT, "outcome": TEXT, "duration_s": NUMBER,
        "recorded_at": TIME,
    },
    "orders": {
        "order_id": TEXT, "account_id": TEXT, "happened": TIME, "amount": NUMBER, "product": TEXT,
        "recorded_at": TIME,
    },
    "snapshots": {"n": TIME, "opportunity_id": TEXT, "account_id": TEXT, "as_of": TIME},
    "stages": {"stage": TEXT, "position": TIME},
    "fixed": {"field": TEXT},
    "working_weekdays": {"weekday": TIME},
    "holidays": {"day": TIME},
    "wall_times": {"instant": TIME, "wall": TIME},
}  # fmt: skip


@contextmanager
def opened(
    rows: Rows, conventions: Conventions, snapshots: Sequence[Snapshot], entity: Entity
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A data base that holds the rows and, by `common.sql`, what each snapshot sees of them.

    Raises:
        KeyError: a snapshot of an opportunity that the rows lack.
    """
    tables: dict[str, Iterable[Row]] = {
        **rows,
        "snapshots": _snapshots(rows, snapshots, entity),
        "field_changes": _read_values(rows.get("field_changes", ()), conventions.time_zone),
        "stages": [{"stage": stage, "position": i} for i, stage in enumerate(conventions.stages)],
        "fixed": [{"field": name} for name in conventions.fixed],
        "working_weekdays": [
            {"weekday": day} for day in getattr(conventions, "working_days", (1, 2, 3, 4, 5))
        ],
        "holidays": _holidays(getattr(conventions, "holidays", "")),
    }
    tables["wall_times"] = _wall_times(tables, conventions.time_zone)
    with duckdb.connect(":memory:", config={"threads": 1}) as base:
        for name, columns in COLUMNS.items():
            _load(base, name, columns, list(tables.get(name, ())))
        run(base, "common")
        yield base


def run(base: duckdb.DuckDBPyConnection, name: str) -> None:
    """Run the statements of `NAME.sql`."""
    base.execute((HERE / f"{name}.sql").read_text(encoding="utf-8"))


def fetched(base: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """The rows of a query."""
    base.execute(query)
    names = [column[0] for column in base.description or ()]
    return [dict(zip(names, row, strict=True)) for row in base.fetchall()]


def _load(
    base: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, pa.DataType], rows: Sequence[Row]
) -> None:
    cells = {
        column: pa.array([_cell(row.get(RENAMED.get(column, column)), kind) for row in rows], kind)
        for column, kind in columns.items()
    }
    base.register("loading", pa.table(cells))
    base.execute(f'CREATE TABLE "{name}" AS SELECT * FROM loading')
    base.unregister("loading")


def _cell(value: Any, kind: pa.DataType) -> Any:
    return float(value) if kind == NUMBER and value is not None else value


def _snapshots(rows: Rows, snapshots: Sequence[Snapshot], entity: Entity) -> list[Row]:
    if entity == "opportunity":
        known = {row["opportunity_id"] for row in rows["opportunities"]}
        for name, _ in snapshots:
            if name not in known:
                raise KeyError(name)
    return [{"n": n, f"{entity}_id": name, "as_of": as_of} for n, (name, as_of) in enumerate(snapshots)]


def _read_values(changes: Iterable[Row], time_zone: str) -> list[Row]:
    return [
        {
            **row,
            "amount": _number(row["value"]) if row["field"] == "amount" else None,
            "close_at": _instant(row["value"], time_zone) if row["field"] == "expected_close_at" else None,
        }
        for row in changes
    ]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _instant(text: str, time_zone: str) -> int | None:
    try:
        return parse_instant(text, time_zone)
    except DataError:
        return None


@lru_cache
def _holidays(country: str) -> Sequence[Row]:
    """The days since 1970-01-01 of a country's holidays, or of a part's as in "DE-BY"."""
    if not country:
        return []
    name, _, part = country.partition("-")
    found = holidays.country_holidays(name, subdiv=part or None, years=range(1990, 2061))
    return [{"day": (day - date(1970, 1, 1)).days} for day in found]


def _wall_times(tables: Mapping[str, Iterable[Row]], time_zone: str) -> list[Row]:
    """What the clock on the wall showed, as microseconds since 1970-01-01 on that wall."""
    columns = {
        "snapshots": "as_of", "activities": "at", "opportunities": "expected_close_at",
        "field_changes": "close_at",
    }  # fmt: skip
    instants = {row.get(column) for table, column in columns.items() for row in tables.get(table, ())}
    zone = ZoneInfo(time_zone)
    return [
        {"instant": instant, "wall": instant + _offset(instant, zone)}
        for instant in sorted(instant for instant in instants if instant is not None)
    ]


def _offset(instant: int, zone: ZoneInfo) -> int:
    offset = (EPOCH + timedelta(microseconds=instant)).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // timedelta(microseconds=1)
