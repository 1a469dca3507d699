"""What a path asks of a row, as tests that all look alike: low < a <= high.

A row is first laid out as *columns*: each feature once for every way in which its nodes treat what is
missing (put below or above every number), and each set of categories as -1 (within) or 1. Then a node's
question is one comparison, and all that a path asks of one feature is an interval, or one set: the
merged condition of that feature.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from training.errors import NotExplainable
from training.model_text import CATEGORICAL, DEFAULT_LEFT, NAN, NONE, ZERO, Tree

# How a column treats what is missing; the first is a constant 0, for an end that nothing bounds.
ALWAYS, PLAIN, NAN_LOW, NAN_HIGH, ZERO_LOW, ZERO_HIGH, SET = range(7)
_KINDS = {(NONE, False): PLAIN, (NONE, True): PLAIN, (NAN, True): NAN_LOW, (NAN, False): NAN_HIGH,
          (ZERO, True): ZERO_LOW, (ZERO, False): ZERO_HIGH}  # fmt: skip
_LOWS = (NAN_LOW, ZERO_LOW)
_OPEN_LOW, _OPEN_HIGH = (ALWAYS, -1.0), (ALWAYS, 1.0)

Bound = tuple[int, float]  # kind of column, threshold


class Interval(NamedTuple):
    """A feature lies above `low` and at most at `high`."""

    feature: int
    low: Bound
    high: Bound


class Among(NamedTuple):
    """A category lies in `inside` (bits; None: any, or none at all) and not in `outside`."""

    feature: int
    inside: int | None
    outside: int


Condition = Interval | Among


def asked(tree: Tree, node: int, left: bool) -> Condition:
    """What a row must fulfil to go left (or right) at a node."""
    feature, decision, threshold = tree.feature[node], tree.decision[node], tree.threshold[node]
    if decision & CATEGORICAL:
        members = tree.sets[int(threshold)]
        return Among(feature, members, 0) if left else Among(feature, None, members)
    bound = (_KINDS[decision >> 2 & 3, bool(decision & DEFAULT_LEFT)], threshold)
    return Interval(feature, _OPEN_LOW, bound) if left else Interval(feature, bound, _OPEN_HIGH)


def both(one: Condition, other: Condition) -> Condition:
    """Both of two conditions on one feature.

    Raises:
        NotExplainable: they read the feature in two ways, which LightGBM does not within a tree.
    """
    if isinstance(one, Among) and isinstance(other, Among):
        given = [some for some in (one.inside, other.inside) if some is not None]
        inside = given[0] & given[-1] if given else None
        return Among(one.feature, inside, one.outside | other.outside)
    if isinstance(one, Interval) and isinstance(other, Interval):
        low, high = _merged(one.low, other.low, low=True), _merged(one.high, other.high, low=False)
        return Interval(one.feature, low, high)
    raise NotExplainable(f"feature {one.feature} is a number and a category in one tree")


def _merged(one: Bound, other: Bound, *, low: bool) -> Bound:
    """The tighter end; a row without a value fulfils it only if it fulfils both."""
    if one[0] == ALWAYS or other[0] == ALWAYS:
        return other if one[0] == ALWAYS else one
    threshold = max(one[1], other[1]) if low else min(one[1], other[1])
    if one[0] == other[0]:
        return one[0], threshold
    if {one[0], other[0]} not in ({NAN_LOW, NAN_HIGH}, {ZERO_LOW, ZERO_HIGH}):
        raise NotExplainable("one tree treats what is missing of one feature in two ways")
    return (one[0] if (one[0] in _LOWS) == low else other[0]), threshold


@dataclass
class Columns:
    """The columns of a model, numbered as they are asked for; number 0 is the constant."""

    number: dict[tuple[int, int, int], int] = field(default_factory=lambda: {(0, ALWAYS, 0): 0})

    def ends(self, condition: Condition) -> tuple[int, float, int, float]:
        """A condition as column, low, column, high: the first lies above low, the second at most at high."""
        if isinstance(condition, Interval):
            (low_kind, low), (high_kind, high) = condition.low, condition.high
            feature = condition.feature
            return self._of(feature, low_kind), low, self._of(feature, high_kind), high
        if condition.inside is None:
            return self._of(condition.feature, SET, condition.outside), 0.0, 0, 1.0
        return 0, -1.0, self._of(condition.feature, SET, condition.inside & ~condition.outside), 0.0

    def _of(self, feature: int, kind: int, members: int = 0) -> int:
        return 0 if kind == ALWAYS else self.number.setdefault((feature, kind, members), len(self.number))
