"""A folder of canonical tables, one file each, with `pipeline.toml` beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from features.canonical import CanonicalData
from features.config import read_config
from features.errors import DataError
from features.quality import QualityReport, clean
from features.sources.files import ENDINGS, RawTable, read_table
from features.sources.folder_mapping import FolderMapping
from features.tables import TABLES

_TARGETS = "targets"  # beside the tables, read by forecasts alone


def load(folder: Path, mapping: FolderMapping | None = None) -> tuple[CanonicalData, QualityReport]:
    """The clean data set of a folder, and what the cleaning found.

    Args:
        folder: holds one file per table, and `pipeline.toml` if there is one.
        mapping: which files and columns are meant, where they have names of their own.

    Raises:
        MissingTable: `opportunities` or `stage_changes` is not there.
        MissingColumn: a required column is not in its table.
        UnreadableFile: a file is empty, damaged, or not in the format that its name promises.
        ConfigError: `pipeline.toml` is not understood.
        DataError: there is no such folder, no table in it, two files for one table, a column
            name twice in a header, or no opportunity at all.
    """
    raw = read_folder(folder) if mapping is None else mapping.read(folder)
    config = read_config(folder) if mapping is None or mapping.config is None else mapping.config
    return clean(
        {name: table.frame for name, table in raw.items()},
        config,
        malformed={name: table.malformed for name, table in raw.items()},
        files={name: table.file for name, table in raw.items()},
        where=str(folder),
        notes=_unread(folder) if mapping is None else (),
    )


def read_folder(folder: Path) -> Mapping[str, RawTable]:
    """The raw tables of a folder by name. Raises as `load` does."""
    files = table_files(folder)
    if not files:
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
        raise DataError(
            f"{folder}: no table found (found: {found}); expected NAME.csv, NAME.csv.gz or NAME.parquet with "
            f"NAME one of {', '.join(TABLES)}; a CRM's own export is turned into these by `dealcast import`"
        )
    return {name: read_table(path) for name, path in files.items()}


def table_files(folder: Path) -> dict[str, Path]:
    """The file of each table that the folder holds, by the table's name."""
    if not folder.exists():
        raise DataError(f"{folder}: there is no such folder; name the folder that holds the tables")
    if not folder.is_dir():
        raise DataError(f"{folder}: is a file; name the folder that holds the tables")
    found = {name: [folder / f"{name}{ending}" for ending in ENDINGS] for name in TABLES}
    files = {name: [path for path in paths if path.is_file()] for name, paths in found.items()}
    for name, paths in files.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            raise DataError(f"{folder}: {names} both hold {name}; remove all but one")
    return {name: paths[0] for name, paths in files.items() if paths}


def _unread(folder: Path) -> list[str]:
    """A note for each file that looks like a table and has no table's name."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name.endswith(ENDINGS))
    read = {f"{name}{ending}" for name in (*TABLES, _TARGETS) for ending in ENDINGS}
    return [f"{name} was not read, as no table has this name" for name in names if name not in read]
