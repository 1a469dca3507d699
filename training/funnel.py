"""The funnel: of the deals that entered a stage, how many move on, and how long they stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from features.history import TextArray
from features.lookups import next_at
from features.shown import shown_of
from features.snapshots import Snapshots
from features.times import DAY, NEVER, BoolArray, FloatArray, IntArray
from training.dataset import Source
from training.durations import GOING_ON, durations, with_interval

MOVED_ON, LOST = 1, 2


@dataclass(frozen=True)
class Stays:
    """One row per deal and open stage that it first entered within a time.

    Attributes:
        stage: int64 place in the order of stages.
        deal: int64 code.
        owner: texts, who had it then; None where nobody is known.
        days: from entering to the end, or to the cut-off.
        end: `MOVED_ON` to a later stage or to a win, `LOST`, or `GOING_ON`; going back ends nothing.
    """

    stage: IntArray
    deal: IntArray
    owner: TextArray
    days: FloatArray
    end: IntArray

    def take(self, rows: BoolArray) -> Stays:
        """Some of the rows."""
        return Stays(self.stage[rows], self.deal[rows], self.owner[rows], self.days[rows], self.end[rows])


def stays_of(source: Source, begin: int) -> Stays:
    """The stays that began after `begin` (microseconds), by what is known at the cut-off."""
    history, cutoff = source.history, source.cutoff
    moves, stages = history.stage_changes, len(history.conventions.stages)
    stands = (moves.start <= cutoff) & (cutoff < moves.until)
    its = moves.where(stands & (moves["stage"] >= 0) & (moves["stage"] < stages))
    _, first = np.unique(its.entity * stages + its["stage"], return_index=True)
    first = first[its.at[first] > begin]
    entered, place = Snapshots(its.entity[first], its.at[first]), its["stage"][first].astype(np.int64)
    moved = np.full(len(first), NEVER, np.int64)
    for i in range(stages):
        mine = place == i
        moved[mine] = next_at(its.where(its["stage"] > i), entered.take(mine))
    closed, won = (
        column[entered.entity] for column in (history.opportunities.closed_at, history.opportunities.won)
    )
    moved = np.minimum(moved, np.where(won, closed, NEVER))
    lost = np.where(won, NEVER, closed)
    ended = np.minimum(moved, lost)
    end = np.where(ended > cutoff, GOING_ON, np.where(moved <= lost, MOVED_ON, LOST))
    days = np.maximum(np.minimum(ended, cutoff) - entered.as_of, 0) / DAY
    return Stays(place, entered.entity, shown_of(history, entered).rep, days, end)


def funnel(stays: Stays, stages: tuple[str, ...]) -> list[dict[str, Any]]:
    """Each stage with what came of its stays; JSON-ready.

    `moved_on`, `lost` and `undecided` add up to 1: shares by the longest stay whose end is known, deals
    that are still there taken into account. The interval is that of as many stays as have ended.
    """
    found = []
    for place, stage in enumerate(stages):
        mine = stays.stage == place
        its = durations(stays.days[mine], stays.end[mine], causes=2)
        moved, lost = its.share(MOVED_ON), its.share(LOST)
        found.append(
            {
                "stage": stage,
                "n": its.n,
                "moved_on": with_interval(moved, its.decided),
                "lost": with_interval(lost, its.decided),
                "undecided": None if moved is None or lost is None else max(1 - moved - lost, 0.0),
                "days": its.described(),
            }
        )
    return found
