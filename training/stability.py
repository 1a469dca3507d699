"""How stable a reason is: how often trees that were fitted to less of the same past point the same way.

The forward test fits two sets of trees besides those that are served, on what was known a step and two steps
earlier. On the same rows each gives every behaviour its points; agreement is the share of rows and refits in
which these have the sign of the served points. Small points turn more easily than large ones, so that each
behaviour has a share for each quarter of its points by size.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.times import FloatArray

QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Stability:
    """Agreement of refits.

    Attributes:
        refits: how many there were.
        edges: per behaviour the sizes of points between its quarters, in probability.
        agreement: per behaviour and quarter the share that pointed the same way; None where nothing tells.
    """

    refits: int
    edges: Mapping[str, tuple[float, ...]]
    agreement: Mapping[str, tuple[float | None, ...]]

    def of(self, behaviour: str, points: float) -> float | None:
        """The share of refits that agree about such points of a behaviour; None where it is not known."""
        edges = self.edges.get(behaviour)
        if edges is None or points == 0:
            return None
        return self.agreement[behaviour][bisect_right(edges, abs(points))]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"refits": self.refits, "edges": dict(self.edges), "agreement": dict(self.agreement)}


def stability_from(read: Mapping[str, Any]) -> Stability:
    """What `to_dict` gave."""
    return Stability(
        int(read["refits"]),
        {name: tuple(edges) for name, edges in read["edges"].items()},
        {name: tuple(shares) for name, shares in read["agreement"].items()},
    )


def stability_of(behaviours: Sequence[str], served: FloatArray, refits: Sequence[FloatArray]) -> Stability:
    """The agreement of refits with the served points, all of the same rows.

    Args:
        served: rows x behaviours, in probability, each measured against the typical entity.
        refits: the same of other trees.
    """
    same = [np.sign(points) == np.sign(served) for points in refits]
    edges, agreement = {}, {}
    for i, name in enumerate(behaviours):
        size = np.abs(served[:, i])
        given = size > 0
        if not given.any():
            continue
        bounds = np.quantile(size[given], QUARTERS)
        quarter = np.searchsorted(bounds, size, side="right")
        masks = [given & (quarter == place) for place in range(len(QUARTERS) + 1)]
        edges[name] = tuple(bounds.tolist())
        agreement[name] = tuple(
            float(np.mean([each[mask, i].mean() for each in same])) if mask.any() else None for mask in masks
        )
    return Stability(len(refits), edges, agreement)
