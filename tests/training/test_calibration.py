"""Platt's calibration: strictly increasing, true on average, the same bits for one row as for many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.times import FloatArray
from training.calibration import DOUBT, DOUBT_OF_LEVEL, LEAST_SLOPE, Platt, fit_platt

PLATTS = st.builds(Platt, st.floats(LEAST_SLOPE, 5), st.floats(-3, 3))


def drawn(slope: float, intercept: float, rows: int = 40_000) -> tuple[FloatArray, FloatArray]:
    """Margins, and labels that follow a known calibration of them."""
    rng = np.random.default_rng(8)
    margin = rng.normal(0, 1.5, rows)
    return margin, (rng.random(rows) < 1 / (1 + np.exp(-(slope * margin + intercept)))).astype(np.float64)


@pytest.mark.parametrize(
    ("platt", "margin", "probability"),
    [
        (Platt(1, 0), 0, 0.5),
        (Platt(2, -1), 0.5, 0.5),
        (Platt(1, 0), np.log(3), 0.75),
        (Platt(1, np.log(1 / 3)), 0, 0.25),
    ],
)
def test_a_probability_is_the_logistic_of_slope_times_margin_plus_intercept(
    platt: Platt, margin: float, probability: float
) -> None:
    assert platt.probability(np.array([margin])) == pytest.approx([probability], rel=1e-15)


MANY = 10**6  # entities: beside so many, what the trees say themselves has no weight


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.6, -1.2), (1.7, 0.4)])
def test_the_calibration_that_made_the_labels_is_found_where_many_entities_say_so(
    slope: float, intercept: float
) -> None:
    margin, label = drawn(slope, intercept)
    platt = fit_platt(margin, label, np.ones(len(label)), MANY)
    assert (platt.slope, platt.intercept) == pytest.approx((slope, intercept), abs=0.06)


def test_few_entities_move_the_trees_own_probabilities_little_and_more_move_them_more() -> None:
    for slope, intercept in ((0.6, 0.0), (1.0, -1.2)):
        margin, label = drawn(slope, intercept)
        found = [fit_platt(margin, label, np.ones(len(label)), n) for n in (1, 100, 1_000, 10_000, MANY)]
        assert (found[0].slope, found[0].intercept) == pytest.approx((1, 0), abs=0.01)
        told = [platt.slope if intercept == 0 else platt.intercept for platt in found]
        assert told == sorted(told, reverse=True)


def test_far_from_even_chances_few_entities_take_no_other_slope_for_a_level_they_are_not_sure_of() -> None:
    margin, _ = drawn(1, 0)
    rare = margin - 3
    label = np.random.default_rng(9).random(len(rare)) < Platt(1, 0.5).probability(rare)
    platt = fit_platt(rare, label.astype(np.float64), np.ones(len(rare)), 200)
    assert platt.slope == pytest.approx(1, abs=0.1)
    assert 0 < platt.slope * rare.mean() + platt.intercept - rare.mean() < 0.25


def test_what_is_found_is_where_the_penalised_log_loss_is_least() -> None:
    margin, label = drawn(0.7, -0.4, 2_000)
    weight = np.random.default_rng(1).uniform(0.5, 2, 2_000)
    entities, middle = 300, np.average(margin, weights=weight)
    square = np.average((margin - middle) ** 2, weights=weight)

    def loss(slope: float, intercept: float) -> float:
        shown = Platt(slope, intercept).probability(margin)
        said = -(label * np.log(shown) + (1 - label) * np.log(1 - shown))
        shift = intercept - middle * (1 - slope)
        doubt = DOUBT * square * (slope - 1) ** 2 + DOUBT_OF_LEVEL * shift**2
        return float(entities * np.average(said, weights=weight) + doubt / 2)

    found = fit_platt(margin, label, weight, entities)
    least = loss(found.slope, found.intercept)
    for slope, intercept in ((1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3)):
        assert least < loss(found.slope + slope, found.intercept + intercept)


def test_the_rate_is_right_where_many_entities_say_so() -> None:
    rng = np.random.default_rng(0)
    margin, label, weight = rng.normal(0, 2, 300), rng.random(300) < 0.3, rng.uniform(1, 10, 300)
    platt = fit_platt(margin + label, label.astype(np.float64), weight, MANY)
    shown = np.average(platt.probability(margin + label), weights=weight)
    assert shown == pytest.approx(np.average(label, weights=weight), abs=1e-3)


def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    margin, label = drawn(1, 0, 50)
    twice = np.arange(50) % 3 == 0
    weighted = fit_platt(margin, label, np.where(twice, 2.0, 1.0), 50)
    more = np.append(margin, margin[twice]), np.append(label, label[twice])
    repeated = fit_platt(*more, np.ones(67), 50)
    assert weighted.slope == pytest.approx(repeated.slope, abs=1e-6)
    assert weighted.intercept == pytest.approx(repeated.intercept, abs=1e-6)


def test_where_later_rows_contradict_the_trees_their_order_stays() -> None:
    margin, label = drawn(-1, -0.5)
    assert fit_platt(margin, label, np.ones(len(label)), MANY).slope == LEAST_SLOPE


@given(platt=PLATTS, margins=st.lists(st.floats(-6, 6), min_size=2, max_size=9, unique=True))
def test_a_greater_margin_has_a_greater_probability(platt: Platt, margins: list[float]) -> None:
    """Those that lie apart by more than what rounding takes away."""
    margin = np.unique(np.round(margins, 6))
    assert (np.diff(platt.probability(margin)) > 0).all()


@given(platt=PLATTS, margins=st.lists(st.floats(-700, 700), min_size=1, max_size=40))
def test_one_row_has_the_same_bits_as_many(platt: Platt, margins: list[float]) -> None:
    together = platt.probability(np.array(margins))
    alone = [platt.probability(np.array([margin]))[0] for margin in margins]
    assert together.tolist() == alone


@pytest.mark.parametrize("margin", [-1e6, -800.0, 800.0, 1e6])
def test_a_margin_far_out_still_has_a_probability(margin: float) -> None:
    shown = Platt(1.0, 0.0).probability(np.array([margin]))[0]
    assert 0 < shown < 1e-300 if margin < 0 else shown == 1


def test_no_row_has_no_probability() -> None:
    assert Platt(1.0, 0.0).probability(np.zeros(0)).shape == (0,)
