"""Fast SHAP values: those of LightGBM on any trees, and LightGBM's own where they cannot be had."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.frame import FeatureFrame
from features.times import FloatArray
from training.explain import behaviours_of
from training.labels import TARGETS, Target
from training.model_text import model_of
from training.run import Trained
from training.trees import Trees, contributions, slowly_explained
from training.treeshap import NotExplainable, tree_shap
from training.treeshap.checked import checked

CATEGORIES = [0, 1]
ODD = (
    np.nan,
    0.0,
    -0.0,
    1e-36,
    -1e-36,
    1e-34,
    -1e-34,
    -0.5,
    -1.0,
    2.7,
    31.0,
    32.0,
    70.0,
    1e10,
    np.inf,
    -np.inf,
)

PARAMS = st.fixed_dictionaries(
    {
        "objective": st.sampled_from(["binary", "regression", "poisson"]),
        "num_leaves": st.sampled_from([2, 3, 8, 31, 255]),
        "max_depth": st.sampled_from([-1, 1, 3, 12]),
        "min_data_in_leaf": st.sampled_from([1, 2, 20, 300]),
        "boosting": st.sampled_from(["gbdt", "gbdt", "dart", "rf"]),
        "data_sample_strategy": st.sampled_from(["bagging", "goss"]),
        "extra_trees": st.booleans(),
        "use_missing": st.sampled_from([True, True, False]),
        "zero_as_missing": st.booleans(),
        "max_cat_to_onehot": st.sampled_from([1, 4, 100]),
        "boost_from_average": st.booleans(),
    }
)


def data(seed: int, rows: int, columns: int) -> FloatArray:
    """Two columns of categories, then numbers, among them ties, missing ones and many zeros."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, columns))
    values[:, 1::3] = np.round(values[:, 1::3] * 2)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[rng.random(values.shape) < 0.1] = 0.0
    values[:, CATEGORIES] = np.floor(rng.gamma(1.0, 8.0, (rows, 2)))
    values[rng.random(rows) < 0.1, 1] = np.nan
    return values


def oddly(matrix: FloatArray, seed: int) -> FloatArray:
    """The same rows with values that no training row had."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(matrix.shape) < 0.15, rng.choice(ODD, matrix.shape), matrix)


def trees(params: Mapping[str, Any], seed: int, *, columns: int = 8, rounds: int = 4) -> lgb.Booster:
    """A model of weighted rows, whose label depends on a few columns and on pairs of them."""
    matrix = data(seed, 600, columns)
    rng = np.random.default_rng(seed + 1)
    shown = np.nan_to_num(matrix)
    label = (
        shown[:, 2] + shown[:, 3] * shown[:, -1] + np.isin(shown[:, 0], (0, 3, 5, 17)) + rng.normal(size=600)
    )
    if params.get("objective") != "regression":
        label = (label > 0).astype(float)
    told = {
        "verbosity": -1,
        "num_threads": 1,
        "cat_smooth": 1.0,
        "min_data_per_group": 5,
        "seed": seed,
        **params,
    }
    if told.get("boosting") == "rf":
        told |= {"bagging_freq": 1, "bagging_fraction": 0.6, "data_sample_strategy": "bagging"}
    weighted = lgb.Dataset(matrix, label, weight=rng.gamma(2.0, size=600), categorical_feature=CATEGORIES)
    return lgb.train(told, weighted, rounds)


def own(booster: lgb.Booster | Trees, matrix: FloatArray) -> FloatArray:
    if isinstance(booster, Trees):
        return booster.contributions(matrix)
    return np.asarray(booster.predict(matrix, pred_contrib=True))


@settings(deadline=None, max_examples=200)
@given(
    params=PARAMS, seed=st.integers(0, 10**6), columns=st.sampled_from([4, 8, 30]),
    most_bytes=st.sampled_from([0, 2_000, 2**23]),
)  # fmt: skip
def test_the_values_are_those_of_lightgbm_on_any_trees_and_add_up_to_the_margin(
    params: dict[str, Any], seed: int, columns: int, most_bytes: int
) -> None:
    booster = trees(params, seed, columns=columns)
    rows = oddly(data(seed + 2, 80, columns), seed)
    found = tree_shap(booster, most_bytes=most_bytes).contributions(rows)
    np.testing.assert_allclose(found, own(booster, rows), rtol=0, atol=1e-10)
    margin = booster.predict(rows, raw_score=True)
    np.testing.assert_allclose(found.sum(axis=1), margin, rtol=0, atol=1e-10)


@settings(deadline=None, max_examples=50)
@given(
    params=PARAMS, seed=st.integers(0, 10**6), rows=st.integers(1, 200), threads=st.integers(1, 3),
    most_bytes=st.sampled_from([0, 2_000, 2**23]),
)  # fmt: skip
def test_a_row_alone_has_the_bits_it_has_among_many(
    params: dict[str, Any], seed: int, rows: int, threads: int, most_bytes: int
) -> None:
    shap = tree_shap(trees(params, seed), most_bytes=most_bytes)
    matrix = oddly(data(seed + 2, rows, 8), seed)
    together = shap.contributions(np.tile(matrix, (4, 1)), threads)
    for row in range(min(rows, 20)):
        alone = shap.contributions(matrix[row : row + 1])
        assert alone.tobytes() == together[row : row + 1].tobytes()
        assert alone.tobytes() == together[3 * rows + row : 3 * rows + row + 1].tobytes()


@pytest.mark.parametrize("target", TARGETS)
def test_the_values_are_those_of_lightgbm_on_the_samples_own_models(
    trained: Mapping[Target, Trained], frames: Mapping[Target, FeatureFrame], target: Target
) -> None:
    bundle = trained[target].bundle
    rows = oddly(bundle.encoding.matrix(frames[target]), 1)
    shap = tree_shap(bundle.booster)
    np.testing.assert_allclose(shap.contributions(rows), own(bundle.booster, rows), rtol=0, atol=1e-10)
    assert contributions(bundle.booster, rows).tobytes() == shap.contributions(rows).tobytes()


@pytest.mark.parametrize("most_bytes", [0, 2**23])
def test_groups_get_the_sums_of_their_features(
    trained: Mapping[Target, Trained], frames: Mapping[Target, FeatureFrame], most_bytes: int
) -> None:
    bundle = trained["win"].bundle
    rows = bundle.encoding.matrix(frames["win"])
    behaviours = behaviours_of(bundle.features)
    groups = [behaviours.index(feature.behaviour) for feature in bundle.features]
    found = tree_shap(bundle.booster, groups, most_bytes=most_bytes).contributions(rows)
    each = own(bundle.booster, rows)
    assert found.shape == (len(rows), len(behaviours) + 1)
    for group in range(len(behaviours)):
        wanted = each[:, :-1][:, np.array(groups) == group].sum(axis=1)
        np.testing.assert_allclose(found[:, group], wanted, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found[:, -1], each[:, -1], rtol=0, atol=1e-10)


def test_a_path_of_forty_features_is_exact_where_lightgbms_own_values_are_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its unwinding of a path loses digits with the path's length; the tables are not used then."""
    rng = np.random.default_rng(0)
    matrix = (rng.integers(0, 41, 8_000)[:, None] == np.arange(40)).astype(float)
    params = {"objective": "regression", "num_leaves": 41, "verbosity": -1, "num_threads": 1}
    booster = lgb.train(params, lgb.Dataset(matrix, matrix @ np.linspace(1, 3, 40) ** 3), 2)
    rows = np.concatenate([matrix[:5], rng.integers(0, 2, (2, 40)).astype(float)])
    exact = np.array([by_definition(booster, row) for row in rows])
    found, theirs = tree_shap(booster).contributions(rows)[:, :-1], own(booster, rows)[:, :-1]
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-13)
    np.testing.assert_allclose(theirs, exact, rtol=0, atol=1e-6)
    assert np.abs(theirs - exact).max() > 1e-9
    with caplog.at_level(logging.WARNING, "dealcast.training"):
        found = contributions(Trees(booster.model_to_string()), rows)
    assert found.tobytes() == own(booster, rows).tobytes()
    assert "are off by" in caplog.text


def by_definition(booster: lgb.Booster, row: FloatArray) -> FloatArray:
    """Shapley's sum for each leaf, over the number of other features that are known; all terms positive."""
    found = np.zeros(len(row))
    for tree in model_of(booster.model_to_string()).trees:
        ahead: list[tuple[int, dict[int, tuple[bool, float]]]] = [(0, {})]
        while ahead:
            node, path = ahead.pop()
            if node < 0:
                for feature, (on, share) in path.items():
                    others = [both for other, both in path.items() if other != feature]
                    known = np.ones(1)  # by how many are known: the sum of the products of their factors
                    for its_on, its_share in others:
                        known = np.convolve(known, [its_share, float(its_on)])
                    weights = [1 / (len(path) * math.comb(len(others), k)) for k in range(len(path))]
                    found[feature] += tree.leaf_value[~node] * (on - share) * (known @ weights)
                continue
            feature = tree.feature[node]
            goes_left = row[feature] <= tree.threshold[node]
            for child, on in ((tree.left[node], goes_left), (tree.right[node], not goes_left)):
                before, share = path.get(feature, (True, 1.0))
                step = (before and on, share * tree.cover_of(child) / tree.cover[node])
                ahead.append((child, path | {feature: step}))
    return found


def test_trees_of_one_leaf_have_an_expected_margin_and_no_reasons() -> None:
    booster = trees({"objective": "binary", "min_data_in_leaf": 10_000}, 1)
    found = tree_shap(booster).contributions(np.zeros((3, 8)))
    assert (found[:, :-1] == 0).all()
    assert found[:, -1] == pytest.approx(own(booster, np.zeros((1, 8)))[0, -1], abs=1e-12)


def test_a_matrix_of_other_columns_and_groups_that_name_none_are_refused() -> None:
    booster = trees({"objective": "binary"}, 1)
    with pytest.raises(ValueError, match=r"the matrix is \(3, 7\), the model's have 8 columns"):
        tree_shap(booster).contributions(np.zeros((3, 7)))
    with pytest.raises(ValueError, match="2 groups are named, the model has 8 features"):
        tree_shap(booster, [0, 1])


def test_what_the_tables_cannot_hold_is_refused_with_the_reason() -> None:
    text = trees({"objective": "binary"}, 1).model_to_string()
    for spoilt, why in (
        (text.replace("is_linear=0", "is_linear=1"), "tree 0 has linear leaves"),
        (text.replace("num_tree_per_iteration=1", "num_tree_per_iteration=3"), "the model has 3 classes"),
        (text[: text.index("Tree=2")], "ends before its trees do"),
        (re.sub(r"leaf_value=\S+ ", "leaf_value=", text), "tree 0 is not whole"),
        (re.sub(r"decision_type=\d+", "decision_type=14", text), "tree 0 asks of feature 2 what no row"),
        (re.sub(r"max_feature_idx=7", "max_feature_idx=1", text), "tree 0 asks of feature 2 what no row"),
        (re.sub(r"leaf_count=\d+", "leaf_count=0", text), "a node that no training row came to"),
        ("nothing", "ends before its trees do"),
    ):
        with pytest.raises(NotExplainable, match=why):
            tree_shap(spoilt)


def test_linear_trees_of_lightgbm_are_refused() -> None:
    matrix = np.nan_to_num(data(1, 600, 6))
    params = {"objective": "regression", "linear_tree": True, "verbosity": -1, "num_threads": 1}
    booster = lgb.train(params, lgb.Dataset(matrix, matrix[:, 3] * matrix[:, 4]), 2)
    with pytest.raises(NotExplainable, match="linear leaves"):
        tree_shap(booster)


def test_where_the_tables_cannot_be_made_lightgbm_answers_and_it_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    matrix = data(1, 600, 8)
    params = {"objective": "multiclass", "num_class": 3, "verbosity": -1, "num_threads": 1}
    booster = Trees(lgb.train(params, lgb.Dataset(matrix, np.arange(600) % 3), 2).model_to_string())
    before = len(slowly_explained())
    with caplog.at_level(logging.WARNING, "dealcast.training"):
        found = contributions(booster, matrix[:5])
        again = contributions(booster, matrix[:5])
    assert found.tobytes() == again.tobytes() == own(booster, matrix[:5]).tobytes()
    assert [record.getMessage() for record in caplog.records] == [
        "SHAP values are computed by LightGBM, slowly: the model has 3 classes; "
        "only models with one margin a row"
    ]
    assert len(slowly_explained()) == before + 1


class Tampered(Trees):
    """Trees that say of themselves what is not so."""

    def model_to_string(self) -> str:
        text = super().model_to_string()
        return re.sub(r"leaf_value=(\S+)", lambda found: f"leaf_value={float(found[1]) + 1e-7!r}", text)


def test_tables_that_are_off_are_not_used(caplog: pytest.LogCaptureFixture) -> None:
    booster = trees({"objective": "binary"}, 1)
    tampered = Tampered(booster.model_to_string())
    rows = data(2, 30, 8)
    with caplog.at_level(logging.WARNING, "dealcast.training"):
        its = checked(tampered, rows)
    assert its.fast is None
    assert re.match(r"the tables' values are off by \d\S* on rows that were tried", its.why_slow)
    assert len(caplog.records) == 1
    assert its.contributions(tampered, rows).tobytes() == own(booster, rows).tobytes()
    assert checked(Trees(booster.model_to_string()), rows).why_slow == ""
