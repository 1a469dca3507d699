"""How LightGBM is told to work changes its time, never its trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from training.models import DEFAULTS, SMALL, worked

ROWS = np.random.default_rng(5).normal(size=(9_000, 30)).round(2)


@pytest.mark.parametrize("more", [{}, {"feature_fraction": 1.0, "num_leaves": 31}])
def test_the_trees_are_the_same_by_rows_and_columns_on_one_thread_and_two(more: Mapping[str, Any]) -> None:
    params = {**DEFAULTS, **more}
    ways = [
        {**params, "force_col_wise": columns, "force_row_wise": not columns, "num_threads": threads}
        for columns in (True, False)
        for threads in (1, 2)
    ]
    assert len({_trees(way) for way in [*ways, worked(params, *ROWS.shape)]}) == 1
    assert _trees({**params, "seed": 8}) != _trees(params)


def test_columns_where_a_tree_sees_a_share_of_them_and_one_thread_where_rows_are_few() -> None:
    few, many = worked(DEFAULTS, 100, 120), worked({**DEFAULTS, "feature_fraction": 1.0}, SMALL, 120)
    assert (few["force_col_wise"], few["force_row_wise"], few["num_threads"]) == (True, False, 1)
    assert (many["force_col_wise"], many["force_row_wise"], many["num_threads"]) == (False, True, 2)


def _trees(params: Mapping[str, Any]) -> str:
    label = (ROWS[:, 0] + ROWS[:, 1] * ROWS[:, 2] > 0.3).astype(np.float64)
    booster = lgb.train(dict(params), lgb.Dataset(ROWS, label), 40)
    return str(booster.model_to_string()).partition("parameters:")[0]
