"""A tracking store and registry by its address.

Experiments are `dealcast/<target>`, registered models `dealcast-<target>`, aliases `champion`
and `challenger`. The default store is an SQLite file in the working folder.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.bundle import Bundle, load_bundle
from training.close import CLOSE, CloseBundle, load_close_bundle
from training.errors import TrackingError
from training.forecast.backtest import Backtest
from training.forecast.record import Record
from training.hazard import TrainedClose
from training.labels import TARGETS
from training.run import Trained
from training.tracking.address import (
    artifact_root,
    artifacts_uri,
    is_absent,
    reach,
    rooted,
    shown,
    tracking_uri,
)
from training.tracking.closes import log_backtest, log_close
from training.tracking.records import last_record
from training.tracking.runs import log_run
from training.tracking.trials import PARAMS, log_tuning
from training.tracking.versions import trained_as_of
from training.tune import Tuned
from training.unsent import Unsent, UnsentClose, load_training, save_training

_OURS = "name LIKE 'dealcast-%'"
_OUR_EXPERIMENTS = "name LIKE 'dealcast/%'"
_DRIVERS = ("psycopg2", "boto3", "botocore")
CHAMPION, CHALLENGER = "champion", "challenger"
_NOT_FOUND = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # no such model; no such alias


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


@dataclass(frozen=True)
class Named:
    """A version that an alias names; `run_id` is empty where it was registered without a run."""

    version: str
    run_id: str


def model_name(target: str) -> str:
    """The registered model's name of a target."""
    return f"dealcast-{target}"


class Tracking:
    """A tracking store and registry, by its address.

    Args:
        uri: of the store; see `tracking_uri` for what counts without one.
        artifacts: where experiments that are made keep their files; see `artifact_root`.

    Raises:
        TrackingError: from every method, where the store cannot be reached or lacks what is asked.
    """

    def __init__(self, uri: str | None = None, artifacts: str | None = None) -> None:
        self.uri = tracking_uri(uri)
        self.artifacts = artifacts_uri(artifacts)

    @property
    def shown(self) -> str:
        """The address for people, without a password."""
        return shown(self.uri)

    def check(self) -> None:
        """Make sure, before long work, that what comes of it could be registered.

        An SQLite store is made; experiments of targets are not.
        """
        with self._client() as (_, client):
            if not client.search_experiments(filter_string=_OUR_EXPERIMENTS, max_results=1):
                artifact_root(self.uri, self.artifacts)

    def register(self, trained: Trained, quality: Path | None = None) -> Registered:
        """Log a run, register its bundle as a version, and give it its alias; see `send`.

        `quality` is a folder with the report on the data's quality, kept with the run.
        """
        with tempfile.TemporaryDirectory() as scratch:
            save_training(trained, Path(scratch) / "unsent", quality=quality)
            return self.send(load_training(Path(scratch) / "unsent"))

    def send(self, unsent: Unsent | UnsentClose) -> Registered:
        """Log and register a trained model that lies in a folder, which is left as it is.

        The first version of a target becomes champion; later ones are challengers, and the
        champion stays until somebody moves the alias.
        """
        if isinstance(unsent, UnsentClose):
            return self.send_close(unsent)
        target = unsent.bundle.target
        name = model_name(target)
        with self._client() as (mlflow, client):
            run_id, number = log_run(mlflow, client, self._experiment(client, target), unsent, name)
            alias = _with_alias(client, name, number)
        return Registered(target, number, alias, run_id)

    def send_close(self, trained: TrainedClose | UnsentClose) -> Registered:
        """Log and register a model of when, as `send` does."""
        name = model_name(CLOSE)
        with self._client() as (mlflow, client):
            run_id, number = log_close(mlflow, client, self._experiment(client, CLOSE), trained, name)
            alias = _with_alias(client, name, number)
        return Registered(CLOSE, number, alias, run_id)

    def log_backtest(self, found: Backtest) -> str:
        """Log a backtest of forecasts as a run of `dealcast/forecast`, whose id is given back."""
        with self._client() as (_, client):
            return log_backtest(client, self._experiment(client, "forecast"), found)

    def forecast_record(self) -> Record | None:
        """What the latest backtest of forecasts showed; None where none was run."""
        with self._client() as (_, client):
            return last_record(client)

    def load_close(self, alias: str = CHAMPION) -> tuple[CloseBundle, str] | None:
        """The close bundle under an alias (or of a version number), and its version; None without one."""
        if CLOSE not in self._registered(alias):
            return None
        with tempfile.TemporaryDirectory() as scratch:
            number = self.fetch(CLOSE, alias, Path(scratch) / "bundle")
            return load_close_bundle(Path(scratch) / "bundle"), number

    def log_tuning(self, tuned: Tuned) -> str:
        """Log a search for parameters, each trial as a run below one run, whose id is given back."""
        with self._client() as (_, client):
            return log_tuning(client, self._experiment(client, f"{tuned.target}-tuning"), tuned)

    def tuned_params(self, run_id: str, folder: Path) -> Path:
        """Copy the best parameters of a search into a folder; the file, for `read_params`."""
        with self._client() as (_, client):
            return Path(client.download_artifacts(run_id, PARAMS, str(folder)))

    def load(self, target: str, alias: str = CHAMPION) -> tuple[Bundle, str]:
        """The bundle under an alias (or of a version number), and its version."""
        with tempfile.TemporaryDirectory() as scratch:
            number = self.fetch(target, alias, Path(scratch) / "bundle")
            return load_bundle(Path(scratch) / "bundle"), number

    def fetch(self, target: str, alias: str, folder: Path) -> str:
        """Copy a bundle's files into a folder (replaced whole); its version.

        Args:
            alias: or a version number, or a cut-off, of which the newest version is taken.
        """
        with self._client() as (mlflow, client), tempfile.TemporaryDirectory() as scratch:
            number = _version_of(client, target, alias, self.shown)
            where = client.get_model_version_download_uri(model_name(target), number)
            copied = mlflow.artifacts.download_artifacts(artifact_uri=where, dst_path=scratch)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(Path(copied) / "data" / "bundle", folder)
        return number

    def targets(self, alias: str = CHAMPION) -> list[str]:
        """The targets that have a version under an alias (or of a version number), sorted; without `close`,
        which is no probability."""
        return [name for name in self._registered(alias) if name in TARGETS]

    def _registered(self, alias: str) -> list[str]:
        """The same with `close`."""
        if is_absent(self.uri):
            reach(self.uri)
            return []
        with self._client() as (_, client):
            return self._targets(client, alias)

    def named(self, alias: str = CHAMPION) -> dict[str, Named]:
        """The version under an alias (or of a version number) by target; empty where there is none."""
        found = {}
        with self._client() as (_, client):
            for target in self._targets(client, alias):
                number = _version_of(client, target, alias, self.shown)
                run_id = client.get_model_version(model_name(target), number).run_id
                found[target] = Named(number, str(run_id or ""))
        return found

    def client(self) -> AbstractContextManager[tuple[Any, Any]]:
        """MLflow and a client of this store, for `registry.py`; errors become TrackingError."""
        return self._client()

    def _targets(self, client: Any, alias: str) -> list[str]:
        if alias.isdigit():
            versions = client.search_model_versions(_OURS)
            names = {v.name for v in versions if str(v.version) == alias}
        else:
            models = client.search_registered_models(filter_string=_OURS)
            names = {m.name for m in models if alias in m.aliases}
        return sorted(name.removeprefix("dealcast-") for name in names)

    def _experiment(self, client: Any, target: str) -> str:
        name = f"dealcast/{target}"
        found = client.get_experiment_by_name(name)
        if found is None:
            root = artifact_root(self.uri, self.artifacts)
            return str(client.create_experiment(name, artifact_location=root))
        if self.artifacts is not None and found.artifact_location.rstrip("/") != self.artifacts.rstrip("/"):
            raise TrackingError(
                f"tracking store {self.shown}: {name} keeps its artifacts in {found.artifact_location} and"
                f" cannot move to {self.artifacts}; leave --artifacts and DEALCAST_ARTIFACTS out"
            )
        return str(found.experiment_id)

    @contextmanager
    def _client(self) -> Iterator[tuple[Any, Any]]:
        """MLflow pointed at this store, quiet, with its errors as ours."""
        with _quiet(), _kept("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"), self._told():
            reach(self.uri)
            import mlflow

            uri = rooted(self.uri)
            mlflow.set_tracking_uri(uri)
            mlflow.set_registry_uri(uri)
            yield mlflow, mlflow.MlflowClient(uri, uri)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the store and of what lies behind it, as ours."""
        try:
            yield
        except ModuleNotFoundError as error:
            if error.name not in _DRIVERS:
                raise
            raise TrackingError(
                f"tracking store {self.shown}: {error.name} is not installed here;"
                " `pip install 'dealcast[team]'` brings it"
            ) from error
        except _errors() as error:
            detail = str(error).splitlines()[0] if str(error) else type(error).__name__
            detail = detail.replace(rooted(self.uri), self.shown).replace(self.uri, self.shown)
            raise TrackingError(f"tracking store {self.shown}: {detail}") from error


def _errors() -> tuple[type[Exception], ...]:
    """What a store, its database and its artifacts' store raise."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    found: tuple[type[Exception], ...] = (MlflowException, SQLAlchemyError, OSError)
    if "boto3" in sys.modules:  # else nothing has asked S3
        from boto3.exceptions import Boto3Error  # type: ignore[import-untyped]
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        found = (*found, Boto3Error, BotoCoreError, ClientError)
    return found


def _version_of(client: Any, target: str, alias: str, uri: str) -> str:
    from mlflow.exceptions import MlflowException

    name = model_name(target)
    dated = trained_as_of(client, name, alias, uri)
    if dated is not None:
        return dated
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


def _with_alias(client: Any, name: str, number: str) -> str:
    """Give a version its alias: the first is champion, later ones challenger."""
    first = CHAMPION not in client.get_registered_model(name).aliases
    alias = CHAMPION if first else CHALLENGER
    client.set_registered_model_alias(name, alias, number)
    return alias


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
