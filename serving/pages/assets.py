"""The files that pages link to: styles, scripts, the chart library."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
        "txt": "text/plain; charset=utf-8",
    }
)
NAMES = ("pages.css", "icon.svg", "pages.js", "charts.js", "vendor/echarts.js", "vendor/LICENSES.txt")


@dataclass(frozen=True)
class Asset:
    """A file as it is sent; `version` changes with its content."""

    body: bytes
    packed: bytes
    media_type: str
    version: str


@cache
def asset(name: str) -> Asset:
    """An asset by its name; read once.

    Raises:
        KeyError: there is no such asset.
    """
    if name not in NAMES:
        raise KeyError(name)
    body = (files("serving.pages") / "static" / name).read_bytes()
    version = hashlib.sha256(body).hexdigest()[:12]
    return Asset(body, gzip.compress(body, 9, mtime=0), _TYPES[name.rpartition(".")[2]], version)
