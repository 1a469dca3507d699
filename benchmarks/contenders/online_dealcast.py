"""dealcast for one opportunity, under both clocks: the columns of the comparison, and the whole catalogue."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.columns import COLUMNS
from benchmarks.contenders import dealcast
from benchmarks.online_world import Rows


def prepare() -> None:
    return None


def row(prepared: None, rows: Rows, as_of: int) -> Sequence[float]:  # noqa: ARG001
    values: list[float] = dealcast.one(rows, as_of).values[0].tolist()
    return values


def catalogue(prepared: None, rows: Rows, as_of: int) -> Sequence[float]:  # noqa: ARG001
    """Every feature; what it returns is checked by its columns of the comparison."""
    frame = dealcast.one(rows, as_of, whole=True)
    place = {feature.name: i for i, feature in enumerate(frame.features)}
    return [float(frame.values[0, place[name]]) for name in COLUMNS]
