"""Small data sets for tests: literal rows with times in days, or random ones with all that CRMs do.

`Rows` are what a request holds: table -> rows, times in microseconds. Every test data set starts so.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from features.build import NOTHING_KNOWN, Entity, build_features
from features.canonical import PHYSICAL, TIME, CanonicalData
from features.config import PipelineConfig
from features.conventions import Conventions
from features.frame import FeatureFrame
from features.history import History, TextArray
from features.reference import Reference
from features.snapshots import Snapshots
from features.tables import ACTIVITY_KINDS, ACTIVITY_OUTCOMES, DIRECTIONS, ROLES, TABLES, Kind, Table
from features.times import DAY, FloatArray, iso

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]

STAGES = ("lead", "demo", "offer")
WINDOWS = (2, 7, 14, 30, 60, 90, 180, 365)  # days; every window that a feature has


def day(number: float) -> int:
    """Microseconds of a number of days since 1970-01-01."""
    return round(number * DAY)


def in_days(**tables: Iterable[Row]) -> Rows:
    """Rows whose times were given in days."""
    return {name: [_in_micros(TABLES[name], row) for row in rows] for name, rows in tables.items()}


def deal(opportunity_id: str = "d", account_id: str = "a", created_at: float = 0, **columns: Any) -> Row:
    """An opportunity."""
    ids = {"opportunity_id": opportunity_id, "account_id": account_id, "rep_id": "r"}
    return {**ids, "created_at": created_at, **columns}


def data_of(rows: Rows, config: PipelineConfig | None = None) -> CanonicalData:
    """The same rows as clean canonical tables."""
    tables = {name: _frame(table, rows.get(name, ())) for name, table in TABLES.items()}
    return CanonicalData(MappingProxyType(tables), config or PipelineConfig())


def rows_of(data: CanonicalData) -> Rows:
    """The same data set as rows."""
    return {
        name: frame.with_columns(pl.col(TIME).to_physical()).to_dicts() for name, frame in data.tables.items()
    }


def snapshots_of(
    history: History, pairs: Iterable[tuple[str, int]], entity: Entity = "opportunity"
) -> Snapshots:
    """The snapshots of (id, microseconds) pairs."""
    ids, instants = zip(*pairs, strict=True)
    codes = history.opportunity_codes(ids) if entity == "opportunity" else history.account_codes(ids)
    return Snapshots(codes, np.array(instants, np.int64))


def features_at(
    history: History,
    pairs: Iterable[tuple[str, int]],
    entity: Entity = "opportunity",
    reference: Reference = NOTHING_KNOWN,
    only: tuple[str, ...] | None = None,
) -> FeatureFrame:
    """The features of (id, microseconds) pairs."""
    return build_features(history, snapshots_of(history, pairs, entity), entity, reference, only=only)


def bits(frame: FeatureFrame) -> dict[str, list[Any]]:
    """The frame in a form whose equality is that of every bit: NaN equals NaN, 0.0 is not -0.0."""
    return {name: _bits(column) for name, column in frame.columns.items()}


def random_rows(seed: int) -> Rows:
    """A few deals of a few accounts with late, corrected and planned records, some of odd content.

    Nearly all times are whole days, so that ties and window boundaries are common.
    """
    rng = random.Random(seed)
    accounts, deals = [f"a{i}" for i in range(3)], [f"d{i}" for i in range(4)]
    return {
        "accounts": [
            {
                "account_id": name, "created_at": rng.choice([None, _instant(rng)]),
                "industry": rng.choice(["steel", None]), "region": rng.choice(["east", "west", None]),
            }
            for name in accounts[:2]
        ],
        "contacts": [
            {
                "contact_id": f"p{i}", "account_id": rng.choice(accounts), "role": rng.choice([*ROLES, None]),
                "created_at": rng.choice([None, _instant(rng)]),
            }
            for i in range(5)
        ],
        "opportunities": [_random_deal(rng, name, accounts) for name in deals],
        "stage_changes": _with_versions(rng, "stage_changes", 14, lambda: _random_move(rng, deals)),
        "field_changes": _with_versions(rng, "field_changes", 20, lambda: _random_change(rng, deals)),
        "activities": _with_versions(rng, "activities", 40, lambda: _random_activity(rng, deals)),
        "orders": _with_versions(rng, "orders", 15, lambda: _random_order(rng, accounts)),
    }  # fmt: skip


def random_instants(rows: Rows, seed: int, count: int) -> list[int]:
    """Instants at, just before, and a window after times that stand in the rows."""
    rng = random.Random(seed)
    times = [
        row[name]
        for table in rows.values()
        for row in table
        for name in ("at", "recorded_at")
        if row.get(name)
    ]
    shifts = [0, *(days * DAY for days in WINDOWS)]
    return [rng.choice(times) + rng.choice(shifts) - rng.choice([0, 0, 1]) for _ in range(count)]


def conventions_for(seed: int) -> Conventions:
    """Some way of reading a random data set."""
    fixed = [("kind", "source", "product"), ("product",), ("kind", "amount", "expected_close_at")]
    return Conventions(STAGES, fixed[seed % 3], "Asia/Shanghai")


def known_of(row: Row) -> int:
    """When a record became known."""
    return int(row["at"] if row.get("recorded_at") is None else row["recorded_at"])


def _bits(column: FloatArray | TextArray) -> list[Any]:
    if column.dtype == object:
        return column.tolist()
    return np.where(np.isnan(column), np.nan, column).view(np.int64).tolist()


def _in_micros(table: Table, row: Row) -> Row:
    times = {column.name for column in table.columns if column.kind is Kind.TIME}
    return {name: day(value) if name in times and value is not None else value for name, value in row.items()}


def _frame(table: Table, rows: Sequence[Row]) -> pl.DataFrame:
    times = [column.name for column in table.columns if column.kind is Kind.TIME]
    schema = {c.name: pl.Int64() if c.name in times else PHYSICAL[c.kind] for c in table.columns}
    schema |= {name: pl.String() for row in rows for name in row if name not in schema}
    cells = [{name: row.get(name) for name in schema} for row in rows]
    return pl.DataFrame(cells, schema=schema).with_columns(pl.col(times).cast(TIME))


def _instant(rng: random.Random) -> int:
    return day(rng.randrange(400)) + rng.choice([0, 0, 0, 1, DAY // 3])


def _random_deal(rng: random.Random, name: str, accounts: Sequence[str]) -> Row:
    created_at = day(rng.randrange(60))
    closed_at = rng.choice([None, created_at + day(rng.randrange(1, 300))])
    return {
        "opportunity_id": name, "account_id": rng.choice(accounts), "rep_id": rng.choice("rs"),
        "created_at": created_at, "closed_at": closed_at, "outcome": "won" if closed_at else None,
        "kind": rng.choice(["new", "renewal", None]), "source": rng.choice(["web", None]), "product": "x",
        "amount": rng.choice([None, 0.0, 99.5]), "expected_close_at": rng.choice([None, day(200)]),
    }  # fmt: skip


def _random_move(rng: random.Random, deals: Sequence[str]) -> Row:
    return {
        "opportunity_id": rng.choice(deals),
        "at": _instant(rng),
        "stage": rng.choice([*STAGES, "parked"]),
    }


def _random_change(rng: random.Random, deals: Sequence[str]) -> Row:
    field = rng.choice(["amount", "amount", "expected_close_at", "expected_close_at", "kind", "source"])
    values = {
        "amount": ["0", "100", "250.5", "much"],
        "expected_close_at": [iso(_instant(rng)), "1970-05-01", "soon"],
    }
    value = rng.choice(values.get(field, ["new", "web"]))
    return {"opportunity_id": rng.choice(deals), "at": _instant(rng), "field": field, "value": value}


def _random_activity(rng: random.Random, deals: Sequence[str]) -> Row:
    return {
        "activity_id": f"x{rng.randrange(10**9)}", "at": _instant(rng),
        "kind": rng.choice(ACTIVITY_KINDS), "opportunity_id": rng.choice([*deals, None]),
        "direction": rng.choice([*DIRECTIONS, None]), "outcome": rng.choice([*ACTIVITY_OUTCOMES, None]),
        "contact_id": rng.choice(["p0", "p1", "p2", "p3", "p4", "stranger", None]),
        "rep_id": rng.choice(["r", "s", None]), "duration_s": rng.choice([None, 0.0, 59.6, 600.0]),
    }  # fmt: skip


def _random_order(rng: random.Random, accounts: Sequence[str]) -> Row:
    return {
        "order_id": f"o{rng.randrange(10**9)}", "account_id": rng.choice(accounts), "at": _instant(rng),
        "amount": rng.choice([10.0, 0.1, -3.25, 0.0]),
    }  # fmt: skip


def _with_versions(rng: random.Random, table: str, count: int, one: Any) -> list[Row]:
    """Records, some late, some planned, a third of them corrected up to two times; in any order."""
    key = TABLES[table].key
    records: dict[Any, Row] = {}
    for _ in range(count):
        record = one()
        records.setdefault(tuple(record[name] for name in key), record)
    versions = [version for record in records.values() for version in _versions(rng, record, key, one)]
    rng.shuffle(versions)
    return versions


def _versions(rng: random.Random, record: Row, key: Sequence[str], one: Any) -> list[Row]:
    known = record["at"] + rng.choice([0, 0, 0, day(1), day(1) + 1, day(20), -day(9), -day(40)])
    told = None if known == record["at"] and rng.random() < 0.5 else known
    versions: list[Row] = [{**record, "recorded_at": told}]
    for _ in range(rng.choice([0, 0, 0, 0, 1, 2])):
        known += rng.choice([1, day(3), day(30)])
        versions.append({**one(), **{name: record[name] for name in key}, "recorded_at": known})
    return versions
