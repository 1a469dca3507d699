"""The events of a log, typed and in order: what stands between its file and the canonical tables."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import polars as pl

from features.errors import ConfigError, DataError, MissingColumn, UnreadableFile
from features.parsing import number_of, tidy, time_of
from features.sources.mapping import COMPLETE, ROLES, EventLogMapping, LogNames
from features.sources.xes import read_xes

NO_CASE = "events without a case id, left out"
NO_ACTIVITY = "events without an activity, left out"
NO_TIME = "events without a readable time, left out"
BAD_AMOUNT = "amounts that are no number from 0 on, taken as missing"
BAD_TIME = "further times (created_at, expected_close_at) not readable, taken as missing"

_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {".csv": "csv", ".csv.gz": "csv", ".xes": "xes", ".xes.gz": "xes"}
)
_TEXT = pl.String()


def read_log(source: Path, mapping: EventLogMapping) -> pl.DataFrame:
    """One row of texts per event in log order.

    Returns:
        Columns: every role (null where the mapping names none) and every other mapped column.
        Texts are stripped; empty ones are null.
    Raises:
        UnreadableFile: an unknown ending, or a file that is not what its ending promises.
        ConfigError: the mapping has no section for this form.
        MissingColumn: a mapped column or attribute that no event has.
    """
    form = _form(source)
    names = mapping.csv if form == "csv" else mapping.xes
    if names is None:
        raise ConfigError(f"{mapping.where}: no section [{form}], which {source.name} needs; add one")
    raw = _READERS[form](source, names)
    absent = [pl.lit(None, pl.String).alias(role) for role in ROLES if role not in raw.columns]
    texts = tidy(raw).with_columns(absent)
    if texts.is_empty():
        raise UnreadableFile(f"{source}: holds no event; check that the export is whole")
    return texts


def typed_events(texts: pl.DataFrame, mapping: EventLogMapping) -> tuple[pl.DataFrame, dict[str, int]]:
    """The usable events by case, time and log order, and how many values were not, by rule.

    Returns:
        Columns of `texts` with `opportunity_id` for the case, `number` (the event's place in its
        case's log, from 0), `at` (UTC), `created_at` of the case (its registration or its first
        event, the earlier), `lifecycle` in upper case, amount as float64.
    Raises:
        DataError: no event is usable.
    """
    case = "opportunity_id"
    typed = _with_types(texts.rename({"case_id": case}), mapping.config.time_zone)
    counts = _unusable(texts, typed)
    usable = pl.all_horizontal(pl.col(case, "activity", "at").is_not_null())
    events = typed.filter(usable).sort(case, "at", "number")
    if events.is_empty():
        found = "; ".join(f"{count:,} {rule}" for rule, count in counts.items())
        raise DataError(
            f"{mapping.where}: no usable event ({found}); check the names, and that times are ISO 8601"
        )
    registered = [name for name in ("created_at", "at") if name in events.columns]
    created_at = pl.min_horizontal(pl.col(registered).min().over(case))
    return events.with_columns(created_at=created_at), counts


def _form(source: Path) -> str:
    for suffix, form in _SUFFIXES.items():
        if source.name.lower().endswith(suffix):
            if not source.is_file():
                raise UnreadableFile(f"{source}: no such file")
            return form
    raise UnreadableFile(f"{source}: unknown ending (allowed: {', '.join(_SUFFIXES)}); rename or convert it")


def _read_csv(source: Path, names: LogNames) -> pl.DataFrame:
    try:
        content = gzip.decompress(source.read_bytes()) if source.suffix == ".gz" else source.read_bytes()
        frame = pl.read_csv(content, infer_schema=False, separator=names.separator)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile(f"{source}: not a whole gzip file: {error}; copy or export it again") from error
    except pl.exceptions.PolarsError:
        raise UnreadableFile(
            f"{source}: not a CSV file in UTF-8 with a header and rows of one length"
        ) from None
    missing = {name: column for name, column in names.columns.items() if column not in frame.columns}
    _check_found(source, missing, f"found: {', '.join(frame.columns)}")
    return frame.select(pl.col(column).alias(name) for name, column in names.columns.items())


def _read_xes(source: Path, names: LogNames) -> pl.DataFrame:
    frame = read_xes(source, names.columns)
    missing = {name: key for name, key in names.columns.items() if not frame[name].count()}
    _check_found(source, missing if len(frame) else {}, "write case.KEY for an attribute of the traces")
    return frame


_READERS: Mapping[str, Callable[[Path, LogNames], pl.DataFrame]] = MappingProxyType(
    {"csv": _read_csv, "xes": _read_xes}
)


def _check_found(source: Path, missing: Mapping[str, str], hint: str) -> None:
    if missing:
        wanted = ", ".join(f"`{own}` for {name}" for name, own in missing.items())
        raise MissingColumn(f"{source}: no event has {wanted} ({hint}); correct the mapping")


def _with_types(texts: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    typed = texts.with_columns(
        time_of("timestamp", _TEXT, time_zone).alias("at"),
        pl.col("lifecycle").str.to_uppercase().fill_null(COMPLETE),
        pl.int_range(pl.len()).over("opportunity_id").alias("number"),
    )
    times = [name for name in ("created_at", "expected_close_at") if name in typed.columns]
    typed = typed.with_columns(time_of(name, _TEXT, time_zone) for name in times)
    if "amount" not in typed.columns:
        return typed
    amount = number_of("amount", _TEXT)
    return typed.with_columns(pl.when(amount >= 0).then(amount).alias("amount"))


def _unusable(texts: pl.DataFrame, typed: pl.DataFrame) -> dict[str, int]:
    """How many values could not be used, by rule; rules that found nothing are left out."""
    counts = {
        NO_CASE: texts["case_id"].null_count(),
        NO_ACTIVITY: texts["activity"].null_count(),
        NO_TIME: typed["at"].null_count(),
        BAD_AMOUNT: _lost(texts, typed, "amount"),
        BAD_TIME: _lost(texts, typed, "created_at") + _lost(texts, typed, "expected_close_at"),
    }
    return {rule: count for rule, count in counts.items() if count}


def _lost(texts: pl.DataFrame, typed: pl.DataFrame, column: str) -> int:
    return typed[column].null_count() - texts[column].null_count() if column in texts.columns else 0
