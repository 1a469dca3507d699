"""Whether a rule of thumb holds on these data: a deal 30% longer in a stage than usual is a lost deal.

Deals are followed from week to week. A week is *over* where the deal had been longer in its stage than
`over` times the days that won deals usually spend there, as they were known then. The hazard ratio
compares the rates of losses in weeks that are over and in those that are not, within each stage
(Mantel and Haenszel 1959, in its form for person-time: Rothman, Greenland and Lash, Modern Epidemiology,
3rd ed., ch. 15):

    ratio = sum_s(a_s u_s / t_s) / sum_s(b_s o_s / t_s)

with a, b the losses in and outside of weeks that are over, o, u their weeks, t = o + u. A deal that is won
or still open is followed up to then. The interval comes of leaving out a group of deals at a time
(delete-a-group jackknife, on the logarithm), so that a deal's weeks may hang together as they like.
"""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from features.build import build_features
from features.errors import DataError
from features.times import WEEK, BoolArray, FloatArray, IntArray
from training.close import LOST, OPEN
from training.dataset import Source
from training.grid import weekly_grid
from training.weeks_ahead import ends_of

OVER = 1.3
GROUPS = 40  # of the jackknife
LEAST_LOSSES = 10  # on either side
LITTLE = 1.1  # losses that come less than a tenth faster are not what the rule says
_95 = 1.959964
Verdict = Literal["holds", "does not hold", "cannot be told"]


@dataclass(frozen=True)
class DwellRule:
    """What became of the rule.

    Attributes:
        over: times the usual days of won deals in the stage.
        verdict: `holds` where losses come faster beyond chance: the interval lies above 1; `does not hold`
            where it lies below `LITTLE`; else `cannot be told`, as where too little was lost on either side.
        hazard_ratio, low, high: of losses a week, with a 95% interval; None where it cannot be told.
        weeks_over, losses_over, weeks_under, losses_under: deal-weeks and the losses in them.
        deals_over, lost_share_over: closed deals that ever were over while open, and the share lost of them.
        deals, lost_share: the same of all closed deals.
    """

    over: float
    verdict: Verdict
    hazard_ratio: float | None
    low: float | None
    high: float | None
    weeks_over: int
    losses_over: int
    weeks_under: int
    losses_under: int
    deals_over: int
    lost_share_over: float | None
    deals: int
    lost_share: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def dwell_rule(source: Source, over: float = OVER) -> DwellRule:
    """The rule held against a data set as it was known at its cut-off.

    Raises:
        DataError: no deal was ever met in a stage that won deals have passed.
    """
    snapshots = weekly_grid("win", source.history, source.cutoff)
    frame = build_features(
        source.history, snapshots, "opportunity", source.reference, only=("stage", "dwell_over_norm")
    )
    stage, dwell = frame.values.T
    ends = ends_of(source.history, snapshots, source.cutoff, source.policy)
    known = ends.over(1.0) & np.isfinite(stage) & np.isfinite(dwell)
    if not known.any():
        raise DataError(
            "no week of any deal can be judged: a stage, and an earlier deal that was won through it,"
            " are needed"
        )
    deal, is_over = snapshots.entity[known], dwell[known] > over
    lost = (ends.end[known] == LOST) & (ends.after[known] <= WEEK)
    counts = _Counts(stage[known].astype(np.int64), is_over, lost)
    groups = _groups(source.history.opportunities.ids[deal])
    ratio, low, high = _interval(counts, groups)
    closed = ends.end[known] != OPEN
    all_deals, all_lost = _share_lost(deal[closed], ends.end[known][closed])
    over_deals, over_lost = _share_lost(deal[closed & is_over], ends.end[known][closed & is_over])
    if min(int((lost & is_over).sum()), int((lost & ~is_over).sum())) < LEAST_LOSSES:
        ratio = low = high = None
    return DwellRule(
        over, _verdict(low, high), ratio, low, high,
        int(is_over.sum()), int((lost & is_over).sum()), int((~is_over).sum()), int((lost & ~is_over).sum()),
        over_deals, over_lost, all_deals, all_lost,
    )  # fmt: skip


def _verdict(low: float | None, high: float | None) -> Verdict:
    if low is None or high is None:
        return "cannot be told"
    if low > 1:
        return "holds"
    return "does not hold" if high < LITTLE else "cannot be told"


@dataclass(frozen=True)
class _Counts:
    stage: IntArray
    over: BoolArray
    lost: BoolArray

    def ratio(self, kept: BoolArray) -> float:
        """Mantel and Haenszel's rate ratio over some of the weeks; NaN where it is not defined."""
        size = int(self.stage.max()) + 1

        def count(mask: BoolArray) -> FloatArray:
            return np.bincount(self.stage[mask & kept], minlength=size).astype(np.float64)

        over, under = count(self.over), count(~self.over)
        total = np.maximum(over + under, 1.0)
        above = float((count(self.over & self.lost) * under / total).sum())
        below = float((count(~self.over & self.lost) * over / total).sum())
        return above / below if above > 0 and below > 0 else float("nan")


def _interval(counts: _Counts, groups: IntArray) -> tuple[float | None, float | None, float | None]:
    """The ratio and its 95% interval; None where one of them is not defined."""
    whole = counts.ratio(np.ones(len(groups), np.bool_))
    without = np.log([counts.ratio(groups != g) for g in range(GROUPS)])
    if not (np.isfinite(whole) and np.isfinite(without).all()):
        return None, None, None
    spread = np.sqrt((GROUPS - 1) / GROUPS * ((without - without.mean()) ** 2).sum())
    return whole, float(whole * np.exp(-_95 * spread)), float(whole * np.exp(_95 * spread))


def _groups(ids: Any) -> IntArray:
    """A group for each deal's id; the same id always has the same."""
    names, place = np.unique(ids, return_inverse=True)
    return np.array([zlib.crc32(str(name).encode()) % GROUPS for name in names], np.int64)[place]


def _share_lost(deal: IntArray, end: IntArray) -> tuple[int, float | None]:
    """Distinct deals, and the share of them that was lost."""
    deals, place = np.unique(deal, return_index=True)
    return len(deals), float((end[place] == LOST).mean()) if len(deals) else None
