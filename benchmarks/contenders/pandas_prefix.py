"""pandas, prefix sums: every count is a difference of two running counts at two positions.

The positions come from `searchsorted` in one 64-bit key of opportunity and time since the opportunity's
first record, by which the clustered table is sorted already. Distinct contacts as in `polars_prefix`:
records relieved by a next one of the same contact are counted up to the snapshot, the others up to the
window's edge.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.columns import COUNTED, DAY, KINDS, LAST, SPANS, TREND_DAYS, WINDOWS, FloatArray, IntArray
from benchmarks.contenders.pandas_tables import Tables, columns, prepare

__all__ = ["columns", "prepare", "run"]

EDGES = {"now": 0, **{f"{window}d": window for window in WINDOWS}, "trend": TREND_DAYS}
MISSING = int(np.iinfo(np.int64).min)
Position = Mapping[str, IntArray]
Counts = Mapping[str, npt.NDArray[np.integer]]


def run(tables: Tables) -> pd.DataFrame:
    return columns_at(tables, positions(tables))


def positions(tables: Tables) -> Position:
    """How many records come before each snapshot's opportunity, moment and window edges."""
    snapshots = tables.snapshots
    opportunity, as_of = snapshots["opportunity"].to_numpy(), snapshots["as_of"].to_numpy()
    found = _positions(tables.activities, opportunity, {n: as_of - back * DAY for n, back in EDGES.items()})
    moves = _positions(tables.stage_changes, opportunity, {"moves": as_of})
    return {**found, "first_move": moves["first"], "moves": moves["moves"]}


def _positions(records: pd.DataFrame, opportunity: IntArray, edges: Mapping[str, IntArray]) -> Position:
    group, at = records["opportunity"].to_numpy(), records["at"].to_numpy()
    number = max(int(group.max(initial=0)), int(opportunity.max(initial=0))) + 1
    size = np.bincount(group, minlength=number)
    first = np.cumsum(size) - size
    origin = np.append(at, 0)[first]
    latest = max(int((at - origin[group]).max(initial=0)), 0) + 1  # nothing happens after it
    width = latest + 1
    if number * width >= 2**64:
        raise ValueError(f"{number} opportunities of {width} microseconds have no 64-bit key")
    start = np.arange(number, dtype=np.uint64) * np.uint64(width)
    key = start[group] + (at - origin[group]).astype(np.uint64)
    found: dict[str, IntArray] = {"first": first[opportunity]}
    for name, instant in edges.items():
        # An edge before the opportunity's first record falls on its start; one after its last, on its end.
        since = np.clip(instant - origin[opportunity] + 1, 0, width)
        found[name] = np.searchsorted(key, start[opportunity] + since.astype(np.uint64), side="left")
    return found


def columns_at(tables: Tables, position: Position) -> pd.DataFrame:
    """The columns, from the positions."""
    sums = _running_sums(tables.activities)
    now, first = position["now"], position["first"]
    number = now - first
    found: dict[str, FloatArray | npt.NDArray[np.integer]] = {}
    for span in SPANS:
        edge = first if span == "total" else position[span]
        inside = {name: sums[name][now] - sums[name][edge] for name in (*KINDS, "seconds", "timed")}
        for name, kinds in COUNTED.items():
            found[f"{name}_{span}"] = sum((inside[kind] for kind in kinds[1:]), start=inside[kinds[0]])
        found[f"activity_time_s_{span}"] = inside["seconds"]
        found[f"mean_duration_s_{span}"] = _ratio(inside["seconds"], inside["timed"])
        standing = number - (sums[f"relieved_{span}"][now] - sums[f"relieved_{span}"][first])
        if span != "total":
            standing -= sums[f"left_{span}"][edge] - sums[f"left_{span}"][first]
        found[f"contacts_reached_{span}"] = standing
    found.update(_recency(tables, position, sums))
    found["activity_trend_30d"] = now - position["30d"] - (position["30d"] - position["trend"])
    return pd.DataFrame(found, copy=False)


def _running_sums(activities: pd.DataFrame) -> Counts:
    """Running counts per kind, of relieved records, and sums of durations: place i of the first i."""
    kind = activities["kind"].cat.codes.to_numpy()
    code = {name: place for place, name in enumerate(activities["kind"].cat.categories)}
    duration = activities["duration_s"].to_numpy()
    since, until = _same_contact(activities)
    flags = {
        **{name: kind == code.get(name, -1) for name in KINDS},
        "timed": ~np.isnan(duration),
        "relieved_total": since >= 0,
        **{f"relieved_{days}d": (since >= 0) & (since <= days * DAY) for days in WINDOWS},
        **{f"left_{days}d": (until < 0) | (until > days * DAY) for days in WINDOWS},
    }
    sums: dict[str, npt.NDArray[np.integer]] = {
        name: _running(flag, np.int32) for name, flag in flags.items()
    }
    sums["seconds"] = _running(np.nan_to_num(duration).astype(np.int64), np.int64)
    return sums


def _running(values: npt.NDArray[np.generic], dtype: type[np.integer]) -> npt.NDArray[np.integer]:
    total = np.zeros(len(values) + 1, dtype)
    np.cumsum(values, out=total[1:], dtype=dtype)
    return total


def _same_contact(activities: pd.DataFrame) -> tuple[IntArray, IntArray]:
    """Microseconds from the same contact's record before, and to its next one; -1 where there is none."""
    contact, at = activities["contact"].to_numpy(), activities["at"].to_numpy()
    order = np.argsort(contact, kind="stable")
    gap = np.where(contact[order][1:] == contact[order][:-1], np.diff(at[order]), -1)
    since, until = np.empty_like(at), np.empty_like(at)
    since[order] = np.concatenate([[-1], gap])
    until[order] = np.concatenate([gap, [-1]])
    return since, until


def _recency(tables: Tables, position: Position, sums: Counts) -> Mapping[str, FloatArray]:
    activities, as_of = tables.activities, tables.snapshots["as_of"].to_numpy()
    now, first = position["now"], position["first"]
    at = activities["at"].to_numpy()
    last_of = {kind: _last_of(activities, kind, sums[kind], position) for kind in KINDS}
    last = _picked(at, now, first)
    found = {}
    for name, kinds in LAST.items():
        latest = last if kinds == KINDS else np.maximum.reduce([last_of[kind] for kind in kinds])
        found[f"days_since_last_{name}"] = _days_since(latest, as_of)
    moved = _picked(tables.stage_changes["at"].to_numpy(), position["moves"], position["first_move"])
    found["days_in_stage"] = _days_since(moved, as_of)
    oldest = np.where(now > first, np.append(at, 0)[first], 0)
    found["mean_gap_days"] = _ratio(np.where(now > first, last - oldest, 0) / DAY, now - first - 1)
    gap = activities["at"].diff().where(activities["opportunity"].diff() == 0, 0)
    longest = gap.groupby(activities["opportunity"], sort=False).cummax().to_numpy("int64")
    silence = np.maximum(_picked(longest, now, first) / DAY, found["days_since_last_activity"])
    found["longest_silence_days"] = silence
    return found


def _last_of(activities: pd.DataFrame, kind: str, running: npt.NDArray[np.integer], at: Position) -> IntArray:
    """When a kind's last activity was: the running count says which of that kind's activities it is."""
    instants = activities["at"].to_numpy()[(activities["kind"] == kind).to_numpy()]
    return _picked(instants, running[at["now"]], running[at["first"]])


def _picked(values: IntArray, count: npt.NDArray[np.integer], before: npt.NDArray[np.integer]) -> IntArray:
    """The last of the first `count` values; `MISSING` where all of these came before the opportunity."""
    some = count > before
    return np.where(some, np.append(values, 0)[np.where(some, count - 1, len(values))], MISSING)


def _days_since(instant: IntArray, as_of: IntArray) -> FloatArray:
    return np.where(instant == MISSING, np.nan, (as_of - np.where(instant == MISSING, 0, instant)) / DAY)


def _ratio(part: npt.NDArray[np.number], whole: npt.NDArray[np.number]) -> FloatArray:
    ratio = np.full(len(part), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio
