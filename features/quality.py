"""Dirt: raw tables in, clean canonical tables and a report of every row that went out.

Bad rows never stop a run and never vanish: for each table, rows read = kept + repeats +
quarantined. What stops a run is a missing required table or column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from features.canonical import PHYSICAL, CanonicalData, empty_table
from features.config import PipelineConfig
from features.duplicates import distinct
from features.errors import DataError, MissingColumn, MissingTable
from features.parsing import text_of, tidy, typed
from features.quality_notes import notes_on
from features.quality_report import (
    QUARANTINE,
    ROW_QUARANTINED,
    QualityReport,
    RuleCount,
    TableCounts,
)
from features.quarantine import entries, still_there
from features.rules import POSITION, Finding, judge, raw, rules_of
from features.schema import conform
from features.tables import TABLES, Table

__all__ = ["QualityReport", "RuleCount", "TableCounts", "clean"]


@dataclass(frozen=True)
class _Cleaned:
    frame: pl.DataFrame
    counts: TableCounts
    entries: pl.DataFrame


def clean(
    tables: Mapping[str, pl.DataFrame],
    config: PipelineConfig,
    *,
    malformed: Mapping[str, Sequence[int]] = MappingProxyType({}),
    files: Mapping[str, str] = MappingProxyType({}),
    where: str = "data set",
    notes: Sequence[str] = (),
) -> tuple[CanonicalData, QualityReport]:
    """The clean data set, and what was found on the way.

    Args:
        tables: raw tables by canonical name, with canonical column names; cells as text or
            already typed.
        config: time zone, stages and fixed fields.
        malformed: by table, the 1-based data rows of the source that could not be taken apart
            into cells and are therefore not in its raw table.
        files: by table, what to call its source in messages; else the table's name.
        where: what to call the whole source in messages.
        notes: sentences of the source for the report, put before those made here.
    Raises:
        MissingTable: a required table is not there.
        MissingColumn: a required column is not in its table.
        DataError: a table is not canonical, or `opportunities` has no rows at all.
    """
    _check_tables(tables, where)
    for name, frame in tables.items():
        _check_columns(TABLES[name], frame, files.get(name, name))
    _check_opportunities(tables["opportunities"], malformed, files)
    cleaned = _clean_all(tables, config, malformed)
    frames = {name: cleaned[name].frame if name in cleaned else empty_table(TABLES[name]) for name in TABLES}
    data = CanonicalData(MappingProxyType(frames), config, frozenset(TABLES) - set(tables))
    report = QualityReport(
        MappingProxyType({name: cleaned[name].counts for name in TABLES if name in cleaned}),
        (*notes, *notes_on(data)),
        pl.concat([pl.DataFrame(schema=QUARANTINE), *(part.entries for part in cleaned.values())]),
    )
    return data, report


def _check_tables(tables: Mapping[str, pl.DataFrame], where: str) -> None:
    unknown = sorted(set(tables) - set(TABLES))
    if unknown:
        raise DataError(f"{where}: {', '.join(unknown)} is no canonical table (allowed: {', '.join(TABLES)})")
    missing = [table.name for table in TABLES.values() if table.required and table.name not in tables]
    if missing:
        found = ", ".join(name for name in TABLES if name in tables) or "none"
        names = " and ".join(missing)
        raise MissingTable(
            f"{where}: required table {names} is missing (found: {found}); add {missing[0]}.csv, .csv.gz or "
            f".parquet, or turn your CRM's export into canonical tables, see `dealcast import --help`"
        )


def _check_columns(table: Table, frame: pl.DataFrame, file: str) -> None:
    missing = [c.name for c in table.columns if c.required and c.name not in frame.columns]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        what = f"column {names} is" if len(missing) == 1 else f"columns {names} are"
        if not set(frame.columns) & set(table.column_names):
            raise MissingColumn(
                f"{file}: {what} missing, and none of its {frame.width} columns is one of {table.name}; is"
                " its first row a header? Other names go into a mapping, see `dealcast import folder --help`"
            )
        raise MissingColumn(
            f"{file}: {what} missing (found: {', '.join(frame.columns)}); "
            f"name {'it' if len(missing) == 1 else 'them'} in a mapping, see `dealcast import folder --help`"
        )


def _check_opportunities(
    frame: pl.DataFrame, malformed: Mapping[str, Sequence[int]], files: Mapping[str, str]
) -> None:
    if frame.is_empty():
        broken = len(malformed.get("opportunities", ()))
        reason = (
            f"none of its {broken:,} rows has as many fields as the header" if broken else "it has no rows"
        )
        raise DataError(
            f"{files.get('opportunities', 'opportunities')}: {reason}; "
            f"without opportunities there is nothing to score: check the export"
        )


def _clean_all(
    tables: Mapping[str, pl.DataFrame], config: PipelineConfig, malformed: Mapping[str, Sequence[int]]
) -> dict[str, _Cleaned]:
    """Each table cleaned, the opportunities first, as others must name one that is clean."""
    cleaned: dict[str, _Cleaned] = {}
    known: pl.Series | None = None
    for name in ("opportunities", *(name for name in TABLES if name != "opportunities")):
        if name in tables:
            cleaned[name] = _clean_table(TABLES[name], tables[name], config, malformed.get(name, ()), known)
        if name == "opportunities":
            known = cleaned[name].frame["opportunity_id"]
    return cleaned


def _clean_table(
    table: Table,
    frame: pl.DataFrame,
    config: PipelineConfig,
    malformed: Sequence[int],
    opportunities: pl.Series | None,
) -> _Cleaned:
    working = _working_frame(table, tidy(frame), config.time_zone)
    judged, findings = judge(working, rules_of(table, opportunities))
    columns = [name for name in working.columns if not name.startswith(raw(""))]
    unique = distinct(judged.select(columns), table)
    repeated = Finding("|".join(table.key), "repeated_key", True, unique.contradicting)
    findings = [*still_there(findings, unique.frame[POSITION], frame.height), repeated]
    dropped = entries(table, working, findings, malformed)
    quarantined = dropped.filter(pl.col("action") == ROW_QUARANTINED).height
    read = frame.height + len(malformed)
    counts = TableCounts(read, unique.frame.height, unique.repeats, quarantined, unique.revisions)
    _check_counts(table, counts)
    kept = unique.frame.drop(POSITION)
    conform(table, kept)
    return _Cleaned(kept, counts, dropped)


def _working_frame(table: Table, frame: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    """Typed columns, canonical ones first, with the raw ones beside them and the row's position."""
    cells = frame.lazy().select(*_cells(table, frame.schema, time_zone)).collect()
    raws = frame.select(
        (pl.col(c.name) if c.name in frame.columns else pl.lit(None, pl.String)).alias(raw(c.name))
        for c in table.columns
    )
    return pl.concat([cells, raws], how="horizontal").with_row_index(POSITION)


def _cells(table: Table, schema: pl.Schema, time_zone: str) -> Iterator[pl.Expr]:
    for column in table.columns:
        if column.name in schema:
            yield typed(column, schema[column.name], time_zone).alias(column.name)
        else:
            yield pl.lit(None, PHYSICAL[column.kind]).alias(column.name)
    for name, dtype in schema.items():
        if name not in table.column_names:
            yield text_of(name, dtype).alias(name)


def _check_counts(table: Table, counts: TableCounts) -> None:
    if counts.read != counts.kept + counts.repeats + counts.quarantined:
        raise RuntimeError(f"{table.name}: a bug in the cleaning lost or doubled rows: {counts}")
