"""Single questions to records: whether anything is visible, and what comes next."""

from __future__ import annotations

import numpy as np

from features.compiled import compiled
from features.records import Records
from features.snapshots import Snapshots
from features.times import NEVER, BoolArray, IntArray
from features.visibility import first_after, is_visible


def any_visible(records: Records, snapshots: Snapshots) -> BoolArray:
    """Whether each snapshot sees any record of its entity."""
    return _any_visible(
        snapshots.entity, snapshots.as_of, records.first, records.at, records.known, records.until
    )


def next_at(records: Records, snapshots: Snapshots) -> IntArray:
    """When each snapshot's entity has its next record after `as_of`; `NEVER` if it has none."""
    return _next_at(snapshots.entity, snapshots.as_of, records.first, records.at)


@compiled("boolean[::1](int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])")
def _any_visible(
    entity: IntArray, as_of: IntArray, first: IntArray, at: IntArray, known: IntArray, until: IntArray
) -> BoolArray:
    found = np.zeros(len(entity), np.bool_)
    for i in range(len(entity)):
        for r in range(first[entity[i]], first[entity[i] + 1]):
            if at[r] > as_of[i]:
                break
            if is_visible(at[r], known[r], until[r], as_of[i]):
                found[i] = True
                break
    return found


@compiled("int64[::1](int64[::1], int64[::1], int64[::1], int64[::1])")
def _next_at(entity: IntArray, as_of: IntArray, first: IntArray, at: IntArray) -> IntArray:
    found = np.empty(len(entity), np.int64)
    for i in range(len(entity)):
        high = first[entity[i] + 1]
        row = first_after(at, first[entity[i]], high, as_of[i])
        found[i] = at[row] if row < high else NEVER
    return found
