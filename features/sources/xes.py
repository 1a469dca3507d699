"""The events of an XES log (IEEE 1849), read as a stream.

The parser is the standard library's expat, which holds neither tree nor text: memory grows with
the mapped values alone. A document type declaration is refused at its first character, so that no
entity can ever be declared, expanded or fetched; XES has no use for one. `defusedxml` would do the
same around ElementTree, one more dependency and a tree to clear.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

import polars as pl

from features.errors import UnreadableFile

TRACE_PREFIX = "case."
_CHUNK = 1 << 20  # bytes


def read_xes(path: Path, columns: Mapping[str, str]) -> pl.DataFrame:
    """One row per event in log order, one text column per key of `columns`.

    Args:
        path: `.xes` or `.xes.gz`.
        columns: name wanted -> key of the event's attribute, or `case.KEY` of its trace's.

    Returns:
        Texts as they stand in the log; null where an event lacks the attribute. Attributes of
        attributes, the log's own ones and the declared globals are not events' values.
    Raises:
        UnreadableFile: not XML, not XES, cut off, with a document type, or without a trace.
    """
    reader = _XesReader(path, columns)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    try:
        _parse(path, parser)
    except UnreadableFile:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:  # the latter two: unknown encodings
        raise UnreadableFile(f"{path}: not well-formed XML: {error}; export the log again") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile(f"{path}: not a whole gzip file: {error}; copy or export it again") from error
    return reader.frame()


def _parse(path: Path, parser: expat.XMLParserType) -> None:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)


class _XesReader:
    """Collects the mapped values while expat reports one element after the other."""

    def __init__(self, path: Path, columns: Mapping[str, str]) -> None:
        self._path = path
        self._event_names = _names_by_key(columns, of_trace=False)
        self._trace_names = _names_by_key(columns, of_trace=True)
        self._columns: dict[str, list[str | None]] = {name: [] for name in columns}
        self._open: list[str] = []
        self._trace: dict[str, str] = {}
        self._event: dict[str, str] = {}
        self._first_event = 0
        self._events = 0
        self._traces = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        parent = self._open[-1] if self._open else ""
        self._open.append(tag)
        if parent == "event":
            self._note(self._event, self._event_names, attributes)
        elif tag == "event":
            self._event = {}
        elif parent == "trace":
            self._note(self._trace, self._trace_names, attributes)
        elif tag == "trace":
            self._trace, self._first_event = {}, self._events
        elif not parent and tag != "log":
            self._refuse(f"the outermost element is <{tag}>, not the <log> of XES")

    def end(self, _tag: str) -> None:
        tag = self._open.pop()
        parent = self._open[-1] if self._open else ""
        if tag == "event" and parent in ("trace", "log"):
            self._events += 1
            for columns in self._event_names.values():
                for column in columns:
                    self._columns[column].append(self._event.get(column))
            if parent == "log":
                self._end_trace({}, 1)
        elif tag == "trace" and parent == "log":
            self._traces += 1
            self._end_trace(self._trace, self._events - self._first_event)

    def refuse_doctype(self, *_declared: object) -> NoReturn:
        self._refuse("it declares a document type, which may hide entities; XES has none, remove it")

    def frame(self) -> pl.DataFrame:
        if not self._traces:
            self._refuse("it holds no trace; a log needs one <trace> per case")
        return pl.DataFrame(self._columns, schema=dict.fromkeys(self._columns, pl.String))

    def _end_trace(self, values: Mapping[str, str], events: int) -> None:
        for columns in self._trace_names.values():
            for column in columns:
                self._columns[column].extend([values.get(column)] * events)

    @staticmethod
    def _note(into: dict[str, str], names: Mapping[str, list[str]], attributes: Mapping[str, str]) -> None:
        for column in names.get(attributes.get("key", ""), ()):
            if "value" in attributes:
                into[column] = attributes["value"]

    def _refuse(self, reason: str) -> NoReturn:
        raise UnreadableFile(f"{self._path}: {reason}")


def _names_by_key(columns: Mapping[str, str], *, of_trace: bool) -> dict[str, list[str]]:
    """Attribute key -> the columns that hold it, of the traces' attributes or of the events'."""
    names: dict[str, list[str]] = {}
    for column, key in columns.items():
        if key.startswith(TRACE_PREFIX) == of_trace:
            names.setdefault(key.removeprefix(TRACE_PREFIX) if of_trace else key, []).append(column)
    return names
