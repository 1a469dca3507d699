"""Bundles on disk: what a server scores with, whether the tracking store is up or not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from serving.closes import CloseModel
from serving.scorer import Model
from training.bundle import load_bundle
from training.close import CLOSE, load_close_bundle
from training.errors import BundleError
from training.labels import TARGETS, Target

_VERSIONS = "versions.json"


def load_models(folder: Path) -> dict[Target, Model]:
    """The models in a folder that `dealcast pull` has filled.

    Raises:
        BundleError: there is none, or one is damaged.
    """
    versions = _versions(folder)
    return {
        target: Model(load_bundle(folder / target), str(versions[target]))
        for target in TARGETS
        if target in versions
    }


def load_close(folder: Path) -> CloseModel | None:
    """The model of when in such a folder; None where there is none.

    Raises:
        BundleError: it is damaged.
    """
    versions = _versions(folder)
    if CLOSE not in versions:
        return None
    return CloseModel(load_close_bundle(folder / CLOSE), str(versions[CLOSE]))


def _versions(folder: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads((folder / _VERSIONS).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        raise BundleError(
            f"{folder}: no bundles here; fetch them with `dealcast pull {folder}`, or train first"
        ) from None
    return found


class Delivery:
    """New bundles gathered beside the old ones, tried, then put in their place.

    The old ones stay where they are until every new one has loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._new = folder.with_name(folder.name + ".new")
        self._versions: dict[str, str] = {}
        shutil.rmtree(self._new, ignore_errors=True)
        self._new.mkdir(parents=True)

    def place(self, target: str) -> Path:
        """Where a target's bundle is to be written."""
        return self._new / target

    def add(self, target: str, version: str) -> None:
        """Say which version was written; raises BundleError if it does not load."""
        if target == CLOSE:
            load_close_bundle(self.place(target))
        else:
            load_bundle(self.place(target))
        self._versions[target] = version

    def finish(self) -> dict[str, str]:
        """Swap the new folder in for the old; the versions by target."""
        (self._new / _VERSIONS).write_text(json.dumps(self._versions), encoding="utf-8")
        old = self._folder.with_name(self._folder.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        if self._folder.exists():
            self._folder.rename(old)
        self._new.rename(self._folder)
        shutil.rmtree(old, ignore_errors=True)
        return self._versions
