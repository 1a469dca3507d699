"""A trained model in a folder: all that a store is told, whole, and refused where it is damaged."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest

from training.dataset import Source
from training.errors import BundleError
from training.hazard import train_close
from training.labels import Target
from training.run import Trained
from training.unsent import (
    Reading,
    UnsentClose,
    environment,
    folder_name,
    load_training,
    save_close,
    save_training,
)

LOAD = (Reading("system/cpu_utilization_percentage", 97.5, 1_764_000_000_000_000, 0),)


@pytest.fixture(scope="module")
def saved(trained: Mapping[Target, Trained], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unsent") / "win"
    quality = tmp_path_factory.mktemp("quality")
    (quality / "report.json").write_text("{}")
    assert save_training(trained["win"], folder, quality=quality, data_name="a firm", load=LOAD) == []
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def test_what_is_read_is_what_was_trained(saved: Path, trained: Mapping[Target, Trained]) -> None:
    made, unsent = trained["win"], load_training(saved)
    assert unsent.params == {name: str(value) for name, value in made.params().items()}
    assert unsent.metrics == dict(made.evaluation.metrics)
    assert unsent.rows == made.bundle.manifest["rows"]
    assert (unsent.data_name, unsent.data_sha256) == ("a firm", made.bundle.manifest["data_sha256"])
    assert unsent.load == LOAD
    assert unsent.bundle.booster.model_to_string() == made.bundle.booster.model_to_string()


def test_the_artifacts_are_all_there(saved: Path) -> None:
    found = {path.relative_to(saved / "artifacts").as_posix() for path in (saved / "artifacts").rglob("*")}
    assert found >= {
        "manifest.json", "reliability.json", "feature_importance.json", "model_card.md", "environment.txt",
        "quality/report.json", "plots/lift.png", "plots/shap_beeswarm.png",
    }  # fmt: skip
    assert [path.name for path in saved.parent.iterdir()] == ["win"]


def test_the_name_says_target_and_day_and_is_the_model_s_own(trained: Mapping[Target, Trained]) -> None:
    names = {target: folder_name(made) for target, made in trained.items()}
    day = trained["win"].bundle.manifest["cutoff"][:10]
    assert names["win"].startswith(f"win-{day}-")
    assert names["win"] == folder_name(trained["win"])
    assert len({name.rsplit("-", maxsplit=1)[1] for name in names.values()}) == 3


def test_saving_again_replaces_what_was_there(
    trained: Mapping[Target, Trained], copy: Path, tmp_path: Path
) -> None:
    (copy / "old.txt").write_text("old")
    (tmp_path / "copy.part").mkdir()
    (tmp_path / "copy.part" / "half.txt").write_text("of an attempt that was broken off")
    save_training(trained["churn"], copy)
    assert load_training(copy).bundle.target == "churn"
    assert not (copy / "old.txt").exists()
    assert not (copy / "half.txt").exists()


@pytest.mark.parametrize("missing", ["shap", "matplotlib"])
def test_without_the_libraries_of_the_plots_all_else_is_there_and_one_line_says_what_to_install(
    trained: Mapping[Target, Trained], missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # what an import finds where it is not installed
    (line,) = save_training(trained["churn"], tmp_path / "churn")
    assert line == (
        f"no plots were drawn: {missing} is not installed here; `pip install 'dealcast[explain]'` brings it"
    )
    assert load_training(tmp_path / "churn").artifacts.joinpath("model_card.md").is_file()


def test_the_environment_names_each_distribution_once_with_its_version() -> None:
    lines = environment().splitlines()
    names = [line.split("==")[0] for line in lines]
    assert f"lightgbm=={version('lightgbm')}" in lines
    assert names == sorted(set(names))


def spoil(folder: Path, change: Mapping[str, object]) -> None:
    path = folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no trained model lies here \(run.json is missing\)"):
        load_training(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "is not of format 1; train again"),
        ({"load": [{"name": "x"}]}, "run.json is damaged"),
        ({"more": 1}, "run.json is damaged"),
        ({"load": 3}, "run.json is damaged"),
    ],
)
def test_another_format_and_a_damaged_description_are_refused(
    copy: Path, change: Mapping[str, object], message: str
) -> None:
    spoil(copy, change)
    with pytest.raises(BundleError, match=message):
        load_training(copy)


@pytest.mark.parametrize("text", ["no json", "[1]", "\udce9"])
def test_a_description_that_is_none_is_refused(copy: Path, text: str) -> None:
    (copy / "run.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BundleError, match=r"run.json is not"):
        load_training(copy)


def test_missing_artifacts_and_a_changed_model_are_refused(copy: Path) -> None:
    model = copy / "bundle" / "model.txt"
    model.write_text(model.read_text() + "\n")
    with pytest.raises(BundleError, match=r"model.txt is not the one"):
        load_training(copy)
    shutil.rmtree(copy / "artifacts")
    with pytest.raises(BundleError, match="artifacts is missing"):
        load_training(copy)


def test_a_model_of_when_lies_in_its_folder_with_its_figures(
    source: Source, trained: Mapping[Target, Trained], tmp_path: Path
) -> None:
    made = train_close(source, trained["win"])
    folder = tmp_path / folder_name(made)
    assert folder.name.startswith("close-")
    save_close(made, folder)
    unsent = load_training(folder)
    assert isinstance(unsent, UnsentClose)
    assert unsent.metrics == pytest.approx(dict(made.metrics))
    then, now = (each.timing_of_matrix(made.bundle.golden) for each in (made.bundle, unsent.bundle))
    assert (then.cumulative == now.cumulative).all()
    spoil(folder, {"metrics": None})
    with pytest.raises(BundleError, match=r"run.json is damaged \(no metrics\)"):
        load_training(folder)
