"""Platt's calibration: strictly increasing, true on average, the same bits for one row as for many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.times import FloatArray
from training.calibration import LEAST_SLOPE, Platt, fit_platt

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


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.6, -1.2), (1.7, 0.4)])
def test_the_calibration_that_made_the_labels_is_found(slope: float, intercept: float) -> None:
    margin, label = drawn(slope, intercept)
    platt = fit_platt(margin, label, np.ones(len(label)))
    assert (platt.slope, platt.intercept) == pytest.approx((slope, intercept), abs=0.06)


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_probability_is_the_weighted_share_of_positives_where_it_was_fitted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    margin, label, weight = rng.normal(0, 2, 300), rng.random(300) < 0.3, rng.uniform(1, 10, 300)
    platt = fit_platt(margin + label, label.astype(np.float64), weight)
    shown = np.average(platt.probability(margin + label), weights=weight)
    assert shown == pytest.approx(np.average(label, weights=weight), abs=1e-6)


def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    margin, label = drawn(1, 0, 50)
    twice = np.arange(50) % 3 == 0
    weighted = fit_platt(margin, label, np.where(twice, 2.0, 1.0))
    repeated = fit_platt(np.append(margin, margin[twice]), np.append(label, label[twice]), np.ones(67))
    assert (weighted.slope, weighted.intercept) == pytest.approx(
        (repeated.slope, repeated.intercept), abs=1e-5
    )


def test_where_later_rows_contradict_the_trees_their_order_stays_and_the_rate_is_right() -> None:
    margin, label = drawn(-1, -0.5)
    platt = fit_platt(margin, label, np.ones(len(label)))
    assert platt.slope == LEAST_SLOPE
    assert platt.probability(margin).mean() == pytest.approx(label.mean(), abs=1e-4)


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
