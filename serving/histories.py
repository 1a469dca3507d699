"""Histories by the conventions of the model that reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from features.conventions import Conventions
from features.from_rows import history_from_rows
from features.history import History
from features.row_columns import Row

if TYPE_CHECKING:
    from features.canonical import CanonicalData


class Histories:
    """One data set's history, once per way of reading it: models of one training share theirs."""

    def __init__(self, build: Callable[[Conventions], History]) -> None:
        self._build = build
        self._built: dict[Conventions, History] = {}

    def under(self, conventions: Conventions) -> History:
        """The history as a model with these conventions reads it."""
        if conventions not in self._built:
            self._built[conventions] = self._build(conventions)
        return self._built[conventions]

    def of_opportunity(self, opportunity_id: str) -> Histories:
        """The histories of one opportunity and its account alone.

        Raises UnknownEntity, when asked, if the data set lacks it.
        """

        def build(conventions: Conventions) -> History:
            whole = self.under(conventions)
            return whole.of_opportunity(int(whole.opportunity_codes([opportunity_id])[0]))

        return Histories(build)


def of_tables(data: CanonicalData) -> Histories:
    """The histories of a data set."""
    from features.from_tables import history_from_tables  # with Polars, which a store's server never needs

    return Histories(lambda conventions: history_from_tables(data, conventions))


def of_rows(tables: Mapping[str, Sequence[Row]]) -> Histories:
    """The histories of one request's canonical rows."""
    return Histories(lambda conventions: history_from_rows(tables, conventions))
