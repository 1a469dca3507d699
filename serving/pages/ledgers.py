"""A ledger as rows of a waterfall: from one whole percent to another, each step named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.pages.shown import Shown

_LEAST_SPAN = 20  # percent that a graph's width stands for at least


@dataclass(frozen=True)
class Step:
    """One row of a waterfall.

    Attributes:
        points: whole percentage points, which the bar shows.
        evidence: what speaks for it.
        left, width: of the bar, in percent of the graph's width.
        kind: `base`, `up`, `down`, or `total`.
    """

    name: str
    points: int
    evidence: Sequence[str]
    left: float
    width: float
    kind: str
    actionable: bool = False


@dataclass(frozen=True)
class Waterfall:
    """From the first row's percent to the last's; the rows between add up to the difference.

    Attributes:
        small: rows of less than a point, which are not drawn.
        low, high: percent at the graph's ends.
    """

    begin: Step
    steps: Sequence[Step]
    small: Sequence[Step]
    end: Step
    low: int
    high: int


def why(target: Mapping[str, Any], shown: Shown) -> Waterfall | None:
    """A target's answer as base rate + reasons = percent; None where it abstains."""
    if target["percent"] is None or target["reasons"] is None:
        return None
    moves = [
        _Move(
            shown.behaviour(reason["behaviour"]),
            reason["percent_points"],
            [shown.sentence(each["text"]) for each in reason["evidence"]],
            reason["actionable"],
        )
        for reason in target["reasons"]
    ]
    return _drawn(target["base_percent"], moves, target["percent"])


def changed(target: Mapping[str, Any], shown: Shown) -> Waterfall | None:
    """A target's changes as before + model + clock + behaviours = after; None where it abstains."""
    if target["abstained"] is not None or target["clock"] is None:
        return None
    model, clock = target["model"], target["clock"]
    versions = {"from": model["from"], "to": model["to"]}
    moves = [
        _Move(shown.text("deal.changed.model", **versions), model["percent_points"]),
        _Move(shown.text("deal.changed.clock"), clock["percent_points"]),
    ]
    if model["from"] == model["to"]:
        del moves[0]
    for step in target["behaviours"]:
        said = shown.evidence(step["text"], step["behaviour"], step["percent_points"])
        evidence = [shown.sentence(part) for part in _parts(said)]
        moves.append(_Move(shown.behaviour(step["behaviour"]), step["percent_points"], evidence))
    return _drawn(target["before_percent"], moves, target["after_percent"])


@dataclass(frozen=True)
class _Move:
    name: str
    points: int
    evidence: Sequence[str] = ()
    actionable: bool = False


def _parts(said: str) -> list[str]:
    return [part for part in said.replace("；", "; ").split("; ") if part]


def _drawn(begin: int, moves: Sequence[_Move], end: int) -> Waterfall:
    """The rows with their bars; the whole points are the answer's own."""
    loud = [move for move in moves if move.points]
    levels = [begin]
    for move in loud:
        levels.append(levels[-1] + move.points)
    low, high = _ends([0, *levels, end])

    def bar(of: int, to: int) -> tuple[float, float]:
        unit = 100 / (high - low)
        return round((min(of, to) - low) * unit, 2), round(abs(to - of) * unit, 2)

    steps = [
        Step(
            move.name, move.points, move.evidence, *bar(level, level + move.points),
            "up" if move.points > 0 else "down", move.actionable,
        )
        for move, level in zip(loud, levels, strict=False)
    ]  # fmt: skip
    small = [
        Step(move.name, 0, move.evidence, 0, 0, "none", move.actionable) for move in moves if not move.points
    ]
    first = Step("", begin, (), *bar(0, begin), "base")
    last = Step("", end, (), *bar(0, end), "total")
    return Waterfall(first, steps, small, last, low, high)


def _ends(levels: Sequence[int]) -> tuple[int, int]:
    low = math.floor(min(levels) / 10) * 10
    return low, max(math.ceil(max(levels) / 10) * 10, low + _LEAST_SPAN)
