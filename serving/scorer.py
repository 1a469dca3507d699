"""Scores without HTTP: the one way from histories to probabilities and reasons."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.build import build_features
from features.conventions import Conventions
from features.frame import FeatureFrame
from features.history import History, TextArray
from features.shown import shown_of
from features.snapshots import Snapshots
from features.times import NEVER, BoolArray, FloatArray, IntArray
from serving.closes import CloseModel, expected_closes
from serving.histories import Histories
from training.bundle import Bundle
from training.explain import Ledger
from training.labels import ENTITY, TARGETS, Target, eligible


@dataclass(frozen=True)
class Model:
    """A bundle and the version it was registered under."""

    bundle: Bundle
    version: str


@dataclass(frozen=True)
class TargetScores:
    """One target's scores, one per asked (opportunity, as_of).

    Attributes:
        probability: float64; NaN where the target cannot be given.
        low, high: of its interval, which holds it; NaN where the model has no intervals, too.
        abstained: why not, or None.
        row: int64 place in `frame` and `ledger`; -1 where abstained.
        frame: the features of the scored rows.
        ledger: their reasons, where these were asked for.
        model: what scored them; None where there is no model of this target.
    """

    probability: FloatArray
    low: FloatArray
    high: FloatArray
    abstained: list[str | None]
    row: IntArray
    frame: FeatureFrame | None
    ledger: Ledger | None
    model: Model | None


@dataclass(frozen=True)
class Scores:
    """What was asked, what was known of it, and each target's scores; all in the asked order.

    `stage` and `amount` are as they were known at `as_of`; None and NaN where they were not.
    `expected_close` has P10, P50 and P90 of the close given a win, rows x 3; `NEVER` where there is none.
    """

    opportunity_ids: Sequence[str]
    as_of: IntArray
    account_ids: TextArray
    rep_ids: TextArray
    stage: TextArray
    amount: FloatArray
    targets: Mapping[Target, TargetScores]
    expected_close: IntArray
    close_version: str | None

    def __len__(self) -> int:
        return len(self.as_of)

    def prediction_id(self, i: int) -> str:
        """The same for the same features, models and question, however it was asked."""
        digest = hashlib.sha256(f"{self.opportunity_ids[i]}\n{self.as_of[i]}".encode())
        for target, scores in self.targets.items():
            version = scores.model.version if scores.model else "-"
            digest.update(f"\n{target}:{version}:".encode())
            digest.update(np.float64(scores.probability[i]).tobytes())
        return digest.hexdigest()[:24]


class Scorer:
    """Scores opportunities with one model per target; a target without a model abstains."""

    def __init__(self, models: Mapping[Target, Model], close: CloseModel | None = None) -> None:
        self.models = dict(models)
        self.close = close

    def score(
        self,
        histories: Histories,
        opportunity_ids: Sequence[str],
        as_of: IntArray,
        *,
        explain: bool = False,
    ) -> Scores:
        """Win and stall of each opportunity and churn of its account, at each `as_of`.

        Raises:
            UnknownEntity: an opportunity that the histories lack.
        """
        asked: dict[Conventions, _Asked] = {}
        targets = {}
        for target in TARGETS:
            model = self.models.get(target)
            if model is None:
                targets[target] = _without_model(target, len(as_of))
                continue
            conventions = model.bundle.conventions
            if conventions not in asked:
                history = histories.under(conventions)
                codes = history.opportunity_codes(opportunity_ids)
                asked[conventions] = _Asked(history, Snapshots(codes, as_of), {})
            targets[target] = _score_target(target, model, asked[conventions], explain)
        closes = expected_closes(self.close, histories, opportunity_ids, as_of)
        scores = _described(histories, self._conventions(), opportunity_ids, as_of, targets)
        version = self.close.version if self.close else None
        return replace(scores, expected_close=closes, close_version=version)

    def open_opportunities(self, histories: Histories, as_of: int) -> list[str]:
        """Ids of the opportunities that are open at `as_of` (microseconds), sorted."""
        history = histories.under(self._conventions())
        everything = np.arange(len(history.opportunities.ids), dtype=np.int64)
        snapshots = Snapshots(everything, np.full(len(everything), as_of, np.int64))
        return [str(value) for value in history.opportunities.ids[eligible("win", history, snapshots)]]

    def _conventions(self) -> Conventions:
        for target in TARGETS:
            if target in self.models:
                return self.models[target].bundle.conventions
        return Conventions(())


@dataclass(frozen=True)
class _Asked:
    """The opportunities' snapshots under one history; frames built for them, by entity and reference."""

    history: History
    snapshots: Snapshots
    frames: dict[tuple[str, str], FeatureFrame]


def _score_target(target: Target, model: Model, asked: _Asked, explain: bool) -> TargetScores:
    entity, history = ENTITY[target], asked.history
    snapshots = asked.snapshots
    if entity == "account":
        snapshots = Snapshots(history.opportunities.account[snapshots.entity], snapshots.as_of)
    able = eligible(target, history, snapshots)
    reference = model.bundle.reference
    key = (entity, reference.hash)  # targets of one entity are eligible together
    if key not in asked.frames:
        asked.frames[key] = build_features(history, snapshots.take(able), entity, reference)
    frame = asked.frames[key]
    probability = np.full(len(snapshots), np.nan)
    ledger = None
    if able.any():
        if explain:
            probability[able], ledger = model.bundle.explained(frame)
        else:
            probability[able] = model.bundle.probability(frame)
    row = np.where(able, np.cumsum(able) - 1, -1)
    why_not = _why_not(target, history, snapshots, able)
    return TargetScores(probability, *model.bundle.interval(probability), why_not, row, frame, ledger, model)


def _why_not(target: Target, history: History, snapshots: Snapshots, able: BoolArray) -> list[str | None]:
    why: list[str | None] = [None] * len(snapshots)
    for i in np.flatnonzero(~able).tolist():
        entity, as_of = int(snapshots.entity[i]), int(snapshots.as_of[i])
        if ENTITY[target] == "account":
            left = history.accounts.churned_at[entity] <= as_of
            why[i] = "the account has left" if left else "the account has no order yet"
        else:
            begun = history.opportunities.created_at[entity] <= as_of
            why[i] = "the opportunity is closed" if begun else "the opportunity does not exist yet"
    return why


def _without_model(target: Target, count: int) -> TargetScores:
    nothing = np.full(count, np.nan)
    return TargetScores(
        nothing,
        nothing,
        nothing,
        [f"there is no {target} model"] * count,
        np.full(count, -1),
        None,
        None,
        None,
    )


def _described(
    histories: Histories,
    conventions: Conventions,
    opportunity_ids: Sequence[str],
    as_of: IntArray,
    targets: Mapping[Target, TargetScores],
) -> Scores:
    history = histories.under(conventions)
    snapshots = Snapshots(history.opportunity_codes(opportunity_ids), as_of)
    account = history.opportunities.account[snapshots.entity]
    shown = shown_of(history, snapshots)
    return Scores(
        opportunity_ids=opportunity_ids,
        as_of=as_of,
        account_ids=history.accounts.ids[account],
        rep_ids=shown.rep,
        stage=shown.stage,
        amount=shown.amount,
        targets=targets,
        expected_close=np.full((len(as_of), 3), NEVER, np.int64),
        close_version=None,
    )
