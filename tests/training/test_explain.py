"""Reasons that add up, on the models trained for these tests and on any points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalog import BEHAVIOURS, FEATURES
from features.times import FloatArray
from training.bundle import Bundle
from training.calibration import Platt
from training.dataset import labelled_frame
from training.evaluate import matrix_of
from training.explain import (
    Centre,
    Ledger,
    behaviours_of,
    centre_of,
    laid_points,
    ledger,
    percent,
    strongest,
    whole_percents,
)
from training.labels import ENTITY, TARGETS, Target
from training.models import Sample
from training.run import Trained
from training.trees import contributions, margins

POINTS = st.lists(st.floats(-1, 1), max_size=12)
RATES = st.floats(0, 1)


@dataclass(frozen=True)
class World:
    """A trained model, some of its encoded snapshots, and the labelled ones it was calibrated on."""

    bundle: Bundle
    values: FloatArray
    calibrated_on: Sample

    def mixed(self, seed: int, rows: int) -> FloatArray:
        """Rows put together of any rows' values, some missing, some far outside."""
        rng = np.random.default_rng(seed)
        width = self.values.shape[1]
        picked = self.values[rng.integers(0, len(self.values), (rows, width)), np.arange(width)]
        picked = np.where(rng.random(picked.shape) < 0.05, np.nan, picked)
        return np.where(rng.random(picked.shape) < 0.02, picked * 1000, picked)

    def explain(self, values: FloatArray) -> tuple[FloatArray, Ledger]:
        margin = margins(self.bundle.booster, values)
        why = contributions(self.bundle.booster, values)
        b = self.bundle
        return b.platt.probability(margin), ledger(b.features, why, margin, b.platt, b.centre)


@pytest.fixture(scope="module")
def worlds(trained: Mapping[Target, Trained]) -> Mapping[Target, World]:
    found: dict[Target, World] = {}
    for target, made in trained.items():
        matrix = matrix_of(labelled_frame(made.source, target))
        found[target] = World(made.bundle, matrix.values[::20], matrix.judged(made.split.test))
    return found


@pytest.mark.parametrize("target", TARGETS)
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_base_and_points_add_up_to_the_probability(
    worlds: Mapping[Target, World], target: Target, seed: int
) -> None:
    probability, why = worlds[target].explain(worlds[target].mixed(seed, 20))
    total = [math.fsum([why.base_rate, *row]) for row in why.points.tolist()]
    np.testing.assert_allclose(total, probability, rtol=0, atol=1e-9)


@pytest.mark.parametrize("target", TARGETS)
def test_rounding_leaves_no_more_over_than_rounding_can(
    worlds: Mapping[Target, World], target: Target
) -> None:
    """The points add up by themselves: what is put onto the largest is no fault papered over."""
    world, b = worlds[target], worlds[target].bundle
    margin = margins(b.booster, world.values)
    points, expected = laid_points(b.features, contributions(b.booster, world.values), margin, b.platt)
    np.testing.assert_allclose(expected + points.sum(axis=1), b.platt.probability(margin), rtol=0, atol=1e-12)


@pytest.mark.parametrize("target", TARGETS)
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_a_row_alone_has_the_same_bits_as_among_many(
    worlds: Mapping[Target, World], target: Target, seed: int
) -> None:
    world = worlds[target]
    values = world.mixed(seed, 12)
    probability, why = world.explain(values)
    for i in range(len(values)):
        alone, its = world.explain(values[i : i + 1])
        assert alone.tobytes() == probability[i : i + 1].tobytes()
        assert its.points.tobytes() == why.points[i : i + 1].tobytes()
        assert its.contributions.tobytes() == why.contributions[i : i + 1].tobytes()


@pytest.mark.parametrize("target", TARGETS)
def test_over_the_rows_it_was_centred_on_points_are_zero_on_average_and_the_base_is_the_mean(
    worlds: Mapping[Target, World], target: Target
) -> None:
    world = worlds[target]
    rows = world.calibrated_on
    probability, why = world.explain(rows.matrix)
    np.testing.assert_allclose(np.average(why.points, axis=0, weights=rows.weight), 0, atol=1e-12)
    assert why.base_rate == pytest.approx(np.average(probability, weights=rows.weight), abs=1e-12)


@pytest.mark.parametrize("target", TARGETS)
def test_the_typical_entity_has_no_points(worlds: Mapping[Target, World], target: Target) -> None:
    """One whose groups lie exactly where those of the calibration rows lie on average."""
    width = len(FEATURES[ENTITY[target]]) + 1
    why = np.zeros((1, width))
    centre = Centre(0.5, dict.fromkeys(behaviours_of(FEATURES[ENTITY[target]]), 0.0))
    flat = ledger(FEATURES[ENTITY[target]], why, np.zeros(1), Platt(1.0, 0.0), centre)
    assert flat.base_rate == 0.5
    assert not flat.points.any()


@settings(deadline=None)
@given(
    distance=st.sampled_from([0.0, 1e-16, 1e-12, 1e-9, 1.1e-9, 1e-8, 1e-6, 1e-3, 1.0]),
    sign=st.sampled_from([-1, 1]),
    expected=st.floats(-4, 4),
    size=st.floats(0.1, 5),
)
def test_near_the_expected_margin_no_group_has_more_than_the_steepest_slope_gives(
    distance: float, sign: int, expected: float, size: float
) -> None:
    """Two groups that nearly cancel: the chord's slope is a quotient of two tiny differences."""
    platt = Platt(1.3, -0.2)
    why = np.zeros((1, len(FEATURES[ENTITY["win"]]) + 1))
    why[0, [0, -2, -1]] = [size, sign * distance - size, expected]
    points, _ = laid_points(FEATURES[ENTITY["win"]], why, np.array([expected + sign * distance]), platt)
    steepest = platt.slope / 4
    assert np.isfinite(points).all()
    assert np.abs(points).max() <= steepest * (size + distance) * (1 + 1e-5)
    p = platt.probability(np.array([expected]))[0]
    if distance <= 1e-6:  # the tangent there, whichever way it was computed
        assert points.max() == pytest.approx(platt.slope * p * (1 - p) * size, abs=1e-6 * size)


def test_a_point_has_the_sign_of_its_group_s_margin(worlds: Mapping[Target, World]) -> None:
    b, values = worlds["win"].bundle, worlds["win"].values
    why = contributions(b.booster, values)
    points, _ = laid_points(FEATURES[ENTITY["win"]], why, margins(b.booster, values), b.platt)
    behaviours = behaviours_of(FEATURES["opportunity"])
    for i, name in enumerate(behaviours):
        mine = [k for k, feature in enumerate(FEATURES[ENTITY["win"]]) if feature.behaviour == name]
        group = why[:, mine].sum(axis=1)
        clear = np.abs(group) > 1e-9
        assert (np.sign(points[clear, i]) == np.sign(group[clear])).all(), name


def test_a_group_s_points_are_those_of_its_own_features() -> None:
    """Three trees' worth by hand: points are the margin times the chord's slope."""
    platt = Platt(1.0, 0.0)
    names = [feature.name for feature in FEATURES[ENTITY["win"]]]
    why = np.zeros((1, len(names) + 1))
    why[0, [names.index("calls_30d"), names.index("calls_total"), names.index("amount")]] = [0.5, 0.3, -0.4]
    points, expected = laid_points(FEATURES[ENTITY["win"]], why, np.array([0.4]), platt)
    slope = (1 / (1 + math.exp(-0.4)) - 0.5) / 0.4
    found = dict(zip(behaviours_of(FEATURES["opportunity"]), points[0].tolist(), strict=True))
    assert expected.tolist() == [0.5]
    assert found["volume"] == pytest.approx(0.8 * slope)
    assert found["terms"] == pytest.approx(-0.4 * slope)
    assert sum(map(abs, found.values())) == pytest.approx(1.2 * slope)


def test_the_centre_is_the_weighted_mean_before_centring() -> None:
    why = np.zeros((2, len(FEATURES[ENTITY["churn"]]) + 1))
    why[:, 0] = [1.0, -1.0]
    margin = why[:, 0]
    centre = centre_of(FEATURES["account"], why, margin, Platt(1.0, 0.0), np.array([3.0, 1.0]))
    reach = 1 / (1 + math.exp(-1)) - 0.5
    assert centre.points["orders"] == pytest.approx(reach / 2)
    assert centre.base_rate == pytest.approx(0.5 + reach / 2)
    assert set(centre.points) == set(behaviours_of(FEATURES["account"]))


@given(base=RATES, points=POINTS, probability=RATES)
def test_whole_percents_always_add_up_and_base_and_probability_are_rounded_plainly(
    base: float, points: list[float], probability: float
) -> None:
    shown_base, shown_points = whole_percents(base, points, probability)
    assert shown_base == percent(base)
    assert abs(shown_base - 100 * base) <= 0.5 + 1e-9
    assert abs(percent(probability) - 100 * probability) <= 0.5 + 1e-9
    assert len(shown_points) == len(points)
    if points:
        assert shown_base + sum(shown_points) == percent(probability)


@given(base=RATES, points=st.lists(st.floats(-1, 1), min_size=1, max_size=12))
def test_points_that_add_up_are_each_off_by_one_percent_and_its_share_at_most(
    base: float, points: list[float]
) -> None:
    _, shown = whole_percents(base, points, base + math.fsum(points))
    share = 1 / len(points)
    for whole, exact in zip(shown, points, strict=True):
        assert abs(whole - 100 * exact) <= 1 + share + 1e-9


@pytest.mark.parametrize(
    ("base", "points", "probability", "shown"),
    [
        pytest.param(0.30, [0.25, 0.08, -0.02], 0.61, (30, [25, 8, -2]), id="whole already"),
        pytest.param(0.304, [0.254, 0.076, -0.025], 0.609, (30, [25, 8, -2]), id="largest remainders up"),
        pytest.param(0.5, [0.004, 0.004, 0.004], 0.512, (50, [1, 0, 0]), id="the first of equals"),
        pytest.param(0.5, [-0.004, -0.004, -0.004], 0.488, (50, [0, 0, -1]), id="and downwards"),
        pytest.param(0.125, [], 0.125, (13, []), id="no point; halves upwards"),
        pytest.param(0.2, [0.3], 0.5, (20, [30]), id="one point"),
    ],
)
def test_whole_percents_of_some_ledgers(
    base: float, points: list[float], probability: float, shown: tuple[int, list[int]]
) -> None:
    assert whole_percents(base, points, probability) == shown


@pytest.mark.parametrize("target", TARGETS)
def test_every_behaviour_of_a_target_is_in_the_catalogue_once(target: Target) -> None:
    behaviours = behaviours_of(FEATURES[ENTITY[target]])
    assert len(set(behaviours)) == len(behaviours)
    assert set(behaviours) == {feature.behaviour for feature in FEATURES[ENTITY[target]]} <= set(BEHAVIOURS)


def test_the_strongest_features_are_those_that_speak_loudest_within_their_behaviour() -> None:
    names = [feature.name for feature in FEATURES[ENTITY["win"]]]
    spoken = np.zeros(len(names))
    for name, value in {"calls_30d": 0.1, "emails_30d": -0.4, "calls_total": 0.3, "amount": 9.0}.items():
        spoken[names.index(name)] = value
    assert [names[i] for i in strongest(FEATURES["opportunity"], "volume", spoken)] == [
        "emails_30d",
        "calls_total",
    ]
    assert [names[i] for i in strongest(FEATURES["opportunity"], "terms", spoken)] == ["amount"]
    assert strongest(FEATURES["opportunity"], "people", spoken) == []


def test_the_margin_is_the_sum_of_its_shap_values(worlds: Mapping[Target, World]) -> None:
    booster = worlds["stall"].bundle.booster
    values = worlds["stall"].values
    why = contributions(booster, values)
    assert why.shape == (len(values), len(FEATURES[ENTITY["stall"]]) + 1)
    np.testing.assert_allclose(why.sum(axis=1), margins(booster, values), rtol=0, atol=1e-12)
    assert np.ptp(why[:, -1]) == 0
