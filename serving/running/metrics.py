"""What a server tells Prometheus, summed over its processes.

With a run folder each process writes its figures into files there (prometheus-client's multiprocess mode),
and whichever worker is asked adds them up; without one the process is alone and tells its own.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # which prometheus-client reads when it is first imported
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_Mode = Literal["liveall", "livesum", "livemax"]


class Metrics:
    """The figures of this process; see the table in serving/README.md."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry: CollectorRegistry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"dealcast_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, mode: _Mode, *labels: str) -> Gauge:
            return Gauge(f"dealcast_{name}", text, labels, registry=self.registry, multiprocess_mode=mode)

        self.requests = counter(
            "requests", "Requests answered, by the route's template.", "method", "route", "status"
        )
        self.seconds: Histogram = Histogram(
            "dealcast_request_seconds", "From a request's arrival to its answer, waiting included.",
            ["route"], registry=self.registry, buckets=_SECONDS,
        )  # fmt: skip
        self.running = gauge("requests_running", "Requests that are worked on.", "livesum")
        self.waiting = gauge("requests_waiting", "Requests that wait for their turn.", "livesum")
        self.refused = counter("requests_refused", "Requests that were not let in, or not finished.", "why")
        self.store_errors = counter("store_errors", "Requests that the store failed, by problem.", "problem")
        self.receipts = gauge("receipts_waiting", "Receipts that are not on the disk yet.", "livesum")
        self.version = gauge("model_version", "Version of the served model.", "liveall", "target")
        self.loaded_at = gauge(
            "model_loaded_timestamp_seconds", "When the served model was loaded.", "liveall", "target"
        )
        self.cutoff = gauge(
            "model_cutoff_timestamp_seconds", "Up to when the served model knows.", "liveall", "target"
        )
        self.slowly = gauge(
            "slowly_explained_models", "Models explained slowly, over all workers.", "livesum"
        )
        self.swaps = counter("model_swaps", "Times that new models took the place of the old.")
        self.bundles_refused = counter("bundles_refused", "Bundles that were not taken.", "by")
        self.tracking_up = gauge("tracking_up", "Whether the tracking store answered last.", "livemax")
        self.tracking_at = gauge(
            "tracking_checked_timestamp_seconds", "When the champions were last known.", "livemax"
        )


@cache
def metrics() -> Metrics:
    """This process's figures, made when they are first asked for."""
    return Metrics()


def exposition() -> bytes:
    """The figures of all processes in Prometheus's text format."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    folder = os.environ.get(FOLDER)
    if not folder:
        return generate_latest(metrics().registry)
    _forget_the_dead(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def alive(pid: int) -> bool:
    """Whether a process of this machine runs; where that cannot be asked (Windows), it is taken to."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _forget_the_dead(folder: Path) -> None:
    """Drop the gauges of processes that have ended; what they counted stays counted."""
    from prometheus_client.multiprocess import mark_process_dead

    for pid in {path.stem.rsplit("_", 1)[-1] for path in folder.glob("gauge_live*.db")}:
        if pid.isdigit() and not alive(int(pid)):
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
