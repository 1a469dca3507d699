"""Walk forward: each step knows what was known then and nothing later, and all are judged together."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest

from features.build import build_features
from features.canonical import CanonicalData
from features.from_tables import history_from_tables
from features.times import DAY
from training.dataset import grid_of, open_source
from training.errors import TooLittleData
from training.labels import label
from training.metrics import forward_metrics
from training.run import train_target
from training.walk import Walk, walk


@pytest.fixture(scope="module")
def found(data: CanonicalData) -> Walk:
    """Stalls, three steps of 60 days, five visits a week."""
    return walk(data, "stall", data.watermark(), steps=3, every=60 * DAY, capacity=5)


def test_the_steps_follow_each_other_up_to_a_horizon_before_the_end(data: CanonicalData, found: Walk) -> None:
    ends = [step.until for step in found.steps]
    assert ends == [data.watermark() - 30 * DAY - back * 60 * DAY for back in (2, 1, 0)]
    assert [step.at for step in found.steps] == [end - 60 * DAY for end in ends]
    assert found.rows == sum(step.rows for step in found.steps) > 500
    assert found.entities <= found.rows
    assert [step.rung for step in found.steps] == ["model"] * 3


def test_one_step_is_training_then_and_scoring_what_came_next(data: CanonicalData) -> None:
    until = data.watermark()
    one = walk(data, "stall", until, steps=1, every=60 * DAY)
    at, end = one.steps[0].at, one.steps[0].until
    bundle = train_target(open_source(data, at), "stall").bundle
    whole = open_source(data, until)
    history = history_from_tables(whole.data, bundle.conventions)
    snapshots = grid_of(whole, "stall")
    snapshots = snapshots.take((snapshots.as_of > at) & (snapshots.as_of <= end))
    labels = label("stall", history, snapshots, until, whole.policy)
    said = bundle.probability(build_features(history, snapshots, reference=bundle.reference))
    assert labels.known.all()  # the horizon of each is over
    assert one.rows == len(snapshots)
    expected = forward_metrics(said, labels.value, np.ones(len(said)))
    assert {name: one.metrics[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_what_is_recorded_after_the_end_changes_nothing(data: CanonicalData) -> None:
    until = data.watermark() - 100 * DAY
    whole = walk(data, "stall", until, steps=1, every=60 * DAY)
    assert walk(data.known_at(until), "stall", until, steps=1, every=60 * DAY) == whole


def test_a_step_knows_nothing_of_what_comes_after_it(data: CanonicalData) -> None:
    """Outcomes turned round after the step change what it is judged by, and nothing that it says."""
    at = walk(data, "stall", data.watermark(), steps=1, every=60 * DAY).steps[0].at
    moves = data["stage_changes"]
    later = pl.col("at").dt.epoch("us") > at
    turned = replace(data, tables=MappingProxyType({**data.tables, "stage_changes": moves.filter(~later)}))
    bundles = [train_target(open_source(d, at), "stall").bundle for d in (data, turned)]
    assert bundles[0].booster.model_to_string() == bundles[1].booster.model_to_string()
    judged = [walk(d, "stall", data.watermark(), steps=1, every=60 * DAY) for d in (data, turned)]
    assert judged[0].metrics["log_loss"] != judged[1].metrics["log_loss"]


def test_a_step_without_enough_data_says_so_and_the_others_count(data: CanonicalData) -> None:
    begin = int(data["opportunities"]["created_at"].to_physical().min())  # type: ignore[arg-type]
    until = begin + 700 * DAY
    found = walk(data, "stall", until, steps=2, every=300 * DAY)
    assert "too short" in found.steps[0].skipped or "at least 20" in found.steps[0].skipped
    assert found.steps[0].rows == 0
    assert found.rows == found.steps[1].rows > 0


def test_no_step_with_enough_data_is_refused(data: CanonicalData) -> None:
    begin = int(data["opportunities"]["created_at"].to_physical().min())  # type: ignore[arg-type]
    with pytest.raises(TooLittleData, match="stall: no step could be trained; the first: "):
        walk(data, "stall", begin + 100 * DAY, steps=1, every=30 * DAY)


def test_both_baselines_stand_beside_with_their_draws_and_slices_add_up(found: Walk) -> None:
    assert set(found.against) == {"base_rate", "stage_rate", "logistic"}
    base, rest = found.metrics["baseline_base_rate_log_loss"], found.metrics["baseline_logistic_log_loss"]
    assert rest < base
    for name, differences in found.against.items():
        assert differences["log_loss"].first == pytest.approx(found.metrics[f"baseline_{name}_log_loss"])
        assert differences["log_loss"].second == pytest.approx(found.metrics["log_loss"])
    stages = [each for each in found.slices if each.dimension == "stage"]
    assert 0 < sum(each.rows for each in stages) <= found.rows
    assert found.to_dict()["rows"] == found.rows


def test_visits_to_the_highest_scores_meet_more_than_visits_to_anyone(found: Walk) -> None:
    assert found.chosen is not None
    weeks = sum(step.until - step.at for step in found.steps) / (7 * DAY)
    assert 5 * (weeks - 1) <= found.chosen.visits <= 5 * (weeks + 2)
    assert found.chosen.lift > 1.1
    assert found.to_dict()["chosen"]["lift"] == found.chosen.lift
