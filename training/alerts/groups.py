"""Teams, regions and reps whose win rate fell below their own year, and what the fall is made of.

The deals closed in the last quarter are held against those closed in the year before it. A fall is named
where the group's log odds of a win fell more than the rest of the firm's, beyond chance after all groups of
a kind were looked at (Benjamini and Hochberg 1995): what moves the whole firm, as a pipeline that grows and
whose losses come first, is no group's own. Small groups are not looked at. With s the shares and r the win
rates of the cells (kind and source of the deals) of a group, Kitagawa (1955) splits its change exactly:

    r_now - r_before = sum_c (s1 - s0) (r1 + r0) / 2  +  sum_c (r1 - r0) (s1 + s0) / 2
                       mix                                rate

and the rate once more (Oaxaca 1973, Blinder 1973): what the group's behaviours would have made of it, by the
slopes of the whole firm's year within cells, and the rest. A cell that one of the periods lacks has there the
other's rate. It is to coach: an association, and no judgement of anybody.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from features.build import build_features
from features.canonical import CanonicalData
from features.snapshots import Snapshots
from features.times import DAY, BoolArray, FloatArray, IntArray, iso
from training.dataset import Source, open_source
from training.errors import TooLittleData

COLUMNS = ("team_id", "region", "rep_id")
NOW_DAYS, BEFORE_DAYS = 91, 364
LEAST_NOW, LEAST_BEFORE = 10, 30  # closed deals of a group that is looked at
FALSE_DISCOVERIES = 0.1
BEHAVIOURS = (
    "activities_per_week",
    "inbound_share",
    "mean_response_hours",
    "decision_maker_meetings",
    "contacts_reached_total",
    "close_date_pushes",
)
_LEAST_SLOPES = 100  # closed deals of the firm's year from which slopes are learnt
_RIDGE = 10.0  # deals' worth of no slope at all


@dataclass(frozen=True)
class Closed:
    """The deals closed in the two periods; one row each.

    Attributes:
        won: of each; is_now: closed in the last quarter; cell: place of its kind and source.
        behaviour: deals x `BEHAVIOURS`, standardised by the firm's year, 0 where not given.
        slopes: of the win rate, one per behaviour; 0 where there is too little to learn them.
    """

    won: FloatArray
    is_now: BoolArray
    cell: IntArray
    behaviour: FloatArray
    slopes: FloatArray


@dataclass(frozen=True)
class Parts:
    """A change of a win rate; `mix` + `rate` + the sum of `behaviour` = `change`."""

    change: float
    mix: float
    rate: float
    behaviour: FloatArray


def groups(data: CanonicalData, as_of: int) -> dict[str, Any]:
    """The falls of teams, regions and reps; a section of the study.

    Raises:
        TooLittleData: hardly a deal was closed in one of the periods.
    """
    source = open_source(data, as_of)
    closed, rows = _closed(source)
    texts = _texts(source, rows)
    found: list[dict[str, Any]] = []
    counts: dict[str, dict[str, int]] = {}
    for column in COLUMNS:
        names = texts[column]
        able = [name for name in sorted(set(names.tolist()) - {""}) if _is_large(closed, names == name)]
        chance = [chance_of_fall(closed, names == name) for name in able]
        adjusted = adjusted_for_many(chance)
        counts[column] = {"looked_at": len(able), "too_small": len(set(names.tolist()) - {""}) - len(able)}
        found += [
            {"column": column, "name": name, "p": p, "q": q, **_told(closed, names == name)}
            for name, p, q in zip(able, chance, adjusted, strict=True)
            if q <= FALSE_DISCOVERIES
        ]
    return {
        "now": [iso(as_of - NOW_DAYS * DAY), iso(as_of)],
        "before": [iso(as_of - (NOW_DAYS + BEFORE_DAYS) * DAY), iso(as_of - NOW_DAYS * DAY)],
        "false_discoveries": FALSE_DISCOVERIES,
        "groups": counts,
        "falls": found,
    }


def parts_of(closed: Closed, mine: BoolArray) -> Parts:
    """What the change of a group's win rate is made of; it has deals in both periods."""
    now, before = mine & closed.is_now, mine & ~closed.is_now
    change = float(closed.won[now].mean() - closed.won[before].mean())
    mix, behaviour = 0.0, np.zeros(len(closed.slopes))
    for cell in np.unique(closed.cell[mine]).tolist():
        here = closed.cell == cell
        one, zero = now & here, before & here
        s1, s0 = one.sum() / now.sum(), zero.sum() / before.sum()
        r1 = closed.won[one if one.any() else zero].mean()
        r0 = closed.won[zero if zero.any() else one].mean()
        mix += float((s1 - s0) * (r1 + r0) / 2)
        if one.any() and zero.any():
            moved = closed.behaviour[one].mean(axis=0) - closed.behaviour[zero].mean(axis=0)
            behaviour += (s1 + s0) / 2 * closed.slopes * moved
    return Parts(change, mix, change - mix - float(behaviour.sum()), behaviour)


def adjusted_for_many(chances: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted chances: named at q where they are at most q.

    >>> adjusted_for_many([0.01, 0.5, 0.04])
    [0.03, 0.5, 0.06]
    """
    order = sorted(range(len(chances)), key=lambda i: chances[i], reverse=True)
    found, least = [1.0] * len(chances), 1.0
    for place, i in enumerate(order):
        least = min(least, chances[i] * len(chances) / (len(chances) - place))
        found[i] = least
    return found


def chance_of_fall(closed: Closed, mine: BoolArray) -> float:
    """How likely such a fall of the group's log odds against the others' is, had both moved alike.

    The four log odds have half a deal more on either side (Haldane 1956, Anscombe 1956), so that none is
    infinite; their difference of differences is taken as normal.
    """
    change, variance = 0.0, 0.0
    for group, sign in ((mine, 1.0), (~mine, -1.0)):
        for period, way in ((closed.is_now, 1.0), (~closed.is_now, -1.0)):
            won = float(closed.won[group & period].sum()) + 0.5
            lost = int((group & period).sum()) - won + 1.0
            change += sign * way * math.log(won / lost)
            variance += 1 / won + 1 / lost
    return 0.5 * math.erfc(-change / math.sqrt(2 * variance))


def _is_large(closed: Closed, mine: BoolArray) -> bool:
    now = int((mine & closed.is_now).sum())
    return now >= LEAST_NOW and int(mine.sum()) - now >= LEAST_BEFORE


def _told(closed: Closed, mine: BoolArray) -> dict[str, Any]:
    parts = parts_of(closed, mine)
    now, before = mine & closed.is_now, mine & ~closed.is_now
    return {
        "deals_now": int(now.sum()),
        "deals_before": int(before.sum()),
        "win_rate_now": float(closed.won[now].mean()),
        "win_rate_before": float(closed.won[before].mean()),
        "firm_now": float(closed.won[closed.is_now].mean()),
        "firm_before": float(closed.won[~closed.is_now].mean()),
        "change": parts.change,
        "mix": parts.mix,
        "rate": parts.rate,
        "behaviour": float(parts.behaviour.sum()),
        "behaviours": dict(zip(BEHAVIOURS, parts.behaviour.tolist(), strict=True)),
    }


def _closed(source: Source) -> tuple[Closed, IntArray]:
    """The closed deals of both periods, and their codes."""
    deals, end = source.history.opportunities, source.cutoff
    since = end - (NOW_DAYS + BEFORE_DAYS) * DAY
    rows = np.flatnonzero((deals.closed_at > since) & (deals.closed_at <= end))
    is_now = deals.closed_at[rows] > end - NOW_DAYS * DAY
    if min(int(is_now.sum()), int((~is_now).sum())) < LEAST_NOW:
        raise TooLittleData(
            f"{int(is_now.sum())} deals were closed in the last {NOW_DAYS} days and {int((~is_now).sum())} in"
            f" the {BEFORE_DAYS} before; {LEAST_NOW} each are needed"
        )
    last = Snapshots(rows, deals.closed_at[rows] - 1)
    frame = build_features(
        source.history, last, "opportunity", source.reference, only=("kind", "source", *BEHAVIOURS)
    )
    coded = np.nan_to_num(frame.values[:, :2], nan=-1.0)
    _, cell = np.unique(coded, axis=0, return_inverse=True)
    won = deals.won[rows].astype(np.float64)
    behaviour = _standardised(frame.values[:, 2:], ~is_now)
    cell = cell.reshape(-1).astype(np.int64)
    slopes = _slopes(won[~is_now], cell[~is_now], behaviour[~is_now])
    return Closed(won, is_now, cell, behaviour, slopes), rows


def _standardised(values: FloatArray, before: BoolArray) -> FloatArray:
    found = np.zeros_like(values)
    for k in range(values.shape[1]):
        given = values[before & ~np.isnan(values[:, k]), k]
        if len(given) and given.std() > 0:
            found[:, k] = np.clip(np.nan_to_num((values[:, k] - given.mean()) / given.std()), -3, 3)
    return found


def _slopes(won: FloatArray, cell: IntArray, behaviour: FloatArray) -> FloatArray:
    """Least squares of the win within cells, drawn a little towards 0."""
    if len(won) < _LEAST_SLOPES:
        return np.zeros(behaviour.shape[1])
    count = np.maximum(np.bincount(cell), 1)
    y = won - (np.bincount(cell, weights=won) / count)[cell]
    x = np.column_stack(
        [column - (np.bincount(cell, weights=column) / count)[cell] for column in behaviour.T]
    )
    return np.asarray(np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ y))


def _texts(source: Source, rows: IntArray) -> dict[str, Any]:
    """Team, region and rep of the deals; "" where not known."""
    ids = pl.DataFrame({"opportunity_id": source.history.opportunities.ids[rows].tolist()})
    reps = source.data["reps"].select("rep_id", "team_id", "region").unique("rep_id", maintain_order=True)
    own = source.data["opportunities"].select("opportunity_id", "rep_id")
    deals = ids.join(own, on="opportunity_id", how="left", maintain_order="left")
    deals = deals.join(reps, on="rep_id", how="left", maintain_order="left")
    return {name: np.array(deals[name].fill_null("").to_list(), object) for name in COLUMNS}
