"""The tables of a model, laid out flat for the kernels.

The leaves of a tree are parted into *blocks*, each a subtree small enough for a table: which of the
path's merged conditions and of the inner nodes' tests hold is a number of a few bits, and the table has
the leaves' SHAP values, summed by column, for each such number. Where paths are too long for that, the
leaves are in *twigs*: small subtrees whose tables have the lower part of the integrand at each quadrature
node, to be multiplied with the factors of the path above for each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from features.times import FloatArray, IntArray
from training.model_text import Model
from training.treeshap.conditions import Columns
from training.treeshap.fill import fill_blocks, fill_twigs
from training.treeshap.paths import MOST_BITS, Paths, paths_of
from training.treeshap.writer import Leaves, Lists, Writer

MOST_BYTES = 8 * 2**20  # of the blocks' tables together
EACH = 128.0  # numbers in a block's table for each of its leaves, at most
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
        twigs: per group of twigs alike: how many upper and lower features, ends of its twigs, of its entries,
            of its columns; tests and shares of the upper features, feature after feature; columns of the
            result, twig after twig, upper ones first; per twig the lower tests, their ends, where its table
            begins, the tables (`fill_twigs`); then where 1, 2, 3, ... quadrature nodes end, nodes, weights.
    """

    columns: Arrays
    tests: Arrays
    parts: Arrays
    blocks: Arrays
    twigs: Arrays

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
    writer = Writer(column)
    for tree, its, blocks in zip(model.trees, paths, _blocks_within(paths, most_bytes), strict=True):
        writer.write(tree, its, blocks)
    writer.end_part()
    lists = writer.lists
    parts = _i64(lists.part_tests), _i64(lists.part_blocks), _i64(lists.part_groups)
    tests = _u32(lists.low_column), _f64(lists.low), _u32(lists.high_column), _f64(lists.high)
    return Layout(_columns(writer.columns), tests, parts, _blocks(lists), _twigs(lists))


def _blocks_within(paths: Sequence[Paths], most_bytes: int) -> list[list[int]]:
    """The blocks of each tree, with as many numbers for a leaf as all tables may take."""
    each = EACH
    while each > 1:
        blocks = [its.blocks(each) for its in paths]
        numbers = sum(its.table_numbers(some) for its, some in zip(paths, blocks, strict=True))
        if 8 * numbers <= most_bytes:
            return blocks
        each /= 2
    return [[] for _ in paths]


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
    end, value, need, want, share, out = _leaves(lists.block_leaf)
    node, weight = _quadratures(range(1, MOST_BITS))
    leaves = _i64(lists.block_leaves)
    fill_blocks(bits, width, ends, leaves, end, value, need, want, share, out, node, weight, table)
    return _u32(lists.block_tests), tests_end, _u32(lists.block_outs), outs_end, ends, table


def _twigs(lists: Lists) -> Arrays:
    upper, lower, twigs = _i64(lists.group_upper), _i64(lists.group_lower), _i64(lists.group_twigs)
    features, below = np.repeat(upper + lower, np.diff(twigs)), np.repeat(lower, np.diff(twigs))
    nodes, tests_end = (features + 1) // 2, _i64(lists.lower_tests_end)
    bits = np.diff(tests_end)
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(nodes * (1 + below) << bits)])
    counts = range(1, int(nodes.max(initial=1)) + 1)
    nodes_end, (node, weight), table = _i64([0, *np.cumsum(counts)]), _quadratures(counts), np.zeros(ends[-1])
    end, value, need, want, share, out = _leaves(lists.twig_leaf)
    leaves = _i64(lists.twig_leaves)
    fill_twigs(
        bits, below, nodes, ends, leaves, end, value, need, want, share, out, nodes_end, node, table
    )  # fmt: skip
    return (
        upper, lower, twigs, _i64(lists.group_entries), _i64(lists.group_outs),
        _u32(lists.upper_tests), _f64(lists.upper_share), _u32(lists.twig_outs),
        _u32(lists.lower_tests), tests_end, ends, table, nodes_end, node, weight,
    )  # fmt: skip


def _leaves(leaves: Leaves) -> Arrays:
    return (
        _i64(leaves.end), _f64(leaves.value), _i64(leaves.need), _i64(leaves.want), _f64(leaves.share),
        _i64(leaves.out),
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
