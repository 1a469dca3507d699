"""A search for parameters: repeatable, never worse than the defaults, blind to the test part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from features.errors import DataError
from training.dataset import Source, labelled_frame
from training.evaluate import Matrix, matrix_of
from training.labels import Target
from training.models import DEFAULTS, Sample, fit
from training.run import Trained, train_target
from training.splits import Part
from training.tracking import Tracking
from training.trees import margins
from training.tune import SPACE, Trial, Tuned, read_params, tune, write_params

QUICK = {"num_leaves": 4, "learning_rate": 0.1}


@pytest.fixture(scope="module")
def found(source: Source) -> Tuned:
    return tune(source, "churn", trials=8)


def test_the_defaults_are_the_first_trial_and_the_best_is_no_worse(found: Tuned) -> None:
    first = found.trials[0]
    assert first.params == {name: DEFAULTS[name] for name in SPACE}
    assert not first.pruned
    assert found.best.log_loss <= first.log_loss
    assert [trial.number for trial in found.trials] == list(range(8))
    for trial in found.trials:
        for name, (low, high, _) in SPACE.items():
            assert low <= trial.params[name] <= high


def test_a_trial_s_figure_is_the_log_loss_of_trees_of_the_first_part_on_the_second(
    found: Tuned, trained: Mapping[Target, Trained]
) -> None:
    made = trained["churn"]
    matrix = matrix_of(labelled_frame(made.source, "churn"))
    train, later = matrix.fitted(made.split.train), matrix.fitted(made.split.calibrate)
    trees = fit(train, matrix.frame.encoding, rounds=found.best.rounds, params=found.best.params)
    said = 1 / (1 + np.exp(-margins(trees, later.matrix)))
    loss = -np.where(later.label == 1, np.log(said), np.log(1 - said))
    assert np.average(loss, weights=later.weight) == pytest.approx(found.best.log_loss, abs=1e-7)


def test_the_same_data_and_trials_give_the_same_search(found: Tuned, source: Source) -> None:
    told: list[Trial] = []
    assert tune(source, "churn", trials=8, told=told.append) == found
    assert tuple(told) == found.trials


def test_the_test_part_is_never_taken(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    fitted = Matrix.fitted

    def recording(matrix: Matrix, part: Part) -> Sample:
        taken.append(part.name)
        return fitted(matrix, part)

    monkeypatch.setattr(Matrix, "fitted", recording)
    monkeypatch.delattr(Matrix, "judged")
    tune(source, "churn", trials=2)
    assert taken == ["train", "calibrate"]


def test_when_time_is_up_the_search_ends_with_the_defaults_at_least(source: Source) -> None:
    found = tune(source, "churn", trials=50, out_of_time=lambda: True)
    assert [trial.number for trial in found.trials] == [0]
    assert found.best is found.trials[0]


def test_time_that_runs_out_within_a_trial_breaks_it_off(source: Source) -> None:
    rounds = iter(range(10_000))
    defaults = tune(source, "churn", trials=1).trials[0]
    found = tune(source, "churn", trials=50, out_of_time=lambda: next(rounds) > 3)
    assert [trial.pruned for trial in found.trials] == [False, True]
    assert found.best == defaults


def test_a_model_is_trained_with_the_parameters_it_is_given(source: Source) -> None:
    made = train_target(source, "churn", params=QUICK)
    own = lgb.Booster(model_str=made.bundle.booster.model_to_string())
    leaves = [tree["num_leaves"] for tree in own.dump_model()["tree_info"]]
    assert max(leaves) <= 4
    assert {name: made.params()[name] for name in QUICK} == QUICK
    assert made.params()["seed"] == DEFAULTS["seed"]


def test_parameters_of_one_training_are_not_the_next_one_s(
    source: Source, trained: Mapping[Target, Trained]
) -> None:
    train_target(source, "churn", params=QUICK)
    again = train_target(source, "churn")
    assert again.bundle.booster.model_to_string() == trained["churn"].bundle.booster.model_to_string()


def test_every_trial_is_a_run_below_one_run_that_has_the_best(found: Tuned, tmp_path: Path) -> None:
    import mlflow

    tracking = Tracking(f"sqlite:///{tmp_path / 'mlflow.db'}")
    run_id = tracking.log_tuning(found)
    client = mlflow.MlflowClient(tracking.uri)
    experiment = client.get_experiment_by_name("dealcast/churn-tuning")
    runs = client.search_runs([experiment.experiment_id])
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == run_id]
    losses = {run.info.run_name: run.data.metrics["forward_log_loss"] for run in children}
    assert losses == {f"trial {t.number}": pytest.approx(t.log_loss) for t in found.trials}
    parent = client.get_run(run_id)
    assert len(runs) == len(children) + 1
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert parent.data.metrics["forward_log_loss"] == pytest.approx(found.best.log_loss)
    assert parent.data.metrics["default_forward_log_loss"] == pytest.approx(found.trials[0].log_loss)
    assert read_params(tracking.tuned_params(run_id, tmp_path)) == found.best.params
    assert tracking.targets() == []


def test_parameters_written_are_those_read(found: Tuned, tmp_path: Path) -> None:
    write_params(found.best.params, tmp_path / "p.json")
    assert read_params(tmp_path / "p.json") == found.best.params


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "holds no object"),
        ('{"objective": "l2"}', "`objective` cannot be set; what can: learning_rate, num_leaves"),
        ('{"num_leaves": 15.5}', r"`num_leaves` is 15.5; a whole number from 4 to 63 is needed"),
        ('{"num_leaves": 64}', "`num_leaves` is 64"),
        ('{"learning_rate": "fast"}', "`learning_rate` is 'fast'; a number from 0.02 to 0.15 is needed"),
        ('{"lambda_l2": true}', "`lambda_l2` is True"),
        ('{"lambda_l2": NaN}', "`lambda_l2` is nan"),
    ],
)
def test_a_file_that_holds_no_parameters_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read_params(tmp_path / "p.json")


def test_the_bounds_themselves_are_allowed(tmp_path: Path) -> None:
    for place in (0, 1):
        bounds = {name: limits[place] for name, limits in SPACE.items()}
        (tmp_path / "p.json").write_text(json.dumps(bounds))
        assert read_params(tmp_path / "p.json") == bounds
