"""Down the trees, leaf values added: several ways at once, so that none waits for the memory of another.

A node is two words of 64 bits that lie together: the threshold (or a category set), and where to go. This
file imports nothing of `training`, so that the cache of `features.compiled` knows it by its contents.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from features.compiled import compiled, prefetch
from features.times import FloatArray, IntArray

WAYS = 8  # of one row through as many trees, or of as many rows through one
BLOCK = 64  # rows that are laid out together
LEFT, RIGHT, MISSING_LEFT, IS_SET, COLUMN_BITS = 16, 32, 48, 49, 0xFFFF  # where they are in a node's word
PLAIN, NAN, ZERO, SET = range(4)  # what a column does with what is missing; or that it is a category
_LINE, _LINES = 8, 4  # words that come from memory together, and how often they are asked for ahead
MEMBERS = 63  # of a set's word; the last bit is nobody's
_ZERO = float(np.float32(1e-35))  # LightGBM takes what is not farther from 0 for 0
_LARGEST = float(np.finfo(np.float64).max)

COLUMNS = "UniTuple(int64[::1], 3)"
TREES = "Tuple((int64[::1], float64[::1], int64[::1], int64[::1], int64[::1]))"


@compiled()
def _number(value: float, kind: int) -> float:
    """A number as the nodes compare it: NaN is what goes the way of the missing."""
    missing, zero = np.isnan(value), abs(value) <= _ZERO
    if kind == ZERO:
        return np.nan if missing or zero else min(max(value, -_LARGEST), _LARGEST)
    if missing:
        return np.nan if kind == NAN else 0.0
    return 0.0 if zero else min(max(value, -_LARGEST), _LARGEST)


@compiled()
def _member(value: float, first: int) -> Any:
    """Which bit of a set's word a category is; `MEMBERS` for none of its."""
    if not (value > -1.0 and value < 2147483648.0):  # NaN too
        return MEMBERS
    place = np.int64(value) - first
    return place if 0 <= place < MEMBERS else MEMBERS


@compiled()
def _next(  # noqa: PLR0917
    here: int, base: int, words: IntArray, numbers: FloatArray, row: Any, bits: Any
) -> Any:
    """The node after a node, both counted from the tree's first; a leaf's is itself."""
    at = 2 * (base + here)
    word = words[at + 1]
    column = word & COLUMN_BITS
    value = row[column]
    # Bits and shifts where one would write `if`: which way a row goes is what a processor guesses worst.
    low = np.int64(value <= numbers[at]) | (np.int64(np.isnan(value)) & (word >> MISSING_LEFT))
    inside = words[at] >> bits[column]
    left = (low ^ ((low ^ inside) & -((word >> IS_SET) & 1))) & 1
    return (word >> (RIGHT - left * (RIGHT - LEFT))) & COLUMN_BITS


@compiled()
def _ask_ahead(words: IntArray, bases: IntArray, order: IntArray, begin: int) -> None:
    """Ask for the upper nodes of the next trees."""
    for w in range(begin, min(begin + WAYS, len(order))):
        for line in range(_LINES):
            prefetch(words, 2 * bases[order[w]] + line * _LINE)


@compiled(f"void(float64[:, ::1], int64, float64[::1], float64[:, ::1], {COLUMNS}, {TREES})")
def add_rows_alone(  # noqa: PLR0917
    matrix: FloatArray, varied: int, values: FloatArray, out: FloatArray, columns: Any, trees: Any
) -> None:
    """Add the leaf values of each row to its classes, row by row.

    Args:
        varied: a feature that is each of `values` in turn, in the only row that there then is; -1 for none.
    """
    source, kind, first = columns
    words, numbers, bases, depths, order = trees
    count, classes = len(bases), out.shape[1]
    row, bits, found = np.empty(len(source)), np.empty(len(source), np.int64), np.empty(count + WAYS)
    here, base = np.empty(WAYS, np.int64), np.empty(WAYS, np.int64)
    for r in range(len(out)):
        for c in range(len(source)):
            if r and varied >= 0 and source[c] != varied:
                continue
            value = values[r] if source[c] == varied else matrix[r if varied < 0 else 0, source[c]]
            if kind[c] == SET:
                row[c], bits[c] = 0.0, _member(value, first[c])
            else:
                row[c], bits[c] = _number(value, kind[c]), 0
        for begin in range(0, count, WAYS):
            ways = min(WAYS, count - begin)
            for w in range(WAYS):
                here[w], base[w] = 0, bases[order[begin + min(w, ways - 1)]]
            _ask_ahead(words, bases, order, begin + WAYS)
            for _ in range(depths[order[begin]]):
                for w in range(WAYS):
                    here[w] = _next(here[w], base[w], words, numbers, row, bits)
            for w in range(ways):
                found[order[begin + w]] = numbers[2 * (base[w] + here[w])]
        for tree in range(count):
            out[r, tree % classes] += found[tree]


@compiled(f"void(float64[:, ::1], float64[:, ::1], {COLUMNS}, {TREES})")
def add_rows_together(matrix: FloatArray, out: FloatArray, columns: Any, trees: Any) -> None:
    """The same, `BLOCK` rows after the other through each tree: for many."""
    source, kind, first = columns
    words, numbers, bases, depths, _ = trees
    classes = out.shape[1]
    room = min(BLOCK, len(matrix))
    rows, bits = np.zeros((room, len(source))), np.zeros((room, len(source)), np.int64)
    here = np.empty(room, np.int64)
    for begin in range(0, len(matrix), BLOCK):
        count = min(BLOCK, len(matrix) - begin)
        for r in range(count):
            for c in range(len(source)):
                value = matrix[begin + r, source[c]]
                if kind[c] == SET:
                    bits[r, c] = _member(value, first[c])
                else:
                    rows[r, c] = _number(value, kind[c])
        for tree in range(len(bases)):
            base = bases[tree]
            here[:] = 0
            for _ in range(depths[tree]):
                for r in range(count):
                    here[r] = _next(here[r], base, words, numbers, rows[r], bits[r])
            for r in range(count):
                out[begin + r, tree % classes] += numbers[2 * (base + here[r])]
