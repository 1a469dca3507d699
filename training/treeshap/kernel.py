"""SHAP values of one row, and of many: look up which tests hold, and add what the tables say.

Both kernels add the same numbers in the same order, so that a row has the same bits alone as among many:
the first has leaves side by side in a register, the second rows. What the arrays are stands in `layout`.
This file imports nothing of `training`, so that the cache of `features.compiled` knows it by its contents.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from features.compiled import compiled
from features.times import FloatArray

UIntArray = npt.NDArray[np.uint32]
ByteArray = npt.NDArray[np.uint8]

ROWS = 64  # of many, or deep leaves of one: at once; enough for registers, few enough for the first cache
_ZERO = float(np.float32(1e-35))  # LightGBM takes what is not farther from 0 for 0
_LARGEST = float(np.finfo(np.float64).max)  # infinity is put here, so that only what is missing lies beyond
_PLAIN, _NAN_LOW, _NAN_HIGH, _ZERO_LOW, _ZERO_HIGH, _SET = range(1, 7)

COLUMNS = "Tuple((uint32[::1], uint8[::1], int64[::1], uint32[::1]))"
TESTS = "Tuple((uint32[::1], float64[::1], uint32[::1], float64[::1]))"
PARTS = "UniTuple(int64[::1], 3)"
BLOCKS = "Tuple((uint32[::1], int64[::1], uint32[::1], int64[::1], int64[::1], float64[::1]))"
DEEP = (
    "Tuple((int64[::1], int64[::1], int64[::1], float64[::1], uint32[::1], float64[::1], uint32[::1], "
    "int64[::1], float64[::1], float64[::1]))"
)


@compiled()
def _laid_out(value: float, kind: int, words: UIntArray, first: int, end: int) -> float:
    """A value in a column: what is missing below or above every number, a set as -1 (within) or 1."""
    if kind == _SET:
        if not (value > -1.0 and value < 2147483648.0):  # NaN too
            return 1.0
        category = np.int64(value)
        place = first + (category >> 5)
        return -1.0 if place < end and (words[place] >> (category & 31)) & 1 else 1.0
    missing, zero = np.isnan(value), abs(value) <= _ZERO
    if (missing and kind == _NAN_LOW) or ((missing or zero) and kind == _ZERO_LOW):
        return -np.inf
    if (missing and kind == _NAN_HIGH) or ((missing or zero) and kind == _ZERO_HIGH):
        return np.inf
    return 0.0 if missing or zero else min(max(value, -_LARGEST), _LARGEST)


@compiled()
def _deepest(depth: Any) -> int:
    most = 1
    for group in range(len(depth)):
        most = max(most, depth[group])
    return most


@compiled()
def _add_block(held: ByteArray, block: int, blocks: Any, out: FloatArray) -> None:
    """What a block's table says of one row."""
    tests, tests_end, outs, outs_end, starts, table = blocks
    number, bit = np.uint32(0), np.uint32(0)
    for i in range(tests_end[block], tests_end[block + 1]):
        number |= np.uint32(held[tests[i]]) << bit
        bit += np.uint32(1)
    first, width = outs_end[block], outs_end[block + 1] - outs_end[block]
    start = starts[block] + number * width
    for i in range(width):
        out[outs[first + i]] += table[start + i]


@compiled()
def _add_block_to_rows(held: ByteArray, block: int, blocks: Any, place: Any, sums: FloatArray) -> None:
    """The same of many rows; `place` is scratch."""
    tests, tests_end, outs, outs_end, starts, table = blocks
    first, width = outs_end[block], outs_end[block + 1] - outs_end[block]
    place[:] = starts[block]
    step = width
    for i in range(tests_end[block], tests_end[block + 1]):
        mine = held[tests[i]]
        for r in range(ROWS):
            place[r] += step * mine[r]
        step *= 2
    for i in range(width):
        its = sums[outs[first + i]]
        for r in range(ROWS):
            its[r] += table[np.uint64(place[r] + i)]


# A leaf of value v on whose path the features have the shares z: feature j gets (o_j - z_j) v times the
# integral over t in [0, 1] of the product of the other features' factors, t + z (1 - t) of a feature that
# the row fulfils (o = 1), z (1 - t) of another. `product` is v times all factors at each quadrature node.


@compiled()
def _add_leaves(  # noqa: PLR0912, PLR0917
    held: ByteArray, group: int, begin: int, deep: Any,
    product: FloatArray, on: ByteArray, total: FloatArray, off: FloatArray, out: FloatArray,
) -> None:  # fmt: skip
    """SHAP values of up to `ROWS` deep leaves of a group, from `begin` on; all but the first are scratch."""
    depths, leaves_end, entries, values, tests, shares, outs, nodes_end, node, weight = deep
    depth, nodes = depths[group], (depths[group] + 1) // 2
    at, leaves = nodes_end[nodes - 1], leaves_end[group + 1] - leaves_end[group]
    some = min(ROWS, leaves - begin)
    value = values[leaves_end[group] + begin :]
    for q in range(nodes):
        for k in range(some):
            product[q, k] = weight[at + q] * value[k]
    for j in range(depth):
        first = entries[group] + j * leaves + begin
        test, share, its_on = tests[first:], shares[first:], on[j]
        for k in range(some):
            its_on[k] = held[test[k]]
        for q in range(nodes):
            its, t, rest = product[q], node[at + q], 1.0 - node[at + q]
            for k in range(some):
                its[k] *= its_on[k] * t + share[k] * rest
    off[:] = 0.0
    for q in range(nodes):
        its, by = product[q], 1.0 / (1.0 - node[at + q])
        for k in range(some):
            off[k] += its[k] * by
    for j in range(depth):
        first = entries[group] + j * leaves + begin
        share, its_on, found = shares[first:], on[j], total[j]
        found[:] = 0.0
        for q in range(nodes):
            its, t, rest = product[q], node[at + q], 1.0 - node[at + q]
            for k in range(some):
                found[k] += its[k] * (1.0 / (t + share[k] * rest))
        for k in range(some):
            found[k] = (1.0 - share[k]) * found[k] if its_on[k] else -off[k]
    first = entries[group] + begin * depth
    for k in range(some):
        for j in range(depth):
            out[outs[first + k * depth + j]] += total[j, k]


@compiled()
def _add_leaf_to_rows(  # noqa: PLR0917
    held: ByteArray, group: int, leaf: int, deep: Any,
    product: FloatArray, total: FloatArray, off: FloatArray, sums: FloatArray,
) -> None:  # fmt: skip
    """One deep leaf's for many rows."""
    depths, leaves_end, entries, values, tests, shares, outs, nodes_end, node, weight = deep
    depth, nodes = depths[group], (depths[group] + 1) // 2
    at, leaves = nodes_end[nodes - 1], leaves_end[group + 1] - leaves_end[group]
    for q in range(nodes):
        product[q] = weight[at + q] * values[leaves_end[group] + leaf]
    for j in range(depth):
        entry = entries[group] + j * leaves + leaf
        mine, share = held[tests[entry]], shares[entry]
        for q in range(nodes):
            its, factor = product[q], share * (1.0 - node[at + q])
            factor_on = node[at + q] + factor
            for r in range(ROWS):
                its[r] *= factor_on if mine[r] else factor
    off[:] = 0.0
    for q in range(nodes):
        its, by = product[q], 1.0 / (1.0 - node[at + q])
        for r in range(ROWS):
            off[r] += its[r] * by
    for j in range(depth):
        entry = entries[group] + j * leaves + leaf
        mine, share = held[tests[entry]], shares[entry]
        total[:] = 0.0
        for q in range(nodes):
            its, by = product[q], 1.0 / (node[at + q] + share * (1.0 - node[at + q]))
            for r in range(ROWS):
                total[r] += its[r] * by
        its, by = sums[outs[entries[group] + leaf * depth + j]], 1.0 - share
        for r in range(ROWS):
            its[r] += by * total[r] if mine[r] else -off[r]


@compiled(f"void(float64[::1], float64[::1], {COLUMNS}, {TESTS}, {PARTS}, {BLOCKS}, {DEEP})")
def add_row(  # noqa: PLR0917
    row: FloatArray, out: FloatArray, columns: Any, tests: Any, parts: Any, blocks: Any, deep: Any
) -> None:
    """Add the SHAP values of one row to `out`, which has a place for every column of the result."""
    feature, kind, words_end, words = columns
    laid = np.zeros(len(feature))
    for c in range(1, len(feature)):
        laid[c] = _laid_out(row[feature[c]], kind[c], words, words_end[c], words_end[c + 1])
    low_column, low, high_column, high = tests
    held = np.empty(len(low), np.uint8)
    for i in range(len(low)):
        held[i] = (laid[low_column[i]] > low[i]) & (laid[high_column[i]] <= high[i])
    tests_end, blocks_end, groups_end = parts
    deepest = _deepest(deep[0])
    product, on = np.empty((deepest // 2 + 1, ROWS)), np.empty((deepest, ROWS), np.uint8)
    total, off = np.empty((deepest, ROWS)), np.empty(ROWS)
    for part in range(len(tests_end) - 1):
        mine = held[tests_end[part] : tests_end[part + 1]]
        for block in range(blocks_end[part], blocks_end[part + 1]):
            _add_block(mine, block, blocks, out)
        for group in range(groups_end[part], groups_end[part + 1]):
            for begin in range(0, deep[1][group + 1] - deep[1][group], ROWS):
                _add_leaves(mine, group, begin, deep, product, on, total, off, out)


@compiled(f"void(float64[:, ::1], float64[:, ::1], {COLUMNS}, {TESTS}, {PARTS}, {BLOCKS}, {DEEP})")
def add_rows(  # noqa: PLR0917
    matrix: FloatArray, out: FloatArray, columns: Any, tests: Any, parts: Any, blocks: Any, deep: Any
) -> None:
    """The same for many rows, `ROWS` of them at a time."""
    feature, kind, words_end, words = columns
    low_column, low, high_column, high = tests
    tests_end, blocks_end, groups_end = parts
    most = 0
    for part in range(len(tests_end) - 1):
        most = max(most, tests_end[part + 1] - tests_end[part])
    laid, held = np.zeros((len(feature), ROWS)), np.empty((most, ROWS), np.uint8)
    place, sums = np.empty(ROWS, np.int64), np.empty((out.shape[1], ROWS))
    product, total, off = np.empty((_deepest(deep[0]) // 2 + 1, ROWS)), np.empty(ROWS), np.empty(ROWS)
    for begin in range(0, len(matrix), ROWS):
        rows = min(ROWS, len(matrix) - begin)
        sums[:] = 0.0
        for c in range(1, len(feature)):
            for r in range(rows):
                value = matrix[begin + r, feature[c]]
                laid[c, r] = _laid_out(value, kind[c], words, words_end[c], words_end[c + 1])
        for part in range(len(tests_end) - 1):
            for i in range(tests_end[part], tests_end[part + 1]):
                lows, highs, mine = laid[low_column[i]], laid[high_column[i]], held[i - tests_end[part]]
                above, up_to = low[i], high[i]
                for r in range(ROWS):
                    mine[r] = (lows[r] > above) & (highs[r] <= up_to)
            for block in range(blocks_end[part], blocks_end[part + 1]):
                _add_block_to_rows(held, block, blocks, place, sums)
            for group in range(groups_end[part], groups_end[part + 1]):
                for leaf in range(deep[1][group + 1] - deep[1][group]):
                    _add_leaf_to_rows(held, group, leaf, deep, product, total, off, sums)
        for r in range(rows):
            for c in range(out.shape[1]):
                out[begin + r, c] += sums[c, r]
