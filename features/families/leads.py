"""How the lead was answered from which the deal came."""

from __future__ import annotations

import math

import numpy as np

from features.compiled import compiled
from features.families.values import days, hours
from features.times import MISSING, FloatArray, IntArray

COLUMNS = ("leads_total", "lead_source", "lead_response_hours", "lead_age_days", "lead_to_deal_days")
_WIDTH = len(COLUMNS)


@compiled(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int64[::1], float64[:, ::1])"
)
def leads(
    entity: IntArray,
    as_of: IntArray,
    first: IntArray,
    at: IntArray,
    seen: IntArray,
    response_at: IntArray,
    source: IntArray,
    created_at: IntArray,
    place: IntArray,
    out: FloatArray,
) -> None:
    """The columns of `COLUMNS` of each snapshot: of the latest lead that is known to have become the deal.

    Args:
        at: when each lead was created, `MISSING` where not given; `seen`: from when on it and its
            deal are known.
    """
    v = np.empty(_WIDTH, np.float64)
    for row in range(len(entity)):
        e, t = entity[row], as_of[row]
        v[:] = math.nan
        count = 0
        latest = -1
        for i in range(first[e], first[e + 1]):
            if seen[i] <= t:
                count += 1
                latest = i
        v[0] = count
        if latest >= 0:
            if source[latest] >= 0:
                v[1] = source[latest]
            if at[latest] != MISSING:
                if response_at[latest] != MISSING and response_at[latest] <= t:
                    v[2] = hours(response_at[latest] - at[latest])
                v[3] = days(t - at[latest])
                if created_at[e] <= t:
                    v[4] = days(created_at[e] - at[latest])
        for c in range(_WIDTH):
            if place[c] >= 0:
                out[row, place[c]] = v[c]
