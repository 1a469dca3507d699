"""SHAP values of one row, and of many: look up which tests hold, and add what the tables say.

Both kernels add the same numbers in the same order, so that a row has the same bits alone as among many:
the first has leaves side by side in a register, the second rows. What the arrays are stands in `layout`.
This file imports nothing of `training`, so that the cache of `features.compiled` knows it by its contents.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from features.compiled import compiled, prefetch
from features.times import FloatArray

UIntArray = npt.NDArray[np.uint32]
ByteArray = npt.NDArray[np.uint8]

ROWS = 64  # of many, or blocks or twigs of one: enough for registers, few enough for the first cache
_LINE = 8  # numbers that come from memory together
_ZERO = float(np.float32(1e-35))  # LightGBM takes what is not farther from 0 for 0
_LARGEST = float(np.finfo(np.float64).max)  # infinity is put here, so that only what is missing lies beyond
_PLAIN, _NAN_LOW, _NAN_HIGH, _ZERO_LOW, _ZERO_HIGH, _SET = range(1, 7)

COLUMNS = "Tuple((uint32[::1], uint8[::1], int64[::1], uint32[::1]))"
TESTS = "Tuple((uint32[::1], float64[::1], uint32[::1], float64[::1]))"
PARTS = "UniTuple(int64[::1], 3)"
BLOCKS = "Tuple((uint32[::1], int64[::1], uint32[::1], int64[::1], int64[::1], float64[::1]))"
TWIGS = (
    "Tuple((int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], "
    "uint32[::1], float64[::1], uint32[::1], uint32[::1], int64[::1], int64[::1], float64[::1], "
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
def _most(counts: Any) -> int:
    most = 1
    for group in range(len(counts)):
        most = max(most, counts[group])
    return most


@compiled()
def _add_blocks(  # noqa: PLR0917
    held: ByteArray, begin: int, end: int, blocks: Any, place: Any, out: FloatArray
) -> None:
    """What the tables of up to `ROWS` blocks say of one row; `place` is scratch.

    The places lie all over the tables: that of each is asked for before any is read.
    """
    tests, tests_end, outs, outs_end, starts, table = blocks
    for block in range(begin, end):
        number, bit = np.uint32(0), np.uint32(0)
        for i in range(tests_end[block], tests_end[block + 1]):
            number |= np.uint32(held[tests[i]]) << bit
            bit += np.uint32(1)
        width = outs_end[block + 1] - outs_end[block]
        its_place = starts[block] + number * width
        place[block - begin] = its_place
        prefetch(table, its_place)
        prefetch(table, its_place + width - 1)
    for block in range(begin, end):
        first, width = outs_end[block], outs_end[block + 1] - outs_end[block]
        its_place = place[block - begin]
        for i in range(width):
            out[outs[first + i]] += table[its_place + i]


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
# the row fulfils (o = 1), z (1 - t) of another. Leaves of a twig share the factors of its upper features.


@compiled()
def _add_twigs(  # noqa: PLR0912, PLR0917
    held: ByteArray, group: int, begin: int, twigs: Any,
    product: FloatArray, on: ByteArray, total: FloatArray, off: FloatArray, place: Any, out: FloatArray,
) -> None:  # fmt: skip
    """SHAP values of up to `ROWS` twigs of a group, from `begin` on; what follows `twigs` is scratch."""
    (uppers, lowers, twigs_end, entries, outs_end, tests, shares, outs, lower_tests, lower_end, starts, table,
     nodes_end, node, weight) = twigs  # fmt: skip
    upper, lower = uppers[group], lowers[group]
    nodes = (upper + lower + 1) // 2
    at, alike = nodes_end[nodes - 1], twigs_end[group + 1] - twigs_end[group]
    some = min(ROWS, alike - begin)
    for k in range(some):
        twig = twigs_end[group] + begin + k
        step = nodes * (1 + lower)
        place[k] = starts[twig]
        for i in range(lower_end[twig], lower_end[twig + 1]):
            place[k] += step * held[lower_tests[i]]
            step *= 2
        last = place[k] + nodes * (1 + lower) - 1
        for number in range(place[k], last, _LINE):
            prefetch(table, number)
        prefetch(table, last)
    for q in range(nodes):
        product[q] = weight[at + q]
    for j in range(upper):
        first = entries[group] + j * alike + begin
        test, share, its_on = tests[first:], shares[first:], on[j]
        for k in range(some):
            its_on[k] = held[test[k]]
        for q in range(nodes):
            its, t, rest = product[q], node[at + q], 1.0 - node[at + q]
            for k in range(some):
                its[k] *= its_on[k] * t + share[k] * rest
    total[: upper + lower] = 0.0
    for c in range(lower):
        for q in range(nodes):
            for k in range(some):
                total[upper + c, k] += product[q, k] * table[place[k] + (1 + c) * nodes + q]
    off[:] = 0.0
    for q in range(nodes):
        its, by = product[q], 1.0 / (1.0 - node[at + q])
        for k in range(some):
            its[k] *= table[place[k] + q]
        for k in range(some):
            off[k] += its[k] * by
    for j in range(upper):
        first = entries[group] + j * alike + begin
        share, its_on, found = shares[first:], on[j], total[j]
        for q in range(nodes):
            its, t, rest = product[q], node[at + q], 1.0 - node[at + q]
            for k in range(some):
                found[k] += its[k] * (1.0 / (t + share[k] * rest))
        for k in range(some):
            found[k] = (1.0 - share[k]) * found[k] if its_on[k] else -off[k]
    first = outs_end[group] + begin * (upper + lower)
    for k in range(some):
        for j in range(upper + lower):
            out[outs[first + k * (upper + lower) + j]] += total[j, k]


@compiled()
def _add_twig_to_rows(  # noqa: PLR0912, PLR0917
    held: ByteArray, group: int, which: int, twigs: Any,
    product: FloatArray, total: FloatArray, off: FloatArray, place: Any, sums: FloatArray,
) -> None:  # fmt: skip
    """One twig's for many rows."""
    (uppers, lowers, twigs_end, entries, outs_end, tests, shares, outs, lower_tests, lower_end, starts, table,
     nodes_end, node, weight) = twigs  # fmt: skip
    upper, lower = uppers[group], lowers[group]
    nodes = (upper + lower + 1) // 2
    at, alike = nodes_end[nodes - 1], twigs_end[group + 1] - twigs_end[group]
    twig, first = twigs_end[group] + which, outs_end[group] + which * (upper + lower)
    step = nodes * (1 + lower)
    place[:] = starts[twig]
    for i in range(lower_end[twig], lower_end[twig + 1]):
        mine = held[lower_tests[i]]
        for r in range(ROWS):
            place[r] += step * mine[r]
        step *= 2
    for q in range(nodes):
        product[q] = weight[at + q]
    for j in range(upper):
        entry = entries[group] + j * alike + which
        mine, share = held[tests[entry]], shares[entry]
        for q in range(nodes):
            its, factor = product[q], share * (1.0 - node[at + q])
            factor_on = node[at + q] + factor
            for r in range(ROWS):
                its[r] *= factor_on if mine[r] else factor
    for c in range(lower):
        total[:] = 0.0
        for q in range(nodes):
            its, column = product[q], (1 + c) * nodes + q
            for r in range(ROWS):
                total[r] += its[r] * table[np.uint64(place[r] + column)]
        its = sums[outs[first + upper + c]]
        for r in range(ROWS):
            its[r] += total[r]
    off[:] = 0.0
    for q in range(nodes):
        its, by = product[q], 1.0 / (1.0 - node[at + q])
        for r in range(ROWS):
            its[r] *= table[np.uint64(place[r] + q)]
        for r in range(ROWS):
            off[r] += its[r] * by
    for j in range(upper):
        entry = entries[group] + j * alike + which
        mine, share = held[tests[entry]], shares[entry]
        total[:] = 0.0
        for q in range(nodes):
            its, by = product[q], 1.0 / (node[at + q] + share * (1.0 - node[at + q]))
            for r in range(ROWS):
                total[r] += its[r] * by
        its, by = sums[outs[first + j]], 1.0 - share
        for r in range(ROWS):
            its[r] += by * total[r] if mine[r] else -off[r]


@compiled(f"void(float64[::1], float64[::1], {COLUMNS}, {TESTS}, {PARTS}, {BLOCKS}, {TWIGS})")
def add_row(  # noqa: PLR0917
    row: FloatArray, out: FloatArray, columns: Any, tests: Any, parts: Any, blocks: Any, twigs: Any
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
    upper, lower = _most(twigs[0]), _most(twigs[1])
    product, on = np.empty((upper + lower, ROWS)), np.empty((upper, ROWS), np.uint8)
    total, off, place = np.empty((upper + lower, ROWS)), np.empty(ROWS), np.empty(ROWS, np.int64)
    for part in range(len(tests_end) - 1):
        mine = held[tests_end[part] : tests_end[part + 1]]
        for begin in range(blocks_end[part], blocks_end[part + 1], ROWS):
            _add_blocks(mine, begin, min(begin + ROWS, blocks_end[part + 1]), blocks, place, out)
        for group in range(groups_end[part], groups_end[part + 1]):
            for begin in range(0, twigs[2][group + 1] - twigs[2][group], ROWS):
                _add_twigs(mine, group, begin, twigs, product, on, total, off, place, out)


@compiled(f"void(float64[:, ::1], float64[:, ::1], {COLUMNS}, {TESTS}, {PARTS}, {BLOCKS}, {TWIGS})")
def add_rows(  # noqa: PLR0917
    matrix: FloatArray, out: FloatArray, columns: Any, tests: Any, parts: Any, blocks: Any, twigs: Any
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
    product = np.empty((_most(twigs[0]) + _most(twigs[1]), ROWS))
    total, off = np.empty(ROWS), np.empty(ROWS)
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
                for twig in range(twigs[2][group + 1] - twigs[2][group]):
                    _add_twig_to_rows(held, group, twig, twigs, product, total, off, place, sums)
        for r in range(rows):
            for c in range(out.shape[1]):
                out[begin + r, c] += sums[c, r]
