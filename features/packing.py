"""Columns of records in the widths in which they are kept, and what decides the order of their rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.clustering import cluster, offsets, seats
from features.compiled import compiled
from features.records import Records
from features.times import NEVER, FloatArray, Int32Array, IntArray

Int16Array = npt.NDArray[np.int16]
Seats = tuple[IntArray, Int32Array, Int32Array]

HELD = 2.0**53  # beyond it a number of hundredths or seconds is a typing error; it is held there
HELD_SECONDS = 2**31 - 1


@compiled("void(float64[::1], int64[::1])")
def _whole(number: FloatArray, found: IntArray) -> None:
    for i in range(len(number)):
        found[i] = 0 if np.isnan(number[i]) else np.int64(np.rint(min(max(number[i], -HELD), HELD)))


def whole(number: FloatArray) -> IntArray:
    """The nearest whole number, halves to even; 0 for NaN. Held within `HELD`."""
    found = np.empty(len(number), np.int64)
    _whole(number, found)
    return found


@compiled("void(float64[::1], int32[::1])")
def _whole_seconds(duration: FloatArray, found: Int32Array) -> None:
    for i in range(len(duration)):
        known = -1.0 if np.isnan(duration[i]) else duration[i]
        found[i] = np.int32(np.rint(min(known, float(HELD_SECONDS))))


def whole_seconds(duration: FloatArray) -> Int32Array:
    """Whole seconds; -1 where not given; held at 68 years."""
    found = np.empty(len(duration), np.int32)
    _whole_seconds(duration, found)
    return found


@compiled("void(int16[::1], int32[::1], int32[::1], int32[::1], int64[::1], int64[::1])")
def _ties(
    tag: Int16Array,
    duration: Int32Array,
    contact: Int32Array,
    rep: Int32Array,
    tie: IntArray,
    tie_too: IntArray,
) -> None:
    for i in range(len(tag)):
        tie[i] = (np.int64(tag[i]) << 32) + duration[i] + 1
        tie_too[i] = (np.int64(contact[i]) << 32) + rep[i] + 1


def ties(
    tag: Int16Array, duration: Int32Array, contact: Int32Array, rep: Int32Array
) -> tuple[IntArray, IntArray]:
    """What decides the order of activities of the same instants: all that they hold, as two numbers."""
    tie, tie_too = np.empty(len(tag), np.int64), np.empty(len(tag), np.int64)
    _ties(tag, duration, contact, rep, tie, tie_too)
    return tie, tie_too


@compiled(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int16[::1], float64[::1], int64[::1], int64[::1],"
    " int64[::1], int64[::1], int32[:, ::1], int64[:, ::1])"
)
def settle(
    deals_account: IntArray,
    created_at: IntArray,
    entity: IntArray,
    known: IntArray,
    tag: Int16Array,
    duration: FloatArray,
    contact: IntArray,
    rep: IntArray,
    account: IntArray,
    heard: IntArray,
    coded: Int32Array,
    tie: IntArray,
) -> None:
    """What a request's activities hold, in the widths in which it is kept, at one pass.

    Args:
        deals_account, created_at: of the deals.
        entity: code of each activity's deal, -1 for none, which becomes the code behind the last deal.
        duration: seconds; NaN where not given.
        account: code of the account that each names, -1 for none: then it is its deal's.
        heard: gets from when on that account knows of it (`history.heard_of`).
        coded: gets seconds (`whole_seconds`), contact, rep and account, a row for each.
        tie: gets what `ties` says, two rows.
    """
    deals = len(created_at)
    for i in range(len(entity)):
        deal, its, heard[i] = entity[i], account[i], known[i]
        if its < 0:
            its = deals_account[deal] if deal >= 0 else -1
            heard[i] = max(known[i], created_at[deal] if deal >= 0 else NEVER)
        if deal < 0:
            entity[i] = deals
        coded[1, i], coded[2, i], coded[3, i] = contact[i], rep[i], its
    _whole_seconds(duration, coded[0])
    _ties(tag, coded[0], coded[1], coded[2], tie[0], tie[1])


@compiled(
    "int64(int32[::1], int64[::1], int64[::1], int16[::1], int32[::1], int32[::1], int32[::1],"
    " int64[::1], int32[::1])"
)
def by_account_into(
    account: Int32Array,
    at: IntArray,
    heard: IntArray,
    tag: Int16Array,
    duration: Int32Array,
    contact: Int32Array,
    rep: Int32Array,
    first: IntArray,
    rows: Int32Array,
) -> int:
    code = account.astype(np.int64)
    tie, tie_too = np.empty(len(tag), np.int64), np.empty(len(tag), np.int64)
    _ties(tag, duration, contact, rep, tie, tie_too)
    order = cluster(code, len(first) - 1, at, heard, tie, tie_too)
    first[:] = offsets(code[order], len(first) - 1)
    rows[: len(order)] = order
    return len(order)


def by_account(activities: Records, accounts: int) -> tuple[IntArray, Int32Array]:
    """Where each account's activities begin, and their rows, in the order in which it heard of them."""
    first, rows = np.empty(accounts + 1, np.int64), np.empty(len(activities), np.int32)
    r = activities
    count = by_account_into(
        r["account"], r.at, r["heard"], r["tag"], r["duration_s"], r["contact"], r["rep"], first, rows
    )
    return first, rows[:count]


def seats_of(activities: Records, name: str) -> Seats:
    """The distinct contacts, or reps, of each deal's activities, numbered from 0 on within the deal.

    Returns:
        where each deal's begin; their codes; the number of each activity's, -1 where it has none.
    """
    begin = np.empty(len(activities.first), np.int64)
    named, number = np.empty(len(activities), np.int32), np.empty(len(activities), np.int32)
    seats(activities.first, activities[name], begin, named, number)
    return begin, named, number
