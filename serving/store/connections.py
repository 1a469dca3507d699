"""Connections of one store: kept for the next who asks, thrown away when they fail."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool

from serving.store.addresses import address_of, shown
from serving.store.errors import StoreAway, StoreError, StoreFull

BUSY_SECONDS = 10  # that a writer waits for another one
APPEND_LOCK = 0x6465616C  # of PostgreSQL's advisory locks: one appends at a time
_SQLITE_FULL, _PG_FULL = 13, "53100"
_KEPT = 64
# Of a reader: shared by all of them, where a cache of its own would be one each. Who appends looks all over
# the growing receipts: mapped, they would be counted as the process's memory, up to this size.
_MAPPED_BYTES = 128 * 1024 * 1024

_WATCHED_CONNECTION = {  # else a server that vanishes without a word holds a request for many minutes
    "connect_timeout": BUSY_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": BUSY_SECONDS * 1000,
}

Connection = Any  # of either driver
Run = Callable[..., Any]


def engine_of(text: str) -> Engine:
    """An engine that keeps no connections itself.

    SQLite: WAL, so that readers and the writer do not wait for each other; synchronous=FULL, so that
    a commit that was answered is on the disk.
    """
    url = address_of(text)
    if url.drivername != "sqlite":
        waits: dict[str, Any] = {
            name: value for name, value in _WATCHED_CONNECTION.items() if name not in url.query
        }
        if "options" not in url.query:
            waits["options"] = f"-c lock_timeout={int(BUSY_SECONDS * 1000)}"
        return create_engine(url, poolclass=NullPool, connect_args=waits)
    options = {"check_same_thread": False, "timeout": BUSY_SECONDS, "isolation_level": None}
    engine = create_engine(url, poolclass=NullPool, paramstyle="named", connect_args=options)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Connection, _record: Any) -> None:
        for pragma in ("synchronous=FULL", "foreign_keys=ON", f"mmap_size={_MAPPED_BYTES}"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


class Connections:
    """Connections in autocommit, the one used last given first; as many as ask at one time.

    Those that append are not those that read.
    """

    def __init__(self, text: str) -> None:
        self.shown = shown(text)
        self.engine = engine_of(text)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._dbapi: Any = self.engine.dialect.loaded_dbapi
        self._free: deque[Connection] = deque(maxlen=_KEPT)
        self._appending: deque[Connection] = deque(maxlen=_KEPT)

    def read(self, work: Callable[[Run], Any], *, one_statement: bool = False) -> Any:
        """What `work` reads, given a function that runs a statement and gives its cursor.

        On SQLite several statements are one transaction, for each alone would take its own lock on the file.

        A connection that was kept may have died with the server's last restart: one more is tried.

        Raises:
            StoreAway: the store does not answer.
        """
        try:
            connection = self._free.pop()
        except IndexError:
            return self._read(self._connect(), work, one_statement)
        try:
            return self._read(connection, work, one_statement)
        except StoreAway:
            self.drop_all()
            return self._read(self._connect(), work, one_statement)

    def _read(self, connection: Connection, work: Callable[[Run], Any], one_statement: bool) -> Any:
        run = self._runner(connection)
        together = self.is_sqlite and not one_statement
        try:
            if together:
                run("BEGIN")
            found = work(run)
            if together:
                run("COMMIT")
        except self._dbapi.Error as error:
            self._close(connection)
            raise self.told(error) from error
        except BaseException:
            self._let_go(connection)
            raise
        self._free.append(connection)
        return found

    @contextmanager
    def appending(self) -> Iterator[Run]:
        """One transaction that appends; nobody else appends meanwhile. Committed where no error leaves it.

        Raises:
            StoreFull: there is no room; nothing was kept.
            StoreAway: the store does not answer, or another writer holds it too long.
        """
        connection = self._begun()
        try:
            run = self._runner(connection)
            yield run
            run("COMMIT")
        except self._dbapi.Error as error:
            self._close(connection)
            raise self.told(error) from error
        except BaseException:
            self._close(connection)  # which rolls back
            raise
        self._appending.append(connection)

    def _begun(self) -> Connection:
        while True:
            try:
                connection, fresh = self._appending.pop(), False
            except IndexError:
                connection, fresh = self._connect(), True
            run = self._runner(connection)
            try:
                if self.is_sqlite:
                    if fresh:
                        run("PRAGMA mmap_size=0")
                    run("BEGIN IMMEDIATE")
                else:
                    run("BEGIN")
                    run(f"SELECT pg_advisory_xact_lock({APPEND_LOCK})")
            except self._dbapi.Error as error:
                self._close(connection)
                if fresh or self.is_sqlite:
                    raise self.told(error) from error
            else:
                return connection

    def told(self, error: Exception) -> StoreError:
        """A driver's error in the house's words."""
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        full = (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF == _SQLITE_FULL
        if full or getattr(error, "pgcode", None) == _PG_FULL:
            return StoreFull(f"{self.shown}: there is no room left to write")
        if isinstance(error, self._dbapi.OperationalError | self._dbapi.InterfaceError):
            return StoreAway(f"{self.shown}: the store does not answer ({why})")
        return StoreError(f"{self.shown}: the store failed ({type(error).__name__})")

    def drop_all(self) -> None:
        """Close the connections that are kept."""
        for kept in (self._free, self._appending):
            while kept:
                self._close(kept.pop())

    def _connect(self) -> Connection:
        from sqlalchemy.exc import DBAPIError

        try:
            fairy = self.engine.raw_connection()
        except (DBAPIError, self._dbapi.Error) as error:
            cause = getattr(error, "orig", None) or error
            raise self.told(cause) from error
        connection: Connection = fairy.dbapi_connection
        fairy.detach()
        if not self.is_sqlite:
            connection.autocommit = True
        return connection

    def _runner(self, connection: Connection) -> Run:
        if self.is_sqlite:
            return connection.execute  # type: ignore[no-any-return]
        cursor = connection.cursor()

        def run(text: str, parameters: Any = None) -> Any:
            cursor.execute(text, parameters)
            return cursor

        return run

    def _let_go(self, connection: Connection) -> None:
        """Keep a connection whose reader found nothing to answer."""
        if self.is_sqlite:
            connection.rollback()
        self._free.append(connection)

    def _close(self, connection: Connection) -> None:
        try:
            connection.close()
        except self._dbapi.Error:
            return
