"""A worker process, made ready in less time: what a server starts, one of each."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI


def app() -> FastAPI:
    """The app of the settings in the environment.

    Loading makes some hundred thousand objects that stay, at which the garbage collector would look again
    and again; it is turned on when all are there (`app.settle`). Numba imports SciPy's linear algebra
    (16 MB, a tenth of a second) to find out which it could call; no kernel of ours calls any.
    """
    gc.disable()
    with _as_if_without("scipy"):
        from serving.app import from_environment

        return from_environment()


@contextmanager
def _as_if_without(package: str) -> Iterator[None]:
    """An import of the package fails here, unless it was imported before."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
