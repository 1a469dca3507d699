"""A real MLflow store on SQLite: versions, aliases, runs, artifacts, and the model as MLflow serves it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.frame import FeatureFrame, frame_of_columns
from training.card import summary
from training.errors import FrameMismatch, TrackingError
from training.importance import importance
from training.labels import Target
from training.run import Trained
from training.tracking import (
    CHALLENGER,
    CHAMPION,
    DEFAULT_URI,
    Registered,
    Tracking,
    model_name,
    tracking_uri,
)
from training.tracking.address import artifact_root, is_database, shown
from training.trees import margins
from training.unsent import Reading, load_training, save_training

MLFLOW_SETTINGS = ("DEALCAST_ARTIFACTS", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_UV_AUTO_DETECT")

FILES = {"model.txt", "bundle.json", "golden.json", "profile.json", "reference.npz"}


@pytest.fixture(scope="module")
def settings() -> Iterator[pytest.MonkeyPatch]:
    """No store of the developer's, no telemetry; what MLflow sets itself is taken back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        for name in MLFLOW_SETTINGS:
            patch.setenv(name, "")
            patch.delenv(name)
        yield patch


@pytest.fixture(scope="module")
def template(settings: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, made once, since MLflow takes seconds for its tables."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    assert Tracking(f"sqlite:///{path}").targets() == []
    assert not path.exists(), "a question makes no store"
    Tracking(f"sqlite:///{path}").check()
    return path


@pytest.fixture
def empty(template: Path, tmp_path: Path) -> Tracking:
    """A store without a model, of its own for each test."""
    return Tracking(f"sqlite:///{shutil.copy(template, tmp_path / 'mlflow.db')}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store's folder with a blank in its path."""
    return tmp_path_factory.mktemp("a firm's store")


@pytest.fixture(scope="module")
def store(
    trained: Mapping[Target, Trained], template: Path, folder: Path
) -> tuple[Tracking, tuple[Registered, Registered, Registered]]:
    """Two versions of win and one of stall, registered from within another folder."""
    tracking = Tracking(f"sqlite:///{shutil.copy(template, folder / 'my mlflow.db')}")
    work, before = folder / "work", Path.cwd()
    work.mkdir()
    (work / "pyproject.toml").write_text("[project]\nname = 'somebody-elses'\nversion = '1'\n")
    (work / "uv.lock").write_text("version = 1\n")
    os.chdir(work)
    try:
        first = tracking.register(trained["win"])
        second = tracking.register(replace(trained["win"]))
        return tracking, (first, second, tracking.register(trained["stall"]))
    finally:
        os.chdir(before)


Store = tuple[Tracking, tuple[Registered, Registered, Registered]]


def client(tracking: Tracking) -> Any:
    import mlflow

    return mlflow.MlflowClient(tracking.uri, tracking.uri)


def pyfunc(tracking: Tracking, uri: str = "models:/dealcast-win@champion") -> Any:
    import mlflow

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "")
        patch.delenv("MLFLOW_TRACKING_URI")  # MLflow sets it; a default of later tests it must not be
        mlflow.set_tracking_uri(tracking.uri)
        mlflow.set_registry_uri(tracking.uri)
        return mlflow.pyfunc.load_model(uri)


@pytest.fixture(scope="module")
def frame(frames: Mapping[Target, FeatureFrame]) -> FeatureFrame:
    """Features of some snapshots, with numbers and texts missing."""
    columns = {name: values.copy() for name, values in frames["win"].columns.items()}
    columns["region"][::2] = None
    assert np.isnan(columns["days_since_last_inbound"]).any()
    return frame_of_columns(frames["win"].features, columns)


def test_the_first_version_is_champion_and_the_next_challenger(store: Store) -> None:
    tracking, (first, second, stall) = store
    assert (first.version, first.alias) == ("1", CHAMPION)
    assert (second.version, second.alias) == ("2", CHALLENGER)
    assert (stall.target, stall.version, stall.alias) == ("stall", "1", CHAMPION)
    aliases = client(tracking).get_registered_model("dealcast-win").aliases
    assert {alias: str(number) for alias, number in aliases.items()} == {CHAMPION: "1", CHALLENGER: "2"}
    assert tracking.targets() == ["stall", "win"]
    assert tracking.targets(CHALLENGER) == ["win"]


def test_a_run_is_finished_and_carries_parameters_metrics_and_the_manifest(
    store: Store, trained: Mapping[Target, Trained], tmp_path: Path
) -> None:
    tracking, (first, _, _) = store
    run = client(tracking).get_run(first.run_id)
    made = trained["win"]
    assert run.info.status == "FINISHED"
    assert run.data.metrics == pytest.approx(dict(made.evaluation.metrics))
    assert run.data.params == {name: str(value) for name, value in made.params().items()}
    assert {"train_end", "feature_hash", "data_sha256", "rounds", "rows_test"} <= set(run.data.params)
    assert run.data.tags["dealcast.target"] == "win"
    assert run.data.tags["dealcast.cutoff"] == made.bundle.manifest["cutoff"]
    assert "mlflow.parentRunId" not in run.data.tags
    manifest = Path(client(tracking).download_artifacts(first.run_id, "manifest.json", str(tmp_path)))
    assert json.loads(manifest.read_text()) == made.bundle.manifest
    reliability = Path(client(tracking).download_artifacts(first.run_id, "reliability.json", str(tmp_path)))
    assert len(json.loads(reliability.read_text())["bins"]) == len(made.bundle.reliability)


def test_a_run_names_its_data_set_by_digest_and_counts_and_holds_none_of_it(
    store: Store, trained: Mapping[Target, Trained]
) -> None:
    tracking, (first, _, _) = store
    manifest = trained["win"].bundle.manifest
    (given,) = client(tracking).get_run(first.run_id).inputs.dataset_inputs
    assert given.dataset.name == "crm"
    assert manifest["data_sha256"].startswith(given.dataset.digest)
    profile = json.loads(given.dataset.profile)
    assert profile == {
        "num_rows": sum(manifest["rows"].values()),
        **{f"rows_{table}": count for table, count in manifest["rows"].items()},
        "sha256": manifest["data_sha256"],
        "cutoff": manifest["cutoff"],
    }
    assert given.dataset.schema is None
    assert [(tag.key, tag.value) for tag in given.tags] == [("mlflow.data.context", "training")]


def test_a_run_carries_a_table_of_importance_plots_the_environment_and_a_model_card(
    store: Store, trained: Mapping[Target, Trained]
) -> None:
    tracking, (first, _, _) = store
    run = client(tracking).get_run(first.run_id)
    names = {a.path for a in client(tracking).list_artifacts(first.run_id)}
    assert names >= {"model_card.md", "environment.txt", "feature_importance.json", "plots"}
    plots = {a.path for a in client(tracking).list_artifacts(first.run_id, "plots")}
    assert plots >= {"plots/reliability.png", "plots/shap_beeswarm.png"}
    table = client(tracking).load_table(
        run.info.experiment_id, "feature_importance.json", run_ids=[first.run_id]
    )
    assert list(table["feature"]) == [weight.feature for weight in importance(trained["win"].bundle)]
    assert list(table.columns) == ["feature", "behaviour", "gain_share", "splits"]


def test_a_version_says_in_the_registry_what_it_predicts_and_how_well(
    store: Store, trained: Mapping[Target, Trained]
) -> None:
    tracking, (first, _, stall) = store
    versions = [
        client(tracking).get_model_version("dealcast-win", first.version),
        client(tracking).get_model_version("dealcast-stall", stall.version),
    ]
    assert [version.description for version in versions] == [summary(trained[t]) for t in ("win", "stall")]


def test_the_input_example_is_the_golden_rows_and_gets_their_probabilities(store: Store) -> None:
    model, (bundle, _) = pyfunc(store[0]), store[0].load("win")
    given = model.input_example
    assert {str(kind) for name, kind in given.dtypes.items() if name not in bundle.encoding.vocabularies} == {
        "float64"
    }
    assert set(given["stage"].dropna()) <= set(bundle.encoding.vocabularies["stage"])
    shown = bundle.platt.probability(margins(bundle.booster, bundle.golden))
    np.testing.assert_allclose(model.predict(given), shown, rtol=0, atol=1e-9)


def test_the_machine_s_load_lies_with_the_run_as_system_metrics(
    empty: Tracking, trained: Mapping[Target, Trained], tmp_path: Path
) -> None:
    name = "system/cpu_utilization_percentage"
    load = [Reading(name, float(step), 1_764_000_000_000_000 + step, step) for step in range(1200)]
    save_training(trained["churn"], tmp_path / "churn", load=load)
    made = empty.send(load_training(tmp_path / "churn"))
    history = client(empty).get_metric_history(made.run_id, name)
    assert sorted((m.step, m.value) for m in history) == [(step, float(step)) for step in range(1200)]
    assert {m.timestamp for m in history} <= {1_764_000_000_000, 1_764_000_000_001}


def test_each_target_has_an_experiment_of_its_own(store: Store) -> None:
    tracking, registered = store
    for made in registered:
        experiment = client(tracking).get_experiment(client(tracking).get_run(made.run_id).info.experiment_id)
        assert experiment.name == f"dealcast/{made.target}"


def test_artifacts_lie_beside_the_store_and_not_in_the_working_folder(store: Store, folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"my mlflow.db", "mlartifacts", "work"}
    assert {path.name for path in (folder / "work").iterdir()} == {"pyproject.toml", "uv.lock"}
    assert len(list((folder / "mlartifacts").rglob("bundle.json"))) == 3


def test_nothing_below_the_artifacts_could_run_code_or_is_the_working_folder_s(folder: Path) -> None:
    files = [path for path in (folder / "mlartifacts").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".txt", ".json", ".yaml", ".npz", ".md", ".png", ""}
    assert {path.name for path in files if not path.suffix} <= {"MLmodel", "registered_model_meta"}
    assert not any(b"somebody-elses" in path.read_bytes() for path in files)
    for path in files:
        if path.suffix not in {".npz", ".png"}:
            path.read_text(encoding="utf-8")


def test_the_model_names_its_features_and_pins_what_it_needs(store: Store, folder: Path) -> None:
    names = [column.name for column in pyfunc(store[0]).metadata.get_input_schema().inputs]
    assert names == list(store[0].load("win")[0].encoding.names)
    needed = next((folder / "mlartifacts").rglob("requirements.txt")).read_text().split()
    assert {line.split("==")[0] for line in needed} >= {"dealcast", "lightgbm", "numpy", "mlflow"}
    assert all("==" in line for line in needed)


@pytest.mark.parametrize("alias", [CHAMPION, "1", "2"])
def test_a_bundle_fetched_by_alias_or_number_says_the_same_to_the_bit(
    store: Store, trained: Mapping[Target, Trained], frame: FeatureFrame, alias: str
) -> None:
    bundle, number = store[0].load("win", alias)
    assert number == ("2" if alias == "2" else "1")
    assert bundle.probability(frame).tobytes() == trained["win"].bundle.probability(frame).tobytes()


def test_fetching_replaces_what_was_in_the_folder(store: Store, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "old.txt").write_text("old")
    assert store[0].fetch("win", CHAMPION, tmp_path / "bundle") == "1"
    assert {p.name for p in (tmp_path / "bundle").iterdir()} == FILES


@pytest.mark.parametrize("missing", ["NaN", "None"])
def test_mlflow_s_own_model_says_exactly_what_the_bundle_says(
    store: Store, trained: Mapping[Target, Trained], frame: FeatureFrame, missing: str
) -> None:
    table = frame.to_polars().to_pandas()
    if missing == "None":
        table = table.astype(object).where(table.notna(), None)
    table.insert(0, "opportunity_id", "O1")
    table.insert(1, "as_of", "2025-01-01T00:00:00Z")
    found = pyfunc(store[0]).predict(table[table.columns[::-1]])
    assert np.asarray(found).tobytes() == trained["win"].bundle.probability(frame).tobytes()


def test_mlflow_s_own_model_refuses_a_table_that_lacks_a_feature(store: Store, frame: FeatureFrame) -> None:
    table = frame.to_polars().drop("calls_30d").to_pandas()
    model = pyfunc(store[0])
    with pytest.raises(FrameMismatch, match=r"missing: calls_30d; unexpected: none"):
        model.predict(table)


def test_a_folder_with_the_quality_report_is_kept_with_the_run(
    empty: Tracking, trained: Mapping[Target, Trained], tmp_path: Path
) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.json").write_text("{}")
    made = empty.register(trained["churn"], tmp_path / "report")
    assert [a.path for a in client(empty).list_artifacts(made.run_id, "quality")] == ["quality/report.json"]


def test_runs_inside_an_outer_run_are_its_children_every_one(
    empty: Tracking, trained: Mapping[Target, Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `mlflow run`, which names its run in the environment of the process it starts."""
    outer = client(empty).create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", outer)
    for target in ("churn", "win"):
        run = client(empty).get_run(empty.register(trained[target]).run_id)
        assert run.info.run_id != outer
        assert run.data.tags["mlflow.parentRunId"] == outer
    assert os.environ["MLFLOW_RUN_ID"] == outer
    assert client(empty).get_run(outer).data.params == {}


def test_a_relative_store_is_made_where_the_command_runs(
    trained: Mapping[Target, Trained], template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("before", "there"):
        (tmp_path / name).mkdir()
        shutil.copy(template, tmp_path / name / "mlflow.db")
    monkeypatch.chdir(tmp_path / "before")
    assert Tracking().targets() == []  # a process that goes on in another folder must not stay with this file
    monkeypatch.chdir(tmp_path / "there")
    made = Tracking().register(trained["churn"])
    monkeypatch.chdir(tmp_path)
    assert not (tmp_path / "mlartifacts").exists()
    bundle, number = Tracking("sqlite:///there/mlflow.db").load("churn")
    assert (number, bundle.target) == (made.version, "churn")


def test_an_unknown_alias_says_how_to_get_one(store: Store) -> None:
    wanted = (
        r"has no challenger of dealcast-stall; train one with `dealcast train DATA --target stall`,"
        r" or name the store with --tracking-uri"
    )
    with pytest.raises(TrackingError, match=wanted):
        store[0].load("stall", CHALLENGER)


@pytest.mark.parametrize(("target", "alias"), [("churn", CHAMPION), ("win", "99"), ("churn", "1")])
def test_a_model_or_version_that_is_not_there_is_said(store: Store, target: str, alias: str) -> None:
    with pytest.raises(TrackingError, match=f"has no {alias} of dealcast-{target}"):
        store[0].load(target, alias)


@pytest.mark.parametrize("ask", ["targets", "load", "register"])
def test_a_server_that_is_down_is_said_and_not_taken_for_an_empty_one(
    settings: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch, trained: Mapping[Target, Trained], ask: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracking = Tracking("http://127.0.0.1:9")
    calls = {
        "targets": tracking.targets,
        "load": lambda: tracking.load("win"),
        "register": lambda: tracking.register(trained["win"]),
    }
    with pytest.raises(TrackingError, match=r"^tracking store http://127\.0\.0\.1:9: (?!.*has no)"):
        calls[ask]()


def test_a_file_that_is_no_store_is_said(
    settings: pytest.MonkeyPatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlflow.store.db.utils.MAX_RETRY_COUNT", 1)
    path = tmp_path / "notes.db"
    path.write_text("these are notes and no database at all\n" * 40)
    tracking = Tracking(f"sqlite:///{path}")
    with pytest.raises(TrackingError, match=r"notes.db: .*file is not a database"):
        tracking.targets()


def test_artifacts_that_were_deleted_are_said(
    empty: Tracking, trained: Mapping[Target, Trained], tmp_path: Path
) -> None:
    empty.register(trained["churn"])
    shutil.rmtree(tmp_path / "mlartifacts" / "models")
    with pytest.raises(TrackingError, match=r"^tracking store sqlite:///.*mlflow.db: "):
        empty.load("churn")


def test_a_store_that_was_used_is_not_the_next_one_s_default(
    empty: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    empty.targets()
    assert Tracking().uri == DEFAULT_URI


def test_registering_prints_nothing(
    empty: Tracking, trained: Mapping[Target, Trained], capfd: pytest.CaptureFixture[str]
) -> None:
    empty.register(trained["churn"])
    empty.load("churn")
    assert capfd.readouterr() == ("", "")


def test_the_store_is_the_one_given_else_the_environment_s_else_sqlite_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert Tracking().uri == DEFAULT_URI == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    assert tracking_uri() == "sqlite:///other.db"
    assert tracking_uri("sqlite:///mine.db") == "sqlite:///mine.db"


def test_a_version_s_name_is_the_house_s() -> None:
    assert [model_name(target) for target in ("win", "stall", "churn")] == [
        "dealcast-win", "dealcast-stall", "dealcast-churn",
    ]  # fmt: skip


def test_the_store_is_a_plain_sqlite_file(folder: Path, store: Store) -> None:
    with sqlite3.connect(folder / "my mlflow.db") as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM registered_models ORDER BY name")]
    connection.close()
    assert names == ["dealcast-stall", "dealcast-win"]


def test_a_store_that_goes_away_takes_nothing_with_it_and_gets_all_when_it_is_back(
    trained: Mapping[Target, Trained], template: Path, tmp_path: Path
) -> None:
    (tmp_path / "store").mkdir()
    shutil.copy(template, tmp_path / "store" / "mlflow.db")
    tracking = Tracking(f"sqlite:///{tmp_path / 'store' / 'mlflow.db'}")
    tracking.check()
    save_training(trained["churn"], tmp_path / "unsent")
    (tmp_path / "store").rename(tmp_path / "away")
    with pytest.raises(TrackingError, match=r"there is no folder .*; make it first"):
        tracking.send(load_training(tmp_path / "unsent"))
    (tmp_path / "away").rename(tmp_path / "store")
    made = tracking.send(load_training(tmp_path / "unsent"))
    run = client(tracking).get_run(made.run_id)
    assert run.data.metrics == pytest.approx(dict(trained["churn"].evaluation.metrics))
    assert run.data.params == {name: str(value) for name, value in trained["churn"].params().items()}


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ("postgresql://db/x", "postgresql+psycopg2://db/x"),
        ("postgres://anna@db/x", "postgresql+psycopg2://anna@db/x"),
        ("postgresql+psycopg://db/x", "postgresql+psycopg://db/x"),
        ("mysql+pymysql://db/x", "mysql+pymysql://db/x"),
    ],
)
def test_a_postgresql_store_without_a_driver_gets_the_one_of_the_team_extra(given: str, uri: str) -> None:
    assert Tracking(given).uri == uri


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("postgresql://anna:secret@db/mlflow", "postgresql+psycopg2://anna:***@db/mlflow"),
        ("postgresql+psycopg2://anna:a:b@c@db/x", "postgresql+psycopg2://anna:***@db/x"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("mysql://db/mlflow", "mysql://db/mlflow"),
        ("sqlite:////srv/a firm/mlflow.db", "sqlite:////srv/a firm/mlflow.db"),
    ],
)
def test_a_password_is_never_shown(uri: str, said: str) -> None:
    assert Tracking(uri).shown == said
    assert shown(said) == said


def test_a_database_that_lets_nobody_in_is_said_at_once_without_the_password() -> None:
    tracking = Tracking("postgresql://anna:secret@127.0.0.1:9/mlflow", "s3://bucket/dealcast")
    with pytest.raises(TrackingError, match=r"^tracking store postgresql\+psycopg2://anna:\*\*\*@") as raised:
        tracking.check()
    assert "secret" not in str(raised.value)


def test_where_artifacts_go_must_be_named_for_a_database_and_for_nothing_else(tmp_path: Path) -> None:
    assert artifact_root("postgresql://db/x", "s3://bucket") == "s3://bucket"
    assert artifact_root("http://127.0.0.1:5000", None) is None
    assert artifact_root(f"sqlite:///{tmp_path}/m.db", None) == (tmp_path / "mlartifacts").as_uri()
    assert artifact_root(f"sqlite:///{tmp_path}/m.db", "s3://bucket") == "s3://bucket"
    with pytest.raises(
        TrackingError, match=r"a database keeps no files; .*--artifacts or DEALCAST_ARTIFACTS"
    ):
        artifact_root("postgresql+psycopg2://db/x", None)
    assert [is_database(u) for u in ("sqlite:///x", "https://x", "mysql+pymysql://x")] == [False, False, True]


def test_artifacts_go_where_they_are_named_and_do_not_move(
    trained: Mapping[Target, Trained], template: Path, tmp_path: Path
) -> None:
    uri, named = f"sqlite:///{shutil.copy(template, tmp_path / 'mlflow.db')}", (tmp_path / "files").as_uri()
    Tracking(uri, named).register(trained["churn"])
    assert list((tmp_path / "files").rglob("bundle.json"))
    assert not (tmp_path / "mlartifacts").exists()
    assert Tracking(uri, named + "/").register(trained["churn"]).alias == CHALLENGER
    assert Tracking(uri).load("churn")[1] == "1"
    with pytest.raises(TrackingError, match=r"keeps its artifacts in .*/files and cannot move to s3://other"):
        Tracking(uri, "s3://other").register(trained["churn"])
