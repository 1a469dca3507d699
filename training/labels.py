"""Labels: what came of each snapshot, as far as it was known at a cut-off.

The three targets and when each is unknown are those of the project's data description. Times
after `as_of` appear here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from features.errors import DataError
from features.families.run import stage_of
from features.history import History
from features.lookups import any_visible, next_at
from features.records import Records
from features.snapshots import Snapshots
from features.times import DAY, NEVER, BoolArray, FloatArray, IntArray

Target = Literal["win", "stall", "churn"]
TARGETS: tuple[Target, ...] = ("win", "stall", "churn")
ENTITY: Mapping[Target, Literal["opportunity", "account"]] = MappingProxyType(
    {"win": "opportunity", "stall": "opportunity", "churn": "account"}
)


_YES, _NO = np.array([True]), np.array([False])  # of the only snapshot there is
for _answer in (_YES, _NO):
    _answer.flags.writeable = False


@dataclass(frozen=True)
class LabelPolicy:
    """What exactly is asked.

    Attributes:
        stall_days, churn_days: how far ahead the labels look; a win has no horizon.
        win_given_stage: if not empty, win asks: given that the deal reaches this stage, will it
            be won? Deals that ended before it then teach nothing.
        dead_days: an open deal of which nothing was recorded for so long counts as lost; 0: never.
        same_day_deals: "learn", or "leave_out" of wins the deals closed within a day of their creation.
    """

    stall_days: int = 30
    churn_days: int = 90
    win_given_stage: str = ""
    dead_days: int = 0
    same_day_deals: str = "learn"

    def horizon_days(self, target: Target) -> int | None:
        """Days of a target's horizon; None for win."""
        return {"win": None, "stall": self.stall_days, "churn": self.churn_days}[target]


@dataclass(frozen=True)
class Labels:
    """One per snapshot.

    Attributes:
        value: float64, 1 or 0; NaN where unknown (censored) at the cut-off.
        after: int64 microseconds from `as_of` to when the label was decided, or to the cut-off
            where it is unknown.
        counted: bool; False where the label policy leaves the snapshot out.
    """

    value: FloatArray
    after: IntArray
    counted: BoolArray

    @property
    def known(self) -> BoolArray:
        """Mask of those that count and are decided."""
        return self.counted & ~np.isnan(self.value)

    @property
    def censored(self) -> BoolArray:
        """Mask of those that count and are not decided yet."""
        return self.counted & np.isnan(self.value)


def label(target: Target, history: History, snapshots: Snapshots, cutoff: int, policy: LabelPolicy) -> Labels:
    """The labels of eligible snapshots as they were known at `cutoff` (microseconds)."""
    return _LABELS[target](history, snapshots, cutoff, policy)


def eligible(target: Target, history: History, snapshots: Snapshots) -> BoolArray:
    """Which snapshots a target can be asked of: open deals, or accounts that order and have not left."""
    if len(snapshots) == 1:
        return _YES if _is_eligible(target, history, snapshots) else _NO
    if ENTITY[target] == "opportunity":
        deals = history.opportunities
        opened = deals.created_at[snapshots.entity] <= snapshots.as_of
        return opened & (snapshots.as_of < deals.closed_at[snapshots.entity])
    ordered = any_visible(history.orders, snapshots)
    return ordered & (snapshots.as_of < history.accounts.churned_at[snapshots.entity])


def _is_eligible(target: Target, history: History, snapshots: Snapshots) -> bool:
    """The same of the only snapshot: a request waits for it, and NumPy's way of one row is a long one."""
    entity, as_of = snapshots.entity.item(0), snapshots.as_of.item(0)
    if ENTITY[target] == "opportunity":
        deals = history.opportunities
        return bool(deals.created_at.item(entity) <= as_of < deals.closed_at.item(entity))
    left = as_of >= history.accounts.churned_at.item(entity)
    return not left and bool(any_visible(history.orders, snapshots)[0])


def _win(history: History, snapshots: Snapshots, cutoff: int, policy: LabelPolicy) -> Labels:
    deals = history.opportunities
    died_at = _died_at(history, cutoff, policy.dead_days)
    dead = died_at <= np.minimum(deals.closed_at, cutoff)
    ended_at = np.where(dead, died_at, deals.closed_at)
    over = ended_at <= cutoff
    left_out = over & ~_reached(history, policy.win_given_stage, cutoff)
    if policy.same_day_deals == "leave_out":
        left_out |= over & (ended_at - deals.created_at < DAY)
    mine = snapshots.entity
    value = np.where(over, (deals.won & ~dead).astype(np.float64), np.nan)[mine]
    after = np.minimum(ended_at, cutoff)[mine] - snapshots.as_of
    return Labels(value, after, ~left_out[mine] & (after >= 0))


def _died_at(history: History, cutoff: int, days: int) -> IntArray:
    """When each deal had been silent for so many days, as far as was known at the cut-off; `NEVER` where
    days is 0 or the deal was closed by then.
    """
    deals = history.opportunities
    if not days:
        return np.full(len(deals.ids), NEVER, np.int64)
    last = deals.created_at.copy()
    for records in (history.activities, history.stage_changes, history.fields.changes):
        known = _known_by(records, cutoff)
        mine = known.entity < len(last)
        np.maximum.at(last, known.entity[mine], known.start[mine])
    return np.where(deals.closed_at <= cutoff, NEVER, last + days * DAY)


def _reached(history: History, stage: str, cutoff: int) -> BoolArray:
    """Which opportunities reached a stage by the cut-off; all of them where none is named."""
    if not stage:
        return np.ones(len(history.opportunities.ids), np.bool_)
    if stage not in history.stage_names:
        raise DataError(f"win_given_stage is {stage!r}, which is none of {', '.join(history.stage_names)}")
    moves = _known_by(history.stage_changes, cutoff)
    reached = np.zeros(len(history.opportunities.ids), np.bool_)
    reached[moves.entity[moves["stage"] == history.stage_names.index(stage)]] = True
    return reached


def _stall(history: History, snapshots: Snapshots, cutoff: int, policy: LabelPolicy) -> Labels:
    closed_at = history.opportunities.closed_at[snapshots.entity]
    won_at = np.where(history.opportunities.won[snapshots.entity], closed_at, NEVER)
    relief = np.minimum(_next_forward_move(history, snapshots, cutoff), won_at)
    return _within(snapshots.as_of, relief, cutoff, policy.stall_days)


def _churn(history: History, snapshots: Snapshots, cutoff: int, policy: LabelPolicy) -> Labels:
    orders = _known_by(history.orders, cutoff)
    order = next_at(orders, snapshots)
    labels = _within(snapshots.as_of, order, cutoff, policy.churn_days)
    left_at = history.accounts.churned_at[snapshots.entity]
    left = (left_at <= np.minimum(snapshots.as_of + policy.churn_days * DAY, cutoff)) & (left_at < NEVER)
    return Labels(
        np.where(left, 1.0, labels.value),
        np.where(left, left_at - snapshots.as_of, labels.after),
        labels.counted,
    )


_LABELS: Mapping[Target, Callable[[History, Snapshots, int, LabelPolicy], Labels]] = MappingProxyType(
    {"win": _win, "stall": _stall, "churn": _churn}
)


def _within(as_of: IntArray, relief: IntArray, cutoff: int, days: int) -> Labels:
    """0 if the relief came within the horizon, 1 if the horizon passed without, else unknown."""
    end = as_of + days * DAY
    came = relief <= np.minimum(end, cutoff)
    value = np.where(came, 0.0, np.where(end <= cutoff, 1.0, np.nan))
    after = np.where(came, relief, np.minimum(end, cutoff)) - as_of
    return Labels(value, after, np.ones(len(value), np.bool_))


def _next_forward_move(history: History, snapshots: Snapshots, cutoff: int) -> IntArray:
    """When each deal next moves to a later open stage than its present one; `NEVER` if it does not.

    Any open stage is later for a deal whose present stage is not known or not in the order.
    """
    open_stages = len(history.conventions.stages)
    now = stage_of(history, snapshots)
    now = np.where(now < open_stages, now, -1)
    moves = _known_by(history.stage_changes, cutoff)
    move = np.full(len(snapshots), NEVER, np.int64)
    for position in np.unique(now).tolist():
        mine = now == position
        stage = moves["stage"]
        later = moves.where((stage > position) & (stage < open_stages))
        move[mine] = next_at(later, snapshots.take(mine))
    return move


def _known_by(records: Records, cutoff: int) -> Records:
    """The versions of the records that stood at the cut-off."""
    return records.where((records.start <= cutoff) & (cutoff < records.until))
