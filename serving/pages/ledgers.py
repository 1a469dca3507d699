"""A ledger as rows of a waterfall: from one whole percent to another, each step named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.pages.shown import Shown

LEAST_AGREEMENT = 2 / 3  # of refits that point the same way; with less a reason is greyed
_LEAST_SPAN = 20  # percent that a graph's width stands for at least


@dataclass(frozen=True)
class Step:
    """One row of a waterfall.

    Attributes:
        points: whole percentage points, which the bar shows.
        evidence: what speaks for it.
        left, width: of the bar, in percent of the graph's width.
        kind: `base`, `up`, `down`, or `total`.
        begin, end: where the bar leads from and to, in percent of the graph's width.
        unstable: the share of refits that point the same way, where these are few; else None.
    """

    name: str
    points: int
    evidence: Sequence[str]
    left: float
    width: float
    kind: str
    begin: float = 0
    end: float = 0
    actionable: bool = False
    unstable: float | None = None


@dataclass(frozen=True)
class Tick:
    """A mark on a graph: which percent, and where, in percent of the graph's width."""

    percent: int
    at: float


@dataclass(frozen=True)
class Waterfall:
    """From the first row's percent to the last's; the rows between add up to the difference.

    Attributes:
        small: rows of less than a point, which are not drawn.
        ticks: what percent lies where.
    """

    begin: Step
    steps: Sequence[Step]
    small: Sequence[Step]
    end: Step
    ticks: Sequence[Tick]


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
            _unstable(reason["stability"]),
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
    unstable: float | None = None


def _unstable(stability: float | None) -> float | None:
    return stability if stability is not None and stability < LEAST_AGREEMENT else None


def _parts(said: str) -> list[str]:
    return [part for part in said.replace("；", "; ").split("; ") if part]


def _drawn(begin: int, moves: Sequence[_Move], end: int) -> Waterfall:
    """The rows with their bars; the whole points are the answer's own."""
    loud = [move for move in moves if move.points]
    levels = [begin]
    for move in loud:
        levels.append(levels[-1] + move.points)
    low, high = _ends([0, *levels, end])

    def at(level: int) -> float:
        return round(100 * (level - low) / (high - low), 2)

    def step(name: str, points: int, kind: str, of: int, to: int, *, move: _Move | None = None) -> Step:
        left, width = min(at(of), at(to)), round(abs(at(to) - at(of)), 2)
        its = move or _Move(name, points)
        return Step(
            name, points, its.evidence, left, width, kind, at(of), at(to), its.actionable, its.unstable
        )

    steps = [
        step(
            move.name, move.points, "up" if move.points > 0 else "down", level, level + move.points, move=move
        )
        for move, level in zip(loud, levels, strict=False)
    ]
    small = [step(move.name, 0, "none", 0, 0, move=move) for move in moves if not move.points]
    every = _tick(high - low)
    ticks = [Tick(level, at(level)) for level in range(-(-low // every) * every, high + 1, every)]
    return Waterfall(step("", begin, "base", 0, begin), steps, small, step("", end, "total", 0, end), ticks)


def _ends(levels: Sequence[int]) -> tuple[int, int]:
    low = math.floor(min(levels) / 10) * 10
    return low, max(math.ceil(max(levels) / 10) * 10, low + _LEAST_SPAN)


def _tick(span: int) -> int:
    """Percent between two marks: few enough that their numbers stand apart."""
    return 5 if span <= 20 else 10 if span <= 40 else 25
