"""Addresses of tracking stores: which one, where its artifacts go, how it is shown."""

from __future__ import annotations

import os
import re
from pathlib import Path

from training.errors import TrackingError

DEFAULT_URI = "sqlite:///mlflow.db"
_SQLITE = "sqlite:///"
_DATABASES = ("postgresql", "mysql", "mssql")
_CONNECT_SECONDS = 10


def tracking_uri(given: str | None = None) -> str:
    """The store's address: the one given, else MLFLOW_TRACKING_URI, else SQLite in this folder.

    A PostgreSQL address without a driver gets psycopg2, which the `team` extra brings; what it means
    without one differs between versions of SQLAlchemy.
    """
    uri = given or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg2://", uri)


def artifacts_uri(given: str | None = None) -> str | None:
    """Where new experiments keep their artifacts: the one given, else DEALCAST_ARTIFACTS, else None."""
    return given or os.environ.get("DEALCAST_ARTIFACTS") or None


def shown(uri: str) -> str:
    """An address for messages, without a password.

    >>> shown("postgresql://anna:p@ss@db:5432/mlflow")
    'postgresql://anna:***@db:5432/mlflow'
    """
    return re.sub(r"(://[^:/@]*):.*@", r"\1:***@", uri)


def is_database(uri: str) -> bool:
    """Whether an address is that of a database server, to which this process itself connects."""
    return uri.split(":", maxsplit=1)[0].split("+", maxsplit=1)[0] in _DATABASES


def artifact_root(uri: str, given: str | None) -> str | None:
    """Where a new experiment's artifacts go; None: as the tracking server has it.

    Beside an SQLite store, wherever the command is run. A database server has no place for files, and
    a folder of this machine would be out of reach of the others that share it: it must be named.
    """
    if given is not None:
        return given
    if uri.startswith(_SQLITE):
        return (Path(uri.removeprefix(_SQLITE)).resolve().parent / "mlartifacts").as_uri()
    if is_database(uri):
        raise TrackingError(
            f"tracking store {shown(uri)}: a database keeps no files; say where artifacts go with"
            " --artifacts or DEALCAST_ARTIFACTS, e.g. s3://bucket/dealcast"
        )
    return None


def rooted(uri: str) -> str:
    """An address as MLflow is given it: of an SQLite file with the whole path, since MLflow keeps what it
    opened by the address, and would go on with the file of a folder that the process has left."""
    return _SQLITE + str(Path(uri.removeprefix(_SQLITE)).resolve()) if uri.startswith(_SQLITE) else uri


def is_absent(uri: str) -> bool:
    """Whether a store is an SQLite file that is not there, which to ask would make."""
    return uri.startswith(_SQLITE) and not Path(uri.removeprefix(_SQLITE)).is_file()


def reach(uri: str) -> None:
    """A clear word at once where a store is away; MLflow would try for minutes.

    Raises:
        TrackingError: an SQLite file has no folder, or a database server lets nobody in.
    """
    if uri.startswith(_SQLITE):
        folder = Path(uri.removeprefix(_SQLITE)).resolve().parent
        if not folder.is_dir():
            raise TrackingError(f"tracking store {uri}: there is no folder {folder}; make it first")
    elif is_database(uri):
        _connect(uri)


def _connect(uri: str) -> None:
    import sqlalchemy

    arguments = {"connect_timeout": _CONNECT_SECONDS} if uri.startswith(("postgresql", "mysql")) else {}
    engine = sqlalchemy.create_engine(uri, connect_args=arguments)
    try:
        engine.connect().close()
    finally:
        engine.dispose()
