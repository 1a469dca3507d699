"""The whole of a store as a canonical data set, for every command; and a folder's tables into a store."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl

from features.canonical import PHYSICAL, CanonicalData
from features.config import PipelineConfig, config_from
from features.errors import DataError
from features.quality import QualityReport, clean
from features.tables import TABLES, Kind, Table
from serving.store.appending import Appended, Call
from serving.store.reading import further
from serving.store.store import Store
from serving.store.verdicts import STORED
from serving.store.versions import StoredRow, counting

_AT_ONCE = 10_000


def load(store: Store, watermark: int | None = None) -> tuple[CanonicalData, QualityReport]:
    """The clean data set of a store up to a `seq` (now, unless given), and what the cleaning found.

    Raises:
        DataError: the store holds no opportunity.
    """
    seq = store.watermark().seq if watermark is None else watermark
    toml = store.config(seq)
    config = (
        PipelineConfig() if toml is None else config_from(tomllib.loads(toml), where=f"{store.shown}: config")
    )
    tables = {}
    for name, table in TABLES.items():
        rows = counting(name, store.everything(name, seq))
        if rows or table.required:
            tables[name] = _frame(table, rows)
    if tables["opportunities"].is_empty():
        raise DataError(
            f"{store.shown}: holds no opportunity yet; POST /v1/records, or `dealcast store load FOLDER`"
        )
    return clean(tables, config, where=store.shown)


def copy_into(
    store: Store,
    data: CanonicalData,
    clock: Callable[[], int],
    tell: Callable[[int], None] = lambda _rows: None,
) -> int:
    """Append a data set to a store; how many rows were new to it.

    Args:
        clock: tells the time, in microseconds.
        tell: is told of every some thousand rows that are done.
    """
    kept: list[int] = []

    def count(appended: Appended) -> str:
        kept.append(sum(v.status == STORED for its in appended.verdicts.values() for v in its))
        return ""

    store.append(Call({}, clock, backfill=True, config=_new_config(store, data)), count)
    for name in ("opportunities", *(name for name in TABLES if name != "opportunities")):
        for rows in _portions(TABLES[name], data[name]):
            store.append(Call({name: rows}, clock, backfill=True), count)
            tell(len(rows))
    return sum(kept)


def _new_config(store: Store, data: CanonicalData) -> str | None:
    toml = data.config.to_toml()
    return None if store.config(store.watermark().seq) == toml else toml


def _frame(table: Table, rows: Sequence[StoredRow]) -> pl.DataFrame:
    """The rows with their declared types; further columns as text."""
    width = len(table.columns)
    made = pl.DataFrame(
        [row[:width] for row in rows],
        schema={c.name: _stored_type(c.kind) for c in table.columns},
        orient="row",
    ).with_columns(pl.col(c.name).cast(PHYSICAL[c.kind]) for c in table.columns if c.kind is Kind.TIME)
    extras = [further(row) for row in rows]
    names = sorted({name for extra in extras for name in extra})
    return made.with_columns(
        pl.Series(name, [_as_text(extra.get(name)) for extra in extras], dtype=pl.String) for name in names
    )


def _stored_type(kind: Kind) -> pl.DataType:
    return pl.Int64() if kind is Kind.TIME else PHYSICAL[kind]


def _as_text(value: Any) -> str | None:
    """A further cell as text, as the cleaning of a table writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2.0**53:
        value = int(value)
    return None if value is None else value if isinstance(value, str) else json.dumps(value)


def _portions(table: Table, frame: pl.DataFrame) -> Iterator[list[StoredRow]]:
    declared = list(table.column_names)
    more = [name for name in frame.columns if name not in declared]
    times = [c.name for c in table.columns if c.kind is Kind.TIME]
    plain = frame.with_columns(pl.col(times).to_physical())
    for start in range(0, plain.height, _AT_ONCE):
        part = plain[start : start + _AT_ONCE]
        extras = part.select(more).iter_rows(named=True) if more else ({} for _ in range(part.height))
        yield [
            (*row, _extra(extra))
            for row, extra in zip(part.select(declared).iter_rows(), extras, strict=True)
        ]


def _extra(cells: dict[str, Any]) -> str | None:
    given = {name: value for name, value in cells.items() if value is not None}
    return json.dumps(given, ensure_ascii=False, sort_keys=True) if given else None
