"""Trees, written block by block and leaf by leaf into the lists that become a layout's arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from training.model_text import Tree
from training.treeshap.conditions import Columns, Condition, asked
from training.treeshap.paths import Path, Paths

PART = 10_000  # inner nodes after which a part ends; longer runs of deep leaves against a larger cache


@dataclass
class Leaves:
    """Leaves with what each asks: a feature holds where `number & need == want`; `out` is its place."""

    value: list[float] = field(default_factory=list)
    end: list[int] = field(default_factory=lambda: [0])
    need: list[int] = field(default_factory=list)
    want: list[int] = field(default_factory=list)
    share: list[float] = field(default_factory=list)
    out: list[int] = field(default_factory=list)


Held = dict[int, tuple[int, int, float]]  # by feature: need, want and share, so far on a path


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
    block_leaf: Leaves = field(default_factory=Leaves)
    group_upper: list[int] = field(default_factory=list)
    group_lower: list[int] = field(default_factory=list)
    group_twigs: list[int] = field(default_factory=lambda: [0])
    group_entries: list[int] = field(default_factory=lambda: [0])
    group_outs: list[int] = field(default_factory=lambda: [0])
    upper_tests: list[int] = field(default_factory=list)
    upper_share: list[float] = field(default_factory=list)
    lower_tests: list[int] = field(default_factory=list)
    lower_tests_end: list[int] = field(default_factory=lambda: [0])
    twig_outs: list[int] = field(default_factory=list)
    twig_leaves: list[int] = field(default_factory=lambda: [0])
    twig_leaf: Leaves = field(default_factory=Leaves)


class Block(NamedTuple):
    shape: tuple[int, int]  # tests and columns
    tree: Tree
    root: int
    path: Path


class Twig(NamedTuple):
    tree: Tree
    root: int
    upper: Path  # what the path asks of features that are not asked again below
    lower: Path  # and of those that are


@dataclass
class Writer:
    """Writes one tree after the other, in parts of some trees that make each of their tests once."""

    column: Sequence[int]
    columns: Columns = field(default_factory=Columns)
    lists: Lists = field(default_factory=Lists)
    tests: dict[Condition, int] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    twigs: dict[tuple[int, int], list[Twig]] = field(default_factory=dict)
    nodes: int = 0

    def write(self, tree: Tree, paths: Paths, blocks: Sequence[int]) -> None:
        """Take up a tree, of which some places are the roots of blocks."""
        for place in blocks:
            shape = int(paths.bits[place]), int(paths.width[place])
            self.blocks.append(Block(shape, tree, paths.nodes[place], paths.paths[place]))
        for place in paths.twigs(blocks):
            path, split = paths.paths[place], paths.split[place]
            upper = {feature: step for feature, step in path.items() if feature not in split}
            lower = {feature: step for feature, step in path.items() if feature in split}
            shape = len(upper), len(split)
            self.twigs.setdefault(shape, []).append(Twig(tree, paths.nodes[place], upper, lower))
        self.nodes += len(tree.feature)
        if self.nodes >= PART:
            self.end_part()

    def end_part(self) -> None:
        """Write what was gathered, alike after alike: a processor foresees how long the next loop is."""
        lists = self.lists
        for block in sorted(self.blocks, key=lambda block: block.shape):
            self._block(block)
        for (upper, lower), twigs in sorted(self.twigs.items()):
            self._twigs(upper, lower, twigs)
        lists.part_tests.append(len(lists.low))
        lists.part_blocks.append(len(lists.block_tests_end) - 1)
        lists.part_groups.append(len(lists.group_upper))
        self.nodes = 0
        for gathered in (self.tests, self.blocks, self.twigs):
            gathered.clear()

    def _block(self, block: Block) -> None:
        lists = self.lists
        outs: dict[int, int] = {}
        lists.block_tests += self._leaves(
            block.tree, block.root, block.path, lists.block_leaf, outs, self.column
        )
        lists.block_tests_end.append(len(lists.block_tests))
        lists.block_outs += outs
        lists.block_outs_end.append(len(lists.block_outs))
        lists.block_leaves.append(len(lists.block_leaf.value))

    def _twigs(self, upper: int, lower: int, twigs: Sequence[Twig]) -> None:
        """Write twigs of one shape: tests and shares feature after feature, columns twig after twig."""
        lists = self.lists
        for steps in zip(*(twig.upper.values() for twig in twigs), strict=True):
            lists.upper_tests += [self._test(step.condition) for step in steps]
            lists.upper_share += [step.share for step in steps]
        for twig in twigs:
            outs: dict[int, int] = {}
            lists.lower_tests += self._leaves(twig.tree, twig.root, twig.lower, lists.twig_leaf, outs)
            lists.lower_tests_end.append(len(lists.lower_tests))
            lists.twig_outs += [self.column[feature] for feature in (*twig.upper, *outs)]
            lists.twig_leaves.append(len(lists.twig_leaf.value))
        lists.group_upper.append(upper)
        lists.group_lower.append(lower)
        lists.group_twigs.append(len(lists.twig_leaves) - 1)
        lists.group_entries.append(len(lists.upper_tests))
        lists.group_outs.append(len(lists.twig_outs))

    def _leaves(  # noqa: PLR0917
        self, tree: Tree, root: int, path: Path, leaves: Leaves, outs: dict[int, int],
        column: Sequence[int] | None = None,
    ) -> list[int]:  # fmt: skip
        """Write the leaves below a node; the tests that decide them, those of its path first.

        `outs` learns the places of their columns, or of their features if there is no `column`.
        """
        tests = [self._test(step.condition) for step in path.values()]
        held: Held = {feature: (1 << i, 1 << i, step.share) for i, (feature, step) in enumerate(path.items())}
        ahead = [(root, held)]
        while ahead:
            node, held = ahead.pop()
            if node < 0:
                for feature, (need, want, share) in held.items():
                    leaves.need.append(need)
                    leaves.want.append(want)
                    leaves.share.append(share)
                    out = feature if column is None else column[feature]
                    leaves.out.append(outs.setdefault(out, len(outs)))
                leaves.value.append(tree.leaf_value[~node])
                leaves.end.append(len(leaves.need))
                continue
            bit = 1 << len(tests)
            tests.append(self._test(asked(tree, node, True)))
            feature = tree.feature[node]
            need, want, share = held.get(feature, (0, 0, 1.0))
            for child, told in ((tree.right[node], 0), (tree.left[node], bit)):
                taken = share * (tree.cover_of(child) / tree.cover[node])
                ahead.append((child, held | {feature: (need | bit, want | told, taken)}))
        return tests

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
