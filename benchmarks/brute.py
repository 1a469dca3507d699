"""The columns by brute force, one snapshot after the other: what every contender is held against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.columns import (
    COLUMNS,
    COUNTED,
    DAY,
    KINDS,
    LAST,
    SPANS,
    TREND_DAYS,
    BoolArray,
    Columns,
    FloatArray,
    IntArray,
)
from benchmarks.world import read

TOLERANCE = 1e-9  # relative, and absolute: of days, seconds and numbers


@dataclass(frozen=True)
class Records:
    """Everything that one snapshot may see, of one opportunity, in the order of `at`."""

    at: IntArray
    known: IntArray
    kind: IntArray
    contact: IntArray
    duration_s: IntArray  # -1 where empty
    moved_at: IntArray  # of its stage changes


def expected(folder: Path, rows: IntArray, *, both_clocks: bool) -> Columns:
    """The columns of the snapshots with these row numbers."""
    activities = read(
        folder, "activities", "opportunity", "at", "recorded_at", "kind", "contact", "duration_s"
    )
    moves = read(folder, "stage_changes", "opportunity", "at")
    snapshots = read(folder, "snapshots", "opportunity", "as_of")
    values = np.full((len(rows), len(COLUMNS)), np.nan)
    for place, row in enumerate(rows):
        opportunity, as_of = snapshots["opportunity"][row], int(snapshots["as_of"][row])
        mine = _part(activities["opportunity"], opportunity)
        records = Records(
            activities["at"][mine],
            activities["recorded_at"][mine],
            activities["kind"][mine],
            activities["contact"][mine],
            activities["duration_s"][mine],
            moves["at"][_part(moves["opportunity"], opportunity)],
        )
        values[place] = row_of(records, as_of, both_clocks=both_clocks)
    return {name: values[:, place] for place, name in enumerate(COLUMNS)}


def row_of(records: Records, as_of: int, *, both_clocks: bool) -> FloatArray:
    """The columns of one snapshot, in the order of `COLUMNS`; NaN where not given."""
    start = np.maximum(records.known, records.at) if both_clocks else records.at
    seen = start <= as_of
    age = as_of - records.at
    value = {}
    for span, days in SPANS.items():
        within = seen if days is None else seen & (age < days * DAY)
        for name, kinds in COUNTED.items():
            value[f"{name}_{span}"] = float((within & _of(records, kinds)).sum())
        durations = records.duration_s[within & (records.duration_s >= 0)]
        value[f"activity_time_s_{span}"] = float(durations.sum())
        value[f"mean_duration_s_{span}"] = float(durations.mean()) if len(durations) else np.nan
        value[f"contacts_reached_{span}"] = float(len(set(records.contact[within].tolist())))
    for name, kinds in LAST.items():
        ages = age[seen & _of(records, kinds)]
        value[f"days_since_last_{name}"] = ages.min() / DAY if len(ages) else np.nan
    moved_at = records.moved_at[records.moved_at <= as_of]
    value["days_in_stage"] = (as_of - moved_at.max()) / DAY if len(moved_at) else np.nan
    at = np.sort(records.at[seen])
    value["mean_gap_days"] = (at[-1] - at[0]) / DAY / (len(at) - 1) if len(at) > 1 else np.nan
    gaps = np.diff(np.append(at, as_of))
    value["longest_silence_days"] = gaps.max() / DAY if len(gaps) else np.nan
    month, two_months = ((seen & (age < days * DAY)).sum() for days in (30, TREND_DAYS))
    value["activity_trend_30d"] = float(month - (two_months - month))
    return np.array([value[name] for name in COLUMNS])


def verdict(found: Columns, wanted: Columns) -> str:
    """ "equal", or which columns differ, by how much, and in how many snapshots."""
    wrong = []
    for name in COLUMNS:
        if name not in found:
            wrong.append(f"{name} is missing")
            continue
        same = np.isclose(found[name], wanted[name], rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        if not same.all():
            first = int(np.flatnonzero(~same)[0])
            example = f"{found[name][first]:g} for {wanted[name][first]:g}"
            wrong.append(f"{name} in {(~same).sum()} of {len(same)} ({example})")
    return f"WRONG in {len(wrong)} columns: {'; '.join(wrong[:3])}" if wrong else "equal"


def _part(opportunity: IntArray, code: int) -> slice:
    low, high = np.searchsorted(opportunity, [code, code + 1])
    return slice(int(low), int(high))


def _of(records: Records, kinds: tuple[str, ...]) -> BoolArray:
    return np.isin(records.kind, [KINDS.index(kind) for kind in kinds])
