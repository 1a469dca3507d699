"""Structs of arrays: rows picked from and joined to dataclasses whose fields are equally long arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Rows = TypeVar("Rows", bound="DataclassInstance")


def take(rows: Rows, which: Any) -> Rows:
    """The same struct with only the rows of an index or a mask, in that order."""
    return replace(rows, **{name: getattr(rows, name)[which] for name in _names(rows)})


def join(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts, one after the other; there must be at least one part."""
    names = _names(parts[0])
    return replace(parts[0], **{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def height(rows: DataclassInstance) -> int:
    """How many rows the struct has."""
    return len(getattr(rows, _names(rows)[0]))


def _names(rows: DataclassInstance) -> list[str]:
    return [field.name for field in fields(rows)]
