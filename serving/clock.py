"""The time of day, asked by the doors alone."""

from __future__ import annotations

import time


def now() -> int:
    """The present instant in microseconds."""
    return time.time_ns() // 1000


def elapsed() -> float:
    """Seconds from some fixed moment on: for durations, which a change of the time of day must not touch."""
    return time.perf_counter()
