"""When a snapshot lies in the quarter, the week and the day; from `as_of` and the time zone alone."""

from __future__ import annotations

import numpy as np
import polars as pl

from features.families import Values
from features.history import History
from features.snapshots import Snapshots
from features.times import DAY


def calendar(history: History, snapshots: Snapshots) -> Values:
    """Days to the end of the quarter, the month within it, the weekday and the hour.

    Local to the data set's time zone but for the quarter's end, which is taken in UTC.
    """
    as_of = snapshots.as_of.astype("datetime64[us]")
    number = as_of.astype("datetime64[M]").astype(np.int64)
    quarter_end = (number - number % 3 + 3).astype("datetime64[M]").astype("datetime64[us]")
    local = pl.Series(as_of).dt.replace_time_zone("UTC")
    local = local.dt.convert_time_zone(history.conventions.time_zone)
    return {
        "days_to_quarter_end": (quarter_end - as_of).astype(np.int64) / DAY,
        "month_of_quarter": (number % 3 + 1).astype(np.float64),
        "weekday": local.dt.weekday().cast(pl.Float64).to_numpy(),
        "hour_of_day": local.dt.hour().cast(pl.Float64).to_numpy(),
    }
