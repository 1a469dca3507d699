"""The kernel: what is visible to a snapshot, under both clocks.

A record that happened at `at` and became known at `known` counts in a window of length `w` for
the snapshots with

    max(known, at) <= as_of < min(until, max(known, at + w))

where `until` is when a correction replaced it. Records lie clustered by entity and in the order of
`at` within each (`cluster`), snapshots in the order of `as_of` (`grouped`), so that one walk over
both answers all of an entity's snapshots. A fold walks the records that have happened by `as_of`;
its state is kept for the next snapshot up to the first record whose visibility may still change
before the entity's last snapshot: one not known yet, or one to be corrected. Behind that record
the state is saved, the rest is walked for this snapshot alone, and the state put back. So the cost
is O(records + snapshots) but for what comes late, and the result is always that of a walk over
just the visible records in their order: it depends neither on other snapshots, nor on other
entities, nor on the order of the rows, nor on anything that became known later.

All state is int64 and all arithmetic on it exact; the one division comes last.
"""

from __future__ import annotations

from features.compiled import compiled
from features.times import IntArray


@compiled()
def first_after(at: IntArray, low: int, high: int, instant: int) -> int:
    """Index of the first of at[low:high], which ascend, that is greater than an instant; else high."""
    while low < high:
        middle = (low + high) >> 1
        if at[middle] > instant:
            high = middle
        else:
            low = middle + 1
    return low


@compiled()
def is_visible(at: int, known: int, until: int, as_of: int) -> bool:
    """Whether a record has happened, is known and is not corrected yet at `as_of`."""
    return at <= as_of and known <= as_of < until


@compiled()
def is_settled(known: int, until: int, as_of: int, last_as_of: int) -> bool:
    """Whether a record that has happened by `as_of` stays visible, or stays away, up to `last_as_of`."""
    return until <= as_of or known > last_as_of or (known <= as_of and until > last_as_of)
