"""Snapshots, and what each of them sees of one table's records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.history import Records
from features.readers import TextArray
from features.times import DAY, MISSING, NEVER, BoolArray, FloatArray, IntArray
from features.visibility import distinct_count, running_max, running_sum, window_end


@dataclass(frozen=True)
class Snapshots:
    """Pairs of (entity, as_of); the order is kept in everything computed from them.

    Attributes:
        entity: int64 codes of opportunities or of accounts.
        as_of: int64 microseconds.
    """

    entity: IntArray
    as_of: IntArray

    def __len__(self) -> int:
        return len(self.entity)

    def take(self, rows: IntArray | BoolArray) -> Snapshots:
        """Some of the snapshots: an index array or a mask."""
        return Snapshots(self.entity[rows], self.as_of[rows])

    def and_also(self, others: Snapshots) -> Snapshots:
        """These snapshots, then the others."""
        return Snapshots(
            np.concatenate([self.entity, others.entity]), np.concatenate([self.as_of, others.as_of])
        )


@dataclass(frozen=True)
class Seen:
    """What each snapshot sees of some records: those of its entity that are visible at its `as_of`.

    Every method returns one value per snapshot. `where` narrows to some records (a mask as long
    as `records`), `days` to those that happened less than so many days before `as_of`.
    """

    records: Records
    snapshots: Snapshots

    def where(self, mask: BoolArray) -> Seen:
        """The same for the records of a mask alone."""
        return Seen(self.records.take(np.flatnonzero(mask)), self.snapshots)

    def count(self, days: int | None = None) -> IntArray:
        """How many records are visible."""
        return self.total(None, days)

    def total(self, weight: IntArray | None, days: int | None = None) -> IntArray:
        """The sum of a whole-numbered weight over the visible records."""
        steps = running_sum(self.records.entity, self.records.start, self._end(days), weight)
        return steps.at(self.snapshots.entity, self.snapshots.as_of)

    def distinct(self, member: IntArray, days: int | None = None) -> IntArray:
        """How many distinct members the visible records have."""
        steps = distinct_count(self.records.entity, member, self.records.start, self._end(days))
        return steps.at(self.snapshots.entity, self.snapshots.as_of)

    def greatest(self, value: IntArray) -> IntArray:
        """The greatest value among the visible records; `MISSING` where there is none."""
        steps = running_max(self.records.entity, self.records.start, self.records.until, value)
        return steps.at(self.snapshots.entity, self.snapshots.as_of)

    def last_at(self) -> IntArray:
        """When the last visible record happened; `MISSING` where there is none."""
        return self.greatest(self.records.at)

    def first_at(self) -> IntArray:
        """When the first visible record happened; `MISSING` where there is none."""
        return _negated(self.greatest(-self.records.at))

    def mean_gap_days(self) -> FloatArray:
        """Mean days between neighbouring visible records; NaN with fewer than two."""
        count = self.count()
        several = count > 1
        span = np.where(several, self.last_at() - self.first_at(), 0) / DAY
        return np.where(several, span / np.where(several, count - 1, 1), np.nan)

    def last_row(self) -> IntArray:
        """Index of the visible record that happened last; -1 where there is none.

        Of two at the same instant the one recorded later counts. The records are sorted by
        entity, then by time, so that a greater index of the same entity is a later record.
        """
        return _row(self.greatest(np.arange(len(self.records), dtype=np.int64)))

    def first_row(self) -> IntArray:
        """Index of the visible record that happened first; -1 where there is none."""
        rows = np.arange(len(self.records), dtype=np.int64)
        return _row(_negated(self.greatest(-rows)))

    def planned(self) -> IntArray:
        """How many records are known already and lie ahead: known <= as_of < at."""
        r = self.records
        steps = running_sum(r.entity, r.known, np.minimum(r.until, r.at))
        return steps.at(self.snapshots.entity, self.snapshots.as_of)

    def _end(self, days: int | None) -> IntArray:
        r = self.records
        return window_end(r.start, r.at, r.until, None if days is None else days * DAY)


def days_since(instant: IntArray, as_of: IntArray) -> FloatArray:
    """Days from each instant to its `as_of`; NaN where the instant is `MISSING` or `NEVER`."""
    known = (instant != MISSING) & (instant != NEVER)
    return np.where(known, (as_of - np.where(known, instant, 0)) / DAY, np.nan)


def age_days(created_at: IntArray, as_of: IntArray) -> FloatArray:
    """Days from each creation to its `as_of`; NaN before the creation and where it is not given."""
    return np.where(created_at <= as_of, days_since(created_at, as_of), np.nan)


def share(part: IntArray | FloatArray, whole: IntArray | FloatArray) -> FloatArray:
    """part / whole as float64; NaN where the whole is 0 or the ratio is beyond what a float64 holds."""
    with np.errstate(over="ignore"):
        ratio = part / np.where(whole != 0, whole, 1)
    return np.where((whole != 0) & np.isfinite(ratio), ratio, np.nan)


def texts_where(known: BoolArray, texts: TextArray) -> TextArray:
    """The texts where they are known, None elsewhere."""
    masked = texts.copy()
    masked[~known] = None
    return masked


def _negated(value: IntArray) -> IntArray:
    return np.where(value == MISSING, MISSING, -value)


def _row(value: IntArray) -> IntArray:
    return np.where(value == MISSING, -1, value)
