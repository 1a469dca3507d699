"""dealcast for one opportunity, under both clocks: the columns of the comparison, and the whole catalogue."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.columns import COLUMNS
from benchmarks.contenders import dealcast
from benchmarks.online_world import Rows
from features.catalog import FEATURES


def prepare() -> None:
    return None


def row(prepared: None, rows: Rows, as_of: int) -> Sequence[float]:  # noqa: ARG001
    values: list[float] = dealcast.one(rows, as_of).values[0].tolist()
    return values


def catalogue(prepared: None, rows: Rows, as_of: int) -> Sequence[float]:  # noqa: ARG001
    """Every feature; what it returns is checked by its columns of the comparison."""
    values = dealcast.one(rows, as_of, whole=True).values[0]
    return values[_PLACES].tolist()  # type: ignore[no-any-return]


_PLACES = [[feature.name for feature in FEATURES["opportunity"]].index(name) for name in COLUMNS]
