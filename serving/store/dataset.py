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
from serving.store.store import Store
from serving.store.verdicts import STORED
from serving.store.versions import StoredRow

_AT_ONCE = 10_000
_EXTRA, _SEQ, _KNOWN = "extra", "seq", "known"


def load(store: Store, watermark: int | None = None) -> tuple[CanonicalData, QualityReport]:
    """The clean data set of a store up to a `seq` (now, unless given), and what the cleaning found.

    Raises:
        DataError: the store holds no opportunity.
    """
    return Tables(store).up_to(store.watermark().seq if watermark is None else watermark)


class Tables:
    """A store's rows that count, column by column: of what was read before nothing is read again."""

    def __init__(self, store: Store) -> None:
        self._store, self._seq = store, 0
        self._frames = {name: _rows_of(table, ()) for name, table in TABLES.items()}

    def up_to(self, seq: int) -> tuple[CanonicalData, QualityReport]:
        """The clean data set up to a `seq`, which is not before an earlier one; see `load`."""
        for name, table in TABLES.items():
            came = [_rows_of(table, rows) for rows in self._store.portions(name, seq, self._seq)]
            if came:
                self._frames[name] = _counting(table, self._frames[name], pl.concat(came))
        self._seq = seq
        toml = self._store.config(seq)
        where = self._store.shown
        config = (
            PipelineConfig() if toml is None else config_from(tomllib.loads(toml), where=f"{where}: config")
        )
        if self._frames["opportunities"].is_empty():
            raise DataError(
                f"{where}: holds no opportunity yet; POST /v1/records, or `dealcast store load FOLDER`"
            )
        tables = {
            name: _canonical(table, self._frames[name])
            for name, table in TABLES.items()
            if table.required or not self._frames[name].is_empty()
        }
        return clean(tables, config, where=where)


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


def _rows_of(table: Table, rows: Sequence[StoredRow]) -> pl.DataFrame:
    """Rows as they are stored: the declared columns, `extra`, `seq`."""
    schema = {c.name: _stored_type(c.kind) for c in table.columns}
    return pl.DataFrame(rows, schema=schema | {_EXTRA: pl.String(), _SEQ: pl.Int64()}, orient="row")


def _counting(table: Table, before: pl.DataFrame, came: pl.DataFrame) -> pl.DataFrame:
    """The same as `versions.counting` of rows that count and of those that came after them, by `seq`."""
    same = [*table.key]
    if table.has_two_clocks:
        known = pl.coalesce("recorded_at", "at").alias(_KNOWN)
        before, came = before.with_columns(known), came.with_columns(known)
        same.append(_KNOWN)
    came = came.unique(same, keep="last", maintain_order=True)
    before = before.join(came.select(same), on=same, how="anti", nulls_equal=True, maintain_order="left")
    return pl.concat([before, came], rechunk=True).drop(_KNOWN, strict=False)


def _canonical(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with their declared types; further columns as text."""
    made = rows.select(pl.col(c.name).cast(PHYSICAL[c.kind]) for c in table.columns)
    told = rows[_EXTRA]
    if told.null_count() == len(told):
        return made
    extras: list[dict[str, Any]] = [{} if text is None else json.loads(text) for text in told]
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
