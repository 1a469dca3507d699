"""What a measurement was taken on: processor, memory, system, versions, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path


def machine() -> str:
    """Processor, cores, memory and system in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores, {_memory()}, {platform.system()} {platform.release()}"


def commit(root: Path) -> str:
    """The commit of the project, and whether there are changes upon it."""
    found = _git(root, "rev-parse", "--short", "HEAD")
    changed = _git(root, "status", "--porcelain", "--", "features")
    return f"{found or 'unknown'}{' with changes in features/' if changed else ''}"


def versions(told: Iterable[Mapping[str, str]]) -> str:
    """Python's and the packages' versions; a package that occurs in two is told with both."""
    found: dict[str, set[str]] = {}
    for some in told:
        for package, version in some.items():
            found.setdefault(package, set()).add(version)
    parts = [f"{package} {' and '.join(sorted(found[package]))}" for package in sorted(found)]
    return ", ".join([f"Python {platform.python_version()}", *parts])


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    with suppress(OSError, ValueError):
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return f"{pages / 2**30:.0f} GiB"
    return "memory unknown"


def _git(root: Path, *words: str) -> str:
    with suppress(OSError):
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""
    return ""
