"""Columns of records in the widths in which they are kept, and what decides the order of their rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.clustering import cluster, offsets, seats
from features.compiled import compiled
from features.times import FloatArray, Int32Array, IntArray

Int16Array = npt.NDArray[np.int16]
Seats = tuple[IntArray, Int32Array, Int32Array]

HELD = 2.0**53  # beyond it a number of hundredths or seconds is a typing error; it is held there
HELD_SECONDS = 2**31 - 1


@compiled("int64[::1](float64[::1])")
def whole(number: FloatArray) -> IntArray:
    """The nearest whole number, halves to even; 0 for NaN. Held within `HELD`."""
    found = np.zeros(len(number), np.int64)
    for i in range(len(number)):
        if not np.isnan(number[i]):
            found[i] = np.int64(np.rint(min(max(number[i], -HELD), HELD)))
    return found


@compiled("int32[::1](float64[::1])")
def whole_seconds(duration: FloatArray) -> Int32Array:
    """Whole seconds; -1 where not given; held at 68 years."""
    found = np.full(len(duration), -1, np.int32)
    for i in range(len(duration)):
        if not np.isnan(duration[i]):
            found[i] = np.int32(np.rint(min(duration[i], float(HELD_SECONDS))))
    return found


@compiled("UniTuple(int64[::1], 2)(int16[::1], int32[::1], int32[::1], int32[::1])")
def ties(
    tag: Int16Array, duration: Int32Array, contact: Int32Array, rep: Int32Array
) -> tuple[IntArray, IntArray]:
    """What decides the order of activities of the same instants: all that they hold, as two numbers."""
    tie, tie_too = np.empty(len(tag), np.int64), np.empty(len(tag), np.int64)
    for i in range(len(tag)):
        tie[i] = (np.int64(tag[i]) << 32) + duration[i] + 1
        tie_too[i] = (np.int64(contact[i]) << 32) + rep[i] + 1
    return tie, tie_too


@compiled(
    "Tuple((int64[::1], int32[::1]))(int32[::1], int64, int64[::1], int64[::1],"
    " int16[::1], int32[::1], int32[::1], int32[::1])"
)
def by_account(
    account: Int32Array,
    accounts: int,
    at: IntArray,
    heard: IntArray,
    tag: Int16Array,
    duration: Int32Array,
    contact: Int32Array,
    rep: Int32Array,
) -> tuple[IntArray, Int32Array]:
    """Where each account's activities begin, and their rows, in the order in which it heard of them."""
    code = account.astype(np.int64)
    tie, tie_too = ties(tag, duration, contact, rep)
    order = cluster(code, accounts, at, heard, tie, tie_too)
    return offsets(code[order], accounts), order.astype(np.int32)


@compiled(
    "Tuple((int64[::1], int32[::1], int32[::1], int64[::1], int32[::1], int32[::1]))"
    "(int64[::1], int32[::1], int32[::1])"
)
def people_and_reps(
    first: IntArray, contact: Int32Array, rep: Int32Array
) -> tuple[IntArray, Int32Array, Int32Array, IntArray, Int32Array, Int32Array]:
    """`seats` of the contacts and of the reps of each deal's activities."""
    return (*seats(first, contact), *seats(first, rep))
