"""Scores that were given a short while ago, ready to be sent again while nothing about them has changed."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from features.tables import TABLES, Kind
from features.times import from_micros, to_micros

MOST_BYTES = 16 * 1024 * 1024  # of bodies kept in one process
_TIMES: Mapping[str, tuple[int, ...]] = {
    name: tuple(i for i, column in enumerate(table.columns) if column.kind is Kind.TIME)
    for name, table in TABLES.items()
}

Key = tuple[Any, ...]
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Given:
    """An answer as it is sent, and the tag by which a client may ask whether it has changed."""

    body: bytes
    tag: str


@dataclass(frozen=True)
class Kept:
    """A given answer, and for how long it holds.

    Attributes:
        watermark: of the store when it was last found to be the latest.
        data: digest of the records behind it.
        since, until: microseconds; it is given again from `since` on and before `until`.
    """

    given: Given
    watermark: int
    data: str
    since: int
    until: int


class Made(Generic[Thing]):
    """What took long and was asked for last; one is made at a time, and the others who ask wait for it."""

    def __init__(self, most: int = 2) -> None:
        self._most = most
        self._kept: dict[Key, Thing] = {}
        self._making = threading.Lock()

    def of(self, key: Key, make: Callable[[], Thing]) -> Thing:
        """The thing of a key, made where it is not kept."""
        found = self._kept.get(key)
        if found is not None:
            return found
        with self._making:
            found = self._kept.get(key)
            if found is None:
                while len(self._kept) >= self._most:
                    del self._kept[next(iter(self._kept))]
                found = self._kept[key] = make()
        return found

    def __len__(self) -> int:
        return len(self._kept)


class KeptAnswers:
    """The answers used last, up to so many bytes. Threads may share it: each step is one call of a dict."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    def find(self, key: Key, now: int) -> Kept | None:
        """What is kept under a key and holds at `now` (microseconds)."""
        kept = self._kept.get(key)
        return kept if kept is not None and kept.since <= now < kept.until else None

    def keep(self, key: Key, kept: Kept) -> None:
        """Keep an answer, and let go of the oldest where there is no room."""
        before = self._kept.pop(key, None)
        self._bytes += len(kept.given.body) - (0 if before is None else len(before.given.body))
        self._kept[key] = kept
        while self._bytes > self._most and self._kept:
            try:
                _, oldest = self._kept.popitem(last=False)
            except KeyError:
                return
            self._bytes -= len(oldest.given.body)

    def __len__(self) -> int:
        return len(self._kept)


def day_of(now: int, time_zone: str) -> tuple[str, int]:
    """The day on the calendar of a time zone, and when it ends (microseconds).

    >>> day_of(to_micros(datetime(2025, 3, 31, 23, 30)), "Europe/Amsterdam")[0]
    '2025-04-01'
    """
    local = from_micros(now).astimezone(ZoneInfo(time_zone))
    midnight = datetime(local.year, local.month, local.day) + timedelta(days=1)
    return local.date().isoformat(), to_micros(midnight, time_zone)


def digest_of(rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> str:
    """Equal where the same records count: each row of a store ends with its own number."""
    text = repr([[row[-1] for row in its] for its in rows.values()])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def next_event(rows: Mapping[str, Sequence[tuple[Any, ...]]], as_of: int, before: int) -> int:
    """The first instant after `as_of` that any of the rows names; `before` where there is none sooner."""
    soonest = before
    for name, its in rows.items():
        for place in _TIMES[name]:
            for row in its:
                time = row[place]
                if time is not None and as_of < time < soonest:
                    soonest = time
    return soonest


def tag_of(*parts: object) -> str:
    """A weak entity tag: what it names may be sent in more than one encoding."""
    return f'W/"{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}"'
