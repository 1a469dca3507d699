"""Memory that a worker needs while it starts, and not while it serves."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

COMPILER = "libllvmlite"  # by which Numba puts compiled kernels together; some 75 MB of its pages are read
_MAPPED = Path("/proc/self/smaps")
_DONT_NEED = 4  # of madvise(2)


def leave_out(library: str = COMPILER) -> int:
    """Let go of the pages of a library that are as its file has them; what is asked for again is read again,
    as a rule out of the system's own copy.

    Such pages count as this process's until the system wants them back. Only mappings that cannot be
    written to, and of which no page was ever changed, are let go, so that nothing can be lost.

    Returns:
        how many bytes of mappings; 0 where the system is not Linux, or the library is not loaded.
    """
    if sys.platform != "linux":
        return 0
    try:
        ranges = list(_unchanged(library))
    except OSError:
        return 0
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    return sum(end - begin for begin, end in ranges if advise(begin, end - begin, _DONT_NEED) == 0)


def _unchanged(library: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each mapping of a library that holds no page of the process's own."""
    mapping: tuple[int, int] | None = None
    for line in _MAPPED.read_text(encoding="utf-8", errors="replace").splitlines():
        if f"/{library}" in line:
            range_, access, *_ = line.split()
            begin, end = (int(address, 16) for address in range_.split("-"))
            mapping = None if "w" in access else (begin, end)
        elif mapping is not None and line.startswith("Anonymous:"):
            if line.split()[1] == "0":
                yield mapping
            mapping = None
