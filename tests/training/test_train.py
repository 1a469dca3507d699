"""Training as a whole, on made-up deals whose causes are known: better than guessing, and repeatable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.canonical import TIME, CanonicalData
from features.catalog import SEASONAL
from features.times import DAY, from_micros, iso, parse_instant
from training.dataset import LEAST_CALENDAR_SPAN, Source, labelled_frame, open_source
from training.errors import TooLittleData
from training.evaluate import matrix_of
from training.labels import TARGETS, Target, eligible
from training.metrics import forward_metrics
from training.models import MOST_ROUNDS
from training.run import GOOD_LABEL, Trained, train_target
from training.trees import margins

T = parse_instant("2024-12-02T10:00:00Z")  # two years in, half a year before the data end


def files(made: Trained, folder: Path) -> dict[str, bytes]:
    """A bundle's files, to the byte."""
    made.bundle.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def at_t(data: CanonicalData) -> Mapping[Target, Trained]:
    """Models trained at T on data that go on for another half year."""
    return {target: train_target(open_source(data, T), target) for target in ("win", "churn")}


@pytest.mark.parametrize("target", ["win", "stall"])
def test_a_model_beats_the_base_rate_and_the_stage_s_rate_on_later_deals(
    trained: Mapping[Target, Trained], target: Target
) -> None:
    metrics = trained[target].evaluation.metrics
    assert metrics["log_loss"] < metrics["baseline_base_rate_log_loss"] - 0.02
    assert metrics["log_loss"] < metrics["baseline_stage_rate_log_loss"] - 0.01
    assert metrics["baseline_base_rate_roc_auc"] == 0.5
    assert metrics["roc_auc"] > 0.62


def test_a_churn_model_ranks_accounts_better_than_chance(trained: Mapping[Target, Trained]) -> None:
    """With some hundred accounts of which few leave, no more than that is promised."""
    metrics = trained["churn"].evaluation.metrics
    assert metrics["roc_auc"] > 0.6
    assert not any(name.startswith("baseline_stage_rate") for name in metrics)


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_data_give_the_same_files_to_the_byte(
    trained: Mapping[Target, Trained], source: Source, target: Target, tmp_path: Path
) -> None:
    again = files(train_target(source, target), tmp_path / "again")
    assert files(trained[target], tmp_path / "first") == again


@pytest.mark.parametrize("target", ["win", "churn"])
def test_training_at_t_is_training_on_what_was_known_at_t_to_the_byte(
    at_t: Mapping[Target, Trained], data: CanonicalData, target: Target, tmp_path: Path
) -> None:
    known = data.known_at(T)
    assert len(known["activities"]) < len(data["activities"])
    then = train_target(open_source(known, T), target)
    assert files(at_t[target], tmp_path / "whole") == files(then, tmp_path / "known")
    assert at_t[target].params() == then.params()


def test_what_mutable_columns_came_to_after_t_changes_no_model(
    at_t: Mapping[Target, Trained], data: CanonicalData
) -> None:
    """`amount`, `rep_id` and the like hold the last value: learnt from, they would tell the future."""
    spoilt = data["opportunities"].with_columns(
        amount=pl.lit(1e6), rep_id=pl.lit("R1"), expected_close_at=pl.lit(from_micros(T), TIME)
    )
    other = replace(data, tables={**data.tables, "opportunities": spoilt})
    model = train_target(open_source(other, T), "win").bundle.booster.model_to_string()
    assert model == at_t["win"].bundle.booster.model_to_string()


def test_the_order_of_the_rows_changes_nothing(
    at_t: Mapping[Target, Trained], data: CanonicalData, tmp_path: Path
) -> None:
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=3) for name, frame in data.tables.items()}
    assert not shuffled["activities"].equals(data["activities"])
    other = train_target(open_source(replace(data, tables=shuffled), T), "win")
    assert files(at_t["win"], tmp_path / "first") == files(other, tmp_path / "shuffled")


def test_data_read_in_pieces_have_the_same_digest(data: CanonicalData) -> None:
    pieces = {name: pl.concat([frame[:3], frame[3:]], rechunk=False) for name, frame in data.tables.items()}
    whole, other = open_source(data, T), open_source(replace(data, tables=pieces), T)
    assert other.manifest() == whole.manifest()


def test_one_changed_cell_changes_the_digest(data: CanonicalData) -> None:
    first = data["activities"]["activity_id"].min()
    touched = data["activities"].with_columns(
        duration_s=pl.when(pl.col("activity_id") == first).then(1234.5).otherwise("duration_s")
    )
    other = replace(data, tables={**data.tables, "activities": touched})
    assert open_source(other, T).manifest()["data_sha256"] != open_source(data, T).manifest()["data_sha256"]


def test_the_manifest_says_where_a_bundle_comes_from(at_t: Mapping[Target, Trained]) -> None:
    made = at_t["win"]
    manifest = made.bundle.manifest
    assert manifest["cutoff"] == iso(T)
    assert manifest["watermark"] <= manifest["cutoff"]
    assert manifest["rows"] == {n: len(f) for n, f in made.source.data.tables.items() if len(f)}
    assert manifest["split"] == made.split.dates()
    assert manifest["metrics"] == dict(made.evaluation.metrics)
    assert {"python", "dealcast", "lightgbm", "numpy", "polars"} <= set(manifest["versions"])
    assert manifest["versions"]["dealcast"] != "not installed"


@pytest.mark.parametrize("target", TARGETS)
def test_the_bundle_s_own_trees_are_as_many_as_were_best_and_its_calibration_is_of_later_rows(
    trained: Mapping[Target, Trained], target: Target
) -> None:
    made = trained[target]
    bundle, matrix = made.bundle, matrix_of(labelled_frame(made.source, target))
    assert 1 <= made.evaluation.rounds < MOST_ROUNDS
    assert bundle.booster.num_trees() == made.evaluation.rounds
    later = matrix.judged(made.split.test)
    shown = bundle.platt.probability(margins(bundle.booster, later.matrix))
    assert bundle.centre.base_rate == pytest.approx(np.average(shown, weights=later.weight), abs=0.02)
    assert bundle.platt == made.evaluation.calibration != made.twin.platt
    medium, high = bundle.tiers
    assert np.mean(shown < medium) == pytest.approx(0.4, abs=0.02)
    assert np.mean(shown < high) == pytest.approx(0.8, abs=0.02)


def test_typical_values_are_medians_of_the_rows_that_went_well(trained: Mapping[Target, Trained]) -> None:
    made = trained["win"]
    matrix = matrix_of(labelled_frame(made.source, "win"))
    fitted = matrix.fitted(made.split.everything)
    column = made.bundle.encoding.names.index("inbound_total")
    won = fitted.matrix[fitted.label == GOOD_LABEL["win"], column]
    lost = fitted.matrix[fitted.label != GOOD_LABEL["win"], column]
    assert made.bundle.typical["inbound_total"] == np.median(won) > np.median(lost)
    assert "stage" not in made.bundle.typical
    assert not any(np.isnan(value) for value in made.bundle.typical.values())


@pytest.mark.parametrize("months", [11, 13])
def test_the_season_is_withheld_under_a_year(data: CanonicalData, months: int) -> None:
    cutoff = parse_instant("2023-01-02") + months * 30 * DAY + 30 * DAY * (months > 11)
    frame = labelled_frame(open_source(data, cutoff), "win")
    short = int(np.ptp(frame.snapshots.as_of)) < LEAST_CALENDAR_SPAN
    assert short is (months == 11)
    assert frame.withheld == (SEASONAL if short else ())
    for name in SEASONAL:
        assert np.isnan(frame.frame.columns[name]).all() == short
    assert not np.isnan(frame.frame.columns["weekday"]).any()


def test_learning_at_records_adds_the_moments_of_records_for_deals_alone(data: CanonicalData) -> None:
    often = replace(data, config=replace(data.config, learn_at="records"))
    weekly, also = (labelled_frame(open_source(d, T), "win") for d in (data, often))
    assert len(also.snapshots) > 2 * len(weekly.snapshots)
    np.testing.assert_array_equal(also.snapshots.as_of[: len(weekly.snapshots)], weekly.snapshots.as_of)
    assert eligible("win", open_source(often, T).history, also.snapshots).all()
    churn = [labelled_frame(open_source(d, T), "churn").snapshots for d in (data, often)]
    np.testing.assert_array_equal(churn[0].as_of, churn[1].as_of)


def test_the_policy_of_the_labels_is_the_configuration_s(data: CanonicalData) -> None:
    config = replace(data.config, stall_days=14, churn_days=60, win_given_stage="Proposal")
    policy = open_source(replace(data, config=config), T).policy
    assert (policy.stall_days, policy.churn_days, policy.win_given_stage) == (14, 60, "Proposal")


def test_the_crm_s_own_probability_stands_beside_a_win_model_and_no_other(data: CanonicalData) -> None:
    changes = data["field_changes"]
    amounts = changes.filter(field="amount")
    said = amounts.with_columns(field=pl.lit("chance"), value=pl.lit("30"))
    config = replace(data.config, extra_numbers=("chance",), crm_probability="chance")
    tables = {**data.tables, "field_changes": pl.concat([changes, said])}
    source = open_source(replace(data, tables=tables, config=config), T)
    metrics = train_target(source, "win").evaluation.metrics
    assert metrics["baseline_crm_roc_auc"] < metrics["roc_auc"]
    assert metrics["baseline_crm_brier"] > metrics["brier"]
    assert "baseline_crm_brier" not in train_target(source, "stall").evaluation.metrics


def test_progress_is_told_round_by_round(source: Source) -> None:
    told: list[tuple[int, int]] = []
    made = train_target(source, "churn", progress=lambda done, most: told.append((done, most)))
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert {most for _, most in told} == {MOST_ROUNDS}
    assert len(told) >= made.evaluation.rounds


def test_without_orders_churn_is_refused_in_a_word(data: CanonicalData) -> None:
    bare = replace(data, tables={**data.tables, "orders": data["orders"].clear()})
    with pytest.raises(TooLittleData, match="churn: the data set has no orders"):
        train_target(open_source(bare, T), "churn")


def test_a_few_weeks_of_data_are_refused(data: CanonicalData) -> None:
    with pytest.raises(TooLittleData, match="give a longer history or a later --as-of"):
        train_target(open_source(data, parse_instant("2023-02-20")), "win")


@pytest.mark.parametrize("target", TARGETS)
def test_the_test_part_row_by_row_has_the_figures_of_the_evaluation(
    trained: Mapping[Target, Trained], target: Target
) -> None:
    evaluation = trained[target].evaluation
    test = evaluation.test
    metrics = forward_metrics(test.probability, test.label, test.weight)
    assert metrics == {name: evaluation.metrics[name] for name in metrics}
    assert len(test.rows) == len(test.entity) == evaluation.rows["test"]
    snapshots = labelled_frame(trained[target].source, target).snapshots
    np.testing.assert_array_equal(snapshots.entity[test.rows], test.entity)
    assert (snapshots.as_of[test.rows] > trained[target].split.calibrate.end).all()
