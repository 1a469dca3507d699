"""What the documents promise exists: commands, targets of make, entry points of the MLproject."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main
import yaml

from serving.cli import app

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "features/README.md", "training/README.md", "serving/README.md")


def commands() -> set[str]:
    """The names of all commands of the command line, `import folder` as one."""
    group = typer.main.get_command(app)
    found = set()
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found |= {f"{name} {sub}" for sub in getattr(command, "commands", {})} or {name}
    return found


def written(document: str) -> set[str]:
    """The `dealcast ...` commands in a document's code blocks."""
    blocks = re.findall(r"```(?:sh|bash|console)?\n(.*?)```", (ROOT / document).read_text("utf-8"), re.S)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    found = set()
    for line in lines:
        match = re.match(r"(?:\.venv/bin/)?dealcast ((?:import|store) \S+|\S+)", line)
        if match:
            found.add(match[1])
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_a_document_writes_exists(document: str) -> None:
    assert written(document) <= commands()


def test_every_command_is_in_the_serving_readme() -> None:
    text = (ROOT / "serving/README.md").read_text("utf-8")
    assert {name for name in commands() if f"dealcast {name}" not in text} == set()


def test_every_make_target_that_a_document_writes_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for document in DOCUMENTS:
        named = set(re.findall(r"`?make ([a-z]+)", (ROOT / document).read_text("utf-8")))
        assert {n for n in named if n in {"demo", "test", "check", "format", "clean", "venv"}} <= targets


def test_the_changelog_has_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_entry_point_of_the_mlproject_calls_commands_that_exist() -> None:
    project = yaml.safe_load((ROOT / "MLproject").read_text("utf-8"))
    for entry in project["entry_points"].values():
        for part in entry["command"].split("&&"):
            words = shlex.split(part)
            assert words[:3] == ["python", "-m", "serving.cli"]
            assert words[3] in commands()


def test_every_entry_point_that_reads_data_makes_some_where_there_are_none() -> None:
    project = yaml.safe_load((ROOT / "MLproject").read_text("utf-8"))
    for name, entry in project["entry_points"].items():
        if name not in {"sample", "score"}:  # what is scored must have been trained
            assert entry["command"].startswith("python -m serving.cli sample {data} --keep && ")


def test_mlflow_run_trains_from_the_project_and_compares_what_was_known_at_two_dates(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    sample = [sys.executable, "-m", "serving.cli", "sample", str(tmp_path / "crm"), "--opportunities", "900"]
    subprocess.run(sample, cwd=ROOT, check=True, capture_output=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri, "PATH": path}
    told = {}
    for entry, more in (("train", "target=win"), ("compare", f"out={tmp_path / 'comparison.json'}")):
        run = [sys.executable, "-m", "mlflow", "run", ".", "-e", entry, "--env-manager", "local"]
        run += ["-P", f"data={tmp_path / 'crm'}", "-P", more]
        done = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        told[entry] = done.stdout + done.stderr
    assert "dealcast-win v1 (champion)" in told["train"]
    compared = json.loads((tmp_path / "comparison.json").read_text("utf-8"))
    assert [compared[side] for side in ("first", "second")] == ["version 2", "version 3"]
