"""Places are NumPy's, without its sorting."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.places import places_of

WHOLE = st.lists(st.one_of(st.integers(0, 20), st.integers(-5, 5), st.integers(-(2**62), 2**62)), max_size=30)


@given(WHOLE)
def test_places_are_those_of_unique(entity: list[int]) -> None:
    values = np.array(entity, np.int64)
    distinct, expected = np.unique(values, return_inverse=True)
    place, count = places_of(values)
    np.testing.assert_array_equal(place, expected)
    assert count == len(distinct)
