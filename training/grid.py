"""The snapshots to learn from: a weekly grid over each entity's life, and what happens to a deal."""

from __future__ import annotations

import zlib

import numpy as np

from features.history import History, TextArray
from features.snapshots import Snapshots
from features.times import NEVER, WEEK, IntArray
from training.labels import ENTITY, Target, eligible


def weekly_grid(target: Target, history: History, until: int) -> Snapshots:
    """Every eligible snapshot of every entity, one a week, none after `until` (microseconds).

    Each entity has its own hour of the week, fixed by its id, so that the grid meets all hours,
    weekdays and ages alike and a score asked at any moment lies within what was learnt.
    """
    if ENTITY[target] == "opportunity":
        deals = history.opportunities
        grid = _weekly(deals.created_at, np.minimum(deals.closed_at, until + 1), _offsets(deals.ids))
    else:
        accounts = history.accounts
        grid = _weekly(
            _first_known(history), np.minimum(accounts.churned_at, until + 1), _offsets(accounts.ids)
        )
    return grid.take(eligible(target, history, grid))


def moments_of_records(history: History, until: int) -> Snapshots:
    """Every moment at which something of an open deal became known, none after `until`.

    Where a score is asked whenever something happens, these are the moments to learn from.
    """
    entity = np.concatenate([history.activities.entity, history.stage_changes.entity])
    known = np.concatenate([history.activities.known, history.stage_changes.known])
    early = (known <= until) & (entity < len(history.opportunities.ids))  # others belong to no deal
    pairs = np.unique(np.stack([entity[early], known[early]], axis=1), axis=0)
    moments = Snapshots(np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1]))
    return moments.take(eligible("win", history, moments))


def _weekly(begin: IntArray, end: IntArray, offset: IntArray) -> Snapshots:
    """Instants k weeks + offset with begin <= instant < end, for each entity."""
    first = -((offset - begin) // WEEK)
    count = np.maximum(-((offset + first * WEEK - end) // WEEK), 0)
    count = np.where(begin < end, count, 0)
    entity = np.repeat(np.arange(len(begin), dtype=np.int64), count)
    step = np.arange(len(entity), dtype=np.int64) - np.repeat(np.cumsum(count) - count, count)
    return Snapshots(entity, offset[entity] + (first[entity] + step) * WEEK)


def _offsets(ids: TextArray) -> IntArray:
    """An instant of the week for each id; the same id always has the same."""
    return np.array([zlib.crc32(str(value).encode()) * WEEK >> 32 for value in ids], np.int64)


def _first_known(history: History) -> IntArray:
    """When each account's first order became known; `NEVER` without any."""
    first = np.full(len(history.accounts.ids), NEVER, np.int64)
    np.minimum.at(first, history.orders.entity, history.orders.start)
    return first
