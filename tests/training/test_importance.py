"""Which features the trees lean on: shares that add up, the strongest first."""

from __future__ import annotations

from collections.abc import Mapping

import lightgbm as lgb
import pytest

from training.importance import Weight, by_behaviour, importance
from training.labels import TARGETS, Target
from training.run import Trained


@pytest.mark.parametrize("target", TARGETS)
def test_the_shares_of_all_features_add_up_to_one_and_fall(
    trained: Mapping[Target, Trained], target: Target
) -> None:
    bundle = trained[target].bundle
    weights = importance(bundle)
    assert sum(weight.gain_share for weight in weights) == pytest.approx(1)
    assert [w.gain_share for w in weights] == sorted((w.gain_share for w in weights), reverse=True)
    assert {weight.feature for weight in weights} == set(bundle.encoding.names)


def test_a_feature_without_a_split_has_no_share_and_one_with_splits_has(
    trained: Mapping[Target, Trained],
) -> None:
    weights = importance(trained["win"].bundle)
    assert all((weight.splits > 0) == (weight.gain_share > 0) for weight in weights)
    own = lgb.Booster(model_str=trained["win"].bundle.booster.model_to_string())
    leaves = own.trees_to_dataframe()["split_feature"]
    assert sum(weight.splits for weight in weights) == leaves.notna().sum()


def test_behaviours_are_the_sums_of_their_features() -> None:
    weights = (
        Weight("inbound_30d", "dialogue", 0.5, 3),
        Weight("amount", "terms", 0.3, 2),
        Weight("inbound_total", "dialogue", 0.2, 1),
        Weight("month", "calendar", 0.0, 0),
    )
    assert by_behaviour(weights) == [
        ("customer's answers", 0.7), ("deal terms", 0.3), ("calendar", 0.0),
    ]  # fmt: skip
