"""The store's tables brought up to this version, by one process at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from serving.store.connections import Connections
from serving.store.errors import StoreMismatch

VERSION_TABLE = "dealcast_version"  # not Alembic's usual name, which another program may use beside us
HEAD = "1"  # the last step's name; Alembic itself is loaded only where a step is to be taken
_LOCK = 0x64656164  # of PostgreSQL's advisory locks
_STEPS = Path(__file__).parent / "migrations"


def version_of(connections: Connections) -> str | None:
    """The step the store stands at; None where it has no tables yet.

    Raises:
        StoreAway: the store does not answer.
    """
    try:
        with connections.engine.connect() as connection:
            return _version(connection)
    except DBAPIError as error:
        raise connections.told(error.orig or error) from error


def upgrade(connections: Connections) -> bool:
    """Bring the tables up to this version; whether anything had to be done.

    Several processes may ask at once: one does it under a lock, the others find it done.

    Raises:
        StoreMismatch: a later version of dealcast made the tables.
        StoreAway: the store does not answer.
    """
    found = version_of(connections)
    if found == HEAD:
        return False
    _check_not_later(found, connections)
    try:
        with connections.engine.connect() as connection:
            return _upgrade_locked(connections.engine, connection)
    except DBAPIError as error:
        raise connections.told(error.orig or error) from error


def check(connections: Connections) -> None:
    """Raises StoreMismatch unless the tables are of this version; makes nothing."""
    file = connections.engine.url.database
    if connections.is_sqlite and file is not None and not Path(file).exists():
        raise StoreMismatch(f"{connections.shown}: there is no such file; `dealcast store upgrade` makes one")
    found = version_of(connections)
    _check_not_later(found, connections)
    if found != HEAD:
        raise StoreMismatch(
            f"{connections.shown}: the tables are at step {found or 'none'}, this version needs {HEAD};"
            " run `dealcast store upgrade`"
        )


def _upgrade_locked(engine: Engine, connection: Connection) -> bool:
    if engine.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if _version(connection) == HEAD:
        connection.rollback()
        return False
    _run_steps(connection)
    connection.commit()
    return True


def _run_steps(connection: Connection) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_STEPS))
    script = ScriptDirectory.from_config(config)

    def steps(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(config, script, fn=steps) as environment:
        environment.configure(connection=connection, version_table=VERSION_TABLE)
        environment.run_migrations()


def _version(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return None if found is None else str(found)


def _check_not_later(found: str | None, connections: Connections) -> None:
    if found is not None and (not found.isdigit() or int(found) > int(HEAD)):
        raise StoreMismatch(
            f"{connections.shown}: its tables are at step {found}, of a later version of dealcast than this"
            f" one, which knows {HEAD}; update dealcast"
        )
