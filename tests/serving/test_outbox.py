"""A tracking store that goes away while a model is trained: the model stays, and is registered later."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from features.sample import make_sample, write_sample

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.slow


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A command in a process of its own, as MLflow keeps connections open within one."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "passive"}
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", "serving.cli", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("target", ["win", "close"])
def test_a_model_whose_store_goes_away_is_kept_and_registered_with_all_its_figures(
    tmp_path: Path, target: str
) -> None:
    write_sample(make_sample(800, seed=4), tmp_path / "crm")
    (tmp_path / "store").mkdir()
    uri = "sqlite:///store/mlflow.db"
    with started(tmp_path, "train", "crm", "--target", target, "--tracking-uri", uri) as train:
        assert train.stderr is not None
        assert "rows read" in train.stderr.readline()  # the store was found before
        (tmp_path / "store").rename(tmp_path / "away")
        out, err = train.communicate(timeout=300)
    assert train.returncode == 1
    (line,) = [line for line in err.splitlines() if line.startswith("dealcast: ")]
    (folder,) = (tmp_path / "dealcast-unsent").iterdir()
    assert line.startswith(f"dealcast: tracking store {uri}: there is no folder ")
    assert f"dealcast-unsent/{folder.name}" in line
    assert "Traceback" not in err
    assert "champion" not in out

    (tmp_path / "away").rename(tmp_path / "store")
    said = shlex.split(line.split("`")[1])
    with started(tmp_path, *said[1:]) as register:
        out, err = register.communicate(timeout=300)
    assert (register.returncode, err) == (0, "")
    assert out == f"dealcast-unsent/{folder.name}: dealcast-{target} v1 (champion)\n"
    assert not (tmp_path / "dealcast-unsent").exists()
    told = "model_card.md" if target == "win" else "manifest.json"
    assert list((tmp_path / "store" / "mlartifacts").rglob(told))

    with started(tmp_path, *said[1:]) as again:
        _, err = again.communicate(timeout=300)
    assert again.returncode == 1
    assert "no trained model lies here" in err
