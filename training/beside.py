"""The served trees of much data, fitted while the forward test is still going on.

LightGBM's threads wait for each other at every split; what the forward test has to do besides its own
trees takes one processor at a time. Together they fill the processors.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from training.trees import Trees

LEAST_ROWS = 100_000  # fewer are fitted sooner than anything else could begin


class Beside:
    """Runs the last fit that was begun; beside other work where the rows are many, else when it is asked for.

    OpenMP's threads that do not sleep while they wait (`OMP_WAIT_POLICY=passive`, as the commands set it)
    would stand in each other's way.
    """

    def __init__(self, rows: int) -> None:
        sleeps = os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive"
        self._pool = ThreadPoolExecutor(1) if sleeps and rows >= LEAST_ROWS else None
        self._begun: Callable[[], Trees] | Future[Trees] | None = None

    def __enter__(self) -> Beside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def begin(self, fitting: Callable[[], Trees]) -> None:
        """This is the fit to do; one that was begun before no longer counts."""
        self._begun = fitting if self._pool is None else self._pool.submit(fitting)

    def result(self) -> Trees:
        """The trees of the last fit that was begun."""
        if self._begun is None:
            raise AssertionError("no fit was begun")
        return self._begun.result() if isinstance(self._begun, Future) else self._begun()
