"""SHAP values of one row, and of many: look up which tests hold, and add what the tables say.

Both kernels add the same numbers in the same order, so that a row has the same bits alone as among many.
This file imports nothing of `training`: the cache of `features.compiled` knows it by its own contents.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from features.compiled import compiled
from features.times import FloatArray

UIntArray = npt.NDArray[np.uint32]
ByteArray = npt.NDArray[np.uint8]

ROWS = 64  # of many, treated at once; and deep leaves of one row: long enough for registers, short for a cache
_ZERO = float(np.float32(1e-35))  # LightGBM takes what is not farther from 0 for 0
_LARGEST = float(np.finfo(np.float64).max)  # infinity is put here, so that only what is missing lies beyond
_PLAIN, _NAN_LOW, _NAN_HIGH, _ZERO_LOW, _ZERO_HIGH, _SET = range(1, 7)

# The arrays of a layout, in its order: columns, tests, parts, blocks, deep leaves, quadrature.
ARRAYS = (
    "uint32[::1], uint8[::1], int64[::1], uint32[::1], "
    "uint32[::1], float64[::1], uint32[::1], float64[::1], "
    "int64[::1], int64[::1], int64[::1], "
    "uint32[::1], int64[::1], uint32[::1], int64[::1], int64[::1], float64[::1], "
    "int64[::1], int64[::1], int64[::1], float64[::1], uint32[::1], float64[::1], uint32[::1], "
    "int64[::1], float64[::1], float64[::1]"
)


@compiled()
def _laid_out(value: float, kind: int, words: UIntArray, first: int, end: int) -> float:
    """A value in a column: missing below or above every number, a set as -1 (within) or 1."""
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


@compiled(f"void(float64[::1], float64[::1], {ARRAYS})")
def add_row(
    row: FloatArray, out: FloatArray,
    feature: UIntArray, kind: ByteArray, words_end: Any, words: UIntArray,
    low_column: UIntArray, low: FloatArray, high_column: UIntArray, high: FloatArray,
    part_tests: Any, part_blocks: Any, part_deep: Any,
    block_tests: UIntArray, block_tests_end: Any, outs: UIntArray, outs_end: Any, starts: Any, table: FloatArray,
    deep_depth: Any, deep_leaves: Any, deep_entries: Any,
    deep_value: FloatArray, deep_tests: UIntArray, deep_share: FloatArray, deep_outs: UIntArray,
    nodes_end: Any, node: FloatArray, weight: FloatArray,
) -> None:  # fmt: skip
    """Add the SHAP values of one row to `out`, which has a place for every column of the result."""
    laid = np.zeros(len(feature))
    for c in range(1, len(feature)):
        laid[c] = _laid_out(row[feature[c]], kind[c], words, words_end[c], words_end[c + 1])
    held = np.empty(len(low), np.uint8)
    for i in range(len(low)):
        held[i] = (laid[low_column[i]] > low[i]) & (laid[high_column[i]] <= high[i])
    deepest = 1
    for group in range(len(deep_depth)):
        deepest = max(deepest, deep_depth[group])
    product, on = np.empty((deepest // 2 + 1, ROWS)), np.empty((deepest, ROWS), np.uint8)
    total, off = np.empty((deepest, ROWS)), np.empty(ROWS)
    for part in range(len(part_tests) - 1):
        mine = held[part_tests[part] : part_tests[part + 1]]
        for block in range(part_blocks[part], part_blocks[part + 1]):
            number, bit = np.uint32(0), np.uint32(0)
            for i in range(block_tests_end[block], block_tests_end[block + 1]):
                number |= np.uint32(mine[block_tests[i]]) << bit
                bit += np.uint32(1)
            first, width = outs_end[block], outs_end[block + 1] - outs_end[block]
            start = starts[block] + number * width
            for i in range(width):
                out[outs[first + i]] += table[start + i]
        for group in range(part_deep[part], part_deep[part + 1]):
            depth, nodes = deep_depth[group], (deep_depth[group] + 1) // 2
            at, leaves = nodes_end[nodes - 1], deep_leaves[group + 1] - deep_leaves[group]
            for begin in range(0, leaves, ROWS):
                some = min(ROWS, leaves - begin)
                value = deep_value[deep_leaves[group] + begin :]
                for q in range(nodes):
                    for k in range(some):
                        product[q, k] = weight[at + q] * value[k]
                for j in range(depth):
                    first = deep_entries[group] + j * leaves + begin
                    tests, share, its_on = deep_tests[first:], deep_share[first:], on[j]
                    for k in range(some):
                        its_on[k] = mine[tests[k]]
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
                    first = deep_entries[group] + j * leaves + begin
                    share, its_on, sums = deep_share[first:], on[j], total[j]
                    sums[:] = 0.0
                    for q in range(nodes):
                        its, t, rest = product[q], node[at + q], 1.0 - node[at + q]
                        for k in range(some):
                            sums[k] += its[k] * (1.0 / (t + share[k] * rest))
                    for k in range(some):
                        sums[k] = (1.0 - share[k]) * sums[k] if its_on[k] else -off[k]
                first = deep_entries[group] + begin * depth
                for k in range(some):
                    for j in range(depth):
                        out[deep_outs[first + k * depth + j]] += total[j, k]


@compiled(f"void(float64[:, ::1], float64[:, ::1], {ARRAYS})")
def add_rows(
    matrix: FloatArray, out: FloatArray,
    feature: UIntArray, kind: ByteArray, words_end: Any, words: UIntArray,
    low_column: UIntArray, low: FloatArray, high_column: UIntArray, high: FloatArray,
    part_tests: Any, part_blocks: Any, part_deep: Any,
    block_tests: UIntArray, block_tests_end: Any, outs: UIntArray, outs_end: Any, starts: Any, table: FloatArray,
    deep_depth: Any, deep_leaves: Any, deep_entries: Any,
    deep_value: FloatArray, deep_tests: UIntArray, deep_share: FloatArray, deep_outs: UIntArray,
    nodes_end: Any, node: FloatArray, weight: FloatArray,
) -> None:  # fmt: skip
    """The same for many rows, `ROWS` of them at a time."""
    most, deepest = 0, 1
    for part in range(len(part_tests) - 1):
        most = max(most, part_tests[part + 1] - part_tests[part])
    for group in range(len(deep_depth)):
        deepest = max(deepest, deep_depth[group])
    laid, held = np.zeros((len(feature), ROWS)), np.empty((most, ROWS), np.uint8)
    number, sums = np.empty(ROWS, np.int64), np.empty((out.shape[1], ROWS))
    product, total, off = np.empty((deepest // 2 + 1, ROWS)), np.empty(ROWS), np.empty(ROWS)
    for begin in range(0, len(matrix), ROWS):
        rows = min(ROWS, len(matrix) - begin)
        sums[:] = 0.0
        for c in range(1, len(feature)):
            for r in range(rows):
                value = matrix[begin + r, feature[c]]
                laid[c, r] = _laid_out(value, kind[c], words, words_end[c], words_end[c + 1])
        for part in range(len(part_tests) - 1):
            for i in range(part_tests[part], part_tests[part + 1]):
                lows, highs, mine = laid[low_column[i]], laid[high_column[i]], held[i - part_tests[part]]
                above, up_to = low[i], high[i]
                for r in range(ROWS):
                    mine[r] = (lows[r] > above) & (highs[r] <= up_to)
            for block in range(part_blocks[part], part_blocks[part + 1]):
                first, width = outs_end[block], outs_end[block + 1] - outs_end[block]
                number[:] = starts[block]
                step = width
                for i in range(block_tests_end[block], block_tests_end[block + 1]):
                    mine = held[block_tests[i]]
                    for r in range(ROWS):
                        number[r] += step * mine[r]
                    step *= 2
                for i in range(width):
                    its = sums[outs[first + i]]
                    for r in range(ROWS):
                        its[r] += table[np.uint64(number[r] + i)]
            for group in range(part_deep[part], part_deep[part + 1]):
                depth, nodes = deep_depth[group], (deep_depth[group] + 1) // 2
                at, leaves = nodes_end[nodes - 1], deep_leaves[group + 1] - deep_leaves[group]
                for k in range(leaves):
                    for q in range(nodes):
                        product[q] = weight[at + q] * deep_value[deep_leaves[group] + k]
                    for j in range(depth):
                        first = deep_entries[group] + j * leaves + k
                        mine, share = held[deep_tests[first]], deep_share[first]
                        for q in range(nodes):
                            its, low_factor = product[q], share * (1.0 - node[at + q])
                            high_factor = node[at + q] + low_factor
                            for r in range(ROWS):
                                its[r] *= high_factor if mine[r] else low_factor
                    off[:] = 0.0
                    for q in range(nodes):
                        its, by = product[q], 1.0 / (1.0 - node[at + q])
                        for r in range(ROWS):
                            off[r] += its[r] * by
                    for j in range(depth):
                        first = deep_entries[group] + j * leaves + k
                        mine, share = held[deep_tests[first]], deep_share[first]
                        total[:] = 0.0
                        for q in range(nodes):
                            its, by = product[q], 1.0 / (node[at + q] + share * (1.0 - node[at + q]))
                            for r in range(ROWS):
                                total[r] += its[r] * by
                        its, by = sums[deep_outs[deep_entries[group] + k * depth + j]], 1.0 - share
                        for r in range(ROWS):
                            its[r] += by * total[r] if mine[r] else -off[r]
        for r in range(rows):
            for c in range(out.shape[1]):
                out[begin + r, c] += sums[c, r]
