"""What reps change in a deal's fields while it is open: amount, expected close, and who owns it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.sample.columns import join
from features.sample.deals import Deals
from features.sample.setting import START, Setting, working_time
from features.times import DAY, WEEK, FloatArray, IntArray

FIELDS: Final = ("amount", "expected_close_at", "rep_id")
AMOUNT, EXPECTED_CLOSE, REP = range(3)
PUSH_CHANCE: Final = 0.7  # of a week in which the expected close comes near
REVISE_CHANCE: Final = 0.06  # of a week from the proposal on
HAND_OVER_CHANCE: Final = 0.003


@dataclass(frozen=True)
class FieldChanges:
    """One row is one new value; a time is in microseconds and a rep by index, both exact as floats."""

    deal: IntArray
    at: IntArray
    field: IntArray
    value: FloatArray


def initial_values(deals: Deals) -> FieldChanges:
    """The fields as they were at the creation."""
    values: tuple[IntArray | FloatArray, ...] = (deals.amount, deals.expected_close_at, deals.rep)
    return join([_changes(deals.index, deals.created_at, field, v) for field, v in enumerate(values)])


def with_paperwork(deals: Deals, setting: Setting, rng: np.random.Generator) -> tuple[Deals, FieldChanges]:
    """The deals after a week's changes of their fields, and these changes."""
    size = len(deals.index)
    monday = START + deals.week * WEEK
    at = [working_time(monday, rng) for _ in FIELDS]
    chance = rng.random((3, size))
    near = deals.expected_close_at < monday + 7 * DAY
    pushed = near & (chance[0] < PUSH_CHANCE)
    close = (monday // DAY + rng.integers(14, 46, size)) * DAY
    revised = (deals.stage >= 3) & (chance[1] < REVISE_CHANCE)
    amount = (deals.amount * rng.uniform(0.78, 1.06, size)).round(-1)
    handed = chance[2] < HAND_OVER_CHANCE
    rep = rng.integers(0, len(setting.reps.team), size)
    changed = replace(
        deals,
        expected_close_at=np.where(pushed, close, deals.expected_close_at),
        pushes=deals.pushes + pushed,
        amount=np.where(revised, amount, deals.amount),
        rep=np.where(handed, rep, deals.rep),
    )
    parts = zip((revised, pushed, handed), (amount, close, rep), strict=True)
    changes = [
        _changes(deals.index[which], at[field][which], field, values[which])
        for field, (which, values) in enumerate(parts)
    ]
    return changed, join(changes)


def _changes(deal: IntArray, at: IntArray, field: int, value: IntArray | FloatArray) -> FieldChanges:
    return FieldChanges(deal, at, np.full(len(deal), field, dtype=np.int64), value.astype(np.float64))
