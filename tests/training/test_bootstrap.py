"""The bootstrap over entities: it knows that an entity's rows are not independent."""

from __future__ import annotations

import math

import numpy as np

from training.bootstrap import interval, multipliers


def test_all_rows_of_an_entity_are_drawn_together_and_as_many_entities_as_there_are() -> None:
    entity = np.array([7, 7, 3, 9, 9, 9])
    for times in multipliers(entity, draws=50):
        assert times[0] == times[1]
        assert times[3] == times[4] == times[5]
        assert times[0] + times[2] + times[3] == 3


def test_the_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        of_entity = rng.normal(size=60)
        entity = np.repeat(np.arange(60), 10)
        value = of_entity[entity] + 0.1 * rng.normal(size=600)
        found = interval(
            lambda times, value=value: float(np.average(value, weights=times)), entity, draws=200, seed=seed
        )
        covered += found.low <= 0 <= found.high
    assert 0.84 <= covered / 200 <= 0.95  # 90% wanted; as if rows were independent it would be 40%


def test_draws_without_the_figure_are_left_out() -> None:
    found = interval(lambda _: math.nan, np.arange(3), draws=5)
    assert math.isnan(found.low)
    assert math.isnan(found.above_zero)


def test_the_same_seed_gives_the_same_interval() -> None:
    entity, value = np.arange(30), np.arange(30.0)

    def mean(times: np.ndarray) -> float:
        return float(np.average(value, weights=times))

    assert interval(mean, entity) == interval(mean, entity)
    assert interval(mean, entity) != interval(mean, entity, seed=1)
