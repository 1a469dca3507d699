"""The tracking store: the one module that talks to MLflow.

Experiments are `dealcast/<target>`, registered models `dealcast-<target>`, aliases `champion`
and `challenger`. The default store is an SQLite file in the working folder.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from training.bundle import Bundle, load_bundle
from training.errors import TrackingError
from training.run import Trained

DEFAULT_URI = "sqlite:///mlflow.db"
_OURS = "name LIKE 'dealcast-%'"
CHAMPION, CHALLENGER = "champion", "challenger"
_NOT_FOUND = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # no such model; no such alias
_NEEDED = ("dealcast", "lightgbm", "numpy", "polars", "pandas", "scikit-learn", "mlflow")


@dataclass(frozen=True)
class Registered:
    """A version in the registry.

    Attributes:
        target: what it predicts.
        version: its number, counted per target.
        alias: `champion` or `challenger`.
        run_id: the run that made it.
    """

    target: str
    version: str
    alias: str
    run_id: str


def tracking_uri(given: str | None = None) -> str:
    """The store's address: the one given, else MLFLOW_TRACKING_URI, else SQLite in this folder."""
    return given or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def model_name(target: str) -> str:
    """The registered model's name of a target."""
    return f"dealcast-{target}"


class Tracking:
    """A tracking store and registry, by its address.

    Raises:
        TrackingError: from every method, where the store cannot be reached or lacks what is asked.
    """

    def __init__(self, uri: str | None = None) -> None:
        self.uri = tracking_uri(uri)

    def register(self, trained: Trained, quality: Path | None = None) -> Registered:
        """Log a run, register its bundle as a version, and give it its alias.

        `quality` is a folder with the report on the data's quality, kept with the run.

        The first version of a target becomes champion; later ones are challengers, and the
        champion stays until somebody moves the alias.
        """
        target = trained.bundle.target
        with self._client() as (mlflow, client), tempfile.TemporaryDirectory() as scratch:
            run_id = _start_run(client, self._experiment(client, target), trained)
            with mlflow.start_run(run_id=run_id):
                _log_numbers(mlflow, trained)
                if quality is not None:
                    mlflow.log_artifacts(str(quality), "quality")
                number = _log_model(mlflow, trained.bundle, Path(scratch))
            name = model_name(target)
            first = CHAMPION not in client.get_registered_model(name).aliases
            alias = CHAMPION if first else CHALLENGER
            client.set_registered_model_alias(name, alias, number)
        return Registered(target, number, alias, run_id)

    def load(self, target: str, alias: str = CHAMPION) -> tuple[Bundle, str]:
        """The bundle under an alias (or of a version number), and its version."""
        with tempfile.TemporaryDirectory() as scratch:
            number = self.fetch(target, alias, Path(scratch) / "bundle")
            return load_bundle(Path(scratch) / "bundle"), number

    def fetch(self, target: str, alias: str, folder: Path) -> str:
        """Copy a bundle's files into a folder (replaced whole); its version."""
        with self._client() as (mlflow, client), tempfile.TemporaryDirectory() as scratch:
            number = _version_of(client, target, alias, self.uri)
            where = client.get_model_version_download_uri(model_name(target), number)
            copied = mlflow.artifacts.download_artifacts(artifact_uri=where, dst_path=scratch)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(Path(copied) / "data" / "bundle", folder)
        return number

    def targets(self, alias: str = CHAMPION) -> list[str]:
        """The targets that have a version under an alias (or of a version number), sorted."""
        with self._client() as (_, client):
            if alias.isdigit():
                versions = client.search_model_versions(_OURS)
                names = {v.name for v in versions if str(v.version) == alias}
            else:
                names = {
                    m.name for m in client.search_registered_models(filter_string=_OURS) if alias in m.aliases
                }
            return sorted(name.removeprefix("dealcast-") for name in names)

    def client(self) -> AbstractContextManager[tuple[Any, Any]]:
        """MLflow and a client of this store, for `registry.py`; errors become TrackingError."""
        return self._client()

    def _experiment(self, client: Any, target: str) -> str:
        name = f"dealcast/{target}"
        found = client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        return str(client.create_experiment(name, artifact_location=_artifacts(self.uri)))

    @contextmanager
    def _client(self) -> Iterator[tuple[Any, Any]]:
        """MLflow pointed at this store, quiet, with its errors as ours."""
        _check_folder(self.uri)
        with _quiet(), _kept("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
            import mlflow
            from mlflow.exceptions import MlflowException
            from sqlalchemy.exc import SQLAlchemyError

            mlflow.set_tracking_uri(self.uri)
            mlflow.set_registry_uri(self.uri)
            try:
                yield mlflow, mlflow.MlflowClient(self.uri, self.uri)
            except (MlflowException, SQLAlchemyError, OSError) as error:
                detail = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise TrackingError(f"tracking store {self.uri}: {detail}") from error


def _version_of(client: Any, target: str, alias: str, uri: str) -> str:
    from mlflow.exceptions import MlflowException

    name = model_name(target)
    try:
        if alias.isdigit():
            return str(client.get_model_version(name, alias).version)
        return str(client.get_model_version_by_alias(name, alias).version)
    except MlflowException as error:
        if error.error_code not in _NOT_FOUND:
            raise
        raise TrackingError(
            f"tracking store {uri} has no {alias} of {name}; train one with"
            f" `dealcast train DATA --target {target}`, or name the store with --tracking-uri"
        ) from None


def _start_run(client: Any, experiment_id: str, trained: Trained) -> str:
    """A run of its own, below the run that `mlflow run` may have opened around this process."""
    cutoff = trained.bundle.manifest["cutoff"]
    tags = {"dealcast.target": trained.bundle.target, "dealcast.cutoff": cutoff}
    parent = os.environ.pop("MLFLOW_RUN_ID", None)
    if parent:
        tags["mlflow.parentRunId"] = parent
    name = f"{trained.bundle.target} {cutoff}"
    return str(client.create_run(experiment_id, tags=tags, run_name=name).info.run_id)


def _log_numbers(mlflow: Any, trained: Trained) -> None:
    mlflow.log_params(trained.params())
    mlflow.log_metrics(dict(trained.evaluation.metrics))
    mlflow.log_dict(dict(trained.bundle.manifest), "manifest.json")
    mlflow.log_dict({"bins": [row.to_dict() for row in trained.bundle.reliability]}, "reliability.json")


def _log_model(mlflow: Any, bundle: Bundle, scratch: Path) -> str:
    """Log the bundle as a pyfunc model and register it; its version number."""
    bundle.save(scratch / "bundle")
    # Else the project of the folder that the command happens to run in would be taken for the model's.
    os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")
    info = mlflow.pyfunc.log_model(
        name="model",
        loader_module="training.pyfunc",
        data_path=str(scratch / "bundle"),
        signature=_signature(bundle),
        pip_requirements=[f"{package}=={version(package)}" for package in _NEEDED],
        registered_model_name=model_name(bundle.target),
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


def _check_folder(uri: str) -> None:
    """A clear word at once where an SQLite file has no folder; MLflow would try for minutes."""
    if uri.startswith("sqlite:///"):
        folder = Path(uri.removeprefix("sqlite:///")).resolve().parent
        if not folder.is_dir():
            raise TrackingError(f"tracking store {uri}: there is no folder {folder}; make it first")


def _artifacts(uri: str) -> str | None:
    """Beside an SQLite store, wherever the command is run; elsewhere as the store has it."""
    if not uri.startswith("sqlite:///"):
        return None
    return (Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlartifacts").as_uri()


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow's and Alembic's own words on stderr are not for our users; errors are raised."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # the default goes on for minutes
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _kept(*names: str) -> Iterator[None]:
    """Variables of the environment, afterwards as they were: MLflow sets or takes away its own.

    Else a second store without an address would be the first one, and of several runs within
    `mlflow run` only the first its child.
    """
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
