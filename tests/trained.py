"""A small sample CRM, trained once through the command line, for all tests that serve."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from features.canonical import CanonicalData
from features.sample import make_sample, write_sample
from features.sources.folder import load
from features.times import parse_instant
from serving import cli
from training.study import SECTIONS, study, write_study

T = "2025-03-31T00:00:00Z"


@dataclass(frozen=True)
class Trained:
    """Where the trained world lies."""

    crm: Path
    uri: str
    bundles: Path
    data: CanonicalData

    def bundle(self, target: str) -> Path:
        """The folder of a target's bundle."""
        return bundle_in(self.bundles, target)


def bundle_in(bundles: Path, target: str) -> Path:
    """The folder of a target's bundle that a pulled folder points to."""
    from serving.bundles import pointer_of

    return bundles / {str(t): place.folder for t, place in pointer_of(bundles).places.items()}[target]


def with_study(trained: Trained, found: Mapping[str, Any], folder: Path) -> Trained:
    """The same world with a study beside its bundles, in a folder of its own."""
    for each in trained.bundles.iterdir():
        os.symlink(each, folder / each.name)
    write_study(found, folder / "study.json")
    return replace(trained, bundles=folder)


def studied_in(trained: Trained, folder: Path) -> Trained:
    """The same world with what goes with winning and the teams' figures beside its bundles."""
    sections = {name: SECTIONS[name] for name in ("patterns", "team")}
    return with_study(trained, study(trained.data, parse_instant(T), sections), folder)


def run_command(*words: str | Path) -> int:
    """Run `dealcast` in this process as the console script would; its exit code."""
    before = sys.argv
    sys.argv = ["dealcast", *map(str, words)]
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = before
    return 0


def train_world(folder: Path) -> Trained:
    """The sample made, trained, registered and pulled."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    write_sample(make_sample(1200, seed=4), folder / "crm")
    assert run_command("train", folder / "crm", "--as-of", T, "--tracking-uri", uri) == 0
    assert run_command("pull", folder / "bundles", "--tracking-uri", uri) == 0
    return Trained(folder / "crm", uri, folder / "bundles", load(folder / "crm")[0])
