"""Columns of a few rows as arrays, where every call counts: a request waits for them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from features.history import Names, superseded
from features.times import MISSING, NEVER, FloatArray, IntArray

Row = Mapping[str, Any]
Index = dict[str | None, int]

_NEVERS = np.full(4096, NEVER, np.int64)


def column(rows: Sequence[Row], name: str) -> list[Any]:
    """One column of a table; None where a row lacks it."""
    try:
        return list(map(itemgetter(name), rows))
    except KeyError:
        return [row.get(name) for row in rows]


def columns(rows: Sequence[Row], *names: str) -> list[tuple[Any, ...]]:
    """Several columns of a table at one pass."""
    if not rows:
        return [()] * len(names)
    try:
        return list(zip(*map(itemgetter(*names), rows), strict=True))
    except KeyError:
        return list(zip(*([row.get(name) for name in names] for row in rows), strict=True))


def index_of(texts: Iterable[str | None]) -> Index:
    """The code of each distinct text by their order; -1 for None."""
    distinct = set(texts)
    distinct.discard(None)
    index: Index = {text: code for code, text in enumerate(sorted(distinct))}  # type: ignore[type-var]
    index[None] = -1
    return index


def names_in(index: Index) -> Names:
    """The texts of an index by their codes."""
    return tuple(text for text in index if text is not None)


def codes(index: Index, texts: Sequence[str | None]) -> IntArray:
    """The code of each text; -1 where it is none of the index's."""
    if len(set(texts)) == 1:  # all of one deal or account, as a request mostly is
        code = index.get(texts[0], -1)
        return np.full(len(texts), code, np.int64) if code else np.zeros(len(texts), np.int64)
    return ints([index.get(text, -1) for text in texts])


def ints(values: Sequence[int]) -> IntArray:
    """int64 from whole numbers; several times faster than `np.array`."""
    return np.frombuffer(array("q", values), np.int64) if values else np.zeros(0, np.int64)


def floats(values: Sequence[float | None]) -> FloatArray:
    """float64 from numbers; NaN for None."""
    if not values:
        return np.zeros(0)
    return np.frombuffer(array("d", [math.nan if value is None else value for value in values]))


def times(rows: Sequence[Row], name: str, empty: int = MISSING) -> IntArray:
    """Microseconds of a column; `empty` where it is None."""
    return ints([empty if time is None else time for time in column(rows, name)])


def known_at(at: Sequence[int], told: Sequence[int | None]) -> IntArray:
    """When each row was recorded: `at` where that is not given."""
    try:
        return ints(told)  # type: ignore[arg-type]
    except TypeError:
        return ints([a if t is None else t for a, t in zip(at, told, strict=True)])


def nevers(count: int) -> IntArray:
    """`NEVER` so many times; not to be written to."""
    return _NEVERS[:count] if count <= len(_NEVERS) else np.full(count, NEVER, np.int64)


def until_of(keys: Sequence[Any], known: IntArray) -> IntArray:
    """When each row was replaced by the next version of its key."""
    if len(set(keys)) == len(keys):
        return nevers(len(keys))
    index: dict[Any, int] = {}
    return superseded(ints([index.setdefault(key, len(index)) for key in keys]), known)
