"""Where nothing can be known nothing is found, and the same figures find what can be known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from features.times import FloatArray
from tests.training.null_worlds import world
from training.bootstrap import Interval, interval
from training.dataset import open_source
from training.run import Trained, train_target

SEED = 3


def trained_on(*, calls_decide: bool) -> Trained:
    data = world(SEED, calls_decide=calls_decide)
    return train_target(open_source(data, data.watermark()), "win")


def auc_over_half(made: Trained) -> Interval:
    """The interval of the forward ROC AUC less 0.5."""
    test = made.evaluation.test

    def auc(times: FloatArray) -> float:
        return float(roc_auc_score(test.label, test.probability, sample_weight=test.weight * times)) - 0.5

    return interval(auc, test.entity)


@pytest.fixture(scope="module")
def of_coins() -> Trained:
    return trained_on(calls_decide=False)


def test_of_coins_the_forward_auc_is_a_half_within_its_interval(of_coins: Trained) -> None:
    found = auc_over_half(of_coins)
    assert found.low < 0 < found.high


def test_of_coins_nearly_the_base_rate_is_said(of_coins: Trained) -> None:
    test, metrics = of_coins.evaluation.test, of_coins.evaluation.metrics
    assert np.ptp(test.probability) < 0.2
    assert abs(metrics["log_loss"] - metrics["baseline_base_rate_log_loss"]) < 0.02


def test_where_calls_decide_the_same_interval_lies_above_a_half() -> None:
    assert auc_over_half(trained_on(calls_decide=True)).low > 0.1
