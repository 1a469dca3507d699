"""fasttreeshap in an environment of its own: a folder with model.txt and rows.npy, and how many threads."""

import json
import sys
import time
from pathlib import Path

import fasttreeshap
import lightgbm
import numpy as np


def main(folder: Path, threads: int) -> None:
    booster = lightgbm.Booster(model_file=str(folder / "model.txt"))
    rows = np.load(folder / "rows.npy")
    seconds = {}
    for way in ("v1", "v2"):
        explainer = fasttreeshap.TreeExplainer(booster, algorithm=way, n_jobs=threads, shortcut=False)
        runs = []
        for _ in range(2):
            begin = time.perf_counter()
            values = explainer.shap_values(rows, check_additivity=False)
            runs.append(time.perf_counter() - begin)
        last = values[-1] if isinstance(values, list) else values
        base = np.ravel(explainer.expected_value)[-1]
        np.save(folder / f"{way}.npy", np.hstack([last, np.full((len(rows), 1), base)]))
        seconds[way] = runs
    (folder / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
