"""Files of snapshots in, frames of features and of scores out; the ending chooses the format."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from features.canonical import TIME
from features.errors import DataError, MissingColumn
from features.parsing import tidy, time_of
from features.sources.files import read_table
from features.times import NEVER, IntArray
from serving.answers import reasons
from serving.scorer import Scores
from serving.wording import Language
from training.labels import TARGETS

FORMATS = (".parquet", ".csv")


@dataclass(frozen=True)
class AskedSnapshots:
    """The rows of a snapshots file: ids and instants in microseconds, in the file's order."""

    ids: list[str]
    as_of: IntArray


def check_format(path: Path) -> None:
    """Raises DataError unless the file's ending is one that can be written."""
    if path.suffix not in FORMATS:
        raise DataError(f"{path}: unknown ending {path.suffix or '(none)'} (allowed: {', '.join(FORMATS)})")


def read_snapshots(path: Path, time_zone: str, entity: str = "opportunity") -> AskedSnapshots:
    """The (opportunity_id, as_of) pairs of a file, in its order; other columns are passed over.

    Raises:
        DataError: the file is missing, holds a row without an id, or a time that is none.
        MissingColumn: it lacks one of the two columns.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    raw = read_table(path)
    key = f"{entity}_id"
    for column in (key, "as_of"):
        if column not in raw.frame.columns:
            found = ", ".join(raw.frame.columns)
            raise MissingColumn(f"{path.name}: column `{column}` is missing (found: {found})")
    if len(raw.malformed):
        raise DataError(f"{path.name}: {len(raw.malformed)} rows have a wrong number of fields; correct them")
    frame = tidy(raw.frame.select(key, "as_of"))
    typed = frame.lazy().select(
        pl.col(key).cast(pl.String), time_of("as_of", frame.schema["as_of"], time_zone)
    )
    asked = typed.collect()
    for column, what in ((key, "no id"), ("as_of", "no ISO 8601 time in as_of")):
        empty = asked[column].is_null()
        if empty.any():
            first = empty.arg_true()[0] + 1
            raise DataError(
                f"{path.name}: {empty.sum()} rows have {what}, first in row {first}; correct them"
            )
    return AskedSnapshots(asked[key].to_list(), asked["as_of"].to_physical().to_numpy())


def score_frame(scores: Scores, explain: bool, language: Language) -> pl.DataFrame:
    """One row per asked pair, in the asked order, with the columns of the score file."""
    n = len(scores)
    probabilities = [
        pl.Series(f"{target}_probability", scores.targets[target].probability).fill_nan(None)
        for target in TARGETS
    ]
    versions = [
        pl.Series(f"model_{target}", [model.version if model else None] * n, dtype=pl.String)
        for target in TARGETS
        for model in [scores.targets[target].model]
    ]
    frame = pl.DataFrame(
        [
            pl.Series("opportunity_id", list(scores.opportunity_ids), dtype=pl.String),
            pl.Series("as_of", scores.as_of).cast(TIME),
            pl.Series("account_id", scores.account_ids.tolist(), dtype=pl.String),
            pl.Series("rep_id", scores.rep_ids.tolist(), dtype=pl.String),
            pl.Series("stage", scores.stage.tolist(), dtype=pl.String),
            pl.Series("amount", scores.amount).fill_nan(None),
            *probabilities,
            *_closes(scores),
            *versions,
            pl.Series("abstained", [_abstained(scores, i) for i in range(n)], dtype=pl.String),
        ]
    )
    if explain:
        texts = [_reasons(scores, i, language) for i in range(n)]
        frame = frame.with_columns(pl.Series("reasons", texts, dtype=pl.String))
    version = pl.Series("model_close", [scores.close_version] * n, dtype=pl.String)
    return frame.with_columns(version).with_columns(_intervals(scores))


def _closes(scores: Scores) -> list[pl.Series]:
    """When each deal is won, given that it is; null where it is not open or there is no model of when."""
    found = []
    for place, name in enumerate(("p10", "p50", "p90")):
        dates = scores.expected_close[:, place]
        given = [None if at == NEVER else at for at in dates.tolist()]
        found.append(pl.Series(f"expected_close_{name}", given, dtype=pl.Int64).cast(TIME))
    return found


def _intervals(scores: Scores) -> list[pl.Series]:
    """Low and high of each target, null where there is no score or no interval."""
    return [
        pl.Series(f"{target}_interval_{end}", values).fill_nan(None)
        for target in TARGETS
        for end, values in (("low", scores.targets[target].low), ("high", scores.targets[target].high))
    ]


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame as its ending says; times as ISO 8601 with a Z in CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.with_columns(pl.col(TIME).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).write_csv(path)


def _abstained(scores: Scores, i: int) -> str | None:
    """Why targets are empty, each reason once: "churn: the account has no order yet"."""
    why: dict[str, list[str]] = {}
    for target in TARGETS:
        reason = scores.targets[target].abstained[i]
        if reason is not None:
            why.setdefault(reason, []).append(target)
    return "; ".join(f"{', '.join(targets)}: {reason}" for reason, targets in why.items()) or None


def _reasons(scores: Scores, i: int, language: Language) -> str:
    found = {t: reasons(t, scores.targets[t], i, language) for t in TARGETS}
    return json.dumps({t: r for t, r in found.items() if r}, ensure_ascii=False)
