"""Margins of LightGBM's trees, to the bit, by tables that lie close together.

LightGBM keeps each tree in some fifteen arrays of its own: a row that goes down 300 trees touches
thousands of places, and waits for most of them; whatever else a request needs has left the caches
afterwards. Here a model of 300 trees x 31 leaves is one array of 300 kB.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from features.times import FloatArray, IntArray
from training.descent_kernel import (
    BLOCK,
    COLUMN_BITS,
    IS_SET,
    LEFT,
    MEMBERS,
    MISSING_LEFT,
    NAN,
    PLAIN,
    RIGHT,
    SET,
    ZERO,
    add_rows_alone,
    add_rows_together,
)
from training.errors import TreesUnread
from training.model_text import CATEGORICAL, DEFAULT_LEFT, Model, Tree, model_of
from training.processors import processors

FEW = 4  # rows up to which one after the other is faster
_EACH = 8 * BLOCK  # rows that are worth a thread
_KINDS = (PLAIN, ZERO, NAN)  # by LightGBM's missing type
_NOTHING = np.zeros(0)
_NODE = np.dtype([("number", np.float64), ("word", np.int64)])

Column = tuple[int, int, int]  # a feature, what is done with its values, and the first member of a set's word


@dataclass(frozen=True)
class Descent:
    """The tables of a model's trees.

    Attributes:
        features: how many columns its matrices have.
        classes: how many margins a row has.
        trees: how many there are; of the classes in turn.
        columns: of what the nodes ask for: the feature, what is done with its values, a set's first member.
        tables: the nodes as words and as numbers (the same memory), then per tree where it begins, how many
            steps lead to its deepest leaf, and the trees by these, the deepest first.
    """

    features: int
    classes: int
    trees: int
    columns: tuple[IntArray, IntArray, IntArray]
    tables: tuple[IntArray, FloatArray, IntArray, IntArray, IntArray]

    def margins(self, rows: FloatArray) -> FloatArray:
        """The sums of the leaves, float64, rows x classes; each row has the same bits alone as among many.

        Args:
            rows: float64, C order, rows x features; NaN where not given.
        """
        found = np.zeros((len(rows), self.classes))
        if len(rows) <= FEW:
            add_rows_alone(rows, -1, _NOTHING, found, self.columns, self.tables)
            return found
        parts = min(processors(), -(-len(rows) // _EACH))
        if parts == 1:
            add_rows_together(rows, found, self.columns, self.tables)
            return found
        ends = [len(rows) * part // parts // BLOCK * BLOCK for part in range(parts)] + [len(rows)]
        with ThreadPoolExecutor(parts) as pool:
            list(pool.map(lambda part: self._add(rows, found, *part), pairwise(ends)))
        return found

    def margins_by(self, row: FloatArray, column: int, values: FloatArray) -> FloatArray:
        """The same of one row (1 x features) with each of some values in a column: values x classes."""
        found = np.zeros((len(values), self.classes))
        add_rows_alone(row, column, values, found, self.columns, self.tables)
        return found

    def _add(self, rows: FloatArray, found: FloatArray, low: int, high: int) -> None:
        add_rows_together(rows[low:high], found[low:high], self.columns, self.tables)


def descent_of(text: str) -> Descent:
    """The tables of LightGBM's text.

    Raises:
        TreesUnread: it is none, has linear leaves, or more nodes or columns than a table holds.
    """
    model = model_of(text)
    writer = _Writer({})
    laid = [writer.nodes_of(tree) for tree in model.trees]
    if len(writer.columns) > COLUMN_BITS or max(map(_count, laid), default=0) > COLUMN_BITS:
        raise TreesUnread("the trees have more nodes or columns than the tables hold")
    return _descent(model, list(writer.columns), laid)


class _Node(NamedTuple):
    """A node as it is laid out; of a leaf the value is the number, and both ways lead to itself."""

    number: float
    members: int | None
    column: int
    left: int
    right: int
    missing_left: bool


class _Laid(NamedTuple):
    """A tree's nodes, and how many steps lead to the deepest leaf."""

    nodes: list[_Node]
    depth: int


def _count(laid: _Laid) -> int:
    return len(laid.nodes)


@dataclass(frozen=True)
class _Writer:
    """Trees laid out one after the other; `columns`: what their nodes read, numbered as they come."""

    columns: dict[Column, int]

    def nodes_of(self, tree: Tree) -> _Laid:
        """A tree's nodes: a category set of several words is a chain of nodes, one for each."""
        chains = [self._tests(tree, node) for node in range(len(tree.feature))]
        place: list[int] = []
        ends = 0
        for chain in chains:
            place.append(ends)
            ends += len(chain)
        # A child is an internal node, or ~leaf; the leaves lie behind all internal nodes.
        at: list[int] = [*place, *range(ends, ends + len(tree.leaf_value))]

        def of(child: int) -> int:
            return at[child] if child >= 0 else at[len(place) + ~child]

        nodes = []
        for node, chain in enumerate(chains):
            left, right = of(tree.left[node]), of(tree.right[node])
            for k, (number, members, column) in enumerate(chain):
                further = right if k == len(chain) - 1 else place[node] + k + 1
                missing_left = members is None and bool(tree.decision[node] & DEFAULT_LEFT)
                nodes.append(_Node(number, members, column, left, further, missing_left))
        for leaf, value in enumerate(tree.leaf_value):
            nodes.append(_Node(value, None, 0, ends + leaf, ends + leaf, False))
        return _Laid(nodes, _depth(nodes))

    def _tests(self, tree: Tree, node: int) -> list[tuple[float, int | None, int]]:
        """The number or the words of a set that a node asks for, and of which column."""
        feature, decision = tree.feature[node], tree.decision[node]
        if not decision & CATEGORICAL:
            kind = _KINDS[decision >> 2]
            return [(tree.threshold[node], None, self._column(feature, kind, 0))]
        members = tree.sets[int(tree.threshold[node])]
        return [(0.0, word, self._column(feature, SET, first)) for first, word in _words(members)] or [
            (0.0, 0, self._column(feature, SET, 0))
        ]

    def _column(self, feature: int, kind: int, first: int) -> int:
        return self.columns.setdefault((feature, kind, first), len(self.columns))


def _words(members: int) -> Iterator[tuple[int, int]]:
    """A set as words, each with the first member that it has a bit for."""
    first = 0
    while members:
        word = members & ((1 << MEMBERS) - 1)
        if word:
            yield first, word
        members >>= MEMBERS
        first += MEMBERS


def _depth(nodes: list[_Node]) -> int:
    """How many steps lead to the deepest leaf."""
    deepest, ahead = 0, [(0, 0)]
    while ahead:
        at, depth = ahead.pop()
        node = nodes[at]
        if node.left == at:
            deepest = max(deepest, depth)
        else:
            ahead += [(node.left, depth + 1), (node.right, depth + 1)]
    return deepest


def _descent(model: Model, columns: list[Column], laid: list[_Laid]) -> Descent:
    nodes = [node for tree in laid for node in tree.nodes]
    table = np.zeros(len(nodes), _NODE)
    table["number"] = [node.number for node in nodes]
    sets = np.array([node.members is not None for node in nodes], bool)
    words = np.array([node.members or 0 for node in nodes], np.int64)
    table["number"][sets] = words[sets].view(np.float64)
    table["word"] = [
        node.column | node.left << LEFT | node.right << RIGHT
        | node.missing_left << MISSING_LEFT | (node.members is not None) << IS_SET
        for node in nodes
    ]  # fmt: skip
    ends = np.cumsum([0, *map(_count, laid)])[:-1].astype(np.int64)
    depths = np.array([tree.depth for tree in laid], np.int64)
    order = np.argsort(-depths, kind="stable").astype(np.int64)
    read = np.array(columns, np.int64).reshape(-1, 3)
    source, kind, first = (np.ascontiguousarray(column) for column in read.T)
    numbers = table.view(np.float64)
    return Descent(
        model.features,
        model.classes,
        len(laid),
        (source, kind, first),
        (numbers.view(np.int64), numbers, ends, depths, order),
    )
