"""Which deals or accounts a forward test looks at, where there are more than it needs.

The trees that are served see everything. Those that say how many trees are best and what the recipe
is worth are fitted and judged on whole deals or accounts drawn by lot, once their snapshots are more than
such figures can use: beyond that, more rows would change the figures by less than their own error, at several
times the cost of the served trees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from features.times import BoolArray, FloatArray, IntArray
from training.labels import Labels
from training.models import DEFAULTS, MOST_ROUNDS
from training.splits import Part, Split

MOST_FITTED = 40_000  # labelled snapshots behind the trees of the forward test
MOST_JUDGED = 30_000  # in each part that judges, and snapshots that the profile remembers
LEAST_OF_EITHER = 1_000  # of the rarer label: more is drawn where it is rare
GROWTH, MOST_GROWTH = 0.25, 1.5  # more rows carry more trees, as their power; measured, see the README


@dataclass(frozen=True)
class Forward:
    """A split whose forward test looks at some deals or accounts alone.

    Attributes:
        split: its parts hold the drawn ones; `everything` is left as it was.
        typical: of `everything`, the drawn ones.
        remembered: mask of the snapshots that the profile remembers.
        shares: of the deals or accounts that are looked at, by part; empty where all are.
        growth: by how much more trees are best for the served fit than for the drawn one; 1 where all are.
    """

    split: Split
    typical: Part
    remembered: BoolArray
    shares: Mapping[str, float]
    growth: float

    def served(self, rounds: int) -> int:
        """How many trees to serve where `rounds` are best for the drawn part; `MOST_ROUNDS` at the most."""
        return max(rounds, min(round(rounds * self.growth), MOST_ROUNDS))


def forward_sample(split: Split, entity: IntArray, params: Mapping[str, Any] | None = None) -> Forward:
    """A lot for each deal or account decides in which parts it is looked at, with all its snapshots there.

    Parts with at most `MOST_FITTED` and `MOST_JUDGED` labelled snapshots are left as they are.

    Args:
        entity: the deal or account of every snapshot.
        params: of the trees; their `seed` is that of the lots.
    """
    lots = _lots(entity, int({**DEFAULTS, **(params or {})}["seed"]))
    every = split.train.rows | split.calibrate.rows | split.test.rows
    fitted = _share(split.before_test, MOST_FITTED)
    shares = {
        "train": fitted,
        "calibrate": _share(split.calibrate, MOST_JUDGED),
        "test": _share(split.test, MOST_JUDGED),
    }
    remembered = min(1.0, MOST_JUDGED / max(int(every.sum()), 1))
    drawn = replace(
        split,
        train=_among(split.train, lots, fitted),
        calibrate=_among(split.calibrate, lots, shares["calibrate"]),
        test=_among(split.test, lots, shares["test"]),
        before_test=_among(split.before_test, lots, fitted),
    )
    rows = max(int(drawn.train.known.sum()), 1)
    return Forward(
        drawn,
        _among(split.everything, lots, _share(split.everything, MOST_FITTED)),
        every if remembered == 1 else every & (lots < remembered),
        MappingProxyType({} if min(shares.values()) == 1 else shares),
        min(float((split.train.known.sum() / rows) ** GROWTH), MOST_GROWTH),
    )


def _lots(entity: IntArray, seed: int) -> FloatArray:
    """A number in [0, 1) for each row, the same for all rows of an entity."""
    rng = np.random.default_rng(seed)
    lots: FloatArray = rng.random(int(entity.max()) + 1)[entity]
    return lots


def _share(part: Part, most: int) -> float:
    """The share of the entities that leaves about `most` labelled rows; 1 where there are no more."""
    value = part.labels.value[part.known]
    rarer = min(int(value.sum()), int(len(value) - value.sum()))
    return min(1.0, max(most / max(len(value), 1), LEAST_OF_EITHER / max(rarer, 1)))


def _among(part: Part, lots: FloatArray, share: float) -> Part:
    """The rows of a part whose lot is below a share, with their labels."""
    if share == 1:
        return part
    rows = part.rows & (lots < share)
    keep = lots[part.rows] < share
    labels = part.labels
    return replace(
        part, rows=rows, labels=Labels(labels.value[keep], labels.after[keep], labels.counted[keep])
    )
