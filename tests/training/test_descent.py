"""Our own way down the trees gives LightGBM's margins to the bit, whatever the trees ask for."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from features.times import FloatArray
from training.descent import FEW, descent_of
from training.errors import TreesUnread
from training.trees import Trees, TreesError

CATEGORIES = 150  # more than two words of a set


def rows_of(seed: int, count: int = 3_000) -> FloatArray:
    """Numbers, with gaps, zeros and values of no size; a category of many members and one of few."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, 7))
    rows[:, 4] = rng.integers(0, CATEGORIES, count)
    rows[:, 5] = rng.integers(0, 5, count)
    rows[:, 6] = rng.integers(0, 9, count)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[:, :4][rng.random((count, 4)) < 0.1] = 0.0
    return np.ascontiguousarray(rows)


def odd_rows() -> FloatArray:
    """What no training row held: infinities, next to nothing, categories that are none."""
    odd = rows_of(9, 300)
    rng = np.random.default_rng(3)
    values = [np.inf, -np.inf, 1e-36, -1e-36, 1e300, -0.5, -1.0, -7.0, 63.0, 126.0, 149.9, 3e9, np.nan]
    mask = rng.random(odd.shape) < 0.4
    odd[mask] = rng.choice(values, int(mask.sum()))
    return odd


def trained(**more: Any) -> lgb.Booster:
    rows = rows_of(1)
    known = np.nan_to_num(rows)
    label = known[:, 0] + (known[:, 4] % 7 > 3) + (known[:, 5] == 2) + np.isnan(rows[:, 1])
    params = {"objective": "regression", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, **more}
    categories = params.pop("categories", [4, 5])
    params |= {"max_cat_to_onehot": 1, "cat_smooth": 0.1, "min_data_per_group": 1, "cat_l2": 0.1}
    if "num_class" in params:
        label = (known[:, 0] > 0).astype(float) + (known[:, 4] % 7 > 3)
    return lgb.train(params, lgb.Dataset(rows, label, categorical_feature=categories), 25)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"num_leaves": 255},
        {"zero_as_missing": True},
        {"use_missing": False},
        {"objective": "multiclass", "num_class": 3},
        {"categories": []},
        {"num_leaves": 2},
    ],
)
def test_margins_have_lightgbm_s_bits(more: dict[str, Any]) -> None:
    booster = trained(**more)
    ours = descent_of(booster.model_to_string())
    for rows in (rows_of(2), odd_rows()):
        wanted = np.asarray(booster.predict(rows, raw_score=True)).reshape(len(rows), -1)
        assert ours.margins(rows).tobytes() == wanted.tobytes()
        alone = np.concatenate([ours.margins(row[None]) for row in rows[:200]])
        assert alone.tobytes() == wanted[:200].tobytes()
        assert ours.margins(rows[:FEW]).tobytes() == wanted[:FEW].tobytes()
    assert ours.margins(rows[:0]).shape == (0, ours.classes)


def test_a_set_of_many_words_is_among_what_was_tried() -> None:
    text = trained().model_to_string()
    words = [line.split() for line in re.findall(r"^cat_boundaries=(.*)$", text, re.MULTILINE)]
    assert max(int(b) - int(a) for each in words for a, b in pairwise(each)) > 2


def test_many_rows_on_threads_and_a_row_with_each_value_of_a_column() -> None:
    booster = trained()
    ours, rows = descent_of(booster.model_to_string()), np.tile(rows_of(4), (3, 1))
    assert ours.margins(rows).tobytes() == np.asarray(booster.predict(rows, raw_score=True)).tobytes()
    values = np.arange(9.0)
    for row in rows[:50]:
        several = np.repeat(row[None], len(values), axis=0)
        several[:, 6] = values
        assert ours.margins_by(row[None], 6, values).tobytes() == ours.margins(several).tobytes()


def test_trees_that_are_not_lightgbm_s_any_more_are_not_saved() -> None:
    trees = Trees(trained().model_to_string())
    trees.try_on(rows_of(6))
    other = Trees(trained(num_leaves=4).model_to_string())
    trees.__dict__["library"] = other.library
    with pytest.raises(TreesError, match="differ from LightGBM's"):
        trees.try_on(rows_of(6))


def test_what_cannot_be_laid_out_is_answered_by_lightgbm_and_it_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = np.nan_to_num(rows_of(5))
    params = {"objective": "regression", "linear_tree": True, "verbosity": -1, "num_threads": 1}
    booster = lgb.train(params, lgb.Dataset(rows, rows[:, 3] * rows[:, 2]), 3)
    text = booster.model_to_string()
    with pytest.raises(TreesUnread, match="linear leaves"):
        descent_of(text)
    trees = Trees(text)
    assert "slowly: tree 0 has linear leaves" in caplog.text
    assert trees.margins(rows).tobytes() == np.asarray(booster.predict(rows, raw_score=True)).tobytes()
    assert trees.scores_by(rows[:1], 6, np.arange(3.0)).shape == (3, 1)
