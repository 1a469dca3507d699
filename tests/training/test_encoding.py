"""From a frame to the trees' matrix: columns in order, rare and unseen texts missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from features.catalog import FEATURES, Feature, feature_hash
from features.frame import FeatureFrame, frame_of_columns
from training.encoding import LEAST_ROWS_OF_A_CATEGORY, Encoding, learn_encoding
from training.errors import FrameMismatch
from training.labels import Target
from training.run import Trained

CALLS = Feature("calls", "count", "volume", True, "calls", "电话数")
STAGE = Feature("stage", "category", "stage", False, "stage", "阶段")
DAYS = Feature("days", "days", "rhythm", True, "days", "天数")
ENCODING = Encoding(("calls", "stage", "days"), ("count", "category", "days"), {"stage": ("demo", "lead")})


def frame(stages: Sequence[str | None], *order: Feature) -> FeatureFrame:
    """Rows 0, 1, 2, … calls, and as many days less a half; the first number is missing."""
    numbers = np.arange(len(stages), dtype=np.float64)
    numbers[0] = np.nan
    texts = np.empty(len(stages), object)
    texts[:] = stages
    columns = {"calls": numbers, "stage": texts, "days": numbers - 0.5}
    features = order or (CALLS, STAGE, DAYS)
    return frame_of_columns(features, columns)


def test_a_matrix_holds_numbers_as_they_are_and_texts_as_their_code() -> None:
    found = ENCODING.matrix(frame(["lead", None, "demo", "never seen"]))
    nan = np.nan
    np.testing.assert_array_equal(found, [[nan, 1, nan], [1, nan, 0.5], [2, 0, 1.5], [3, nan, 2.5]])
    assert found.dtype == np.float64
    assert found.flags.c_contiguous


def test_one_row_is_read_once_for_models_that_read_it_alike_and_as_among_many() -> None:
    alone = frame([None, "lead"]).take(np.array([1]))
    alike = Encoding(ENCODING.names, ENCODING.units, {"stage": ("demo", "lead")})
    other = Encoding(ENCODING.names, ENCODING.units, {"stage": ("lead",)})
    found = ENCODING.matrix(alone)
    assert alike.matrix(alone) is found
    np.testing.assert_array_equal(found, ENCODING.matrix(frame([None, "lead"]))[1:])
    assert other.matrix(alone).tolist() == [[1.0, 0.0, 0.5]]
    assert alone.values.tolist() == frame([None, "lead"]).values[1:].tolist()


def test_a_text_on_twenty_rows_is_learnt_and_one_on_nineteen_is_not() -> None:
    stages = ["often"] * LEAST_ROWS_OF_A_CATEGORY + ["rare"] * (LEAST_ROWS_OF_A_CATEGORY - 1) + [None] * 30
    encoding = learn_encoding(frame(stages))
    assert encoding == Encoding(ENCODING.names, ENCODING.units, {"stage": ("often",)})
    assert np.isnan(encoding.matrix(frame(["rare"]))[0, 1])


def test_a_category_that_is_nowhere_given_has_an_empty_vocabulary() -> None:
    encoding = learn_encoding(frame([None] * 40))
    assert encoding.vocabularies == {"stage": ()}
    assert np.isnan(encoding.matrix(frame([None, "lead"]))[:, 1]).all()


def test_texts_that_the_model_never_saw_are_counted_and_missing_ones_are_not() -> None:
    assert ENCODING.unseen(frame(["lead", "new", None, "new", "other"])) == {"stage": 3}
    assert ENCODING.unseen(frame(["lead", None])) == {}


def test_the_positions_of_the_categories_are_those_of_their_columns() -> None:
    assert ENCODING.category_positions == (1,)


@pytest.mark.parametrize(
    ("order", "detail"),
    [
        ((CALLS, STAGE), "missing: days; unexpected: none"),
        ((CALLS, STAGE, DAYS, Feature("more", "count", "", True, "", "")), "missing: none; unexpected: more"),
        ((STAGE, Feature("more", "count", "", True, "", "")), "missing: calls, days; unexpected: more"),
        ((CALLS, DAYS, STAGE), "the same columns in another order"),
    ],
)
def test_other_columns_are_refused_and_the_difference_said(order: tuple[Feature, ...], detail: str) -> None:
    columns = {feature.name: np.zeros(2) for feature in order}
    expected = rf"the features are not those of the model \({detail}\); build them with this version"
    with pytest.raises(FrameMismatch, match=expected):
        ENCODING.matrix(frame_of_columns(order, columns))


def test_the_hash_is_the_catalogue_s_and_changes_with_names_units_and_order() -> None:
    assert ENCODING.hash == feature_hash((CALLS, STAGE, DAYS))
    others = [
        Encoding(("calls", "days", "stage"), ("count", "days", "category"), {}),
        Encoding(("calls", "stage", "days"), ("count", "category", "hours"), {}),
        Encoding(("calls", "stage", "hours"), ("count", "category", "days"), {}),
    ]
    assert len({ENCODING.hash, *(other.hash for other in others)}) == 4


@pytest.mark.parametrize("target", ["win", "stall", "churn"])
def test_a_trained_model_s_columns_are_the_catalogue_s(
    trained: Mapping[Target, Trained], target: Target
) -> None:
    features = FEATURES["account" if target == "churn" else "opportunity"]
    encoding = trained[target].bundle.encoding
    assert encoding.names == tuple(feature.name for feature in features)
    assert encoding.hash == feature_hash(features)
    assert set(encoding.vocabularies) == {feature.name for feature in features if feature.is_category}


def test_a_row_has_the_same_unseen_texts_alone_and_among_others() -> None:
    stages = ["lead", "new", None, "new", "other", "lead"]
    together = frame(stages)
    found = [ENCODING.unseen_in(together, row) for row in range(len(stages))]
    assert found == [ENCODING.unseen_in(frame([stage]), 0) for stage in stages]
    assert found == [["stage"] if stage in ("new", "other") else [] for stage in stages]
    seen = frame(["lead", "lead"])
    assert ENCODING.unseen_in(seen, 1) == []
