"""Trees through LightGBM's C interface are the trees of its Python package, to the bit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import lightgbm as lgb
import numpy as np
import pytest

from features.frame import FeatureFrame
from training import trees
from training.labels import TARGETS, Target
from training.run import Trained
from training.trees import Trees, TreesError, contributions, contributions_ahead


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


def test_reasons_begun_ahead_are_those_that_are_asked_for_now(
    trained: Mapping[Target, Trained], frames: Mapping[Target, FeatureFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = trained["win"].bundle
    row = bundle.encoding.matrix(frames["win"])[:1]
    wanted = contributions(bundle.booster, row).tobytes()
    for processors in (1, 2):
        monkeypatch.setattr(trees, "processors", lambda count=processors: count)
        begun = [contributions_ahead(bundle.booster, row) for _ in range(20)]
        assert {each().tobytes() for each in reversed(begun)} == {wanted}  # some of them not yet begun


def test_what_goes_wrong_ahead_is_told_to_who_waits(
    trained: Mapping[Target, Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "processors", lambda: 2)
    begun = contributions_ahead(trained["win"].bundle.booster, np.zeros((1, 3)))
    with pytest.raises(ValueError, match="the matrix is"):
        begun()


def test_threads_that_ask_for_one_row_each_get_their_own(trained: Mapping[Target, Trained]) -> None:
    bundle = trained["win"].bundle
    rows = bundle.golden
    wanted = bundle.booster.margins(rows)

    def ask(place: int) -> bool:
        its = rows[place : place + 1]
        return all(bundle.booster.margins(its)[0] == wanted[place] for _ in range(3_000))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(ask, range(4)))
    finally:
        sys.setswitchinterval(before)


@pytest.fixture(scope="module")
def classes() -> tuple[Trees, np.ndarray]:
    """Trees of three classes that read a category and numbers with gaps, and rows of theirs."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(3_000, 5))
    rows[:, 3] = rng.integers(0, 9, len(rows))
    rows[:, 4] = rng.integers(0, 13, len(rows))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    label = (
        rng.random(len(rows)) * 2 + (np.nan_to_num(rows[:, 0]) > 0) * (np.nan_to_num(rows[:, 4]) > 6)
    ) // 1
    params = {
        "objective": "multiclass",
        "num_class": 3,
        "verbosity": -1,
        "num_leaves": 4,
        "feature_fraction": 0.3,
    }
    data = lgb.Dataset(rows, label, categorical_feature=[3])
    return Trees(lgb.train({**params, "verbosity": -1}, data, 40).model_to_string()), rows


def test_trees_parted_by_a_column_say_together_what_they_said(classes: tuple[Trees, np.ndarray]) -> None:
    trees, rows = classes
    asking, others = trees.parted(4)
    assert trees.parted(4)[0] is asking
    np.testing.assert_allclose(
        asking.scores(rows) + others.scores(rows), trees.scores(rows), rtol=0, atol=1e-12
    )
    moved = rows.copy()
    moved[:, 4] = -moved[:, 4]
    assert (others.scores(moved) == others.scores(rows)).all()
    assert (asking.scores(moved) != asking.scores(rows)).any()
    nothing, all_of_them = trees.parted(99)
    assert (nothing.scores(rows) == 0).all()
    assert (all_of_them.scores(rows) == trees.scores(rows)).all()


def test_one_row_by_the_values_of_a_column_has_the_bits_of_as_many_rows(
    classes: tuple[Trees, np.ndarray],
) -> None:
    trees, rows = classes
    values = np.arange(13.0)
    for row in rows[:50]:
        several = np.repeat(row[None], len(values), axis=0)
        several[:, 4] = values
        assert (trees.scores_by(row[None], 4, values) == trees.scores(several)).all()
        assert (trees.scores(row[None])[0] == trees.scores(np.stack([row, row]))[0]).all()


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
