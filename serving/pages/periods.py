"""A forecast's rows, as its page takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KINDS = ("week", "month", "quarter")
PARTS = ("booked", "open", "new")
FIGURES = ("p10", "p50", "p90", "mean", *PARTS)


@dataclass(frozen=True)
class Part:
    """A part of a bar, in percent of the graph's width."""

    name: str
    left: float
    width: float


@dataclass(frozen=True)
class Group:
    """A group's figures over the horizon, and its mean drawn in parts."""

    labels: Sequence[str]
    figures: Mapping[str, Any]
    parts: Sequence[Part]


@dataclass(frozen=True)
class Periods:
    """The whole horizon with its mean in parts, the periods of one kind, and the groups, the greatest mean
    first."""

    horizon: Mapping[str, Any]
    parts: Sequence[Part]
    rows: Sequence[Mapping[str, Any]]
    groups: Sequence[Group]


def periods_of(forecast: Mapping[str, Any], kind: str) -> Periods:
    """The rows of a forecast's answer that a page of one kind of period shows."""
    every = forecast["periods"]
    whole = [row for row in every if row["group"] is None]
    of_groups = [row for row in every if row["group"] is not None and row["period"] == "horizon"]
    of_groups.sort(key=lambda row: -row["mean"])
    most = max((row["mean"] for row in of_groups), default=0.0) or 1.0
    horizon = next(row for row in whole if row["period"] == "horizon")
    return Periods(
        horizon=horizon,
        parts=_parts(horizon, horizon["mean"] or 1.0),
        rows=[row for row in whole if row["period"] == kind],
        groups=[Group(list(row["group"].values()), row, _parts(row, most)) for row in of_groups],
    )


def _parts(row: Mapping[str, Any], most: float) -> list[Part]:
    found, left = [], 0.0
    for name in PARTS:
        width = 100 * row[name] / most
        found.append(Part(name, round(left, 2), round(width, 2)))
        left += width
    return found
