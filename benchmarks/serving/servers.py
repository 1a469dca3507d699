"""Servers as processes of their own, one worker each, ended when they are no longer asked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import ROOT
from benchmarks.serving.load import Request

_PATIENCE = 90.0  # seconds until a server must answer


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path],
    port: int,
    first: Request,
    *,
    folder: Path,
    more: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """The process id of a server, from when it answers `first` on.

    Raises:
        RuntimeError: it ended, or does not answer in time.
    """
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "PYTHONPATH": path, **(more or {})}
    log = folder / f"server-{port}.log"
    with log.open("w", encoding="utf-8") as told:
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=folder,
            env=environment,
            stdout=told,
            stderr=told,
            start_new_session=True,
        )
        try:
            _wait(process, port, first, log)
            yield process.pid
        finally:
            _end(process)


def processor_seconds(pid: int) -> float:
    """What a process has used by now, all threads; NaN where the system does not tell it this way."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """MiB of memory that a process has; NaN where the system does not tell it this way."""
    try:
        told = Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()
    except OSError:
        return float("nan")
    return int(told[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def uvicorn(application: str, port: int) -> list[str]:
    """A command for one worker of an application."""
    words = [sys.executable, "-m", "uvicorn", application, "--factory", "--host", "127.0.0.1"]
    return [*words, "--port", str(port), "--no-access-log", "--log-level", "warning"]


def _wait(process: subprocess.Popen[bytes], port: int, first: Request, log: Path) -> None:
    begun = time.monotonic()
    why = "nothing"
    while time.monotonic() - begun < _PATIENCE:
        if process.poll() is not None:
            why = f"it ended with {process.returncode}"
            break
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}{first.path.format(n=1)}",
            data=first.body,
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(asked, timeout=10):
                return
        except urllib.error.HTTPError as error:
            why = f"{error.code}: {error.read()[:300]!r}"
        except OSError as error:
            why = str(error)
        time.sleep(0.02)
    raise RuntimeError(f"no answer ({why}): {log.read_text(encoding='utf-8')[-400:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process and what it started: the group is its own."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=10)
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
