"""What was worked out of a model's text, kept beside it: a process that only loads it is ready sooner.

The tables of `descent` and `treeshap` follow from the text and from the code that lays them out. The file
says of which text and which code its arrays are; what is of others, or damaged, is worked out anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from training.descent import Descent
from training.treeshap.checked import Tried
from training.treeshap.explainer import TreeShap
from training.treeshap.layout import Layout

FILE = "tables.npz"
_HERE = Path(__file__).parent
_CODE = ("model_text.py", "descent.py", "descent_kernel.py", "prepared.py", "treeshap/*.py")
_DESCENT = ("source", "kind", "first", "numbers", "bases", "depths", "order")


class Prepared(NamedTuple):
    """The tables of one model; those for reasons, and what these were held against, None without any."""

    descent: Descent
    reasons: TreeShap | None
    tried: Tried | None


def prepared_in(path: Path, text: str) -> Prepared | None:
    """The tables of a model's text that lie there; None where there are none that can be used."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            if str(held["of"]) != _mark(text):
                return None
            return Prepared(_descent_in(held), *_reasons_in(held))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def keep(path: Path, text: str, tables: Prepared) -> None:
    """Write the tables, whole or not at all. Raises OSError where that cannot be."""
    descent, reasons, tried = tables
    source, kind, first = descent.columns
    _, numbers, bases, depths, order = descent.tables
    held: dict[str, npt.ArrayLike] = {
        "of": _mark(text),
        "descent": [descent.features, descent.classes, descent.trees],
        **dict(zip(_DESCENT, (source, kind, first, numbers, bases, depths, order), strict=True)),
    }
    if reasons is not None:
        held |= {"reasons": [reasons.features, reasons.columns], "expected": reasons.expected}
        for name, arrays in reasons.layout._asdict().items():
            held |= {f"{name}.{i:02}": array for i, array in enumerate(arrays)}
    if tried is not None:
        held |= {"tried": tried.rows, "tried_values": tried.values}
    handle, name = tempfile.mkstemp(prefix=".new-", suffix=".npz", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **held)  # type: ignore[arg-type]
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _descent_in(held: np.lib.npyio.NpzFile) -> Descent:
    features, classes, trees = held["descent"].tolist()
    source, kind, first, numbers, bases, depths, order = (held[name] for name in _DESCENT)
    tables = (numbers.view(np.int64), numbers, bases, depths, order)
    return Descent(features, classes, trees, (source, kind, first), tables)


def _reasons_in(held: np.lib.npyio.NpzFile) -> tuple[TreeShap, Tried] | tuple[None, None]:
    if "reasons" not in held:
        return None, None
    features, columns = held["reasons"].tolist()
    parts = {field: sorted(n for n in held.files if n.startswith(f"{field}.")) for field in Layout._fields}
    layout = Layout(**{field: tuple(held[name] for name in names) for field, names in parts.items()})
    tables = TreeShap(features, columns, held["expected"].item(), layout)
    return tables, Tried(held["tried"], held["tried_values"])


def _mark(text: str) -> str:
    return hashlib.sha256(_code() + text.encode()).hexdigest()


@cache
def _code() -> bytes:
    """Digest of the code that lays the tables out."""
    digest = hashlib.sha256(np.__version__.encode())
    for path in sorted(path for pattern in _CODE for path in _HERE.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.digest()
