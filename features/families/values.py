"""Small pieces of arithmetic that every family needs, for use within kernels."""

from __future__ import annotations

import math

from features.compiled import compiled
from features.times import DAY, HOUR, MISSING


@compiled()
def ratio(part: float, whole: float) -> float:
    """part / whole; NaN where the whole is 0 or NaN, or the ratio is beyond what a float64 holds."""
    if whole == 0:
        return math.nan
    value = part / whole
    return value if math.isfinite(value) else math.nan


@compiled()
def days_since(instant: int, as_of: int) -> float:
    """Days from an instant to `as_of`; NaN where it is `MISSING`."""
    return math.nan if instant == MISSING else (as_of - instant) / DAY


@compiled()
def days(micros: int) -> float:
    return micros / DAY


@compiled()
def hours(micros: int) -> float:
    return micros / HOUR


@compiled()
def variation(count: int, total: int, squares: int) -> float:
    """Standard deviation over mean of whole numbers, from their sums; NaN with fewer than two or mean 0."""
    if count < 2 or total == 0:
        return math.nan
    spread = float(count) * float(squares) - float(total) * float(total)
    return math.sqrt(max(spread, 0.0)) / total
