"""The course of a quarter: learnt from many wins, not from chance, not from growth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.times import DAY, WEEK, IntArray, parse_instant
from training.forecast.course import SLOTS, Course, course_of, paced
from training.forecast.periods import quarter_begin

AS_OF = parse_instant("2025-05-20T10:00:00Z")
BEGIN = parse_instant("2022-11-02")


def wins(per_day: float, at_the_end: float = 1.0, growth: float = 0.0, seed: int = 0) -> IntArray:
    """Made-up wins of two and a half years: so many times as many in a quarter's last 14 days; `growth` is by
    how many times the rate grows over the whole."""
    rng = np.random.default_rng(seed)
    days = np.arange(BEGIN, AS_OF - DAY, DAY)
    left = np.array([quarter_begin(int(day), "UTC", back=-1) - day for day in days.tolist()])
    rate = per_day * np.where(left <= 2 * WEEK, at_the_end, 1.0) * np.linspace(1.0, 1.0 + growth, len(days))
    at = np.repeat(days, rng.poisson(rate))
    return at + rng.integers(0, DAY, len(at))


def test_what_closes_at_the_end_of_quarters_is_found_and_the_mean_is_one() -> None:
    found = course_of(wins(20.0, at_the_end=1.5), AS_OF, "UTC").factor
    even = 13 / (11 + 2 * 1.5)
    assert found[:2] == pytest.approx([1.5 * even] * 2, rel=0.08)
    assert found[2:] == pytest.approx([even] * 11, rel=0.08)
    assert found.mean() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_chance_is_no_course_and_growth_is_none_either(seed: int) -> None:
    for growth in (0.0, 4.0):
        found = course_of(wins(2.0, growth=growth, seed=seed), AS_OF, "UTC").factor
        assert np.abs(found - 1).max() < 0.12


def test_few_wins_say_little_and_a_year_at_least_is_looked_at() -> None:
    few, many = (course_of(wins(rate, at_the_end=1.5), AS_OF, "UTC").factor[0] for rate in (0.3, 20.0))
    assert 1.0 <= few < many
    at = wins(20.0, at_the_end=1.5)
    short = course_of(at[at > AS_OF - 360 * DAY], AS_OF, "UTC")
    assert (short.factor == 1.0).all()
    assert (course_of(at[:0], AS_OF, "UTC").factor == 1.0).all()


def test_a_day_on_which_all_that_was_forgotten_is_closed_makes_no_course() -> None:
    at = wins(4.0)
    bulk = np.full(1_500, parse_instant("2024-06-28T12:00:00Z"))
    found = course_of(np.concatenate([at, bulk]), AS_OF, "UTC").factor
    assert np.abs(found - 1).max() < 0.2


def test_a_step_has_the_mean_of_its_days_by_the_time_zone() -> None:
    course = Course(np.arange(1.0, SLOTS + 1), "Europe/Amsterdam")
    end = parse_instant("2025-06-30T22:00:00Z")  # of June in Amsterdam
    edges = np.array([end - 2 * WEEK, end - WEEK, end - 3 * DAY, end, end + DAY])
    assert course.over(edges).tolist() == [2.0, 1.0, 1.0, 13.0]
    assert course.over(np.array([end - WEEK - 2 * DAY, end - 6 * DAY])).tolist() == [pytest.approx(5 / 3)]


rising = st.lists(st.floats(0.0, 0.999), min_size=1, max_size=20).map(sorted)


@settings(max_examples=100, deadline=None)
@given(rising, st.lists(st.floats(0.2, 5.0), min_size=20, max_size=20))
def test_a_paced_timing_never_falls_and_stays_below_one(shares: list[float], pace: list[float]) -> None:
    cumulative = np.array([shares])
    found = paced(cumulative, np.array(pace[: len(shares)]))
    assert (np.diff(found[0], prepend=0.0) >= -1e-15).all()
    assert found.max() < 1.0
    assert paced(cumulative, np.ones(len(shares))) == pytest.approx(cumulative, abs=1e-9)
