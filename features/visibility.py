"""The kernel: what is visible to a snapshot, under both clocks.

A record that happened at `at` and became known at `recorded_at` counts in a window of length
`w` for the snapshots with

    max(recorded_at, at) <= as_of < max(recorded_at, at + w)

so that whatever a window holds changes only at these boundaries. Everything a family computes is
one of three step functions of time, kept per group (an entity, or an entity and a kind in one
integer): the sum of what is visible, the greatest value that is visible, the number of distinct
members that are visible. Each is built by one sort and answers any number of snapshots by binary
search. All values are int64 and all arithmetic is exact, so that a result depends neither on the
order of the records, nor on other groups, nor on anything recorded after the snapshot.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from features.times import MISSING, NEVER, BoolArray, IntArray


@dataclass(frozen=True)
class Steps:
    """Step functions of time, one per group, each constant from one boundary to the next.

    Attributes:
        group: int64, sorted.
        time: int64 microseconds, sorted within each group; a boundary is inclusive.
        value: int64, the value from this boundary on.
        before: the value before a group's first boundary, and of a group without any.
    """

    group: IntArray
    time: IntArray
    value: IntArray
    before: int

    def at(self, group: IntArray, as_of: IntArray) -> IntArray:
        """The value of each queried group at each instant; int64, as long as the two arguments."""
        if not len(self.group):
            return np.full(len(group), self.before, np.int64)
        position = last_position(self.group, self.time, group, as_of)
        found = position >= 0
        position = np.where(found, position, 0)
        found &= self.group[position] == group
        return np.where(found, self.value[position], self.before)


def last_position(group: IntArray, time: IntArray, of_group: IntArray, as_of: IntArray) -> IntArray:
    """Index of the last (group, time) that is not after each (of_group, as_of); -1 where none is.

    `group` and `time` are sorted together. Two binary searches for all the queries at once: first
    the rows of the group, then the instant among them, the stride halved from step to step.
    """
    place = np.searchsorted(group, of_group, side="left").astype(np.int64) - 1
    last = np.searchsorted(group, of_group, side="right").astype(np.int64) - 1
    stride = 1 << int((last - place).max(initial=0)).bit_length()
    while stride := stride >> 1:
        ahead = place + stride
        reached = (ahead <= last) & (time[np.minimum(ahead, last)] <= as_of)
        place += stride * reached
    return place


def running_sum(group: IntArray, start: IntArray, end: IntArray, weight: IntArray | None = None) -> Steps:
    """The sum of the weights visible at each instant (their number where no weight is given).

    A record is visible from `start` on, inclusive, to `end`, exclusive; never if end <= start.
    """
    weight = np.ones(len(group), np.int64) if weight is None else weight
    shown = end > start
    ends = shown & (end < NEVER)
    groups = np.concatenate([group[shown], group[ends]])
    times = np.concatenate([start[shown], end[ends]])
    change = np.concatenate([weight[shown], -weight[ends]])
    order = np.lexsort((times, groups))
    groups, times = groups[order], times[order]
    total = np.cumsum(change[order])
    return Steps(groups, times, total - _before_group(groups, total), before=0)


def running_max(group: IntArray, start: IntArray, end: IntArray, value: IntArray) -> Steps:
    """The greatest value visible at each instant; `MISSING` where nothing is visible.

    Values must be greater than `MISSING`. Records that stay visible for ever, nearly all of them,
    cost one sort. So do those that end when as great a value stays, as most corrected records do;
    a group in which the greatest value ends is swept in time.
    """
    shown = end > start
    group, start, end, value = group[shown], start[shown], end[shown], value[shown]
    lasting = end == NEVER
    steps = Steps(*_cumulative_max(group[lasting], start[lasting], value[lasting]), before=MISSING)
    if lasting.all():
        return steps
    lasting[~lasting] = steps.at(group[~lasting], end[~lasting]) >= value[~lasting]
    swept = np.isin(group, group[~lasting])
    parts = [
        _cumulative_max(group[~swept], start[~swept], value[~swept]),
        _swept_max(group[swept], start[swept], end[swept], value[swept]),
    ]
    groups, times, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((times, groups))
    return Steps(groups[order], times[order], values[order], before=MISSING)


def distinct_count(group: IntArray, member: IntArray, start: IntArray, end: IntArray) -> Steps:
    """The number of distinct members visible at each instant.

    A member's intervals are joined first: each is closed where the same member's next one starts.
    """
    shown = end > start
    group, member, start, end = group[shown], member[shown], start[shown], end[shown]
    order = np.lexsort((start, member, group))
    group, member, start, end = group[order], member[order], start[order], end[order]
    new = _changes(group) | _changes(member)
    pair = np.cumsum(new) - 1
    reach = _grouped_cummax(pair, end)
    following = np.full(len(start), NEVER, np.int64)
    following[:-1] = np.where(new[1:], NEVER, start[1:])
    return running_sum(group, start, np.minimum(reach, following))


def window_end(start: IntArray, at: IntArray, until: IntArray, window: int | None) -> IntArray:
    """Where each record leaves a window of `window` microseconds; None is all time.

    `until` is where the record itself was superseded by a correction (`NEVER` where it was not).
    """
    if window is None:
        return until
    return np.minimum(until, np.maximum(start, at + window))


def _changes(values: IntArray) -> BoolArray:
    """True at the first of each run of equal neighbours."""
    changed = np.ones(len(values), np.bool_)
    changed[1:] = values[1:] != values[:-1]
    return changed


def _before_group(groups: IntArray, total: IntArray) -> IntArray:
    """The running total before each row's group began."""
    first = _changes(groups)
    before = np.concatenate([np.zeros(1, np.int64), total[:-1]])[: len(total)]
    return before[first][np.cumsum(first) - 1] if len(groups) else total


def _grouped_cummax(group: IntArray, value: IntArray) -> IntArray:
    """The greatest value so far within each run of a sorted group."""
    if not len(group):
        return value
    ranks_of, rank = np.unique(value, return_inverse=True)
    width = len(ranks_of)
    best = np.maximum.accumulate(group * width + rank) - group * width
    return ranks_of[best]


def _cumulative_max(group: IntArray, start: IntArray, value: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    order = np.lexsort((start, group))
    group, start = group[order], start[order]
    dense = np.cumsum(_changes(group)) - 1 if len(group) else group
    return group, start, _grouped_cummax(dense, value[order])


def _swept_max(
    group: IntArray, start: IntArray, end: IntArray, value: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """The greatest visible value after each start and each end, by a heap with late deletion."""
    rows: list[tuple[int, int, int]] = []
    order = np.lexsort((start, group))
    for part in np.split(order, np.flatnonzero(_changes(group[order]))[1:]):
        instants = np.unique(np.concatenate([start[part], end[part][end[part] < NEVER]]))
        heap: list[tuple[int, int]] = []
        following = 0
        for instant in instants.tolist():
            while following < len(part) and start[part[following]] <= instant:
                heapq.heappush(heap, (-int(value[part[following]]), int(end[part[following]])))
                following += 1
            while heap and heap[0][1] <= instant:
                heapq.heappop(heap)
            rows.append((int(group[part[0]]), instant, -heap[0][0] if heap else MISSING))
    columns = np.array(rows, np.int64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]
