"""Trees, written block by block and leaf by leaf into the lists that become a layout's arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from training.treeshap.conditions import Columns, Condition, asked
from training.treeshap.model_text import Tree
from training.treeshap.paths import Path, Paths

PART = 10_000  # inner nodes after which a part ends; longer runs of deep leaves against a larger cache


@dataclass
class Lists:
    """What a writer appends to; the `*_end` tell where the part of each thing ends."""

    low_column: list[int] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high_column: list[int] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    part_tests: list[int] = field(default_factory=lambda: [0])
    part_blocks: list[int] = field(default_factory=lambda: [0])
    part_groups: list[int] = field(default_factory=lambda: [0])
    block_tests: list[int] = field(default_factory=list)
    block_tests_end: list[int] = field(default_factory=lambda: [0])
    block_outs: list[int] = field(default_factory=list)
    block_outs_end: list[int] = field(default_factory=lambda: [0])
    block_leaves: list[int] = field(default_factory=lambda: [0])
    leaf_value: list[float] = field(default_factory=list)
    leaf_end: list[int] = field(default_factory=lambda: [0])
    need: list[int] = field(default_factory=list)
    want: list[int] = field(default_factory=list)
    share: list[float] = field(default_factory=list)
    out: list[int] = field(default_factory=list)
    deep_depth: list[int] = field(default_factory=list)
    deep_leaves: list[int] = field(default_factory=lambda: [0])
    deep_entries: list[int] = field(default_factory=lambda: [0])
    deep_value: list[float] = field(default_factory=list)
    deep_tests: list[int] = field(default_factory=list)
    deep_share: list[float] = field(default_factory=list)
    deep_outs: list[int] = field(default_factory=list)


class Block(NamedTuple):
    shape: tuple[int, int]  # tests and columns
    tree: Tree
    root: int
    path: Path


@dataclass
class Writer:
    """Writes one tree after the other, in parts of some trees that make each of their tests once."""

    column: Sequence[int]
    columns: Columns = field(default_factory=Columns)
    lists: Lists = field(default_factory=Lists)
    tests: dict[Condition, int] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    deep: dict[int, list[tuple[float, Path]]] = field(default_factory=dict)
    nodes: int = 0

    def write(self, tree: Tree, paths: Paths, largest: float) -> None:
        own, above = paths.sizes(), paths.sizes_above()
        for place in np.flatnonzero((own <= largest) & (above > largest)).tolist():
            shape = int(paths.bits[place]), int(paths.width[place])
            self.blocks.append(Block(shape, tree, paths.nodes[place], paths.paths[place]))
        for place in np.flatnonzero(own > largest).tolist():
            if paths.nodes[place] < 0:
                leaf = tree.leaf_value[~paths.nodes[place]], paths.paths[place]
                self.deep.setdefault(len(leaf[1]), []).append(leaf)
        self.nodes += len(tree.feature)
        if self.nodes >= PART:
            self.end_part()

    def end_part(self) -> None:
        """Write what was gathered, alike after alike: a processor foresees how long the next loop is."""
        lists = self.lists
        for block in sorted(self.blocks, key=lambda block: block.shape):
            self._block(block)
        for depth, leaves in sorted(self.deep.items()):
            self._deep(depth, leaves)
        lists.part_tests.append(len(lists.low))
        lists.part_blocks.append(len(lists.block_tests_end) - 1)
        lists.part_groups.append(len(lists.deep_depth))
        self.nodes = 0
        for gathered in (self.tests, self.blocks, self.deep):
            gathered.clear()

    def _block(self, block: Block) -> None:
        lists, (_, tree, root, path) = self.lists, block
        tests = [self._test(step.condition) for step in path.values()]
        held = {feature: (1 << i, 1 << i, step.share) for i, (feature, step) in enumerate(path.items())}
        outs: dict[int, int] = {}
        ahead = [(root, held)]
        while ahead:
            node, held = ahead.pop()
            if node < 0:
                self._leaf(tree.leaf_value[~node], held, outs)
                continue
            bit = 1 << len(tests)
            tests.append(self._test(asked(tree, node, True)))
            feature = tree.feature[node]
            need, want, share = held.get(feature, (0, 0, 1.0))
            for child, told in ((tree.right[node], 0), (tree.left[node], bit)):
                taken = share * (tree.cover_of(child) / tree.cover[node])
                ahead.append((child, held | {feature: (need | bit, want | told, taken)}))
        lists.block_tests += tests
        lists.block_tests_end.append(len(lists.block_tests))
        lists.block_outs += outs
        lists.block_outs_end.append(len(lists.block_outs))
        lists.block_leaves.append(len(lists.leaf_value))

    def _leaf(self, value: float, held: dict[int, tuple[int, int, float]], outs: dict[int, int]) -> None:
        lists = self.lists
        for feature, (need, want, share) in held.items():
            lists.need.append(need)
            lists.want.append(want)
            lists.share.append(share)
            lists.out.append(outs.setdefault(self.column[feature], len(outs)))
        lists.leaf_value.append(value)
        lists.leaf_end.append(len(lists.need))

    def _deep(self, depth: int, leaves: list[tuple[float, Path]]) -> None:
        """Write a group of deep leaves on whose paths are as many features."""
        lists = self.lists
        for steps in zip(*(path.values() for _, path in leaves), strict=True):
            lists.deep_tests += [self._test(step.condition) for step in steps]
            lists.deep_share += [step.share for step in steps]
        for value, path in leaves:
            lists.deep_value.append(value)
            lists.deep_outs += [self.column[feature] for feature in path]
        lists.deep_depth.append(depth)
        lists.deep_leaves.append(len(lists.deep_value))
        lists.deep_entries.append(len(lists.deep_tests))

    def _test(self, condition: Condition) -> int:
        """The place of a test among the part's, where each is made once."""
        place = self.tests.setdefault(condition, len(self.tests))
        if place == len(self.lists.low) - self.lists.part_tests[-1]:
            low_column, low, high_column, high = self.columns.ends(condition)
            self.lists.low_column.append(low_column)
            self.lists.low.append(low)
            self.lists.high_column.append(high_column)
            self.lists.high.append(high)
        return place
