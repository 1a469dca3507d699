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
    and again; it is turned on when all are there (`app.settle`). What only looks whether something is there
    does not find it: Numba imports SciPy's linear algebra (16 MB, a tenth of a second), of which no kernel of
    ours calls any, and PyYAML for settings of its own; FastAPI looks for models of pydantic's first version.
    """
    gc.disable()
    with _as_if_without("scipy", "yaml", "pydantic.v1"):
        from serving.app import from_environment

        return from_environment()


@contextmanager
def _as_if_without(*packages: str) -> Iterator[None]:
    """An import of one of the packages fails here, unless it was imported before."""
    hidden = [package for package in packages if package not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]
