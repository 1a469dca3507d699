"""The end of a worker: it says that it is not ready, goes on for a while, then lets requests finish."""

from __future__ import annotations

import asyncio
import signal
import threading
from types import FrameType
from typing import Any


class Ending:
    """Whether this process was told to end."""

    def __init__(self) -> None:
        self.begun = False

    def listen(self, drain_seconds: float) -> None:
        """Put off a SIGTERM by some seconds, in which load balancers see that this process is not ready.

        A second one is not put off. Called in the running loop; only a main thread gets signals.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        loop, ends = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
        if not callable(ends):
            return
        end: Any = ends

        def told(number: int, frame: FrameType | None) -> None:
            put_off, self.begun = not self.begun and drain_seconds > 0, True
            if put_off:
                loop.call_soon_threadsafe(loop.call_later, drain_seconds, end, number, frame)
            else:
                end(number, frame)

        signal.signal(signal.SIGTERM, told)
