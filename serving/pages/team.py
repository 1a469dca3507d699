"""What a study found, as the team's page takes it: odds ratios on one scale, funnel bars, rows in pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

from serving.pages.periods import Part

_STEPS = (10.0, 4.0, 2.0, 1.5, 1.25, 1.1)  # an odds ratio of which, and of its inverse, the scale may say
_ROOM = 1.08  # beyond the widest interval
OUTCOMES = ("moved_on", "undecided", "lost")


@dataclass(frozen=True)
class Whisker:
    """An odds ratio and its interval, in percent of the graph's width; 50 is a ratio of 1."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Tick:
    """A mark of the scale: an odds ratio, and where it stands in percent."""

    ratio: float
    at: float


@dataclass(frozen=True)
class OddsScale:
    """A scale by the logarithm of odds ratios, as wide to the one side of 1 as to the other.

    Attributes:
        reach: the logarithm at its right end; > 0.
    """

    reach: float

    def whisker(self, behaviour: Mapping[str, Any]) -> Whisker:
        """Where a behaviour of the patterns stands."""
        low, high = behaviour["interval"]
        return Whisker(self._at(low), self._at(behaviour["odds_ratio"]), self._at(high))

    def ticks(self) -> list[Tick]:
        """1, and one mark on either side."""
        step = next((step for step in _STEPS if log(step) <= self.reach), exp(self.reach))
        return [Tick(ratio, self._at(ratio)) for ratio in (1 / step, 1.0, step)]

    def _at(self, ratio: float) -> float:
        return round(50 + 50 * log(ratio) / self.reach, 2)


def odds_scale(behaviours: Sequence[Mapping[str, Any]]) -> OddsScale:
    """The scale on which all intervals of the patterns find room.

    >>> odds_scale([{"interval": [0.5, 1.5]}]).ticks()[2].ratio
    2.0
    """
    ends = [abs(log(end)) for behaviour in behaviours for end in behaviour["interval"]]
    return OddsScale(max(ends, default=0.0) * _ROOM or 1.0)


def funnel_parts(stage: Mapping[str, Any], most: int) -> list[Part]:
    """A stage's bar: as wide as its deals are of `most`, in parts of what came of them.

    >>> stage = {"n": 5, "moved_on": {"value": 0.5}, "lost": {"value": 0.25}, "undecided": 0.25}
    >>> [(part.name, part.left, part.width) for part in funnel_parts(stage, 10)]
    [('moved_on', 0.0, 25.0), ('undecided', 25.0, 12.5), ('lost', 37.5, 12.5)]
    """
    shares = {"moved_on": stage["moved_on"]["value"], "lost": stage["lost"]["value"]}
    shares["undecided"] = 1.0 if stage["undecided"] is None else stage["undecided"]
    found, left = [], 0.0
    for name in OUTCOMES:
        width = 100 * (shares[name] or 0.0) * stage["n"] / (most or 1)
        found.append(Part(name, round(left, 2), round(width, 2)))
        left += width
    return found


def paired(
    rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]] | None, key: str
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
    """Each row with the row of the same name among others; what is put together there has no fellow.

    >>> list(paired([{"name": "web"}, {"name": "fair"}], [{"name": "web", "n": 1}], "name"))
    [({'name': 'web'}, {'name': 'web', 'n': 1}), ({'name': 'fair'}, None)]
    """
    named = {each[key]: each for each in others or () if not each.get("others")}
    for row in rows:
        yield row, None if row.get("others") else named.get(row[key])
