"""The columns that every contender computes for every snapshot, by the engine's own names.

A record is visible to a snapshot with `at <= as_of` (one clock, the peers') or with
`max(recorded_at, at) <= as_of` (both clocks, dealcast's). A window of n days holds the visible
records with `as_of - at < n days`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Columns = Mapping[str, FloatArray]

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND

KINDS: Final = ("call", "email", "meeting", "visit", "message", "demo", "proposal", "crm_update")
WINDOWS: Final = (7, 14, 30, 90)  # days; and all time
TREND_DAYS: Final = 60  # the window that the trend needs besides
SPANS: Final[Mapping[str, int | None]] = MappingProxyType(
    {**{f"{days}d": days for days in WINDOWS}, "total": None}
)

# What is counted per window, of which kinds.
COUNTED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "calls": ("call",),
        "emails": ("email",),
        "meetings": ("meeting",),
        "visits": ("visit",),
        "messages": ("message",),
        "demos": ("demo",),
        "proposals": ("proposal",),
        "crm_updates": ("crm_update",),
    }
)
# What recency is told of, of which kinds.
LAST: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "activity": KINDS,
        "call": ("call",),
        "email": ("email",),
        "meeting": ("meeting", "visit", "demo"),
        "message": ("message",),
        "demo": ("demo",),
        "proposal": ("proposal",),
    }
)

COLUMNS: Final = (
    *(f"{name}_{span}" for name in COUNTED for span in SPANS),
    *(f"activity_time_s_{span}" for span in SPANS),
    *(f"mean_duration_s_{span}" for span in SPANS),
    *(f"contacts_reached_{span}" for span in SPANS),
    *(f"days_since_last_{name}" for name in LAST),
    "days_in_stage",
    "mean_gap_days",
    "longest_silence_days",
    "activity_trend_30d",
)
