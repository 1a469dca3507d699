"""What each worker of one server serves, in files that all of them read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.times import iso
from serving.running.metrics import alive


@dataclass(frozen=True)
class Worker:
    """A process and the models it serves; `loaded_at` by target, in microseconds."""

    id: int
    versions: Mapping[str, str]
    loaded_at: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id,
            "versions": dict(self.versions),
            "loaded_at": {target: iso(at) for target, at in self.loaded_at.items()},
        }


def announce(run_folder: Path | None, worker: Worker) -> None:
    """Let the others know; without a run folder there are none."""
    if run_folder is None:
        return
    file = run_folder / f"{worker.id}.json"
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(worker.to_dict()), encoding="utf-8")
    fresh.replace(file)


def workers(run_folder: Path | None, own: Worker) -> list[dict[str, Any]]:
    """All workers that live, this one among them, by id."""
    found = {own.id: own.to_dict()}
    for path in run_folder.glob("*.json") if run_folder else ():
        pid = int(path.stem)
        if pid == own.id:
            continue
        if alive(pid):
            found[pid] = json.loads(path.read_text(encoding="utf-8"))
        else:
            path.unlink(missing_ok=True)
    return [found[pid] for pid in sorted(found)]


def leave(run_folder: Path | None) -> None:
    """Take this process off the list."""
    if run_folder is not None:
        (run_folder / f"{os.getpid()}.json").unlink(missing_ok=True)
