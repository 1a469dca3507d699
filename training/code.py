"""Which code and which inputs a version was made with: enough to see that it need not be made again."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import features
import training
from training.dataset import Source


@lru_cache(maxsize=1)
def code_sha256() -> str:
    """One hash of the sources of `features` and `training`: what a release's number does not tell."""
    digest = hashlib.sha256()
    for package in (features, training):
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{package.__name__}/{path.relative_to(root).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def inputs_sha256(source: Source, data_sha256: str) -> str:
    """One hash of the data, the cut-off, what pipeline.toml says, and the code.

    Args:
        data_sha256: of the source's manifest, which takes a while to work out.
    """
    told = (data_sha256, source.cutoff, source.data.config.to_toml(), repr(source.conventions), code_sha256())
    return hashlib.sha256(repr(told).encode()).hexdigest()
