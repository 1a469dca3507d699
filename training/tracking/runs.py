"""One run: everything a store is told of a trained model, and its version."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from training.bundle import Bundle
from training.unsent import BUNDLE, IMPORTANCE, Unsent

if TYPE_CHECKING:
    import pandas as pd

_NEEDED = ("dealcast", "lightgbm", "numpy", "polars", "pandas", "scikit-learn", "mlflow")
_DIGEST = 36  # characters that a store keeps of a data set's digest; the whole is a parameter
_BATCH = 1000  # metrics that a store takes at once


def log_run(mlflow: Any, client: Any, experiment_id: str, unsent: Unsent, name: str) -> tuple[str, str]:
    """Log a run and register its bundle under a name; the run's id and the version's number."""
    run_id = _start_run(client, experiment_id, unsent)
    with mlflow.start_run(run_id=run_id):
        mlflow.log_params(dict(unsent.params))
        mlflow.log_metrics(dict(unsent.metrics))
        for batch in _load_metrics(unsent):
            client.log_batch(run_id, metrics=batch)
        client.log_inputs(run_id, datasets=[_data_input(unsent)])
        mlflow.log_artifacts(str(unsent.artifacts))
        number = _log_model(mlflow, unsent, name)
    client.update_model_version(name, number, description=unsent.summary)
    return run_id, number


def child_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags of a run of its own, below the run that `mlflow run` may have opened around this process."""
    parent = os.environ.pop("MLFLOW_RUN_ID", None)
    return {**tags, "mlflow.parentRunId": parent} if parent else dict(tags)


def _start_run(client: Any, experiment_id: str, unsent: Unsent) -> str:
    target = unsent.bundle.target
    table = [{"path": IMPORTANCE, "type": "table"}]  # so that the store shows it as one
    tags = {
        "dealcast.target": target,
        "dealcast.cutoff": unsent.cutoff,
        "mlflow.loggedArtifacts": json.dumps(table),
    }
    name = f"{target} {unsent.cutoff}"
    return str(client.create_run(experiment_id, tags=child_tags(tags), run_name=name).info.run_id)


def _load_metrics(unsent: Unsent) -> Iterator[list[Any]]:
    """The machine's load in portions a store takes."""
    from mlflow.entities import Metric

    metrics = [Metric(each.name, each.value, each.at // 1000, each.step) for each in unsent.load]
    for begin in range(0, len(metrics), _BATCH):
        yield metrics[begin : begin + _BATCH]


def _data_input(unsent: Unsent) -> Any:
    """The data set's name, digest and row counts; none of its content, nor where it lies."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    counts = {"num_rows": sum(unsent.rows.values()), **{f"rows_{t}": n for t, n in unsent.rows.items()}}
    dataset = Dataset(
        name=unsent.data_name,
        digest=unsent.data_sha256[:_DIGEST],
        source_type="code",
        source=json.dumps({"tags": {"mlflow.source.type": "dealcast canonical tables"}}),
        profile=json.dumps({**counts, "sha256": unsent.data_sha256, "cutoff": unsent.cutoff}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _log_model(mlflow: Any, unsent: Unsent, name: str) -> str:
    """Log the bundle as a pyfunc model and register it; its version number."""
    # Else the project of the folder that the command happens to run in would be taken for the model's.
    os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")
    info = mlflow.pyfunc.log_model(
        name="model",
        loader_module="training.pyfunc",
        data_path=str(unsent.folder / BUNDLE),
        signature=_signature(unsent.bundle),
        input_example=example(unsent.bundle),
        pip_requirements=[f"{package}=={version(package)}" for package in _NEEDED],
        registered_model_name=name,
    )
    return str(info.registered_model_version)


def _signature(bundle: Bundle) -> Any:
    """Doubles for numbers, which may be missing; texts for categories, which may be too."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs: list[Any] = [
        ColSpec("string" if feature.is_category else "double", feature.name, required=False)
        for feature in bundle.features
    ]
    return ModelSignature(Schema(inputs), Schema([ColSpec("double", "probability")]))


def example(bundle: Bundle) -> pd.DataFrame:
    """The bundle's golden rows as a feature frame: numbers as float64, categories as texts or None."""
    import pandas as pd

    encoding = bundle.encoding
    columns: dict[str, Any] = {}
    for place, name in enumerate(encoding.names):
        values = bundle.golden[:, place]
        texts = encoding.vocabularies.get(name)
        if texts is None:
            columns[name] = values
        else:
            columns[name] = np.array([None if np.isnan(v) else texts[int(v)] for v in values], object)
    return pd.DataFrame(columns)
