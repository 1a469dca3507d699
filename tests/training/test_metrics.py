"""Metrics by hand and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from features.catalog import Feature
from features.frame import frame_of_columns
from features.times import FloatArray
from training.baselines import PRIOR_ROWS, SURE, base_rate, crm_says, logistic, stage_rates
from training.metrics import (
    Bin,
    bin_of,
    calibration_error,
    chosen_at,
    forward_metrics,
    lift,
    reliability_table,
)
from training.models import Sample

P = np.array([0.9, 0.6, 0.4, 0.2])
Y = np.array([1.0, 0.0, 1.0, 0.0])
ONES = np.ones(4)


def random_rows(seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(60), 2)  # with ties
    return p, np.append((rng.random(58) < p[:58]).astype(np.float64), [0.0, 1.0]), rng.uniform(1, 10, 60)


def test_the_metrics_of_four_rows_are_those_by_hand() -> None:
    found = forward_metrics(P, Y, ONES)
    assert found == pytest.approx(
        {
            "log_loss": -(math.log(0.9) + math.log(0.4) + math.log(0.4) + math.log(0.8)) / 4,
            "brier": (0.01 + 0.36 + 0.36 + 0.04) / 4,
            "roc_auc": 3 / 4,  # of the four pairs only (0.4, 0.6) is in the wrong order
            "average_precision": (1 + 2 / 3) / 2,
            "calibration_error": (0.1 + 0.6 + 0.6 + 0.2) / 4,
            "lift_top_tenth": 2,
        }
    )


@pytest.mark.parametrize("seed", range(4))
def test_weighted_metrics_are_those_of_scikit_learn(seed: int) -> None:
    p, y, w = random_rows(seed)
    found = forward_metrics(p, y, w)
    assert found["log_loss"] == pytest.approx(log_loss(y, p, sample_weight=w))
    assert found["brier"] == pytest.approx(brier_score_loss(y, p, sample_weight=w))
    assert found["roc_auc"] == pytest.approx(roc_auc_score(y, p, sample_weight=w))


@given(seed=st.integers(0, 99), times=st.integers(2, 4))
def test_a_row_of_weight_two_counts_as_two_rows(seed: int, times: int) -> None:
    p, y, _ = random_rows(seed)
    w = np.where(np.arange(60) % 4 == 0, float(times), 1.0)
    repeat = w.astype(int)
    repeated = forward_metrics(np.repeat(p, repeat), np.repeat(y, repeat), np.ones(repeat.sum()))
    assert forward_metrics(p, y, w) == pytest.approx(repeated)


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_saying_the_same_of_all_lifts_nothing(p: float) -> None:
    assert lift(np.full(4, p), Y, np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(1)


@pytest.mark.parametrize(
    ("p", "label", "share", "expected"),
    [
        pytest.param([0.9, 0.5, 0.3, 0.1], [1, 0, 0, 0], 0.25, 4, id="the best quarter holds all"),
        pytest.param([0.9, 0.5, 0.3, 0.1], [0, 0, 0, 1], 0.25, 0, id="the best quarter holds none"),
        pytest.param([0.9, 0.9, 0.3, 0.1], [1, 0, 1, 0], 0.25, 1, id="two tied for one place"),
        pytest.param([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0], 0.5, 1.5, id="a place shared by two tied"),
        pytest.param([0.9, 0.5, 0.3, 0.1], [1, 0, 1, 0], 1, 1, id="all"),
    ],
)
def test_rows_tied_at_the_edge_count_in_part(
    p: list[float], label: list[float], share: float, expected: float
) -> None:
    assert lift(np.array(p), np.array(label, float), ONES, share) == pytest.approx(expected)


@given(seed=st.integers(0, 99))
def test_the_order_of_the_rows_does_not_matter_to_the_lift(seed: int) -> None:
    p, y, w = random_rows(seed)
    order = np.random.default_rng(seed).permutation(60)
    assert lift(p[order], y[order], w[order]) == pytest.approx(lift(p, y, w))


def test_the_calibration_error_weighs_each_bin_by_its_rows() -> None:
    p, y = np.array([0.12, 0.18, 0.75, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    weight = np.array([1.0, 1.0, 2.0, 4.0])
    by_bin = [abs(0.30 - 1), abs(2 * 0.75 - 2), 0]  # 10 to 20%, 70 to 80%, 90 to 100%
    assert calibration_error(p, y, weight) == pytest.approx(sum(by_bin) / 8)


def test_reliability_has_a_row_per_tenth_that_occurs_and_counts_entities_once() -> None:
    p = np.array([0.0, 0.09, 0.1, 0.15, 0.95, 1.0, 1.0])
    label = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0])
    weight = np.array([1.0, 3.0, 1.0, 1.0, 1.0, 1.0, 2.0])
    entity = np.array([1, 1, 2, 3, 4, 5, 5])
    table = reliability_table(p, label, weight, entity)
    assert [(row.low, row.high, row.n) for row in table] == [(0.0, 0.1, 1), (0.1, 0.2, 2), (0.9, 1.0, 2)]
    assert [row.observed for row in table] == pytest.approx([3 / 4, 1 / 2, 2 / 4])
    assert [row.mean for row in table] == pytest.approx([0.27 / 4, 0.125, (0.95 + 1 + 2) / 4])


@given(seed=st.integers(0, 200))
def test_every_row_is_in_exactly_one_bin(seed: int) -> None:
    p, y, w = random_rows(seed)
    table = reliability_table(p, y, w, np.arange(60))
    assert sum(row.n for row in table) == 60
    for probability in p:
        row = bin_of(table, probability)
        assert row is not None
        assert row.low - 1e-12 <= probability <= row.high


@pytest.mark.parametrize(
    ("p", "low"), [(0.0, None), (0.19, None), (0.2, 0.2), (0.2999, 0.2), (0.3, None), (0.9, 0.9), (1.0, 0.9)]
)
def test_a_probability_finds_its_bin_low_inclusive_or_none(p: float, low: float | None) -> None:
    table = [Bin(0.2, 0.3, 0.25, 0.2, 9), Bin(0.9, 1.0, 0.95, 0.9, 9)]
    found = bin_of(table, p)
    assert (found.low if found else None) == low


def test_the_base_rate_is_weighted() -> None:
    assert base_rate(np.array([1.0, 0.0]), np.array([1.0, 3.0])) == 0.25


def test_a_stage_s_rate_is_drawn_towards_the_base_rate_by_fifty_rows() -> None:
    stages = np.array(["demo", None, "lead", "demo", "lead"], object)
    frame = frame_of_columns((Feature("stage", "category", "stage", False, "", ""),), {"stage": stages})
    rows, label, weight = np.array([0, 2, 3, 4]), np.array([1.0, 0.0, 1.0, 0.0]), np.array([1.0, 1, 2, 4])
    rates, overall = stage_rates(frame, rows, label, weight)
    assert overall == 3 / 8
    assert rates == pytest.approx(
        {
            "demo": (3 + PRIOR_ROWS * 3 / 8) / (3 + PRIOR_ROWS),
            "lead": (0 + PRIOR_ROWS * 3 / 8) / (5 + PRIOR_ROWS),
        }
    )


def test_visits_go_to_the_highest_scores_of_each_week() -> None:
    week = np.array([3, 1, 1, 1, 3, 2])
    p = np.array([0.2, 0.9, 0.5, 0.7, 0.3, 0.1])
    came = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0])
    weight = np.array([1.0, 1.0, 1.0, 3.0, 1.0, 1.0])
    found = chosen_at(2, week, p, came, weight)
    assert (found.visits, found.rate, found.overall) == (5, 2 / 7, 3 / 8)
    assert chosen_at(9, week, p, came, weight).lift == 1


def test_a_logistic_regression_finds_a_straight_cause_and_lets_gaps_and_new_texts_be() -> None:
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.normal(size=3_000), np.full(3_000, np.nan), rng.integers(0, 3, 3_000)])
    x[rng.random(3_000) < 0.1, 0] = np.nan
    came = (rng.random(3_000) < 1 / (1 + np.exp(-2 * np.nan_to_num(x[:, 0])))).astype(np.float64)
    later = np.array([[-3, 1, 0], [0, np.nan, 1], [3, np.nan, 7], [np.nan, np.nan, np.nan]])
    said = logistic(Sample(x, came, np.ones(3_000)), later, [2])
    assert said[0] < 0.2
    assert 0.4 < said[1] < 0.6
    assert said[2] > 0.8
    assert 0.3 < said[3] < 0.7


@pytest.mark.parametrize("scale", [1, 100])
def test_what_a_crm_says_may_be_a_share_or_in_percent(scale: float) -> None:
    said = crm_says(np.array([0.0, 0.25, 1.0, np.nan]) * scale, 0.4)
    assert said == pytest.approx([SURE, 0.25, 1 - SURE, 0.4])
