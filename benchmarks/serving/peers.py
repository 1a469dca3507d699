"""Servers of models that people would otherwise use, each over the same trees and the same ready-made row.

Each is written as its own first pages have it: a LightGBM text model, one row a request, JSON. mlflow lives
in the project's environment, the others in environments of their own (`benchmarks/environments.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.serving.load import Request

_SERVICE = """import bentoml
import lightgbm
import numpy as np

@bentoml.service(workers=1, traffic={"timeout": 30})
class Peer:
    def __init__(self) -> None:
        self.model = lightgbm.Booster(model_file="model.txt")

    @bentoml.api
    def predict(self, row: list[float | None]) -> list[float]:
        return self.model.predict(np.array([row], np.float64), num_threads=1).tolist()
"""


def mlflow_model(folder: Path, text: str, row: Sequence[float | None]) -> None:
    """A model with a signature, as `mlflow.lightgbm.save_model` writes it."""
    import lightgbm
    import mlflow
    import numpy as np
    import pandas as pd

    booster = lightgbm.Booster(model_str=text)
    frame = pd.DataFrame(np.array([row], np.float64), columns=booster.feature_name())
    signature = mlflow.models.infer_signature(frame, booster.predict(frame))
    mlflow.lightgbm.save_model(booster, str(folder), signature=signature)


def mlflow_request(text: str, row: Sequence[float | None]) -> Request:
    import lightgbm

    names = lightgbm.Booster(model_str=text).feature_name()
    return _json("/invocations", {"dataframe_split": {"columns": names, "data": [row]}})


def bentoml_folder(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "service.py").write_text(_SERVICE, encoding="utf-8")
    (folder / "model.txt").write_text(text, encoding="utf-8")


def bentoml_request(row: Sequence[float | None]) -> Request:
    return _json("/predict", {"row": row})


def mlserver_folder(folder: Path, text: str, port: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.txt").write_text(text, encoding="utf-8")
    model = {
        "name": "peer",
        "implementation": "mlserver_lightgbm.LightGBMModel",
        "parameters": {"uri": "./model.txt", "version": "v1"},
    }
    settings = {
        "http_port": port, "grpc_port": port + 1, "metrics_port": port + 2, "host": "127.0.0.1",
        "parallel_workers": 0,
    }  # fmt: skip
    (folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


def mlserver_request(row: Sequence[float | None]) -> Request:
    """Its codec takes no null, so that what is not given is 0: the trees' work is the same."""
    data = [0.0 if value is None else value for value in row]
    tensor = {"name": "features", "datatype": "FP64", "shape": [1, len(row)], "data": data}
    return _json("/v2/models/peer/infer", {"inputs": [tensor]})


def dealcast_request(row: Sequence[float | None]) -> Request:
    """The same row to dealcast's own route of that protocol."""
    tensor = {"name": "features", "datatype": "FP64", "shape": [1, len(row)], "data": list(row)}
    return _json("/v2/models/dealcast-win/infer", {"inputs": [tensor]})


def _json(path: str, body: Any) -> Request:
    return Request(path, json.dumps(body).encode())
