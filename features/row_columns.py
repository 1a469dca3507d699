"""Columns of a few rows as arrays, where every call counts: a request waits for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np

from features.compiled import compiled
from features.history import Names, superseded
from features.tables import TABLES
from features.times import MISSING, NEVER, FloatArray, IntArray

Row = Mapping[str, Any] | tuple[Any, ...]  # by name, or in the order of the table's declaration
Index = dict[str | None, int]

_NAN = float("nan")
_NEVERS = np.full(4096, NEVER, np.int64)


class Columned(Sequence[Row]):
    """Rows of a table that are held by their columns, in the declared order.

    Args:
        columns: one for each column of the table, equally long; none where there is no row. Times are
            sequences as in rows, or int64 arrays with `MISSING` for None.
    """

    def __init__(self, columns: Sequence[Sequence[Any] | IntArray]) -> None:
        self.columns = columns
        self._count = len(columns[0]) if columns else 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return Columned([its[place] for its in self.columns])
        return list(self)[place]

    def __iter__(self) -> Iterator[Row]:
        return zip(*map(plain, self.columns), strict=True)

    def taken(self, places: Sequence[int]) -> Columned:
        """Some rows, in the order of their places."""
        wanted = list(places)
        return Columned(
            [
                its[wanted] if isinstance(its, np.ndarray) else list(map(its.__getitem__, wanted))
                for its in self.columns
            ]
        )


def plain(values: Sequence[Any] | IntArray) -> Sequence[Any]:
    """A column as a sequence of what its rows hold."""
    if not isinstance(values, np.ndarray):
        return values
    listed = values.tolist()
    return [None if value == MISSING else value for value in listed] if MISSING in listed else listed


def column(rows: Sequence[Row], table: str, name: str) -> Sequence[Any]:
    """One column of a table; None where a row lacks it."""
    return columns(rows, table, name, name)[0]


def columns(rows: Sequence[Row], table: str, *names: str) -> Sequence[tuple[Any, ...]]:
    """Several columns of a table at one pass.

    Args:
        rows: all by name, or all in the declared order of the table's columns, which takes a fifth of
            the time, or `Columned`, which takes next to none.
        names: two at least.
    """
    if not rows:
        return ((),) * len(names)
    if type(rows) is Columned:
        return _places(table, *names)(rows.columns)  # type: ignore[no-any-return]
    if type(rows[0]) is tuple:
        return _places(table, *names)(tuple(zip(*rows, strict=True)))  # type: ignore[no-any-return]
    try:
        return list(zip(*map(itemgetter(*names), rows), strict=True))
    except KeyError:
        return list(zip(*([row.get(name) for name in names] for row in rows), strict=True))  # type: ignore[union-attr]


@lru_cache(maxsize=256)
def _places(table: str, *names: str) -> Callable[[Any], Any]:
    declared = TABLES[table]
    return itemgetter(*(declared.columns.index(declared.column(name)) for name in names))


def index_of(texts: Iterable[str | None]) -> Index:
    """The code of each distinct text by their order; -1 for None."""
    distinct = set(texts)
    distinct.discard(None)
    index: Index
    if len(distinct) > 1:
        index = dict(zip(sorted(distinct), range(len(distinct)), strict=True))  # type: ignore[type-var]
    else:
        index = dict.fromkeys(distinct, 0)
    index[None] = -1
    return index


def names_in(index: Index) -> Names:
    """The texts of an index, which ends with None, by their codes."""
    return tuple(index)[:-1]  # type: ignore[return-value]


def codes(index: Index, texts: Sequence[str | None], distinct: Collection[str | None] = ()) -> IntArray:
    """The code of each text; -1 where it is none of the index's.

    Args:
        distinct: the distinct texts, where they are known already.
    """
    if len(distinct or (distinct := set(texts))) == 1:  # all of one deal or account, as a request mostly is
        return filled(len(texts), index.get(texts[0], -1))
    try:
        return np.fromiter(map(index.__getitem__, texts), np.int64, len(texts))
    except KeyError:
        return ints([index.get(text, -1) for text in texts])


def filled(count: int, number: int) -> IntArray:
    """int64, the same number so many times; `np.full` takes twice as long for a few."""
    found = np.empty(count, np.int64)
    found.fill(number)
    return found


def ints(values: Sequence[int]) -> IntArray:
    """int64 from whole numbers."""
    return np.fromiter(values, np.int64, len(values))


def floats(values: Sequence[float | None]) -> FloatArray:
    """float64 from numbers; NaN for None."""
    known = [_NAN if value is None else value for value in values] if None in values else values
    return np.fromiter(known, np.float64, len(known))


@compiled("void(int64[::1], int64, int64[::1])")
def _put_times(given: IntArray, empty: int, found: IntArray) -> None:
    for i in range(len(given)):
        found[i] = empty if given[i] == MISSING else given[i]


@compiled("void(int64[::1], int64[::1], int64[::1])")
def _put_known(at: IntArray, told: IntArray, known: IntArray) -> None:
    for i in range(len(at)):
        known[i] = at[i] if told[i] == MISSING else told[i]


def times(values: Sequence[int | None] | IntArray, empty: int = MISSING) -> IntArray:
    """Microseconds; `empty` where it is None."""
    if isinstance(values, np.ndarray):
        if empty == MISSING:
            return values
        found = np.empty(len(values), np.int64)
        _put_times(values, empty, found)
        return found
    return ints([empty if time is None else time for time in values])


def clocks(at: Sequence[int] | IntArray, told: Sequence[int | None] | IntArray) -> tuple[IntArray, IntArray]:
    """When each row happened and when it was recorded: `at` where that is not given."""
    if isinstance(at, np.ndarray) or isinstance(told, np.ndarray):
        at, told = times(at), times(told)
        known = np.empty(len(at), np.int64)
        _put_known(at, told, known)
        return at, known
    happened = ints(at)
    if None not in told:
        return happened, ints(told)  # type: ignore[arg-type]
    if told.count(None) == len(told):
        return happened, happened
    return happened, ints([a if t is None else t for a, t in zip(at, told, strict=True)])


def nevers(count: int) -> IntArray:
    """`NEVER` so many times; not to be written to."""
    return _NEVERS[:count] if count <= len(_NEVERS) else np.full(count, NEVER, np.int64)


def until_of(keys: Sequence[Sequence[Any]], known: IntArray) -> IntArray:
    """When each row was replaced by the next version of its key, which is what all `keys` hold of it."""
    first = plain(keys[0])
    if len(set(first)) == len(first):
        return nevers(len(first))
    whole: Sequence[Any] = first if len(keys) == 1 else list(zip(*map(plain, keys), strict=True))
    distinct = dict.fromkeys(whole)
    if len(distinct) == len(whole):
        return nevers(len(whole))
    place = dict(zip(distinct, range(len(distinct)), strict=True))
    return superseded(ints(list(map(place.__getitem__, whole))), known)
