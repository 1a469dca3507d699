"""Closed deals that stood as an open one stands: how they ended, and in what they are alike.

A closed deal is compared as it was when it had been in the open one's stage for about as long: `STEPS` days
at most as long, where at least `ENOUGH` closed deals were still there; of these the `MOST` that closed last.
Near are those to which the model of wins gave the same points, behaviour by behaviour: the distance is the
sum of the behaviours' differences in log-odds. What comes of the near ones stands beside the deal's own
probability and does not replace it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from features.build import build_features
from features.families.run import stage_of
from features.frame import FeatureFrame
from features.history import History
from features.shown import shown_of
from features.snapshots import Snapshots
from features.times import DAY, NEVER, BoolArray, FloatArray, IntArray, iso
from serving.alike import Pair, Standing
from serving.histories import Histories
from serving.kept import Made
from serving.scorer import Model, Scorer, Scores
from serving.wording import Language, beside_text
from training.errors import BundleError
from training.explain import grouping_of
from training.labels import eligible

STEPS: Final = (0, 7, 14, 28, 56, 112)  # days in a stage at which closed deals are looked at
ENOUGH: Final = 30  # closed deals of which the near ones are taken
MOST: Final = 5_000  # that are compared: more make the first answer slow, and the nearest hardly nearer
KEPT: Final = 64  # pools, one per stage and step


@dataclass(frozen=True)
class Pool:
    """Closed deals when they had been in a stage for some days.

    Attributes:
        moments: of their histories' deals.
        points: rows x behaviours, in log-odds; of rows that were asked for.
    """

    moments: Snapshots
    points: FloatArray
    _there: BoolArray
    _making: threading.Lock = field(default_factory=threading.Lock)

    def points_at(self, rows: IntArray, make: Callable[[Snapshots], FloatArray]) -> FloatArray:
        """The points of some rows, made where nobody has asked for them."""
        with self._making:
            new = rows[~self._there[rows]]
            if len(new):
                self.points[new] = make(self.moments.take(new))
                self._there[new] = True
        return self.points[rows]


@dataclass(frozen=True)
class Closed:
    """The closed deals of a data set as the model of wins sees them; pools are made when asked for."""

    model: Model
    history: History
    pools: Made[Pool] = field(default_factory=lambda: Made(KEPT))

    def pool(self, stage: int, step: int) -> Pool:
        """The deals that were in a stage `step` days after they first entered it, and have closed since."""
        return self.pools.of((stage, step), lambda: self._made(stage, step))

    def _made(self, stage: int, step: int) -> Pool:
        entered = _first_entries(self.history, stage)
        moments = Snapshots(entered.entity, entered.as_of + step * DAY)
        there = eligible("win", self.history, moments) & (stage_of(self.history, moments) == stage)
        moments = moments.take(there & (self.history.opportunities.closed_at[moments.entity] < NEVER))
        width = len(grouping_of(self.model.bundle.features).behaviours)
        return Pool(moments, np.empty((len(moments), width)), np.zeros(len(moments), np.bool_))

    def frame(self, moments: Snapshots) -> FeatureFrame:
        """The features of some moments, as known then."""
        return build_features(self.history, moments, "opportunity", self.model.bundle.reference)

    def points(self, moments: Snapshots) -> FloatArray:
        """Moments x behaviours, in log-odds of the shown probability."""
        return points_of(self.model, self.model.bundle.explained(self.frame(moments))[1].contributions)


def closed_of(scorer: Scorer, histories: Histories) -> Closed:
    """The closed deals of a data set.

    Raises:
        BundleError: there is no model of wins to compare by.
    """
    model = scorer.models.get("win")
    if model is None:
        raise BundleError("similar deals need the model win; train it and start the server again")
    return Closed(model, histories.under(model.bundle.conventions))


def points_of(model: Model, contributions: FloatArray) -> FloatArray:
    """Contributions of features summed by behaviour: rows x behaviours, in log-odds."""
    grouping = grouping_of(model.bundle.features)
    sums = [contributions[:, grouping.group == i].sum(axis=1) for i in range(len(grouping.behaviours))]
    return np.stack(sums, axis=1) * model.bundle.platt.slope


def similar_of(
    closed: Closed, scores: Scores, data_as_of: int | None, limit: int, language: Language
) -> dict[str, Any]:
    """The closed deals most like one open deal, the nearest first; JSON-ready.

    Only deals that had closed by the score's `as_of` count.

    Args:
        scores: of the one deal, with reasons.
    """
    as_of, win = int(scores.as_of[0]), scores.targets["win"]
    about = {
        "opportunity_id": scores.opportunity_ids[0],
        "as_of": iso(as_of),
        "data_as_of": None if data_as_of is None else iso(data_as_of),
        "model": win.model.version if win.model else None,
        "stage": scores.stage[0],
        "win_probability": None if win.abstained[0] else float(win.probability[0]),
        "abstained": win.abstained[0],
        "days_in_stage": None, "compared_at_days": None,
        "candidates": 0, "candidates_won": 0, "won": 0, "note": beside_text(language), "similar": [],
    }  # fmt: skip
    if win.ledger is None or win.frame is None or about["abstained"] is not None:
        return about
    contributions = win.ledger.contributions
    own = Standing(win.frame, 0, contributions[0], points_of(closed.model, contributions)[0])
    days = _days_in_stage(win.frame)
    if days is None or scores.stage[0] not in closed.history.stage_names:
        return about
    stage = closed.history.stage_names.index(scores.stage[0])
    step, pool, counts = _pool_for(closed, stage, days, as_of, scores.opportunity_ids[0])
    candidates = _last_closed(closed, pool, np.flatnonzero(counts))
    distance = np.abs(pool.points_at(candidates, closed.points) - own.points).sum(axis=1)
    near = candidates[np.lexsort((pool.moments.entity[candidates], distance))[:limit]]
    won = closed.history.opportunities.won
    return about | {
        "days_in_stage": days,
        "compared_at_days": step,
        "candidates": len(candidates),
        "candidates_won": int(won[pool.moments.entity[candidates]].sum()),
        "won": int(won[pool.moments.entity[near]].sum()),
        "similar": _described(closed, own, pool, near, language),
    }


def _first_entries(history: History, stage: int) -> Snapshots:
    """When it first was known of each deal that it had entered a stage."""
    moves = history.stage_changes
    its = moves["stage"] == stage
    entity, start = moves.entity[its], moves.start[its]
    order = np.lexsort((start, entity))
    deal, first = np.unique(entity[order], return_index=True)
    return Snapshots(deal.astype(np.int64), start[order][first])


def _days_in_stage(frame: FeatureFrame) -> float | None:
    value = float(np.asarray(frame.columns["days_in_stage"], np.float64)[0])
    return None if np.isnan(value) else value


def _pool_for(closed: Closed, stage: int, days: float, as_of: int, own: str) -> tuple[int, Pool, BoolArray]:
    """The longest step within the deal's days at which enough closed deals were still there, else the
    beginning of the stage; and which rows of its pool had closed by `as_of`."""
    deals = closed.history.opportunities
    for step in sorted((s for s in STEPS if s <= max(days, 0)), reverse=True):
        pool = closed.pool(stage, step)
        entity = pool.moments.entity
        counts = (deals.closed_at[entity] <= as_of) & (deals.ids[entity] != own)
        if int(counts.sum()) >= ENOUGH or step == 0:
            return step, pool, np.asarray(counts, np.bool_)
    raise AssertionError("0 is one of the steps")


def _last_closed(closed: Closed, pool: Pool, rows: IntArray) -> IntArray:
    """The rows of the deals that closed last, as many as are compared, in the order of the rows."""
    if len(rows) <= MOST:
        return rows
    ended = closed.history.opportunities.closed_at[pool.moments.entity[rows]]
    return np.sort(rows[np.argsort(ended, kind="stable")[-MOST:]])


def _described(
    closed: Closed, own: Standing, pool: Pool, near: IntArray, language: Language
) -> list[dict[str, Any]]:
    if not len(near):
        return []
    moments, deals = pool.moments.take(near), closed.history.opportunities
    frame = closed.frame(moments)
    probability, why = closed.model.bundle.explained(frame)
    amount = shown_of(closed.history, moments).amount
    found = []
    for i, (entity, then) in enumerate(zip(moments.entity.tolist(), moments.as_of.tolist(), strict=True)):
        end = int(deals.closed_at[entity])
        there = Standing(frame, i, why.contributions[i], pool.points[near[i]])
        pair = Pair(closed.model, own, there, language)
        found.append(
            {
                "opportunity_id": str(deals.ids[entity]),
                "outcome": "won" if deals.won[entity] else "lost",
                "closed_at": iso(end),
                "compared_at": iso(then),
                "days_from_there": (end - then) / DAY,
                "days_in_all": (end - int(deals.created_at[entity])) / DAY,
                "amount": None if np.isnan(amount[i]) else float(amount[i]),
                "win_probability": float(probability[i]),
                "distance": pair.distance,
                "alike": pair.alike(),
                "apart": pair.apart(),
            }
        )
    return found
