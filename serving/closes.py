"""The model of when a deal is won, as it is served."""

from __future__ import annotations

from dataclasses import dataclass

from training.close import CloseBundle


@dataclass(frozen=True)
class CloseModel:
    """A close bundle and the version it was registered under."""

    bundle: CloseBundle
    version: str
