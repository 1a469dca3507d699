"""Rows with two clocks, clustered by entity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from features.clustering import arranged, offsets
from features.times import BoolArray, IntArray

Column = npt.NDArray[Any]


@dataclass(eq=False)
class Records:
    """Rows of a table with two clocks (or of facts known from one instant on), clustered by entity.

    Nothing sets an attribute of it once it is made; that it is not frozen, like all that a history is
    made of, is for the request, which makes dozens: frozen, they take one microsecond in twenty of it.

    Within an entity they lie in the order of (at, known) and then of their contents, so that the
    order does not depend on where a row stood in its table.

    Attributes:
        first: int64, one more than there are entities: the rows of entity e are first[e]:first[e + 1].
        at: int64 microseconds, when it happened.
        known: int64 microseconds, when it was recorded (`at` where that is not given).
        until: int64 microseconds, when a corrected version replaced it; `NEVER` for nearly all.
        columns: further columns by name.
    """

    first: IntArray
    at: IntArray
    known: IntArray
    until: IntArray
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    @cached_property
    def entity(self) -> IntArray:
        """int64 code of each row's opportunity or account, ascending."""
        return np.repeat(np.arange(len(self.first) - 1, dtype=np.int64), np.diff(self.first))

    @cached_property
    def start(self) -> IntArray:
        """From when on each row counts as having happened: max(known, at)."""
        return np.maximum(self.known, self.at)

    def where(self, mask: BoolArray) -> Records:
        """The rows of a mask, of the same entities."""
        columns = {name: values[mask] for name, values in self.columns.items()}
        first = offsets(self.entity[mask], len(self.first) - 1)
        return Records(first, self.at[mask], self.known[mask], self.until[mask], columns)

    def of(self, entity: int) -> Records:
        """The rows of one entity, which becomes entity 0."""
        low, high = self.first[entity : entity + 2].tolist()
        rows = slice(low, high)
        columns = {name: values[rows] for name, values in self.columns.items()}
        first = np.array([0, high - low], np.int64)
        return Records(first, self.at[rows], self.known[rows], self.until[rows], columns)


def clustered(
    entity: IntArray,
    entities: int,
    at: IntArray,
    known: IntArray,
    until: IntArray,
    columns: Mapping[str, Column],
    ties: tuple[IntArray, IntArray] | None = None,
) -> Records:
    """The rows of known entities (code >= 0) as records.

    The columns are kept where they lie in order already; they must be contiguous and writable.

    Args:
        ties: what decides the order of rows that happened and became known at the same instants.
    """
    tie, tie_too = ties or (np.zeros(len(at), np.int64),) * 2
    order, first = arranged(entity, entities, at, known, tie, tie_too)
    if order is None:
        return Records(first, at, known, until, columns)
    taken = {name: values[order] for name, values in columns.items()}
    return Records(first, at[order], known[order], until[order], taken)
