"""Python environments of contenders that cannot live in the project's own, made by uv when first used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

HERE = Path(__file__).parent
# Featuretools 1.31 and lifetimes 0.11 import pkg_resources; the one is older than pandas 3, the other than 2.
# fasttreeshap 0.1.6 uses names that NumPy 1.24 no longer has.
PACKAGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "featuretools": ("featuretools==1.31.0", "pandas<3", "setuptools<81", "pyarrow"),
        "fasttreeshap": ("fasttreeshap==0.1.6", "numpy<1.24", "setuptools<70", "lightgbm"),
        "bentoml": ("bentoml==1.4.40", "lightgbm==4.6.0", "numpy<3"),
        "mlserver": ("mlserver==1.7.1", "mlserver-lightgbm==1.7.1", "lightgbm==4.6.0", "setuptools<81"),
        "lifetimes": ("lifetimes==0.11.3", "pandas<2", "numpy<2", "scipy<1.12", "setuptools<81"),
    }
)


def python_of(environment: str) -> Path:
    """The interpreter of an environment; the one that runs this if the name is empty.

    Raises:
        RuntimeError: the environment could not be made.
    """
    if not environment:
        return Path(sys.executable)
    folder = HERE / f".venv-{environment}"
    ready, python = folder / "ready", folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = "\n".join(PACKAGES[environment])
    if not ready.is_file() or ready.read_text(encoding="utf-8") != wanted:
        _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        _uv("pip", "install", "--quiet", "--python", str(python), *PACKAGES[environment])
        ready.write_text(wanted, encoding="utf-8")
    return python


def _uv(*words: str) -> None:
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        raise RuntimeError("uv is not there to make the environment; install it: pip install uv")
    done = subprocess.run([uv, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"uv {words[0]} failed: {done.stderr.strip()[-500:]}")
