"""Snapshots: pairs of an entity and an instant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.times import BoolArray, IntArray


@dataclass(eq=False)
class Snapshots:
    """Pairs of (entity, as_of); the order is kept in everything computed from them.

    Attributes:
        entity: int64 codes of opportunities or of accounts.
        as_of: int64 microseconds.
    """

    entity: IntArray
    as_of: IntArray

    def __len__(self) -> int:
        return len(self.entity)

    def take(self, rows: IntArray | BoolArray) -> Snapshots:
        """Some of the snapshots: an index array or a mask."""
        return Snapshots(self.entity[rows], self.as_of[rows])

    def and_also(self, others: Snapshots) -> Snapshots:
        """These snapshots, then the others."""
        return Snapshots(
            np.concatenate([self.entity, others.entity]), np.concatenate([self.as_of, others.as_of])
        )
