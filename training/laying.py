"""Contributions laid out by behaviour: sums, points, and which feature speaks; rows one after the other.

A row has the same bits alone as among many: each sum goes through its columns in their order. This file
imports nothing of `training`, so that the cache of `features.compiled` knows it by its contents.
"""

from __future__ import annotations

from features.compiled import compiled
from features.times import FloatArray, IntArray

_SAME = 1e-9  # margins nearer than this: the chord's slope is the tangent's


@compiled("void(float64[:, ::1], int64[::1], float64[::1], float64[::1], float64, float64, float64[:, ::1])")
def lay(  # noqa: PLR0917
    contributions: FloatArray,
    group: IntArray,
    margin: FloatArray,
    shown: FloatArray,
    low: float,
    platt_slope: float,
    points: FloatArray,
) -> None:
    """Each group's points before centring, into `points` (rows x groups, zeros).

    Args:
        contributions: rows x (features + 1), the last column the expected margin.
        group: of each feature.
        shown: the probability of each margin; `low`: of the expected one.
    """
    for row in range(len(contributions)):
        its = points[row]
        for i in range(len(group)):
            its[group[i]] += contributions[row, i]
        distance = margin[row] - contributions[row, len(group)]
        if abs(distance) < _SAME:
            slope = platt_slope * shown[row] * (1 - shown[row])
        else:
            slope = (shown[row] - low) / distance
        for k in range(len(its)):
            its[k] *= slope


@compiled("void(float64[:, ::1], float64[::1], float64, float64[::1])")
def centre(points: FloatArray, typical: FloatArray, base_rate: float, shown: FloatArray) -> None:
    """Take the typical points off in place; what rounding leaves over goes to the largest of a row."""
    for row in range(len(points)):
        its, total, largest = points[row], 0.0, 0
        for k in range(len(its)):
            its[k] -= typical[k]
            total += its[k]
            if abs(its[k]) > abs(its[largest]):
                largest = k
        its[largest] += shown[row] - (base_rate + total)


@compiled("void(float64[::1], int64[::1], int64[:, ::1])")
def loudest(contributions: FloatArray, group: IntArray, places: IntArray) -> None:
    """The features that speak loudest in each group of one row, into `places` (groups x most); -1: none.

    Of two that speak alike the first; a feature that says nothing does not speak.
    """
    places[:] = -1
    most = places.shape[1]
    for i in range(len(group)):
        size, its = abs(contributions[i]), places[group[i]]
        k = most
        while k > 0 and size > 0 and (its[k - 1] < 0 or size > abs(contributions[its[k - 1]])):
            if k < most:
                its[k] = its[k - 1]
            k -= 1
            its[k] = i
