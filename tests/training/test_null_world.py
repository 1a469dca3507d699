"""Where nothing can be known nothing is found, and the same figures find what can be known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.null_worlds import world
from training.dataset import open_source
from training.run import Trained, train_target

SEED = 3


def trained_on(*, calls_decide: bool) -> Trained:
    data = world(SEED, calls_decide=calls_decide)
    return train_target(open_source(data, data.watermark()), "win")


@pytest.fixture(scope="module")
def of_coins() -> Trained:
    return trained_on(calls_decide=False)


def test_of_coins_the_model_s_forward_auc_is_a_half_within_its_interval(of_coins: Trained) -> None:
    verdict = of_coins.evaluation.verdict
    assert verdict.low < 0.5 < verdict.high


def test_of_coins_the_base_rate_is_said_of_all(of_coins: Trained) -> None:
    test, metrics = of_coins.evaluation.test, of_coins.evaluation.metrics
    assert of_coins.bundle.rung == "base_rate"
    assert np.ptp(test.probability) == 0
    assert abs(metrics["log_loss"] - metrics["baseline_base_rate_log_loss"]) < 0.02


def test_where_calls_decide_the_same_interval_lies_above_a_half_and_the_model_is_shown() -> None:
    made = trained_on(calls_decide=True)
    assert made.evaluation.verdict.low > 0.6
    assert made.bundle.rung == "model"
