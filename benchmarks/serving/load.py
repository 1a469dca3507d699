"""wrk, and what it says: https://github.com/wg/wrk."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_SHARES = (50, 75, 90, 99)


@dataclass(frozen=True)
class Request:
    """What is asked, again and again.

    Attributes:
        path: may hold `{n}`, six digits that are others in every request.
        body: posted; None for a GET.
    """

    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """A run of wrk.

    Attributes:
        quantile: seconds by percent.
        rate: requests a second.
        count: requests that were answered.
        failed: answers that were neither 2xx nor 3xx, and broken connections.
    """

    quantile: dict[int, float]
    rate: float
    count: int
    failed: int


def wrk() -> str:
    """Raises RuntimeError where wrk is not installed."""
    found = shutil.which("wrk")
    if found is None:
        raise RuntimeError("wrk is not there; install it (Debian: apt-get install wrk)")
    return found


def measure(port: int, request: Request, seconds: float, connections: int = 1, wait: float = 0.0) -> Measured:
    """One run against a server on this machine.

    Args:
        wait: seconds that each connection waits before every request.
    """
    with _script(request, wait) as script:
        command = [wrk(), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
        command += ["--timeout", "30s", "-s", str(script), f"http://127.0.0.1:{port}"]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return parsed(told)


def parsed(told: str) -> Measured:
    """What wrk printed. Raises ValueError where it is no report of it."""
    quantile = {}
    for share in _SHARES:
        found = re.search(rf"^\s+{share}%\s+([\d.]+)(us|ms|s|m)\s*$", told, re.MULTILINE)
        if found is None:
            raise ValueError(f"wrk says nothing of the {share}% quantile: {told[:300]!r}")
        quantile[share] = float(found[1]) * _UNITS[found[2]]
    rate = re.search(r"^Requests/sec:\s+([\d.]+)", told, re.MULTILINE)
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", told)
    failed = (int(wrong[1]) if wrong else 0) + (sum(map(int, broken.groups())) if broken else 0)
    count = re.search(r"^\s+(\d+) requests in ", told, re.MULTILINE)
    return Measured(quantile, float(rate[1]) if rate else 0.0, int(count[1]) if count else 0, failed)


@contextmanager
def _script(request: Request, wait: float) -> Iterator[Path]:
    """What wrk runs: the method, the body, and a path that counts."""
    with tempfile.TemporaryDirectory(prefix="dealcast-wrk-") as folder:
        lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in request.headers.items()]
        if request.body is not None:
            body = Path(folder) / "body"
            body.write_bytes(request.body)
            lines += [
                'wrk.method = "POST"',
                'wrk.headers["Content-Type"] = "application/json"',
                f'local file = io.open("{body}", "rb"); wrk.body = file:read("*a"); file:close()',
            ]
        before, counts, after = request.path.partition("{n}")
        path = f'"{before}" .. string.format("%06d", n) .. "{after}"' if counts else f'"{request.path}"'
        # Started at the time of day, so that no run asks what another one asked.
        lines += [
            "local n = os.time() * 7919 % 1000000",
            f"function request() n = (n + 1) % 1000000; return wrk.format(nil, {path}) end",
        ]
        if wait:
            # Around the wait by chance, so that the connections do not go in step.
            lines.append(f"function delay() return math.random() * 2 * {wait * 1000:.4f} end")
        script = Path(folder) / "ask.lua"
        script.write_text("\n".join(lines), encoding="utf-8")
        yield script
