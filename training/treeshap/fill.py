"""The tables' contents: each block's SHAP values for every combination of its tests.

This file imports nothing of `training`: the cache of `features.compiled` knows it by its own contents.
"""

from __future__ import annotations

import numpy as np

from features.compiled import compiled
from features.times import FloatArray, IntArray


@compiled()
def _leaf_table(  # noqa: PLR0917
    value: float, share: FloatArray, first: int, count: int, node: FloatArray, weight: FloatArray,
    found: FloatArray,
) -> None:  # fmt: skip
    """A leaf's SHAP values for every set of its features that hold; see `kernel._add_deep`."""
    nodes = (count + 1) // 2
    start = nodes * (nodes - 1) // 2
    product = np.empty(nodes)
    for mask in range(1 << count):
        for q in range(nodes):
            product[q] = weight[start + q] * value
        for j in range(count):
            z, on = share[first + j], float(mask >> j & 1)
            for q in range(nodes):
                t = node[start + q]
                product[q] *= on * t + z * (1.0 - t)
        off = 0.0
        for q in range(nodes):
            off -= product[q] / (1.0 - node[start + q])
        for j in range(count):
            total = off
            if mask >> j & 1:
                z, total = share[first + j], 0.0
                for q in range(nodes):
                    t = node[start + q]
                    total += product[q] / (t + z * (1.0 - t))
                total *= 1.0 - z
            found[mask * count + j] = total


@compiled(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], float64[::1], int64[::1], int64[::1], "
    "float64[::1], int64[::1], float64[::1], float64[::1], float64[::1])"
)
def fill_blocks(  # noqa: PLR0917
    bits: IntArray, width: IntArray, starts: IntArray, leaves: IntArray, leaf_end: IntArray,
    value: FloatArray,
    need: IntArray, want: IntArray, share: FloatArray, out: IntArray,
    node: FloatArray, weight: FloatArray, table: FloatArray,
) -> None:  # fmt: skip
    """Add the leaves of every block to its table, which is zero before.

    A leaf's feature holds for the number of a combination where `number & need == want`; `out` is its
    column within the block. `node` and `weight` are Gauss and Legendre's for 1, 2, 3, ... nodes.
    """
    most = 0
    for leaf in range(len(value)):
        most = max(most, leaf_end[leaf + 1] - leaf_end[leaf])
    alone = np.empty(most << most)
    for block in range(len(bits)):
        for leaf in range(leaves[block], leaves[block + 1]):
            first, count = leaf_end[leaf], leaf_end[leaf + 1] - leaf_end[leaf]
            _leaf_table(value[leaf], share, first, count, node, weight, alone)
            for number in range(1 << bits[block]):
                mask = 0
                for j in range(count):
                    mask |= int((number & need[first + j]) == want[first + j]) << j
                at = starts[block] + number * width[block]
                for j in range(count):
                    table[at + out[first + j]] += alone[mask * count + j]


@compiled(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], float64[::1], int64[::1], "
    "int64[::1], float64[::1], int64[::1], int64[::1], float64[::1], float64[::1])"
)
def fill_twigs(  # noqa: PLR0917
    bits: IntArray, lower: IntArray, nodes: IntArray, starts: IntArray, leaves: IntArray, leaf_end: IntArray,
    value: FloatArray, need: IntArray, want: IntArray, share: FloatArray, out: IntArray,
    nodes_end: IntArray, node: FloatArray, table: FloatArray,
) -> None:  # fmt: skip
    """Add the leaves of every twig to its table, which is zero before.

    For every combination of the lower tests the table has, at each quadrature node, the sum over the
    leaves of value times lower factors, and then the same for each lower feature with its own factor
    replaced by (o - z): what remains is to multiply with the upper factors.
    """
    for twig in range(len(bits)):
        count = nodes[twig]
        for number in range(1 << bits[twig]):
            row = starts[twig] + number * count * (1 + lower[twig])
            for leaf in range(leaves[twig], leaves[twig + 1]):
                first, last = leaf_end[leaf], leaf_end[leaf + 1]
                for q in range(count):
                    t = node[nodes_end[count - 1] + q]
                    product = value[leaf]
                    for j in range(first, last):
                        on = 1.0 if (number & need[j]) == want[j] else 0.0
                        product *= on * t + share[j] * (1.0 - t)
                    table[row + q] += product
                    for j in range(first, last):
                        on = 1.0 if (number & need[j]) == want[j] else 0.0
                        ratio = (on - share[j]) / (on * t + share[j] * (1.0 - t))
                        table[row + (1 + out[j]) * count + q] += product * ratio
