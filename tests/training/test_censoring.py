"""Weights by the censoring's Kaplan-Meier estimate: by hand, and on a world whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from features.times import DAY
from training.censoring import LEAST_UNCENSORED, censoring_weights, fitting_weights, time_to_decide
from training.labels import Labels

UNKNOWN = np.nan


def labels(value: list[float], after: list[float], counted: list[bool] | None = None) -> Labels:
    days = np.array(after, np.float64)
    everything = np.ones(len(value), np.bool_) if counted is None else np.array(counted)
    return Labels(np.array(value, np.float64), (days * DAY).astype(np.int64), everything)


@pytest.mark.parametrize(
    ("value", "after", "weights"),
    [
        pytest.param([1, 0, 1], [1, 2, 3], [1, 1, 1], id="nothing censored"),
        # After 2 days 3 of 4 are uncensored, after 4 days 1 of 2 of those: 3/4, then 3/8.
        pytest.param([1, UNKNOWN, 0, UNKNOWN, 1], [1, 2, 3, 4, 5], [1, 0, 4 / 3, 0, 8 / 3], id="by hand"),
        pytest.param([1, 1, UNKNOWN, 0], [5, 1, 2, 3], [1.5, 1, 0, 1.5], id="in any order"),
        pytest.param([1, UNKNOWN], [2, 2], [1, 0], id="decided at the same age: still uncensored"),
        pytest.param([UNKNOWN, UNKNOWN, 1, 1], [1, 1, 2, 2], [0, 0, 2, 2], id="two leave at once"),
        pytest.param([UNKNOWN, UNKNOWN], [1, 2], [0, 0], id="nothing known"),
        pytest.param([], [], [], id="no row"),
    ],
)
def test_a_known_label_weighs_one_over_the_share_uncensored_before_it_was_decided(
    value: list[float], after: list[float], weights: list[float]
) -> None:
    np.testing.assert_allclose(censoring_weights(labels(value, after)), weights, rtol=1e-12)


def test_a_label_that_does_not_count_neither_weighs_nor_censors() -> None:
    some = labels([UNKNOWN, UNKNOWN, 1, 1], [1, 1, 2, 2], [True, False, True, False])
    assert censoring_weights(some).tolist() == [0, 0, 2, 0]


def test_the_weights_of_the_known_sum_to_all_where_the_oldest_is_known() -> None:
    rng = np.random.default_rng(2)
    value = np.where(rng.random(200) < 0.1, np.nan, 1.0)
    value[-1] = 0
    weights = censoring_weights(labels(value.tolist(), [*np.sort(rng.uniform(0, 50, 199)), 60]))
    assert 1 < weights.max() < 1 / LEAST_UNCENSORED
    assert weights.sum() == pytest.approx(200)


def test_no_label_stands_for_more_than_ten() -> None:
    value = [UNKNOWN] * 99 + [1]
    weights = censoring_weights(labels(value, [*range(1, 100), 200]))
    assert weights[-1] == 1 / LEAST_UNCENSORED == 10


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_weights_undo_the_bias_towards_what_is_decided_quickly(seed: int) -> None:
    """Deals that are won close in 5 to 40 days, those that are lost take 20 to 200."""
    rng = np.random.default_rng(seed)
    begin, won = rng.uniform(0, 300, 20_000), rng.random(20_000) < 0.3
    length = np.where(won, rng.uniform(5, 40, 20_000), rng.uniform(20, 200, 20_000))
    known = begin + length <= 300
    value = np.where(known, won, np.nan)
    weights = censoring_weights(labels(value.tolist(), np.minimum(length, 300 - begin).tolist()))
    naive = won[known].mean()
    weighted = np.average(won[known], weights=weights[known])
    assert naive > 0.36
    assert weighted == pytest.approx(won.mean(), abs=0.01)


def test_a_fit_takes_a_deal_s_outcome_once_for_four_times_the_snapshots_twice() -> None:
    known = labels([1, 1, 1, 1, 0, UNKNOWN], [1, 2, 3, 4, 5, 6])
    weights = fitting_weights(known, np.array([7, 7, 7, 7, 3, 3]))
    np.testing.assert_allclose(weights, [0.5, 0.5, 0.5, 0.5, 1, 0])


def test_in_a_fit_no_label_stands_for_more_than_two() -> None:
    value = [UNKNOWN] * 99 + [1]
    assert fitting_weights(labels(value, [*range(1, 100), 200]), np.arange(100))[-1] == 2


@pytest.mark.parametrize(("share", "days"), [(0.25, 1), (0.5, 2), (0.75, 4), (1.0, 8)])
def test_the_time_within_which_a_share_is_decided_is_by_hand(share: float, days: float) -> None:
    assert time_to_decide(labels([1, 0, 1, 0], [4, 1, 8, 2]), share) == days * DAY


def test_what_is_censored_was_not_decided_by_then() -> None:
    # One of three is decided after 1 day; of the one that is left at 5 days, all.
    some = labels([1, UNKNOWN, 0], [1, 3, 5])
    assert [time_to_decide(some, share) for share in (0.3, 0.5, 1.0)] == [1 * DAY, 5 * DAY, 5 * DAY]
    assert time_to_decide(labels([1, UNKNOWN], [1, 3]), 0.8) is None
