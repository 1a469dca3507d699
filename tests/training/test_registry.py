"""Aliases and the ledger in a real MLflow store on SQLite; a whole retraining on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from features.canonical import CanonicalData
from features.errors import DataError
from features.quality_report import QualityReport
from features.times import iso, parse_instant
from training.code import code_sha256, inputs_sha256
from training.dataset import Source, open_source
from training.errors import TooLittleData, TrackingError
from training.labels import Target
from training.moves import Move
from training.registry import LEDGER, PREVIOUS, Registry
from training.retrain import Circle, retrain
from training.retrain_report import Report
from training.run import Trained, train_target
from training.tracking import CHALLENGER, CHAMPION, Registered, Tracking

ROOT = Path(__file__).parent.parent.parent
EARLY = parse_instant("2024-06-03T00:00:00Z")
WRITER = """
import sys
from training.registry import Registry
from training.tracking import Registered, Tracking
registry = Registry(Tracking(sys.argv[1]))
for number in "3456":
    registry.record_first(Registered("win", number, "champion", ""), sys.argv[2], int(number))
"""


@pytest.fixture(scope="module")
def settings() -> Iterator[None]:
    """No store of the developer's, no telemetry; what MLflow sets itself is taken back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_UV_AUTO_DETECT"):
            patch.setenv(name, "")
            patch.delenv(name)
        yield


@pytest.fixture(scope="module")
def early(data: CanonicalData) -> Trained:
    return train_target(open_source(data, EARLY), "win")


@pytest.fixture(scope="module")
def two_versions(
    settings: None,
    early: Trained,
    trained: Mapping[Target, Trained],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A store whose champion of win is version 1, its challenger version 2."""
    folder = tmp_path_factory.mktemp("store")
    registry = Registry(Tracking(f"sqlite:///{folder / 'mlflow.db'}"))
    registry.record_first(registry.tracking.register(early), "anna", 1_000_000)
    registry.tracking.register(trained["win"])
    return folder / "mlflow.db"


@pytest.fixture
def registry(two_versions: Path, tmp_path: Path) -> Registry:
    """A copy of that store's database of each test's own; the artifacts are shared."""
    return Registry(Tracking(f"sqlite:///{shutil.copy(two_versions, tmp_path / 'mlflow.db')}"))


def move(before: str | None, after: str, why: str = "", at: int = 2_000_000) -> Move:
    return Move("win", CHAMPION, before, after, "gate", "anna", at, why, {"rows": 7.0})


def client(registry: Registry) -> Any:
    import mlflow

    return mlflow.MlflowClient(registry.tracking.uri, registry.tracking.uri)


def test_a_promotion_moves_champion_keeps_the_former_and_ends_the_challenge(registry: Registry) -> None:
    done = registry.promote(move("1", "2", "better"))
    assert registry.aliases("win") == {CHAMPION: "2", PREVIOUS: "1"}
    assert (done.state, done.sequence) == ("done", 2)
    first, second = registry.moves("win")
    assert (first.how, first.before, first.after, first.by) == ("first", None, "1", "anna")
    assert second == done
    assert (second.why, second.at, dict(second.figures)) == ("better", 2_000_000, {"rows": 7.0})


def test_rollbacks_go_back_one_champion_after_another(registry: Registry) -> None:
    registry.promote(move("1", "2"))
    back = registry.rollback("win", "bert", 3_000_000, "percents too high")
    assert (back.how, back.before, back.after, back.by) == ("rollback", "2", "1", "bert")
    assert registry.aliases("win") == {CHAMPION: "1", CHALLENGER: "2"}
    with pytest.raises(TrackingError, match=r"dealcast-win has no previous champion .*champion: version 1"):
        registry.rollback("win", "bert", 4_000_000)
    assert [entry.how for entry in registry.moves("win")] == ["first", "gate", "rollback"]


def test_the_champion_before_the_previous_one_is_previous_after_a_rollback(
    registry: Registry, early: Trained
) -> None:
    registry.promote(move("1", "2"))
    registry.tracking.register(early)
    registry.promote(move("2", "3"))
    registry.rollback("win", "bert", 3_000_000)
    assert registry.aliases("win") == {CHAMPION: "2", PREVIOUS: "1", CHALLENGER: "3"}
    registry.rollback("win", "bert", 4_000_000)
    assert registry.aliases("win") == {CHAMPION: "1", CHALLENGER: "2"}


def test_a_decision_on_a_champion_that_has_gone_moves_nothing(registry: Registry) -> None:
    registry.promote(move("1", "2"))
    with pytest.raises(TrackingError, match="is version 2 by now and no longer version 1; nothing was moved"):
        registry.promote(move("1", "2"))
    assert len(registry.moves("win")) == 2


def test_a_move_that_fails_is_in_the_ledger_as_failed(registry: Registry) -> None:
    with pytest.raises(TrackingError, match="not found"):
        registry.promote(move("1", "99"))
    assert registry.aliases("win")[CHAMPION] == "1"
    assert [entry.state for entry in registry.moves("win")] == ["done", "failed"]


def test_an_entry_cannot_be_changed_nor_hidden_by_deleting_its_run(registry: Registry) -> None:
    from mlflow.exceptions import MlflowException

    entry = registry.promote(move("1", "2", "better"))
    with pytest.raises(MlflowException, match="param"):
        client(registry).log_param(entry.id, "entry", "{}")
    client(registry).set_tag(entry.id, "dealcast.entry", replace(entry, by="nobody").written())
    client(registry).delete_run(entry.id)
    assert registry.moves("win")[-1] == entry


def test_an_entry_whose_writing_broke_off_is_told_as_begun(registry: Registry) -> None:
    """As if the machine had gone down between the entry's first call and its second."""
    experiment = client(registry).get_experiment_by_name(LEDGER).experiment_id
    text = replace(move("1", "2"), sequence=2).written()
    client(registry).create_run(experiment, tags={"dealcast.entry": text, "dealcast.target": "win"})
    assert [entry.state for entry in registry.moves()] == ["done", "begun"]


def test_no_entry_is_lost_when_two_processes_write_at_the_same_time(registry: Registry) -> None:
    words = [sys.executable, "-c", WRITER, registry.tracking.uri]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    writers = [
        subprocess.Popen([*words, name], cwd=ROOT, env=environment, stderr=subprocess.PIPE) for name in "ab"
    ]
    said = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], said
    found = registry.moves("win")
    for name in "ab":
        assert [entry.after for entry in found if entry.by == name] == ["3", "4", "5", "6"]
    assert len(found) == 9
    assert [entry.sequence for entry in found] == sorted(entry.sequence for entry in found)


def test_the_ledger_is_read_whole_where_it_has_more_pages_than_one(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.registry.PAGE", 2)
    for number in "23456":
        registry.record_first(Registered("stall", number, CHAMPION, ""), "anna", 1)
    assert [entry.after for entry in registry.moves("stall")] == ["2", "3", "4", "5", "6"]
    assert len(registry.moves()) == 6


@pytest.mark.parametrize(
    ("named", "version"),
    [("champion", "1"), ("challenger", "2"), ("2", "2"), ("win:1", "1"), ("win:challenger", "2")],
)
def test_a_model_is_named_by_number_or_alias(registry: Registry, named: str, version: str) -> None:
    found = registry.resolve(named)
    assert (found.target, found.version, found.name) == ("win", version, f"version {version}")
    assert found.run_id == client(registry).get_model_version("dealcast-win", version).run_id


def test_a_model_is_named_by_its_cut_off_of_which_the_newest_version_is_taken(
    registry: Registry, early: Trained
) -> None:
    assert registry.resolve("2024-06-03").version == registry.version_of("win", "2024-06-03") == "1"
    registry.tracking.register(early)
    assert registry.resolve("win:2024-06-03T02:00:00+02:00").version == "3"
    missing = r"no dealcast-win with the cut-off 2024-06-04T00:00:00Z \(it has v1 of 2024-06-03T00:00:00Z, v2"
    for ask in (registry.resolve, partial(registry.version_of, "win")):
        with pytest.raises(TrackingError, match=missing):
            ask("2024-06-04")
    with pytest.raises(DataError, match="the version's cut-off is not an ISO 8601 time: '2024-06-99'"):
        registry.resolve("2024-06-99", "win")


def test_messages_about_versions_that_are_not_there_keep_a_password_to_themselves(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tracking, "shown", "postgresql://anna:***@db/mlflow")
    for named in ("9", "2024-06-04"):
        with pytest.raises(TrackingError, match=r"store postgresql://anna:\*\*\*@db/mlflow has no"):
            registry.version_of("win", named)


def test_a_model_is_named_by_its_run_registered_or_not(registry: Registry, early: Trained) -> None:
    run = client(registry).get_model_version("dealcast-win", "1").run_id
    assert registry.resolve(run).version == "1"
    client(registry).delete_model_version("dealcast-win", "1")
    found = registry.resolve(run)
    assert (found.version, found.name) == (None, f"run {run[:8]}")
    assert found.bundle.manifest["cutoff"] == early.bundle.manifest["cutoff"]


def test_a_bare_number_in_a_store_of_several_targets_needs_its_target(
    registry: Registry, trained: Mapping[Target, Trained]
) -> None:
    registry.tracking.register(trained["stall"])
    with pytest.raises(DataError, match=r"2: of which target\? .* has stall, win; write win:2, or give"):
        registry.resolve("2")
    assert registry.resolve("1", "stall").target == "stall"


@pytest.mark.parametrize("named", ["win:9", "win:previous", "f" * 32])
def test_a_model_that_is_not_there_is_said(registry: Registry, named: str) -> None:
    with pytest.raises(TrackingError, match="tracking store sqlite"):
        registry.resolve(named)


def test_a_version_that_is_not_there_is_said_with_those_that_have_an_alias(registry: Registry) -> None:
    assert registry.version_of("win", "challenger") == "2"
    with pytest.raises(
        TrackingError, match=r"has no 7 of dealcast-win \(it has challenger v2, champion v1\)"
    ):
        registry.version_of("win", "7")
    with pytest.raises(TrackingError, match=r"has no champion of dealcast-churn \(it has no version\)"):
        registry.version_of("churn", "champion")


def test_the_same_inputs_are_found_and_another_cut_off_or_configuration_is_not(
    registry: Registry, source: Source, data: CanonicalData
) -> None:
    data_sha256 = source.manifest()["data_sha256"]
    assert registry.find("win", inputs_sha256(source, data_sha256)) == "2"
    assert registry.find("stall", inputs_sha256(source, data_sha256)) is None
    assert registry.find("win", inputs_sha256(replace(source, cutoff=source.cutoff + 1), data_sha256)) is None
    slower = replace(data, config=replace(data.config, stall_days=31))
    assert registry.find("win", inputs_sha256(open_source(slower, source.cutoff), data_sha256)) is None


def test_the_code_s_hash_is_in_the_run(registry: Registry) -> None:
    run = client(registry).get_run(registry.resolve("2").run_id)
    assert run.data.params["code_sha256"] == code_sha256()


def test_the_twin_is_the_model_of_the_forward_test(source: Source, trained: Mapping[Target, Trained]) -> None:
    from training.dataset import labelled_frame
    from training.evaluate import matrix_of
    from training.metrics import forward_metrics
    from training.trees import margins

    made = trained["win"]
    found = made.twin
    matrix = matrix_of(labelled_frame(source, "win"))
    test = matrix.judged(made.split.test)
    said = found.platt.probability(margins(found.booster, test.matrix))
    assert forward_metrics(said, test.label, test.weight)["log_loss"] == made.evaluation.metrics["log_loss"]
    assert found.manifest["cutoff"] == iso(made.split.calibrate.end)


def circle_of(registry: Registry, source: Source, made: Trained, *, promote: bool = False) -> Circle:
    """A retraining that finds the model it would train trained already."""
    return retrain(source, "win", registry, promote=promote, by="cron", at=5_000_000, train=lambda *_: made)


def test_retraining_on_the_same_inputs_makes_no_second_version(
    registry: Registry, source: Source, trained: Mapping[Target, Trained]
) -> None:
    found = circle_of(registry, source, trained["win"])
    assert (found.version, found.champion, found.made) == ("2", "1", False)
    assert found.comparison is not None
    assert found.comparison.figures["log_loss"].second == pytest.approx(found.metrics["log_loss"])
    assert found.outcome in {"refused", "recommended"}
    assert (found.outcome == "refused") == bool(found.refusals)
    assert registry.aliases("win") == {CHAMPION: "1", CHALLENGER: "2"}


def test_a_challenger_that_holds_the_rules_is_promoted_only_where_asked_for(
    registry: Registry, source: Source, early: Trained, trained: Mapping[Target, Trained]
) -> None:
    """The champion is made one that says the reverse, so that any recipe holds the rules."""
    platt = early.bundle.platt
    bad = replace(early.bundle, platt=replace(platt, slope=-platt.slope), golden=early.bundle.golden[:0])
    made = registry.tracking.register(replace(early, bundle=bad))
    registry.promote(move("1", made.version))
    assert circle_of(registry, source, trained["win"]).outcome == "recommended"
    assert registry.aliases("win")[CHAMPION] == made.version
    found = circle_of(registry, source, trained["win"], promote=True)
    assert found.outcome == "promoted"
    assert registry.aliases("win")[CHAMPION] == "2"
    last = registry.moves("win")[-1]
    assert (last.how, last.by, last.before, last.after) == ("gate", "cron", made.version, "2")
    assert last.figures["log_loss_second"] < last.figures["log_loss_first"]
    again = circle_of(registry, source, trained["win"], promote=True)
    assert (again.outcome, again.made) == ("is_champion", False)
    registry.rollback("win", "anna", 6_000_000)
    rolled = circle_of(registry, source, trained["win"], promote=True)
    assert rolled.outcome == "refused"
    assert "version 2 was rolled back by anna" in rolled.why[0]
    assert registry.aliases("win")[CHAMPION] == made.version


def test_a_champion_that_knows_of_the_test_part_is_not_judged_on_it(
    registry: Registry, source: Source, early: Trained, trained: Mapping[Target, Trained]
) -> None:
    knows = trained["win"].split.calibrate.end + 86_400_000_000
    bundle = replace(early.bundle, manifest={**early.bundle.manifest, "cutoff": iso(knows)})
    made = registry.tracking.register(replace(early, bundle=bundle))
    registry.promote(move("1", made.version))
    found = circle_of(registry, source, trained["win"], promote=True)
    assert found.outcome == "not_comparable"
    assert registry.aliases("win")[CHAMPION] == made.version
    assert "1 days into the test part" in found.why[0]


def test_a_first_retraining_makes_the_champion_and_writes_it_down(
    settings: None, source: Source, trained: Mapping[Target, Trained], tmp_path: Path
) -> None:
    registry = Registry(Tracking(f"sqlite:///{tmp_path / 'mlflow.db'}"))
    found = circle_of(registry, source, trained["win"])
    assert (found.outcome, found.version, found.made) == ("first", "1", True)
    assert [(m.how, m.after, m.by) for m in registry.moves()] == [("first", "1", "cron")]


def test_a_report_tells_data_figures_and_decision_in_both_languages(
    registry: Registry, source: Source, trained: Mapping[Target, Trained], tmp_path: Path
) -> None:
    found = circle_of(registry, source, trained["win"])
    quality = QualityReport({})
    Report("crm", source, quality, [found], {"churn": "too few"}).write(tmp_path / "out")
    told = json.loads((tmp_path / "out" / "retrain.json").read_text())
    assert told["targets"][0]["version"] == "2"
    assert told["passed_over"] == {"churn": "too few"}
    assert told["manifest"]["data_sha256"] == source.manifest()["data_sha256"]
    english = (tmp_path / "out" / "retrain.md").read_text()
    chinese = (tmp_path / "out" / "retrain.zh-CN.md").read_text()
    for text in (english, chinese):
        assert f"{found.metrics['log_loss']:.4f}" in text
        assert iso(source.cutoff) in text
        assert found.why[text is chinese] in text
    assert "passed over: too few" in english
    assert "已跳过: too few" in chinese


def test_what_cannot_be_trained_adds_nothing(registry: Registry, data: CanonicalData) -> None:
    short = open_source(data, parse_instant("2023-03-01T00:00:00Z"))
    with pytest.raises(TooLittleData):
        retrain(short, "win", registry, promote=True, by="cron", at=1)
    assert len(registry.moves("win")) == 1
