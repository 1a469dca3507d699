"""Featuretools: one feature matrix per window, with cut-off times and a training window.

Featuretools goes through the cut-off times one by one, and every snapshot has its own, so that only
`SAMPLE` snapshots are computed and the time is scaled. The entity set holds the activities of these
snapshots' opportunities alone, which is in its favour. The features are stated one by one, where `dfs`
would compute more. It runs in an environment of its own (`benchmarks/environments.py`), since it needs
an older pandas.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.columns import COLUMNS, COUNTED, DAY, LAST, SPANS, TREND_DAYS, Columns
from benchmarks.world import checked_rows

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pkg_resources
    import featuretools as ft  # type: ignore[import-not-found]
    from woodwork.column_schema import ColumnSchema  # type: ignore[import-not-found]
    from woodwork.logical_types import Datetime, Double  # type: ignore[import-not-found]

SAMPLE = 300


class LongestSilence(ft.primitives.AggregationPrimitive):  # type: ignore[misc]
    """The longest time without an activity, the time since the last one included, in days."""

    name = "longest_silence"
    input_types = [ColumnSchema(logical_type=Datetime, semantic_tags={"time_index"})]  # noqa: RUF012
    return_type = ColumnSchema(logical_type=Double, semantic_tags={"numeric"})
    uses_calc_time = True

    def get_function(self) -> Any:
        def longest(at: pd.Series, time: pd.Timestamp) -> float:
            instants = np.sort(np.append(at.to_numpy("datetime64[us]"), np.datetime64(time, "us")))
            return float(np.diff(instants).max().astype("int64") / DAY)

        return longest


@dataclass(frozen=True)
class Prepared:
    entities: ft.EntitySet
    cutoffs: pd.DataFrame
    per_window: list[Any]
    once: list[Any]
    count: Any
    threads: int


def prepare(folder: Path, threads: int) -> Prepared:
    snapshots = pd.read_parquet(folder / "snapshots.parquet")
    cutoffs = snapshots.iloc[checked_rows(len(snapshots))[:SAMPLE]].rename(columns={"as_of": "time"})
    mine = sorted(set(cutoffs["opportunity"]))
    activities, moves = (
        pd.read_parquet(folder / f"{name}.parquet", filters=[("opportunity", "in", mine)])
        for name in ("activities", "stage_changes")
    )
    entities = ft.EntitySet("crm")
    entities.add_dataframe(pd.DataFrame({"opportunity": mine}), "opportunities", index="opportunity")
    for name, records in (("activities", activities), ("moves", moves)):
        frame = records.reset_index(names="row")
        types = {"kind": "Categorical", "contact": "Categorical"} if name == "activities" else {}
        entities.add_dataframe(frame, name, index="row", time_index="at", logical_types=types)
        entities.add_relationship("opportunities", "opportunity", name, "opportunity")
    return Prepared(entities, cutoffs, *_features(entities), threads)


def _features(entities: ft.EntitySet) -> tuple[list[Any], list[Any], Any]:
    """Those of every window, those of all time, and the number of activities."""
    activities, made = entities["activities"].ww, ft.primitives
    kind = ft.Feature(activities["kind"])

    def feature(column: str, primitive: Any, name: str, kinds: tuple[str, ...] | None = None) -> Any:
        where = None if kinds is None else kind.isin(list(kinds))
        base = activities[column]
        stated = ft.Feature(base, parent_dataframe_name="opportunities", primitive=primitive, where=where)
        return stated.rename(name)

    per_window = [feature("row", made.Count, name, kinds) for name, kinds in COUNTED.items()]
    per_window.append(feature("duration_s", made.Sum, "activity_time_s"))
    per_window.append(feature("duration_s", made.Mean, "mean_duration_s"))
    per_window.append(feature("contact", made.NumUnique, "contacts_reached"))
    since = made.TimeSinceLast(unit="days")
    once = [feature("at", since, f"days_since_last_{name}", kinds) for name, kinds in LAST.items()]
    once.append(feature("at", made.AvgTimeBetween(unit="days"), "mean_gap_days"))
    once.append(feature("at", LongestSilence, "longest_silence_days"))
    moves = entities["moves"].ww["at"]
    staged = ft.Feature(moves, parent_dataframe_name="opportunities", primitive=since)
    once.append(staged.rename("days_in_stage"))
    return per_window, once, feature("row", made.Count, "count")


def run(prepared: Prepared) -> pd.DataFrame:
    parts = []
    for span, days in {**SPANS, "trend": TREND_DAYS}.items():
        features = [prepared.count] if span == "trend" else [*prepared.per_window, prepared.count]
        features = [*features, *prepared.once] if span == "total" else features
        parts.append(_matrix(prepared, features, days).add_suffix(f"_{span}"))
    frame = pd.concat(parts, axis=1)
    frame = frame.rename(columns={f"{f.get_name()}_total": f.get_name() for f in prepared.once})
    frame["activity_trend_30d"] = 2 * frame["count_30d"] - frame["count_trend"]
    return frame


def _matrix(prepared: Prepared, features: list[Any], days: int | None) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no last_time_index, which windows over records do not need
        matrix: pd.DataFrame = ft.calculate_feature_matrix(
            features,
            prepared.entities,
            cutoff_time=prepared.cutoffs,
            training_window=None if days is None else f"{days} days",
            cutoff_time_in_index=True,
        )
    asked = pd.MultiIndex.from_frame(prepared.cutoffs[["opportunity", "time"]])
    return matrix.reindex(asked)


def columns(frame: pd.DataFrame) -> Columns:
    """The answer for the sampled snapshots, in the order of `checked_rows`."""
    given: Mapping[str, Any] = {name: frame[name].astype("float64").to_numpy() for name in COLUMNS}
    zero = ("contacts_reached", "activity_time_s")
    return {n: np.nan_to_num(v) if n.startswith(zero) else v for n, v in given.items()}
