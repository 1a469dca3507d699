"""Which of several rows of one key count.

Of the master tables the row that came last. Of records under two clocks every version stays, one for
each time at which it became known; of two with the same time the one that came last, for the second is
only let in where its content outranks the first (see `verdicts`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from features.tables import TABLES

StoredRow = tuple[Any, ...]  # the declared columns in their order, then `extra` and `seq`
KeyOf = Callable[[StoredRow], Any]


@lru_cache
def key_of(table: str) -> KeyOf:
    """Reads the key of a row: a text, or a tuple."""
    names = TABLES[table].column_names
    return itemgetter(*(names.index(column) for column in TABLES[table].key))


@lru_cache
def known_of(table: str) -> KeyOf:
    """Reads since when a row of a table with two clocks is known, in microseconds."""
    names = TABLES[table].column_names
    recorded, at = names.index("recorded_at"), names.index("at")

    def known(row: StoredRow) -> Any:
        return row[at] if row[recorded] is None else row[recorded]

    return known


def counting(table: str, rows: Sequence[StoredRow]) -> Sequence[StoredRow]:
    """The rows that count; in any order."""
    key = key_of(table)
    if len(set(map(key, rows))) == len(rows):
        return rows
    rows = sorted(rows, key=itemgetter(-1))
    if not TABLES[table].has_two_clocks:
        return list({key(row): row for row in rows}.values())
    known = known_of(table)
    return list({(key(row), known(row)): row for row in rows}.values())


def content_of(table: str, row: Sequence[Any]) -> tuple[Any, ...]:
    """What a row says, apart from when it was recorded."""
    names = TABLES[table].column_names
    said = tuple(value for name, value in zip(names, row, strict=False) if name != "recorded_at")
    return (*said, row[len(names)])


def rank_of(table: str, row: Sequence[Any]) -> tuple[Any, ...]:
    """By what one of two rows of one key and time is chosen, as the cleaning of a data set does: the
    greater, column by column as declared, an empty one being least; further columns last."""
    return tuple((value is not None, value) for value in content_of(table, row))


def by_key(table: str, rows: Sequence[StoredRow]) -> Mapping[Any, list[StoredRow]]:
    """The rows of each key, in the order in which they came."""
    key = key_of(table)
    found: dict[Any, list[StoredRow]] = {}
    for row in sorted(rows, key=itemgetter(-1)):
        found.setdefault(key(row), []).append(row)
    return found
