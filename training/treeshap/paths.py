"""A tree as its paths: what each asks of every feature on it, and how large a block would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from features.times import IntArray
from training.model_text import Tree
from training.treeshap.conditions import Condition, asked, both

MOST_BITS = 12  # of a block
LARGEST_TWIG = 512  # numbers in the table of a twig


class Step(NamedTuple):
    """What a path asks of one feature, and the share of rows that goes along if it is not known."""

    condition: Condition
    share: float


_NONE: frozenset[int] = frozenset()

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
        inner: how many inner nodes are at and below it.
        split: the features that these split on.
    """

    nodes: tuple[int, ...]
    parents: tuple[int, ...]
    paths: tuple[Path, ...]
    bits: IntArray
    width: IntArray
    inner: tuple[int, ...]
    split: tuple[frozenset[int], ...]

    def blocks(self, each: float) -> list[int]:
        """The places of the largest subtrees whose tables have at most so many numbers for each leaf."""
        sizes = np.exp2(self.bits) * self.width
        leaves = np.array(self.inner) + 1
        return self._topmost(((sizes <= each * leaves) & (self.bits <= MOST_BITS)).tolist())

    def twigs(self, blocks: Sequence[int]) -> list[int]:
        """The places of the largest subtrees with no leaf in a block whose own tables are small."""
        within, free = set(blocks), [True] * len(self.nodes)
        for at, parent in enumerate(self.parents):
            if parent in within or at in within:
                within.add(at)
                free[at] = False
        for at in range(len(self.nodes) - 1, 0, -1):
            free[self.parents[at]] &= free[at]
        small = [self.nodes[at] < 0 or self._twig_size(at) <= LARGEST_TWIG for at in range(len(free))]
        return self._topmost([one and other for one, other in zip(free, small, strict=True)])

    def table_numbers(self, blocks: Sequence[int]) -> int:
        """Numbers in the tables of some blocks."""
        return sum(int(self.width[at]) << int(self.bits[at]) for at in blocks)

    def _topmost(self, fits: Sequence[bool]) -> list[int]:
        """The places that fit and lie below no other that does."""
        found, within = [], set()
        for at, parent in enumerate(self.parents):
            if parent in within:
                within.add(at)
            elif fits[at]:
                within.add(at)
                found.append(at)
        return found

    def _twig_size(self, at: int) -> int:
        """Numbers in its table: of each quadrature node, for itself and each lower feature."""
        split, path = self.split[at], self.paths[at]
        both = sum(feature in path for feature in split)
        nodes = (len(path) + len(split) - both + 1) // 2
        return nodes * (1 + len(split)) << (both + self.inner[at])


def paths_of(tree: Tree, column: Sequence[int]) -> Paths:
    """The paths of a tree; `column` says where each feature's value goes."""
    nodes, parents, paths = [0], [-1], [Path()]
    if not tree.feature:
        return Paths((), (), (), np.zeros(0, np.int64), np.zeros(0, np.int64), (), ())
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
    split = [frozenset((tree.feature[node],)) if node >= 0 else _NONE for node in nodes]
    for at in range(len(nodes) - 1, 0, -1):  # children come after their parents
        spoken[at] |= _columns(paths[at], column) if nodes[at] < 0 else 0
        spoken[parents[at]] |= spoken[at]
        inner[parents[at]] += inner[at]
        if split[at]:
            split[parents[at]] |= split[at]
    bits = np.array([len(path) for path in paths]) + np.array(inner)
    width = np.array([some.bit_count() for some in spoken])
    return Paths(tuple(nodes), tuple(parents), tuple(paths), bits, width, tuple(inner), tuple(split))


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
