"""pandas, the plain way: snapshots merged with all their activities, then grouped sums of masks.

The snapshots go in blocks, since the merged rows of all of them would not fit into memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.columns import COUNTED, DAY, KINDS, LAST, SPANS, TREND_DAYS
from benchmarks.contenders.pandas_tables import Tables, columns, prepare

__all__ = ["columns", "prepare", "run"]

BLOCK = 20_000  # opportunities


def run(tables: Tables) -> pd.DataFrame:
    activities = tables.activities
    records = activities.assign(
        next=activities.groupby("contact", sort=False)["at"].shift(-1),
        gap=activities.groupby("opportunity", sort=False)["at"].diff(),
    )
    snapshots = tables.snapshots
    last = int(snapshots["opportunity"].iloc[-1]) if len(snapshots) else -1
    parts = []
    for low in range(0, last + 1, BLOCK):
        asked = _between(snapshots, low, low + BLOCK)
        merged = asked.reset_index(names="snapshot").merge(
            _between(records, low, low + BLOCK), on="opportunity"
        )
        seen = merged[merged["at"] <= merged["as_of"]]
        parts.append(_told(seen).reindex(asked.index))
    return _finished(tables, pd.concat(parts))


def _between(frame: pd.DataFrame, low: int, high: int) -> pd.DataFrame:
    """The rows of some opportunities of a clustered frame."""
    start, stop = np.searchsorted(frame["opportunity"].to_numpy(), [low, high])
    return frame.iloc[start:stop]


def _told(seen: pd.DataFrame) -> pd.DataFrame:
    """What is told over the visible activities, per snapshot."""
    age = (seen["as_of"] - seen["at"]).to_numpy()
    stands = ~(seen["next"] <= seen["as_of"]).to_numpy()
    kind = {name: (seen["kind"] == name).to_numpy() for name in KINDS}
    duration = seen["duration_s"].to_numpy()
    group = seen["snapshot"]
    sums: dict[str, np.ndarray] = {"seen": np.ones(len(seen), np.int32)}
    for span, days in {**SPANS, "trend": TREND_DAYS}.items():
        within = np.ones(len(seen), np.bool_) if days is None else age < days * DAY
        sums[f"seen_{span}"] = within
        if span != "trend":
            for name, kinds in COUNTED.items():
                sums[f"{name}_{span}"] = within & np.logical_or.reduce([kind[k] for k in kinds])
            sums[f"activity_time_s_{span}"] = np.where(within, np.nan_to_num(duration), 0)
            sums[f"timed_{span}"] = within & ~np.isnan(duration)
            sums[f"contacts_reached_{span}"] = within & stands
    youngest = {
        f"youngest_{name}": np.where(np.logical_or.reduce([kind[k] for k in kinds]), age, np.nan)
        for name, kinds in LAST.items()
    }
    least = pd.DataFrame(youngest).groupby(group.to_numpy(), sort=False).min()
    most = pd.DataFrame({"oldest": age, "gap": seen["gap"].to_numpy()})
    return pd.concat(
        [
            pd.DataFrame(sums).groupby(group.to_numpy(), sort=False).sum(),
            least,
            most.groupby(group.to_numpy(), sort=False).max(),
        ],
        axis=1,
    )


def _finished(tables: Tables, told: pd.DataFrame) -> pd.DataFrame:
    zero = [*COUNTED, "activity_time_s", "contacts_reached"]
    found: dict[str, Any] = {f"{n}_{s}": told[f"{n}_{s}"].fillna(0) for n in zero for s in SPANS}
    for span in SPANS:
        timed = told[f"timed_{span}"]
        found[f"mean_duration_s_{span}"] = told[f"activity_time_s_{span}"] / timed.where(timed > 0)
    found |= {f"days_since_last_{name}": told[f"youngest_{name}"] / DAY for name in LAST}
    found["days_in_stage"] = _days_in_stage(tables)
    several = told["seen"].where(told["seen"] > 1)
    found["mean_gap_days"] = (told["oldest"] - told["youngest_activity"]) / DAY / (several - 1)
    found["longest_silence_days"] = np.fmax(told["gap"], told["youngest_activity"]) / DAY
    found["activity_trend_30d"] = (2 * told["seen_30d"] - told["seen_trend"]).fillna(0)
    return pd.DataFrame(found)


def _days_in_stage(tables: Tables) -> pd.Series:
    asked = tables.snapshots.reset_index(names="snapshot").sort_values("as_of")
    moves = tables.stage_changes.sort_values("at").rename(columns={"at": "moved_at"})
    found = pd.merge_asof(asked, moves, left_on="as_of", right_on="moved_at", by="opportunity")
    return ((found["as_of"] - found["moved_at"]) / DAY).set_axis(found["snapshot"])
