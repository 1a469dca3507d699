"""Deals or accounts as places from 0 on."""

from __future__ import annotations

import numpy as np

from features.times import IntArray

_SPARSE = 8  # numbers up to so many times the rows are counted rather than sorted


def places_of(entity: IntArray) -> tuple[IntArray, int]:
    """The place of each row's entity among the distinct ones in order, and how many there are.

    The same as NumPy's `unique` with its inverse, which sorts; codes of a history need no sorting.

    Args:
        entity: any whole numbers.
    """
    if not len(entity):
        return np.zeros(0, np.int64), 0
    least, greatest = int(entity.min()), int(entity.max())
    if least < 0 or greatest > _SPARSE * len(entity):
        _, place = np.unique(entity, return_inverse=True)
        return place.astype(np.int64), int(place.max()) + 1
    met = np.zeros(greatest + 1, np.bool_)
    met[entity] = True
    order = np.cumsum(met) - 1
    return order[entity], int(order[-1]) + 1
