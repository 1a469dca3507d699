"""A tree as its paths: what each asks of every feature on it, and how large a block would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from features.times import FloatArray, IntArray
from training.treeshap.conditions import Condition, asked, both
from training.treeshap.model_text import Tree


class Step(NamedTuple):
    """What a path asks of one feature, and the share of rows that goes along if it is not known."""

    condition: Condition
    share: float


Path = dict[int, Step]  # by feature, in the order in which the features come


@dataclass(frozen=True)
class Paths:
    """The nodes of a tree, from the root on, each before its children.

    Attributes:
        nodes: internal nodes from 0 on, leaves as ~leaf.
        parents: places of their parents; -1 of the root.
        paths: the path to each.
        bits: how many tests decide everything below a node: its path's and its inner nodes'.
        width: how many columns of the result its leaves speak of.
    """

    nodes: tuple[int, ...]
    parents: tuple[int, ...]
    paths: tuple[Path, ...]
    bits: IntArray
    width: IntArray

    def sizes(self) -> FloatArray:
        """Numbers in the table of a block at each node."""
        return np.exp2(self.bits) * self.width

    def sizes_above(self) -> FloatArray:
        """The same of each node's parent; infinite above the root."""
        sizes = self.sizes()
        return np.where(np.array(self.parents, np.int64) < 0, np.inf, sizes[list(self.parents)])


def paths_of(tree: Tree, column: Sequence[int]) -> Paths:
    """The paths of a tree; `column` says where each feature's value goes."""
    nodes, parents, paths = [0], [-1], [Path()]
    if not tree.feature:
        return Paths((), (), (), np.zeros(0, np.int64), np.zeros(0, np.int64))
    at = 0
    while at < len(nodes):
        node = nodes[at]
        if node >= 0:
            for child in (tree.left[node], tree.right[node]):
                nodes.append(child)
                parents.append(at)
                paths.append(_stepped(tree, paths[at], node, child))
        at += 1
    inner, spoken = [int(node >= 0) for node in nodes], [0] * len(nodes)
    for at in range(len(nodes) - 1, 0, -1):  # children come after their parents
        spoken[at] |= _columns(paths[at], column) if nodes[at] < 0 else 0
        spoken[parents[at]] |= spoken[at]
        inner[parents[at]] += inner[at]
    bits = np.array([len(path) for path in paths]) + np.array(inner)
    return Paths(
        tuple(nodes), tuple(parents), tuple(paths), bits, np.array([some.bit_count() for some in spoken])
    )


def _stepped(tree: Tree, path: Path, node: int, child: int) -> Path:
    feature = tree.feature[node]
    condition = asked(tree, node, child == tree.left[node])
    share = tree.cover_of(child) / tree.cover[node]
    longer = path.copy()
    before = path.get(feature)
    longer[feature] = (
        Step(condition, share)
        if before is None
        else Step(both(before.condition, condition), before.share * share)
    )
    return longer


def _columns(path: Path, column: Sequence[int]) -> int:
    found = 0
    for feature in path:
        found |= 1 << column[feature]
    return found
