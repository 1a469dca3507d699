"""pandas for one opportunity: a frame from the records, then kinds x windows as one product of masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.columns import COLUMNS, COUNTED, DAY, KINDS, LAST, SPANS, TREND_DAYS

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
EDGES = np.array([np.iinfo(np.int64).max if days is None else days * DAY for days in SPANS.values()])
NAMES = ("at", "kind", "contact_id", "duration_s")


def prepare() -> None:
    return None


def row(prepared: None, rows: Rows, as_of: int) -> Sequence[float]:  # noqa: ARG001
    activities = rows["activities"]
    frame = pd.DataFrame({name: [record[name] for record in activities] for name in NAMES})
    seen = frame[frame["at"] <= as_of]
    age = as_of - seen["at"].to_numpy("int64")
    within = age < EDGES[:, None]
    kind = seen["kind"].to_numpy()
    of = {name: kind == name for name in KINDS}
    duration = seen["duration_s"].to_numpy("float64")
    timed = ~np.isnan(duration)
    contact, known = pd.factorize(seen["contact_id"])
    one_hot = np.stack([of[name] for name in KINDS]).astype(np.int64)
    counts = within.astype(np.int64) @ one_hot.T
    seconds = within @ np.where(timed, duration, 0)
    number = within @ timed.astype(np.int64)
    value: dict[str, Any] = {}
    for place, span in enumerate(SPANS):
        for name, kinds in COUNTED.items():
            value[f"{name}_{span}"] = sum(counts[place, KINDS.index(kind)] for kind in kinds)
        value[f"activity_time_s_{span}"] = seconds[place]
        value[f"mean_duration_s_{span}"] = seconds[place] / number[place] if number[place] else np.nan
        met = np.bincount(contact[within[place]], minlength=len(known))
        value[f"contacts_reached_{span}"] = np.count_nonzero(met)
    for name, kinds in LAST.items():
        mine = age[np.logical_or.reduce([of[kind] for kind in kinds])]
        value[f"days_since_last_{name}"] = mine.min() / DAY if len(mine) else np.nan
    moved = [move["at"] for move in rows["stage_changes"] if move["at"] <= as_of]
    value["days_in_stage"] = (as_of - max(moved)) / DAY if moved else np.nan
    value["mean_gap_days"] = (age.max() - age.min()) / DAY / (len(age) - 1) if len(age) > 1 else np.nan
    gaps = np.diff(np.sort(age), prepend=0)
    value["longest_silence_days"] = gaps.max() / DAY if len(age) else np.nan
    value["activity_trend_30d"] = 2 * (age < 30 * DAY).sum() - (age < TREND_DAYS * DAY).sum()
    return [value[name] for name in COLUMNS]
