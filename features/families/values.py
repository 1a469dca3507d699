"""Small pieces of arithmetic that every family needs, for use within kernels."""

from __future__ import annotations

import math

import numpy as np

from features.compiled import compiled
from features.times import DAY, HOUR, MISSING, FloatArray, IntArray, UInt64Array


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


@compiled()
def runs_of(place: IntArray) -> tuple[UInt64Array, IntArray, IntArray]:
    """A family's wanted columns in the order in which they lie in the matrix: their places among the
    family's own, those in the matrix, and where runs of neighbours begin (and the last one ends)."""
    source = np.flatnonzero(place >= 0)
    source = source[np.argsort(place[source])]
    goal = place[source]
    runs = np.zeros(len(goal) + 1, np.int64)
    count = 0
    for n in range(len(goal)):
        if n == 0 or goal[n] != goal[n - 1] + 1:
            runs[count] = n
            count += 1
    runs[count] = len(goal)
    return source.astype(np.uint64), goal, runs[: count + 1]


@compiled()
def put_runs(v: FloatArray, source: UInt64Array, goal: IntArray, runs: IntArray, target: FloatArray) -> None:
    """The wanted of a family's values into a row of the matrix, neighbour after neighbour."""
    for r in range(len(runs) - 1):
        begin = runs[r]
        its = source[begin : runs[r + 1]]
        run = target[goal[begin] : goal[begin] + len(its)]
        for n in range(len(its)):
            run[n] = v[its[n]]
