"""The time of day, asked by the doors alone."""

from __future__ import annotations

import time


def now() -> int:
    """The present instant in microseconds."""
    return time.time_ns() // 1000
