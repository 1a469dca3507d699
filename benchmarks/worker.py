"""One contender in a process of its own: `python -m benchmarks.worker TASK.json`, called by `harness`.

Prints a line of JSON per step, the last one being the measurement. Needs NumPy and what the contender
needs, since some run in another environment.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.metadata
import json
import resource
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

PAGE = resource.getpagesize()
SETTLING = 10  # times two seconds, at most


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    say("loading")
    started = time.perf_counter()
    module = importlib.import_module(f"benchmarks.contenders.{task['module']}")
    contender: Any = getattr(module, task["part"]) if task["part"] else module
    prepared = contender.prepare(Path(task["folder"]), task["threads"])
    prepare_s = time.perf_counter() - started
    sample = int(getattr(contender, "SAMPLE", 0))
    measured, result = repeated(lambda: contender.run(prepared), task["repeats"], task["limit"])
    if task["rows"] and contender.columns is not None:
        say("checking")
        rows = np.load(task["rows"])
        found = contender.columns(result)
        kept = found if sample else {name: values[rows] for name, values in found.items()}
        np.savez(task["out"], **kept)
    versions = {package: version(package) for package in task["packages"]}
    say(
        "done",
        prepare_s=prepare_s,
        sample=sample,
        output_bytes=size_of(result),
        versions=versions,
        **measured,
    )


def say(step: str, **values: Any) -> None:
    print(json.dumps({"step": step, **values}), flush=True)


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "source"


def size_of(result: Any) -> int:
    """Bytes of a Polars frame, an Arrow table, a pandas frame or dealcast's matrix; 0 of anything else."""
    if hasattr(result, "estimated_size"):
        return int(result.estimated_size())
    if hasattr(result, "nbytes"):
        return int(result.nbytes)
    if hasattr(result, "memory_usage"):
        return int(result.memory_usage().sum())
    return int(getattr(getattr(result, "values", None), "nbytes", 0))


def repeated(run: Callable[[], Any], repeats: int, limit: float) -> tuple[dict[str, Any], Any]:
    """Wall and processor seconds of each run, and the first one's peak memory beyond its start.

    Later runs take the pages that the first one left behind, so that only the first tells the memory.
    No run is begun once `limit` seconds are over.
    """
    seconds: list[float] = []
    processor: list[float] = []
    peak, result = 0, None
    begun = time.perf_counter()
    while not seconds or (len(seconds) < repeats and time.perf_counter() - begun < limit):
        say(f"run {len(seconds) + 1}/{repeats}")
        result = None
        gc.collect()
        with Peak(watch=not seconds) as memory:
            cpu, wall = time.process_time(), time.perf_counter()
            result = run()
            seconds.append(time.perf_counter() - wall)
            processor.append(time.process_time() - cpu)
        peak = max(peak, memory.beyond)
    return {"seconds": seconds, "cpu_seconds": processor, "peak_bytes": peak}, result


class Peak:
    """The peak of resident memory beyond that at the beginning, in bytes."""

    def __init__(self, *, watch: bool) -> None:
        self._watch = watch
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._base = self._peak = 0

    def __enter__(self) -> Peak:
        if self._watch:
            settle()
            self._base = self._peak = resident()
            if not reset_high_water():
                self._thread = threading.Thread(target=self._sample, daemon=True)
                self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._watch:
            return
        if self._thread is None:
            self._peak = high_water()
        else:
            self._stop.set()
            self._thread.join()

    @property
    def beyond(self) -> int:
        return max(self._peak - self._base, 0)

    def _sample(self) -> None:
        while not self._stop.wait(0.005):
            self._peak = max(self._peak, resident())


def resident() -> int:
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * PAGE
    import psutil  # type: ignore[import-untyped]

    return int(psutil.Process().memory_info().rss)


def settle() -> None:
    """Let freed pages go back to the system, so that a run cannot hide in them.

    glibc does so when told to, other allocators (Polars', Arrow's) after some seconds by themselves.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    before = resident()
    for _ in range(SETTLING):
        time.sleep(2.0)
        now = resident()
        if now > 0.99 * before:
            return
        before = now


def reset_high_water() -> bool:
    """Let Linux count the peak of this process anew; False where it cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        return False
    return True


def high_water() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
