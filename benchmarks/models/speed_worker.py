"""One training in a process of its own: `python -m benchmarks.models.speed_worker TASK.json`.

Either the whole of it, from the labelled frame to the version in a store, or LightGBM's training call alone
on the rows that the served trees see. Called by `speed.py`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from benchmarks.contenders.dealcast import canonical
from benchmarks.worker import Peak, say
from features.build import build_features, features_of
from training import evaluate, run, unsent
from training.beside import Beside
from training.dataset import LabelledFrame, Source, grid_of, open_source
from training.encoding import learn_encoding
from training.evaluate import matrix_of
from training.models import DEFAULTS, worked
from training.splits import Split, forward_split

TARGET = "stall"
PARTS: tuple[tuple[Any, str, str], ...] = (
    (evaluate, "fit", "forward fits"),
    (Beside, "result", "served trees, waited for"),
    (evaluate, "calibrated", "calibration"),
    (evaluate, "verdict_of", "gate"),
    (evaluate, "_metrics", "metrics"),
    (run, "_shared", "centre and bundles"),
    (run._Shared, "explained", "centre and bundles"),
    (run, "_bundle", "centre and bundles"),
    (run, "_intervals", "intervals"),
    (run, "_profile", "profile"),
    (run, "_drawn", "plots"),
)


@dataclass(frozen=True)
class Ready:
    """What is there before the clock starts."""

    source: Source
    frame: LabelledFrame
    split: Split


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    imports = _imported()
    say("history")
    data = canonical(Path(task["folder"]), 2)
    source = open_source(data, data.watermark())
    ready(source, 1000, task["columns"])  # compiles the kernels
    say(task["what"])
    with Peak(watch=True) as memory:
        made = ready(source, task["rows"], task["columns"])
        begun = time.process_time()
        found = _WHAT[task["what"]](made, task["rounds"])
        if found["parts"]:
            found["parts"]["imports, before the clock"] = imports
        found["cpu_seconds"] = time.process_time() - begun
    values = made.frame.frame.values
    say("done", peak_bytes=memory.beyond, frame_bytes=values.nbytes, shape=values.shape, **found)


def _imported() -> float:
    """Seconds for the libraries of plots and tracking, which a process imports once, as it does LightGBM."""
    begun = time.perf_counter()
    for name in ("mlflow.pyfunc", "matplotlib.pyplot", "shap"):
        import_module(name)
    return time.perf_counter() - begun


def ready(source: Source, rows: int, columns: int) -> Ready:
    """The labelled frame of about so many weekly snapshots, of whole deals, and of so many features.

    Args:
        columns: spread evenly over the catalogue; 0 for all.
    """
    snapshots = grid_of(source, TARGET)
    most = np.bincount(snapshots.entity).cumsum()
    snapshots = snapshots.take(most[snapshots.entity] <= rows)
    every = features_of("opportunity", source.conventions)
    places = np.linspace(0, len(every) - 1, columns or len(every)).astype(int)
    only = tuple(every[i].name for i in places)
    frame = build_features(source.history, snapshots, "opportunity", source.reference, only=only)
    split = forward_split(TARGET, source.history, snapshots, source.cutoff, source.policy)
    return Ready(source, LabelledFrame(TARGET, snapshots, frame, learn_encoding(frame), ()), split)


def lightgbm_alone(made: Ready, rounds: int, *, by_columns: bool = False) -> dict[str, Any]:
    """The data set and the trees, of the matrix that the served trees are fitted to.

    Args:
        by_columns: its histograms as dealcast asks for them; otherwise as LightGBM itself chooses.
    """
    sample, encoding = matrix_of(made.frame).fitted(made.split.everything), made.frame.encoding
    params = worked(DEFAULTS, *sample.matrix.shape) if by_columns else dict(DEFAULTS)
    begun = time.perf_counter()
    data = lgb.Dataset(
        sample.matrix, label=sample.label, weight=sample.weight, feature_name=list(encoding.names),
        categorical_feature=list(encoding.category_positions),
    )  # fmt: skip
    lgb.train(params, data, num_boost_round=rounds)
    return {"seconds": time.perf_counter() - begun, "parts": {}, "rounds": rounds, "counts": {}}


def whole(made: Ready, rounds: int) -> dict[str, Any]:
    """Everything that `dealcast train` does once features and labels are there, into a store of its own."""
    from training.tracking import Tracking

    clock = _Clock()
    with tempfile.TemporaryDirectory() as scratch:
        store, folder = Tracking(f"sqlite:///{scratch}/mlflow.db"), Path(scratch) / "unsent"
        store.check()  # makes the database, which a firm does once
        begun = time.perf_counter()
        with clock:
            trained = run.train_frame(made.source, made.frame, made.split, rounds=rounds or None, plots=True)
            clock.part("writing", lambda: unsent.save_training(trained, folder))
            clock.part("logging", lambda: store.send(unsent.load_training(folder)))
        seconds = time.perf_counter() - begun
    parts = dict(clock.seconds)
    parts["other"] = seconds - sum(parts.values())
    counts = {
        **trained.evaluation.rows,
        "rung": trained.evaluation.verdict.rung,
        "profile": 0 if trained.bundle.profile is None else trained.bundle.profile.rows,
    }
    return {"seconds": seconds, "parts": parts, "rounds": trained.evaluation.rounds, "counts": counts}


class _Clock:
    """Adds up the seconds spent in functions of modules while it is open."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._before: list[tuple[Any, str, Any]] = []

    def part(self, name: str, work: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        try:
            return work()
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begun

    def __enter__(self) -> None:
        for module, function, name in PARTS:
            plain = getattr(module, function)
            self._before.append((module, function, plain))
            setattr(module, function, self._timed(name, plain))

    def __exit__(self, *_: object) -> None:
        for module, function, plain in self._before:
            setattr(module, function, plain)

    def _timed(self, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given, **named: self.part(name, lambda: plain(*given, **named))


_WHAT: dict[str, Callable[[Ready, int], dict[str, Any]]] = {
    "lightgbm": lightgbm_alone,
    "lightgbm by columns": partial(lightgbm_alone, by_columns=True),
    "dealcast": whole,
}

if __name__ == "__main__":
    main()
