"""The machine's load while a model is trained, by MLflow's own monitors, kept in memory.

MLflow's own monitor writes to a store as it goes; here a store that is away must not matter until
the model is there. The names are those that MLflow shows as system metrics.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from training.unsent import Reading

INTERVAL = 0.5  # seconds between readings, at first
MOST = 120  # readings of each figure; then every second one is dropped and the interval doubled

Clock = Callable[[], int]


@contextmanager
def watched(clock: Clock, interval: float = INTERVAL) -> Iterator[Callable[[], list[Reading]]]:
    """Reads the load in a thread of its own as long as the context is open.

    Args:
        clock: microseconds since 1970.
        interval: seconds.

    Yields:
        what gives the readings so far, none where psutil is not installed; the last one is taken when
        the context is left.
    """
    if find_spec("psutil") is None:
        yield list
        return
    watch = _Watch(clock, interval)
    watch.thread.start()
    try:
        yield watch.readings
    finally:
        watch.over.set()
        watch.thread.join()


class _Watch:
    """A thread that reads, and what it has read."""

    def __init__(self, clock: Clock, interval: float) -> None:
        import psutil  # type: ignore[import-untyped]
        from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
        from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
        from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

        self.clock, self.interval = clock, interval
        self.monitors: list[Any] = [CPUMonitor(), DiskMonitor()]  # type: ignore[no-untyped-call]
        if psutil.net_io_counters() is not None:  # a machine without a network
            self.monitors.append(NetworkMonitor())  # type: ignore[no-untyped-call]
        self.taken: list[tuple[int, dict[str, float]]] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, name="dealcast-load", daemon=True)

    def readings(self) -> list[Reading]:
        return [
            Reading(f"system/{name}", float(value), at, step)
            for step, (at, figures) in enumerate(list(self.taken))
            for name, value in figures.items()
        ]

    def _run(self) -> None:
        while not self.over.wait(self.interval):
            self._read()
        self._read()

    def _read(self) -> None:
        figures: dict[str, float] = {}
        for monitor in self.monitors:
            monitor.collect_metrics()
            figures.update(monitor.aggregate_metrics())
            monitor.clear_metrics()
        self.taken.append((self.clock(), figures))
        if len(self.taken) >= MOST:
            self.taken = self.taken[1::2]
            self.interval *= 2
