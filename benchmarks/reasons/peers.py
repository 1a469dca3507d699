"""Who computes SHAP values: dealcast, LightGBM by its ways, the shap library, fasttreeshap."""

from __future__ import annotations

import ctypes
import json
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
from lightgbm.basic import _LIB, _safe_call

from benchmarks.environments import python_of
from benchmarks.reasons.worlds import Matrix
from training.treeshap import tree_shap

Explain = Callable[[Matrix], Matrix]
_CONTRIB, _FLOAT64 = 3, 1  # of LightGBM's C API
SCRIPT = Path(__file__).parent / "fasttreeshap_worker.py"


@dataclass(frozen=True)
class Peer:
    """A way to explain some rows.

    Attributes:
        name: in the table.
        explain: rows x features to rows x (features + 1).
        share: of the rows it is timed on, where all would take too long; scaled linearly.
    """

    name: str
    explain: Explain
    share: float = 1.0


def for_one_row(booster: lgb.Booster) -> list[Peer]:
    """Every peer is given one row at a time, and one thread."""
    shap = tree_shap(booster)
    return [
        Peer("dealcast", shap.contributions),
        Peer("LightGBM, C API, single row, fast", single_row_fast(booster)),
        Peer("LightGBM, Booster.predict", lambda rows: _predicted(booster, rows, 1)),
    ]


def for_many_rows(booster: lgb.Booster, threads: int) -> list[Peer]:
    """Every peer is given all rows and so many threads, if it knows of threads."""
    shap = tree_shap(booster)
    return [
        Peer("dealcast", lambda rows: shap.contributions(rows, threads)),
        Peer("LightGBM, Booster.predict", lambda rows: _predicted(booster, rows, threads), 0.25),
        Peer("shap.TreeExplainer, as it comes", by_shap(booster, own=False), 0.25),
        Peer("shap.TreeExplainer, its own C code", by_shap(booster, own=True), 0.1),
    ]


def _predicted(booster: lgb.Booster, rows: Matrix, threads: int) -> Matrix:
    return np.asarray(booster.predict(rows, pred_contrib=True, num_threads=threads))


def single_row_fast(booster: lgb.Booster) -> Explain:
    """LightGBM's way for one row with all set up before: LGBM_BoosterPredictForMatSingleRowFast."""
    columns = booster.num_feature()
    settings = ctypes.c_void_p()
    _safe_call(
        _LIB.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle, ctypes.c_int(_CONTRIB), ctypes.c_int(0), ctypes.c_int(-1),
            ctypes.c_int(_FLOAT64), ctypes.c_int32(columns), ctypes.c_char_p(b"num_threads=1"),
            ctypes.byref(settings),
        )
    )  # fmt: skip
    out, length = np.empty(columns + 1), ctypes.c_int64()
    to = out.ctypes.data_as(ctypes.POINTER(ctypes.c_double))

    def explain(rows: Matrix) -> Matrix:
        _safe_call(
            _LIB.LGBM_BoosterPredictForMatSingleRowFast(
                settings, ctypes.c_void_p(rows.ctypes.data), ctypes.byref(length), to
            )
        )
        return out[None].copy()

    return explain


def by_shap(booster: lgb.Booster, *, own: bool) -> Explain:
    """The shap library. As it comes it asks LightGBM for its values; `own` has it use its own C code."""
    import shap

    warnings.filterwarnings("ignore", message="LightGBM binary classifier", module="shap")
    explainer = shap.TreeExplainer(booster)
    base = float(np.ravel(explainer.expected_value)[-1])
    if own:
        explainer.model.model_type = "internal"

    def explain(rows: Matrix) -> Matrix:
        found = np.asarray(explainer.shap_values(rows, check_additivity=False))
        return np.hstack([found, np.full((len(rows), 1), base)])

    return explain


def by_fasttreeshap(
    booster: lgb.Booster, rows: Matrix, threads: int
) -> list[tuple[str, list[float], Matrix]]:
    """Name, seconds of each run, values: in an environment of its own, which is made first.

    Raises:
        RuntimeError: the environment cannot be made, or the library fails.
    """
    python = python_of("fasttreeshap")
    with tempfile.TemporaryDirectory() as folder:
        booster.save_model(f"{folder}/model.txt")
        np.save(f"{folder}/rows.npy", rows)
        done = subprocess.run(
            [python, SCRIPT, folder, str(threads)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-300:])
        told = json.loads(Path(folder, "seconds.json").read_text(encoding="utf-8"))
        return [(f"fasttreeshap {way}", told[way], np.load(f"{folder}/{way}.npy")) for way in told]
