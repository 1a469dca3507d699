"""The features of named snapshots: the one place in which the audit asks the engine for anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.agreed import conventions_of
from features.build import Entity, build_features
from features.canonical import CanonicalData
from features.frame import FeatureFrame
from features.from_tables import history_from_tables
from features.norms import reference_of
from features.snapshots import Snapshots
from features.times import IntArray


@dataclass(frozen=True)
class Asked:
    """Snapshots by the keys of their entities.

    Attributes:
        entity: whose features.
        ids: keys of opportunities or of accounts.
        as_of: int64 microseconds, one per key.
    """

    entity: Entity
    ids: tuple[str, ...]
    as_of: IntArray

    def __len__(self) -> int:
        return len(self.ids)


def asked_at(entity: Entity, ids: Sequence[str], as_of: int) -> Asked:
    """Snapshots of several entities at one instant."""
    return Asked(entity, tuple(ids), np.full(len(ids), as_of, np.int64))


def frames_at(data: CanonicalData, known_at: int, asked: Sequence[Asked]) -> list[FeatureFrame]:
    """The features of each group of snapshots, the data read as they were known at `known_at`.

    How the data are read (the order of stages, the fixed columns) and the statistics over many
    deals are worked out from these data, so that a leak through them shows like any other.
    """
    history = history_from_tables(data, conventions_of(data, known_at))
    reference = reference_of(history, known_at)
    frames = []
    for group in asked:
        codes = history.opportunity_codes if group.entity == "opportunity" else history.account_codes
        snapshots = Snapshots(codes(group.ids), group.as_of)
        frames.append(build_features(history, snapshots, group.entity, reference))
    return frames
