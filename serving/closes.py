"""Expected closes of scored deals, given that they are won."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.build import build_features
from features.snapshots import Snapshots
from features.times import NEVER, IntArray
from serving.histories import Histories
from training.close import CloseBundle
from training.labels import eligible


@dataclass(frozen=True)
class CloseModel:
    """A close bundle and the version it was registered under."""

    bundle: CloseBundle
    version: str


def expected_closes(
    model: CloseModel | None, histories: Histories, opportunity_ids: Sequence[str], as_of: IntArray
) -> IntArray:
    """P10, P50 and P90 of each close given a win, rows x 3, microseconds; `NEVER` for a deal that is not
    open, and without a model."""
    found = np.full((len(as_of), 3), NEVER, np.int64)
    if model is None or not len(as_of):
        return found
    history = histories.under(model.bundle.conventions)
    snapshots = Snapshots(history.opportunity_codes(opportunity_ids), as_of)
    able = eligible("win", history, snapshots)
    if able.any():
        mine = snapshots.take(able)
        frame = build_features(history, mine, "opportunity", model.bundle.reference)
        found[able] = model.bundle.expected_close(frame, mine.as_of)
    return found
