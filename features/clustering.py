"""Rows of one entity side by side, in the order in which they happened; snapshots likewise."""

from __future__ import annotations

import numpy as np

from features.compiled import compiled
from features.times import Int32Array, IntArray


@compiled()
def _before(a: int, b: int, at: IntArray, known: IntArray, tie: IntArray, tie_too: IntArray) -> bool:
    """Whether row b comes strictly before row a."""
    if at[a] != at[b]:
        return bool(at[b] < at[a])
    if known[a] != known[b]:
        return bool(known[b] < known[a])
    if tie[a] != tie[b]:
        return bool(tie[b] < tie[a])
    return bool(tie_too[b] < tie_too[a])


@compiled()
def _sort(
    order: IntArray,
    spare: IntArray,
    low: int,
    high: int,
    at: IntArray,
    known: IntArray,
    tie: IntArray,
    tie_too: IntArray,
) -> None:
    """A merge sort of order[low:high], bottom up; runs that are in order already cost one look."""
    width = 1
    while width < high - low:
        start = low
        while start + width < high:
            middle, end = start + width, min(start + 2 * width, high)
            if _before(order[middle - 1], order[middle], at, known, tie, tie_too):
                spare[start:middle] = order[start:middle]
                i, j, k = start, middle, start
                while i < middle:
                    if j < end and _before(spare[i], order[j], at, known, tie, tie_too):
                        order[k] = order[j]
                        j += 1
                    else:
                        order[k] = spare[i]
                        i += 1
                    k += 1
            start = end
        width *= 2


@compiled("boolean(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])")
def are_clustered(entity: IntArray, at: IntArray, known: IntArray, tie: IntArray, tie_too: IntArray) -> bool:
    """Whether rows are those of known entities and in the order of `cluster` already."""
    if len(entity) and entity[0] < 0:
        return False
    for i in range(1, len(entity)):
        if entity[i] < entity[i - 1] or (
            entity[i] == entity[i - 1] and _before(i - 1, i, at, known, tie, tie_too)
        ):
            return False
    return True


@compiled()
def _cluster(
    entity: IntArray,
    entities: int,
    at: IntArray,
    known: IntArray,
    tie: IntArray,
    tie_too: IntArray,
    order: IntArray,
    first: IntArray,
) -> int:
    """`cluster` into `order`, and into `first` where each entity's rows begin in it; how many rows."""
    end = np.zeros(entities + 2, np.int64)
    for i in range(len(entity)):
        end[entity[i] + 2] += 1
    end[1] = 0
    for e in range(1, entities + 2):
        end[e] += end[e - 1]
    count = end[entities + 1]
    for i in range(len(entity)):
        if entity[i] >= 0:
            order[end[entity[i] + 1]] = i
            end[entity[i] + 1] += 1
    first[:] = end[: entities + 1]
    spare = np.empty(count, np.int64)
    for e in range(entities):
        _sort(order, spare, first[e], end[e + 1], at, known, tie, tie_too)
    return int(count)


@compiled("int64[::1](int64[::1], int64, int64[::1], int64[::1], int64[::1], int64[::1])")
def cluster(
    entity: IntArray, entities: int, at: IntArray, known: IntArray, tie: IntArray, tie_too: IntArray
) -> IntArray:
    """Rows in the order of (entity, at, known, tie, tie_too); those of entity -1 are left out.

    Linear where the rows are clustered already; each entity's rows are sorted on their own.
    """
    order, first = np.empty(len(entity), np.int64), np.empty(entities + 1, np.int64)
    return order[: _cluster(entity, entities, at, known, tie, tie_too, order, first)]


@compiled("int64[::1](int64[::1], int64)")
def offsets(entity: IntArray, entities: int) -> IntArray:
    """Where each entity's rows begin in a sorted column of codes; one more than there are entities."""
    first = np.zeros(entities + 1, np.int64)
    for i in range(len(entity)):
        first[entity[i] + 1] += 1
    for e in range(entities):
        first[e + 1] += first[e]
    return first


@compiled("int64(int64[::1], int64, int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])")
def _arranged(
    entity: IntArray,
    entities: int,
    at: IntArray,
    known: IntArray,
    tie: IntArray,
    tie_too: IntArray,
    order: IntArray,
    first: IntArray,
) -> int:
    """`arranged` into arrays of the caller's: how many rows `order` has, -1 where they lie in it already."""
    if are_clustered(entity, at, known, tie, tie_too):
        first[:] = offsets(entity, entities)
        return -1
    return _cluster(entity, entities, at, known, tie, tie_too, order, first)


def arranged(
    entity: IntArray, entities: int, at: IntArray, known: IntArray, tie: IntArray, tie_too: IntArray
) -> tuple[IntArray | None, IntArray]:
    """The order of `cluster`, None where the rows lie in it already, and where each entity's rows begin."""
    # A kernel that returns an array looks its type up anew each time, which takes longer than the work.
    order, first = np.empty(len(entity), np.int64), np.empty(entities + 1, np.int64)
    count = _arranged(entity, entities, at, known, tie, tie_too, order, first)
    return None if count < 0 else order[:count], first


@compiled("int64(int64[::1], int64[::1], int64, int64[::1], int64[::1])")
def _grouped(entity: IntArray, as_of: IntArray, entities: int, order: IntArray, first: IntArray) -> int:
    """`grouped` into arrays of the caller's: how many groups."""
    count = len(entity)
    ascending = True
    for i in range(1, count):
        if entity[i] < entity[i - 1] or (entity[i] == entity[i - 1] and as_of[i] < as_of[i - 1]):
            ascending = False
            break
    if ascending:
        for i in range(count):
            order[i] = i
    else:
        nothing = np.zeros(count, np.int64)
        order[:] = cluster(entity, entities, as_of, nothing, nothing, nothing)
    groups = 0
    for i in range(count):
        if i == 0 or entity[order[i]] != entity[order[i - 1]]:
            first[groups] = i
            groups += 1
    first[groups] = count
    return groups


def grouped(entity: IntArray, as_of: IntArray, entities: int) -> tuple[IntArray, IntArray]:
    """Snapshots by entity and then by `as_of`, and where each entity's group begins among them.

    Returns:
        the rows in order; the begin of each group that is not empty, and the end.
    """
    order, first = np.empty(len(entity), np.int64), np.empty(len(entity) + 1, np.int64)
    groups = _grouped(entity, as_of, entities, order, first)
    return order, first[: groups + 1]


@compiled()
def slots(
    codes: IntArray | Int32Array, low: int, high: int, key: IntArray, seat: IntArray, slot: IntArray
) -> int:
    """Small numbers 0, 1, ... for the distinct codes of rows low:high; -1 where the code is negative.

    Args:
        key, seat: room for a hash table, a power of two at least twice as long as the rows.
        slot: gets the number of each row, from 0 on.

    Returns:
        how many distinct codes there are.
    """
    size = 2
    while size < 2 * (high - low):
        size *= 2
    key[:size] = -1
    found = 0
    for i in range(low, high):
        code = codes[i]
        if code < 0:
            slot[i - low] = -1
            continue
        place = (code * 2654435761) & (size - 1)
        while key[place] != -1 and key[place] != code:
            place = (place + 1) & (size - 1)
        if key[place] == -1:
            key[place] = code
            seat[place] = found
            found += 1
        slot[i - low] = seat[place]
    return found


@compiled()
def room(first: IntArray) -> int:
    """The rows of the entity that has most."""
    most = 0
    for e in range(len(first) - 1):
        most = max(most, first[e + 1] - first[e])
    return most


@compiled("void(int64[::1], int32[::1], int64[::1], int32[::1], int32[::1])")
def seats(first: IntArray, codes: Int32Array, begin: IntArray, named: Int32Array, number: Int32Array) -> None:
    """The distinct codes of each entity's rows, numbered from 0 on within it.

    Args:
        begin: gets where each entity's codes begin; one more than there are entities.
        named: gets the codes; as long as the rows, for there may be as many.
        number: gets the number of each row's code, -1 where it is negative.
    """
    entities = len(first) - 1
    most = room(first)
    size = 2
    while size < 2 * most:
        size *= 2
    key, seat, slot = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(most, np.int64)
    begin[0] = 0
    for e in range(entities):
        low, high = first[e], first[e + 1]
        begin[e + 1] = begin[e] + slots(codes, low, high, key, seat, slot)
        for i in range(low, high):
            number[i] = slot[i - low]
            if number[i] >= 0:
                named[begin[e] + number[i]] = codes[i]


@compiled("UniTuple(int64, 4)(int64[::1], int64[::1])")
def bounds(entity: IntArray, as_of: IntArray) -> tuple[int, int, int, int]:
    """The least and greatest of two columns that are not empty, in one pass."""
    least, greatest, first, last = entity[0], entity[0], as_of[0], as_of[0]
    for i in range(len(entity)):
        least, greatest = min(least, entity[i]), max(greatest, entity[i])
        first, last = min(first, as_of[i]), max(last, as_of[i])
    return least, greatest, first, last
