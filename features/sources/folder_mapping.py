"""A mapping for a folder whose files and columns have names of their own.

    [opportunities]
    file = "deals.csv"
    columns = { opportunity_id = "id", account_id = "company", rep_id = "owner", created_at = "opened" }
    [opportunities.values.outcome]
    "Closed Won" = "won"
    "Closed Lost" = "lost"

    [pipeline]              # what `pipeline.toml` would say
    stages = ["Qualify", "Propose"]

Columns that are not mentioned keep their names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from features.config import PipelineConfig, config_from
from features.errors import ConfigError, DataError, MissingColumn
from features.sources.files import RawTable, read_table
from features.tables import TABLES


@dataclass(frozen=True)
class TableMapping:
    """Where one canonical table comes from.

    Attributes:
        file: its name in the folder.
        columns: canonical name -> the file's own.
        values: canonical column -> (the file's own value -> the canonical one).
    """

    file: str
    columns: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class FolderMapping:
    """The mapped tables by canonical name, and what `pipeline.toml` would say (None: read it)."""

    tables: Mapping[str, TableMapping]
    config: PipelineConfig | None

    def read(self, folder: Path) -> Mapping[str, RawTable]:
        """The raw tables under their canonical names; raises DataError where a file is missing."""
        return {name: _renamed(folder, table) for name, table in self.tables.items()}


def read_folder_mapping(path: Path) -> FolderMapping:
    """A mapping from its TOML file.

    Raises:
        ConfigError: the file is missing, no TOML, or has an unknown table, key or column.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such mapping file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    pipeline = values.pop("pipeline", None)
    config = None if pipeline is None else config_from(pipeline, where=f"{path}: [pipeline]")
    unknown = sorted(set(values) - set(TABLES))
    if unknown:
        raise ConfigError(
            f"{path}: unknown table {', '.join(unknown)} (allowed: {', '.join(TABLES)}, pipeline)"
        )
    return FolderMapping({name: _table(path, name, section) for name, section in values.items()}, config)


def _table(path: Path, name: str, section: Any) -> TableMapping:
    where = f"{path}: [{name}]"
    if not isinstance(section, Mapping) or not isinstance(section.get("file"), str):
        raise ConfigError(f'{where} needs file = "NAME.csv"')
    unknown = sorted(set(section) - {"file", "columns", "values"})
    if unknown:
        raise ConfigError(f"{where}: unknown key {', '.join(unknown)} (allowed: file, columns, values)")
    columns, values = section.get("columns", {}), section.get("values", {})
    for column, own in columns.items():
        if not isinstance(own, str):
            raise ConfigError(f"{where}: columns.{column} must be the name of a column in the file")
    for column, table in values.items():
        if not isinstance(table, Mapping) or not all(isinstance(v, str) for v in table.values()):
            raise ConfigError(f"{where}: values.{column} must map the file's values to canonical ones")
    return TableMapping(section["file"], columns, values)


def _renamed(folder: Path, table: TableMapping) -> RawTable:
    path = folder / table.file
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; the mapping names it")
    raw = read_table(path)
    lacking = [own for own in table.columns.values() if own not in raw.frame.columns]
    if lacking:
        raise MissingColumn(
            f"{table.file}: column {', '.join(lacking)} is missing (found: {', '.join(raw.frame.columns)});"
            " correct the mapping"
        )
    frame = raw.frame.select(
        *(pl.col(own).alias(name) for name, own in table.columns.items()),
        *(pl.col(c) for c in raw.frame.columns if c not in set(table.columns.values()) | set(table.columns)),
    )
    replaced = [
        pl.col(c).cast(pl.String).replace(dict(v)) for c, v in table.values.items() if c in frame.columns
    ]
    return RawTable(frame.with_columns(replaced), raw.malformed, raw.file)
