"""Curves and dates from hazards with competing ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.times import DAY
from training.timing import LONGEST_WEEKS, WEEKS, Timing, dates_of, timing_of

BUCKETS = len(WEEKS)
NO_SHIFT = np.zeros(BUCKETS)


def constant(won: float, lost: float) -> Timing:
    """One deal with the same chances every week."""
    lengths = np.diff([0, *WEEKS])
    ends = 1 - (1 - won - lost) ** lengths
    return timing_of((ends * won / (won + lost))[None, :], (ends * lost / (won + lost))[None, :], NO_SHIFT)


def test_with_the_same_hazard_every_week_the_timing_is_geometric() -> None:
    found = constant(0.05, 0.03).cumulative[0]
    assert found == pytest.approx(1 - 0.92 ** np.array(WEEKS), abs=1e-9)


def test_beyond_the_last_bucket_the_last_rate_holds() -> None:
    timing = constant(0.01, 0.01)
    assert timing.by(np.array([104.0]))[0, 0] == pytest.approx(1 - 0.98**104, abs=1e-9)
    assert timing.quantiles((0.9,))[0, 0] == pytest.approx(np.log(0.1) / np.log(0.98), rel=1e-6)


def test_a_win_that_hardly_ever_comes_has_a_date_that_is_not_absurd() -> None:
    assert constant(1e-7, 1e-7).quantiles((0.9,))[0, 0] == LONGEST_WEEKS


hazards = st.lists(st.tuples(st.floats(0.0, 0.9), st.floats(0.0, 1.0)), min_size=BUCKETS, max_size=BUCKETS)


@settings(max_examples=100, deadline=None)
@given(hazards, st.floats(1e-6, 1 - 1e-6), st.lists(st.floats(-3, 3), min_size=BUCKETS, max_size=BUCKETS))
def test_a_curve_never_falls_and_ends_at_the_win_probability(
    pairs: list[tuple[float, float]], win: float, shifts: list[float]
) -> None:
    ends, share = np.array(pairs).T
    timing = timing_of((ends * share)[None, :], (ends * (1 - share))[None, :], np.array(shifts))
    curve = timing.curve(np.array([win]))[0]
    assert abs(curve[-1] - win) <= 1e-9
    assert (np.diff(curve) >= -1e-12).all()
    assert curve[0] >= 0
    low, middle, high = timing.quantiles()[0].tolist()
    assert 0 <= low <= middle <= high <= LONGEST_WEEKS


@settings(max_examples=50, deadline=None)
@given(hazards, st.floats(0.02, 0.98))
def test_the_quantile_is_where_the_timing_reaches_its_share(
    pairs: list[tuple[float, float]], share: float
) -> None:
    ends, part = np.array(pairs).T
    timing = timing_of((ends * part)[None, :] + 1e-4, (ends * (1 - part))[None, :], NO_SHIFT)
    weeks = timing.quantiles((share,))[0, 0]
    if weeks < LONGEST_WEEKS:
        assert timing.by(np.array([weeks]))[0, 0] == pytest.approx(share, abs=1e-6)


def test_a_shift_up_brings_wins_forward() -> None:
    hazard = np.full((1, BUCKETS), 0.1)
    late, early = (timing_of(hazard, hazard, NO_SHIFT + shift) for shift in (0.0, 0.5))
    assert (early.quantiles() < late.quantiles()).all()


def test_dates_lie_whole_days_after_the_instant() -> None:
    as_of = np.array([12345 * DAY + 678])
    assert dates_of(as_of, np.array([[0.0, 1.0, 1.04]])).tolist() == [
        [12345 * DAY + 678, 12352 * DAY + 678, 12352 * DAY + 678]
    ]
