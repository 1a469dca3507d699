"""Runs of the model of when and of forecasts: parameters, figures, a bundle as a version."""

from __future__ import annotations

import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from features.times import iso
from training.close import CLOSE, CloseBundle
from training.forecast.backtest import Backtest
from training.hazard import PARAMS, TrainedClose
from training.tracking.runs import child_tags
from training.unsent import UnsentClose

_NEEDED = ("dealcast", "lightgbm", "numpy", "polars", "pandas", "mlflow")
SUMMARY = (
    "When an open deal is won, given that it is: a timing that the win probability is multiplied with. For"
    " planning, never for punishing."
)


def log_close(
    mlflow: Any, client: Any, experiment_id: str, trained: TrainedClose | UnsentClose, name: str
) -> tuple[str, str]:
    """Log a run and register its bundle under a name; the run's id and the version's number."""
    bundle = trained.bundle
    cutoff = str(bundle.manifest["cutoff"])
    tags = child_tags({"dealcast.target": CLOSE, "dealcast.cutoff": cutoff})
    run_id = str(client.create_run(experiment_id, tags=tags, run_name=f"{CLOSE} {cutoff}").info.run_id)
    with mlflow.start_run(run_id=run_id), tempfile.TemporaryDirectory() as scratch:
        mlflow.log_params(_params(bundle))
        mlflow.log_metrics({**trained.metrics, "shock": bundle.shock})
        manifest = Path(scratch) / "manifest.json"
        manifest.write_text(json.dumps(dict(bundle.manifest), indent=1), encoding="utf-8")
        mlflow.log_artifact(str(manifest))
        bundle.save(Path(scratch) / "bundle")
        os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")
        info = mlflow.pyfunc.log_model(
            name="model",
            loader_module="training.close_pyfunc",
            data_path=str(Path(scratch) / "bundle"),
            signature=_signature(bundle),
            pip_requirements=[f"{package}=={version(package)}" for package in _NEEDED],
            registered_model_name=name,
        )
    number = str(info.registered_model_version)
    client.update_model_version(name, number, description=SUMMARY)
    return run_id, number


def log_backtest(client: Any, experiment_id: str, found: Backtest) -> str:
    """Log a backtest of forecasts as a run; its id."""
    at = iso(int(found.at[-1]))
    tags = child_tags({"dealcast.target": "forecast"})
    run_id = str(client.create_run(experiment_id, tags=tags, run_name=f"backtest {at}").info.run_id)
    told = {
        "period": found.period, "days": found.days, "dates": len(found.at),
        "first": iso(int(found.at[0])), "last": at,
    }  # fmt: skip
    for name, value in told.items():
        client.log_param(run_id, name, value)
    for name, figure in found.metrics().items():
        client.log_metric(run_id, name, figure)
    client.log_dict(run_id, found.to_dict(), "backtest.json")
    client.set_terminated(run_id)
    return run_id


def _params(bundle: CloseBundle) -> dict[str, str]:
    told = {f"trees_{name}": str(value) for name, value in PARAMS.items()}
    return {
        **told,
        "cutoff": str(bundle.manifest["cutoff"]),
        "data_sha256": str(bundle.manifest["data_sha256"]),
        "inputs_sha256": str(bundle.manifest["inputs_sha256"]),
        "feature_hash": bundle.encoding.hash,
        "rounds": str(bundle.manifest["rounds"]),
    }


def _signature(bundle: CloseBundle) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    texts = bundle.encoding.vocabularies
    inputs: list[Any] = [
        ColSpec("string" if name in texts else "double", name, required=False)
        for name in bundle.encoding.names
    ]
    outputs: list[Any] = [ColSpec("double", f"weeks_{p}") for p in ("p10", "p50", "p90")]
    return ModelSignature(Schema(inputs), Schema(outputs))
