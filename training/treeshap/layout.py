"""The tables of a model, laid out flat for the kernels.

The leaves of a tree are parted into *blocks*, each a subtree small enough for a table: which of the
path's merged conditions and of the inner nodes' tests hold is a number of a few bits, and the table has
the leaves' SHAP values, summed by column, for each such number. A single leaf whose own table would be too
large is a *deep* leaf; it is integrated for each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from features.times import FloatArray, IntArray
from training.treeshap.conditions import Columns
from training.treeshap.fill import fill
from training.treeshap.model_text import Model
from training.treeshap.paths import Paths, paths_of
from training.treeshap.writer import Lists, Writer

MOST_BYTES = 8 * 2**20  # of all tables together
LARGEST = 13  # no table has more than 2**13 numbers
_WORD = 32

Arrays = tuple[npt.NDArray[Any], ...]


class Layout(NamedTuple):
    """What the kernels take, in their order.

    A path asks one merged condition of each of its features; a *test* is such a condition, or an inner
    node's own: `low < laid-out column <= high`. A *part* is some trees whose tests are tried together.

    Attributes:
        columns: feature, kind, end of its words, words of sets, per column (`conditions`).
        tests: column, low, column, high.
        parts: where the tests, blocks and groups of each end; the first ends are 0, here and below.
        blocks: tests (by their place in the part), their ends, columns of the result, their ends, where each
            table begins, the tables: the row `number` of one begins `number * width` after its beginning.
        deep: per group of leaves of one depth: depth, end of its leaves, end of its entries; value of each
            leaf; tests and shares, feature after feature; columns of the result, leaf after leaf; then
            where the quadrature of 1, 2, 3, ... nodes ends, nodes, weights.
    """

    columns: Arrays
    tests: Arrays
    parts: Arrays
    blocks: Arrays
    deep: Arrays

    @property
    def bytes(self) -> int:
        """What all arrays take in memory."""
        return sum(array.nbytes for arrays in self for array in arrays)


def layout_of(model: Model, column: Sequence[int], most_bytes: int = MOST_BYTES) -> Layout:
    """The tables of a model.

    Args:
        column: for each feature the place of its SHAP value in the result.
        most_bytes: what the tables may take; more makes larger blocks, and fewer of them.

    Raises:
        NotExplainable: a tree reads a feature in two ways.
    """
    paths = [paths_of(tree, column) for tree in model.trees]
    largest = _largest(paths, most_bytes)
    writer = Writer(column)
    for tree, its in zip(model.trees, paths, strict=True):
        writer.write(tree, its, largest)
    writer.end_part()
    lists = writer.lists
    parts = _i64(lists.part_tests), _i64(lists.part_blocks), _i64(lists.part_groups)
    tests = _u32(lists.low_column), _f64(lists.low), _u32(lists.high_column), _f64(lists.high)
    return Layout(_columns(writer.columns), tests, parts, _blocks(lists), _deep(lists))


def _largest(paths: Sequence[Paths], most_bytes: int) -> float:
    """The most numbers a table may have, so that all tables fit: a node at most so large is in a block."""
    own = np.concatenate([np.zeros(0), *(its.sizes() for its in paths)])
    above = np.concatenate([np.zeros(0), *(its.sizes_above() for its in paths)])
    for size in sorted({*own[own <= 2**LARGEST].tolist()}, reverse=True):
        if 8 * own[(own <= size) & (above > size)].sum() <= most_bytes:
            return float(size)
    return 0.0


def _columns(columns: Columns) -> Arrays:
    feature, kind, words, ends = [], [], [], [0]
    for its_feature, its_kind, members in columns.number:
        feature.append(its_feature)
        kind.append(its_kind)
        words += [members >> shift & 0xFFFFFFFF for shift in range(0, members.bit_length(), _WORD)]
        ends.append(len(words))
    return _u32(feature), np.array(kind, np.uint8), _i64(ends), _u32(words)


def _blocks(lists: Lists) -> Arrays:
    tests_end, outs_end = _i64(lists.block_tests_end), _i64(lists.block_outs_end)
    bits, width = np.diff(tests_end), np.diff(outs_end)
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(width << bits)])
    table = np.zeros(ends[-1])
    fill(
        bits, width, ends, _i64(lists.block_leaves), _i64(lists.leaf_end), _f64(lists.leaf_value),
        _i64(lists.need), _i64(lists.want), _f64(lists.share), _i64(lists.out),
        *_quadratures(range(1, LARGEST)), table,
    )  # fmt: skip
    return _u32(lists.block_tests), tests_end, _u32(lists.block_outs), outs_end, ends, table


def _deep(lists: Lists) -> Arrays:
    counts = range(1, (max(lists.deep_depth, default=1) + 1) // 2 + 1)
    return (
        _i64(lists.deep_depth), _i64(lists.deep_leaves), _i64(lists.deep_entries), _f64(lists.deep_value),
        _u32(lists.deep_tests), _f64(lists.deep_share), _u32(lists.deep_outs),
        _i64([0, *np.cumsum(counts)]), *_quadratures(counts),
    )  # fmt: skip


def _quadratures(counts: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights for one count after the other."""
    found = [_quadrature(count) for count in counts]
    return np.concatenate([node for node, _ in found]), np.concatenate([weight for _, weight in found])


@cache
def _quadrature(count: int) -> tuple[FloatArray, FloatArray]:
    """Gauss and Legendre's nodes and weights on [0, 1]: exact for polynomials of degree 2 count - 1."""
    node, weight = np.polynomial.legendre.leggauss(count)
    return (node + 1) / 2, weight / 2


def _u32(values: Sequence[int]) -> npt.NDArray[np.uint32]:
    return np.array(values, np.uint32)


def _i64(values: Sequence[int]) -> IntArray:
    return np.array(values, np.int64)


def _f64(values: Sequence[float]) -> FloatArray:
    return np.array(values, np.float64)
