"""Trees through LightGBM's C interface are the trees of its Python package, to the bit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import lightgbm as lgb
import numpy as np
import pytest

from features.frame import FeatureFrame
from training.labels import TARGETS, Target
from training.run import Trained
from training.trees import Trees, TreesError


@pytest.mark.parametrize("target", TARGETS)
def test_margins_have_the_bits_of_the_package_s_alone_and_among_many(
    trained: Mapping[Target, Trained], frames: Mapping[Target, FeatureFrame], target: Target
) -> None:
    bundle = trained[target].bundle
    rows = bundle.encoding.matrix(frames[target])
    own = lgb.Booster(model_str=bundle.booster.model_to_string())
    wanted = np.asarray(own.predict(rows, raw_score=True))
    assert bundle.booster.margins(rows).tobytes() == wanted.tobytes()
    alone = np.concatenate([bundle.booster.margins(row[None]) for row in rows])
    assert alone.tobytes() == wanted.tobytes()
    assert bundle.booster.margins(rows[:0]).shape == (0,)


def test_counts_and_importances_are_the_package_s(trained: Mapping[Target, Trained]) -> None:
    trees = trained["win"].bundle.booster
    own = lgb.Booster(model_str=trees.model_to_string())
    assert (trees.num_trees(), trees.num_feature()) == (own.num_trees(), own.num_feature())
    for kind in ("gain", "split"):
        np.testing.assert_array_equal(trees.feature_importance(kind), own.feature_importance(kind))


def test_other_columns_and_other_texts_are_refused(trained: Mapping[Target, Trained]) -> None:
    trees = trained["win"].bundle.booster
    for shape in ((1, 3), (2, 3), (0, 3)):
        with pytest.raises(TreesError, match=r"the trees read \d+ columns, not an array of shape"):
            trees.margins(np.zeros(shape))
    with pytest.raises(TreesError, match="the number of classes"):
        Trees("tree\nthis is no model")


def test_several_margins_a_row_are_refused() -> None:
    rows = np.random.default_rng(1).normal(size=(300, 4))
    params = {"objective": "multiclass", "num_class": 3, "verbosity": -1, "num_threads": 1}
    trees = Trees(lgb.train(params, lgb.Dataset(rows, np.arange(300) % 3), 2).model_to_string())
    with pytest.raises(TreesError, match="the trees have 3 margins a row"):
        trees.margins(rows)


def test_the_package_and_what_it_brings_along_are_not_loaded(trained: Mapping[Target, Trained]) -> None:
    program = """
import sys
import numpy as np
from training.trees import Trees
trees = Trees(sys.stdin.read())
print(trees.margins(np.zeros((1, trees.num_feature())))[0])
assert not {"lightgbm", "sklearn", "pandas"} & set(sys.modules), "loaded"
"""
    text = trained["churn"].bundle.booster.model_to_string()
    made = subprocess.run(
        [sys.executable, "-c", program], input=text, capture_output=True, text=True, check=True
    )
    trees = Trees(text)
    assert float(made.stdout) == trees.margins(np.zeros((1, trees.num_feature())))[0]
