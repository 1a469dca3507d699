"""One table's file, CSV or Parquet, as a raw table; text stays text."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

import polars as pl

from features.errors import DataError, UnreadableFile

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK: Final = 16 * 1024 * 1024  # bytes that pyarrow parses at once; a record must fit into one
_LARGEST_BLOCK: Final = 2**31 - 1
_STRAY_QUOTES: Final = 100  # how many quotes that are never closed to look for before giving up


@dataclass(frozen=True)
class RawTable:
    """What one file holds.

    Attributes:
        frame: its rows; from CSV every column is text, from Parquet as stored. Outer blanks of
            the column names are gone.
        malformed: 1-based data rows (blank lines not counted) that have more or fewer fields
            than the header; they are not in `frame`.
        file: the file's name, for messages.
    """

    frame: pl.DataFrame
    malformed: tuple[int, ...]
    file: str


def read_table(path: Path) -> RawTable:
    """The rows of a `.csv`, `.csv.gz` or `.parquet` file.

    Raises:
        UnreadableFile: the file is empty, damaged, or not in the format that its name promises.
        DataError: two columns have the same name.
    """
    for ending, reader in _READERS.items():
        if path.name.endswith(ending):
            return reader(path)
    raise DataError(f"{path.name}: unknown format (allowed: {', '.join(_READERS)}); write it as one of these")


def read_csv(path: Path) -> RawTable:
    """The rows of a CSV file: UTF-8, commas, a header, quotes as in RFC 4180."""
    return parse_csv(_content(path), path.name)


def read_csv_gz(path: Path) -> RawTable:
    """The rows of a gzipped CSV file."""
    packed = _content(path)
    try:
        content = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(f"{path.name}: not a whole gzip file; write or copy it again") from error
    return parse_csv(content, path.name)


def read_parquet(path: Path) -> RawTable:
    """The rows of a Parquet file, columns typed as they are stored."""
    _check_not_empty(path)
    try:
        frame = pl.read_parquet(path, glob=False, hive_partitioning=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise UnreadableFile(f"{path.name}: not a whole Parquet file; write or copy it again") from error
    names = _checked_names([name.strip() for name in frame.columns], path.name)
    return RawTable(frame.rename(dict(zip(frame.columns, names, strict=True))), (), path.name)


def parse_csv(content: bytes, file: str) -> RawTable:
    """The rows of CSV text; `file` names it in messages.

    A row with a wrong number of fields is set aside and not fatal. A quote that is opened and
    never closed would make one record of all that follows: its line is set aside too, and what
    follows is read as rows.
    """
    _check_utf8(content, file)
    header = _header(content, file)
    names = _checked_names([name.strip() for name in header], file)
    if not content.endswith(b"\n"):
        content += b"\n"
    table, malformed = _parse(content, header, file)
    for _ in range(_STRAY_QUOTES):
        swallowing = [text for _, text in malformed if _swallows_lines(text)]
        if not swallowing:
            break
        content = _without_first_lines(content, swallowing, nonsense=b"," * len(header))
        table, malformed = _parse(content, header, file)
    frame = cast(pl.DataFrame, pl.from_arrow(table.rename_columns(names)))
    return RawTable(frame, tuple(number for number, _ in malformed), file)


_READERS: Mapping[str, Callable[[Path], RawTable]] = MappingProxyType(
    {".csv": read_csv, ".csv.gz": read_csv_gz, ".parquet": read_parquet}
)
ENDINGS: Final = tuple(_READERS)


def _content(path: Path) -> bytes:
    _check_not_empty(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{path.name}: cannot be read: {error.strerror}") from error


def _check_not_empty(path: Path) -> None:
    if not path.stat().st_size:
        raise UnreadableFile(_empty(path.name))


def _empty(file: str) -> str:
    return f"{file}: the file is empty; a table without rows needs its header: write it again, or remove it"


def _check_utf8(content: bytes, file: str) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        # From None, here and below: the original error quotes the text.
        raise UnreadableFile(
            f"{file}: line {line:,} is not UTF-8; save the file as UTF-8 and try again"
        ) from None


def _header(content: bytes, file: str) -> list[str]:
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    try:
        header = next((fields for fields in csv.reader(lines) if fields), None)
    except csv.Error as error:
        raise UnreadableFile(f"{file}: the header is not CSV; write the file again") from error
    if header is None:
        raise UnreadableFile(_empty(file))
    return header


def _checked_names(names: list[str], file: str) -> list[str]:
    """Names for all columns, each once; a column without a name is called by its number."""
    filled = [name or f"column_{number}" for number, name in enumerate(names, start=1)]
    repeated = sorted({name for name in filled if filled.count(name) > 1})
    if repeated:
        columns = ", ".join(f"`{name}`" for name in repeated)
        raise DataError(f"{file}: the header names {columns} more than once; rename or remove a column")
    return filled


def _parse(content: bytes, header: list[str], file: str) -> tuple[pa.Table, list[tuple[int, str]]]:
    """The table, and the number and text of each row with a wrong number of fields."""
    malformed: list[tuple[int | None, str]] = []
    table = _read(content, header, file, malformed, threads=True)
    if malformed:  # only a single thread knows the numbers of the rows
        malformed.clear()
        table = _read(content, header, file, malformed, threads=False)
    # pyarrow counts the header as row 1.
    return table, [(number - 1, text) for number, text in malformed if number is not None]


def _read(
    content: bytes, header: list[str], file: str, malformed: list[tuple[int | None, str]], *, threads: bool
) -> pa.Table:
    import pyarrow as pa

    try:
        return _read_blocks(content, header, malformed, threads=threads, block=_BLOCK)
    except pa.ArrowInvalid:
        malformed.clear()
    try:  # a record longer than a block, mostly behind a quote that is never closed
        block = min(len(content) + 1, _LARGEST_BLOCK)
        return _read_blocks(content, header, malformed, threads=threads, block=block)
    except pa.ArrowInvalid:
        raise UnreadableFile(
            f"{file}: not CSV: a quote may be opened and not closed; write the file again"
        ) from None


def _read_blocks(
    content: bytes, header: list[str], malformed: list[tuple[int | None, str]], *, threads: bool, block: int
) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    def set_aside(row: Any) -> str:
        malformed.append((row.number, row.text))
        return "skip"

    return arrow_csv.read_csv(
        pa.BufferReader(content),
        read_options=arrow_csv.ReadOptions(use_threads=threads, block_size=block),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=set_aside),
        convert_options=arrow_csv.ConvertOptions(column_types={name: pa.string() for name in header}),
    )


def _swallows_lines(record: str) -> bool:
    """Whether a malformed record is several lines held together by a quote out of place."""
    if "\n" not in record.strip():
        return False
    try:
        list(csv.reader(io.StringIO(record, newline=""), strict=True))
    except csv.Error:
        return True
    return False


def _without_first_lines(content: bytes, records: list[str], nonsense: bytes) -> bytes:
    """The text with the first line of each record replaced by one that is surely malformed."""
    for record in records:
        line, _, _ = record.encode().partition(b"\n")
        before, _, after = content.partition(record.encode())
        content = before + nonsense + record.encode()[len(line) :] + after
    return content
