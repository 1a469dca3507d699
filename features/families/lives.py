"""Whole lives of deals, for the dated reference: stays in stages, and owners from week to week."""

from __future__ import annotations

import numpy as np

from features.compiled import compiled
from features.times import SECOND, WEEK, FloatArray, IntArray


@compiled(
    "Tuple((int64[::1], int64[::1], int64[::1]))(int64[::1], int64[::1], int64[::1], int64[::1],"
    " int64[::1], int64[::1], int32[::1], int64, int64)"
)
def stays(
    entity: IntArray,
    closed_at: IntArray,
    first: IntArray,
    at: IntArray,
    known: IntArray,
    until: IntArray,
    stage: IntArray,
    listed: int,
    names: int,
) -> tuple[IntArray, IntArray, IntArray]:
    """The listed stages of closed deals before their close, as known then: deal, stage, whole seconds."""
    most = 0
    for i in range(len(entity)):
        most += min(first[entity[i] + 1] - first[entity[i]], listed)
    whose, which, spent = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    seconds = np.empty(names, np.int64)
    n = 0
    for i in range(len(entity)):
        seconds[:] = -1
        t, now, since = closed_at[i], -1, 0
        for r in range(first[entity[i]], first[entity[i] + 1]):
            if at[r] >= t:
                break
            if known[r] <= t < until[r] and stage[r] != now:
                if now >= 0:
                    seconds[now] += (at[r] - since) // SECOND
                now, since = stage[r], at[r]
                seconds[now] = max(seconds[now], 0)
        if now >= 0:
            seconds[now] += (t - since) // SECOND
        for name in range(listed):
            if seconds[name] >= 0:
                whose[n], which[n], spent[n] = i, name, seconds[name]
                n += 1
    return whose[:n], which[:n], spent[:n]


@compiled(
    "Tuple((int64[::1], int64[::1], int64[::1]))(int64[::1], int64[::1], int64[::1], int64[::1],"
    " int64[::1], int64[::1], int32[::1], float64[::1], int64, float64[::1])"
)
def owners(
    begin: IntArray,
    end: IntArray,
    first: IntArray,
    at: IntArray,
    known: IntArray,
    until: IntArray,
    field: IntArray,
    value: FloatArray,
    owner: int,
    fixed: FloatArray,
) -> tuple[IntArray, IntArray, IntArray]:
    """Who has each deal on the Mondays of its life, as changes of the reps' loads.

    Args:
        begin, end: first Monday on which a deal is open, and the first on which it is closed.
        owner: the field of owners among the changes; none of them where owners are fixed.
        fixed: each deal's owner where owners never change, NaN where a history tells.
    """
    most = 0
    for d in range(len(begin)):
        most += 2 * (2 * (first[d + 1] - first[d]) + 2)
    rep, when, change = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    n = 0
    for d in range(len(begin)):
        before = np.nan
        monday = begin[d]
        while monday < end[d]:
            now = fixed[d]
            for r in range(first[d], first[d + 1]):
                if at[r] >= monday:
                    break
                if field[r] == owner and known[r] < monday <= until[r]:
                    now = value[r]
            if now != before and not (np.isnan(now) and np.isnan(before)):
                if not np.isnan(before):
                    rep[n], when[n], change[n] = int(before), monday, -1
                    n += 1
                if not np.isnan(now):
                    rep[n], when[n], change[n] = int(now), monday, 1
                    n += 1
                before = now
            monday += WEEK
        if not np.isnan(before):
            rep[n], when[n], change[n] = int(before), end[d], -1
            n += 1
    return rep[:n], when[:n], change[:n]
