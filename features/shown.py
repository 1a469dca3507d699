"""What is shown beside a score, as it was known: stage, amount and owner of a deal."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from features.families import told
from features.families.run import stage_of, told_of
from features.history import History, TextArray, text_array
from features.snapshots import Snapshots
from features.times import FloatArray


@dataclass(frozen=True)
class Shown:
    """One per snapshot: stage (None where none was known), amount (NaN), and the owner's id.

    Where no history says who has a deal, its row's last owner is shown; no feature reads that.
    """

    stage: TextArray
    amount: FloatArray
    rep: TextArray


def shown_in(history: History, deal: int, known: FloatArray) -> Shown:
    """The same of one deal, by its code, out of what the families told (1 x `told.TOLD`)."""
    stage, owner = known.item(0, told.STAGE), known.item(0, told.REP)
    last = history.opportunities.last_rep[deal]
    return Shown(
        text_array([None if math.isnan(stage) else history.stage_names[int(stage)]]),
        known[:, told.AMOUNT],
        text_array([last if math.isnan(owner) else history.reps.names[int(owner)]]),
    )


def shown_of(history: History, snapshots: Snapshots) -> Shown:
    """What is shown of the snapshots' deals."""
    known = told_of(history, snapshots)
    names = text_array([*history.stage_names, None])
    owner = known[:, told.REP]
    reps = text_array([*history.reps.names, None])
    unknown = np.isnan(owner)
    rep = reps[np.where(unknown, len(reps) - 1, owner).astype(np.int64)]
    last = history.opportunities.last_rep[snapshots.entity]
    return Shown(names[stage_of(history, snapshots)], known[:, told.AMOUNT], np.where(unknown, last, rep))
