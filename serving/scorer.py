"""Scores without HTTP: the one way from histories to probabilities and reasons."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np

from features.build import NOTHING_KNOWN, Entity, OneDeal, build_features, build_one, is_small
from features.conventions import Conventions
from features.errors import UnknownEntity
from features.frame import FeatureFrame, merged
from features.history import History, TextArray
from features.reference import Reference
from features.shown import Shown, shown_in, shown_of
from features.snapshots import Snapshots
from features.times import NEVER, BoolArray, FloatArray, IntArray
from serving.closes import CloseModel
from serving.histories import Histories
from training.bundle import Bundle
from training.explain import Ledger
from training.labels import ENTITY, TARGETS, Target, eligible

_NUMBERS = count()
Begun = Callable[[], FloatArray]  # gives what was begun with; see `Bundle.explained_ahead`


@dataclass(frozen=True)
class Model:
    """A bundle and the version it was registered under."""

    bundle: Bundle
    version: str

    @cached_property
    def said(self) -> dict[Any, Any]:
        """Room for what is put into words once; see `serving.phrases`."""
        return {}


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
        if i not in self._ids:
            self._ids[i] = self._prediction_id(i)
        return self._ids[i]

    @cached_property
    def _ids(self) -> dict[int, str]:
        return {}

    def _prediction_id(self, i: int) -> str:
        parts = [f"{self.opportunity_ids[i]}\n{self.as_of[i]}".encode()]
        for target, scores in self.targets.items():
            version = scores.model.version if scores.model else "-"
            parts += [f"\n{target}:{version}:".encode(), scores.probability[i].tobytes()]
        if self.close_version is not None:
            parts.append(f"\nclose:{self.close_version}".encode())
        return hashlib.sha256(b"".join(parts)).hexdigest()[:24]


class Scorer:
    """Scores opportunities with one model per target; a target without a model abstains."""

    def __init__(self, models: Mapping[Target, Model], close: CloseModel | None = None) -> None:
        self.models = dict(models)
        self.close = close
        self.number = next(_NUMBERS)  # unlike any other scorer's of this process
        versions = {str(target): model.version for target, model in self.models.items()}
        self.versions = tuple((versions | ({"close": close.version} if close else {})).items())

    @cached_property
    def without_close(self) -> Scorer:
        """The same for who asks for probabilities alone: when deals close is left out."""
        return Scorer(self.models)

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
        return self._scored(((histories, opportunity_ids, as_of),), opportunity_ids, as_of, explain)

    def score_each(
        self,
        histories: Sequence[Histories],
        opportunity_ids: Sequence[str],
        as_of: IntArray,
        *,
        explain: bool,
    ) -> Scores:
        """The same of opportunities that have each a history of its own, predicted together.

        Raises:
            UnknownEntity: a history lacks its opportunity.
        """
        parts = [(each, opportunity_ids[i : i + 1], as_of[i : i + 1]) for i, each in enumerate(histories)]
        return self._scored(parts, opportunity_ids, as_of, explain)

    def _scored(
        self, parts: Sequence[_Part], opportunity_ids: Sequence[str], as_of: IntArray, explain: bool
    ) -> Scores:
        asked: dict[Conventions, _Asked] = {}
        for model in self.models.values():
            conventions = model.bundle.conventions
            if conventions not in asked:
                asked[conventions] = _asked(parts, conventions)
        begun = self._begun(asked) if explain and len(as_of) == 1 else {}
        found = {}
        for target in sorted(TARGETS, key=begun.__contains__):  # the others are done meanwhile
            its = self.models.get(target)
            if its is None:
                found[target] = _without_model(target, len(as_of))
            else:
                about = asked[its.bundle.conventions]
                found[target] = _score_target(target, its, about, explain, begun.get(target))
        targets = {target: found[target] for target in TARGETS}
        conventions = self.conventions
        known = asked[conventions] if conventions in asked else _asked(parts, conventions)
        closes = None if self.close is None else self._closes(self.close, parts, asked, as_of)
        return _described(known, opportunity_ids, as_of, targets, closes)

    def _begun(self, asked: Mapping[Conventions, _Asked]) -> Mapping[Target, Begun]:
        """The second target's reasons, begun with on another processor: they take longest of all."""
        able = []
        for target, model in self.models.items():
            bundle = model.bundle
            frame = _able_of(target, asked[bundle.conventions], bundle.reference).frame
            if len(frame):
                able.append((target, bundle, frame))
        if len(able) < 2:
            return {}
        target, bundle, frame = able[1]
        return {target: bundle.explained_ahead(frame)}

    def _closes(
        self, close: CloseModel, parts: Sequence[_Part], asked: dict[Conventions, _Asked], as_of: IntArray
    ) -> tuple[IntArray, str]:
        """When each open deal is won, given that it is, and the model's version."""
        bundle = close.bundle
        if bundle.conventions not in asked:
            asked[bundle.conventions] = _asked(parts, bundle.conventions)
        able = _able_of("win", asked[bundle.conventions], bundle.reference)
        if able.all:
            return bundle.expected_close(able.frame, as_of), close.version
        found = np.full((len(as_of), 3), NEVER, np.int64)
        if len(able.frame):
            found[able.mask] = bundle.expected_close(able.frame, as_of[able.mask])
        return found, close.version

    def open_opportunities(self, histories: Histories, as_of: int) -> list[str]:
        """Ids of the opportunities that are open at `as_of` (microseconds), sorted."""
        history = histories.under(self.conventions)
        everything = np.arange(len(history.opportunities.ids), dtype=np.int64)
        snapshots = Snapshots(everything, np.full(len(everything), as_of, np.int64))
        return [str(value) for value in history.opportunities.ids[eligible("win", history, snapshots)]]

    @property
    def conventions(self) -> Conventions:
        """By which deals are described: those of the first target that has a model."""
        for target in TARGETS:
            if target in self.models:
                return self.models[target].bundle.conventions
        return Conventions(())


_Part = tuple[Histories, Sequence[str], IntArray]  # some opportunities of one history, and when


@dataclass(frozen=True)
class _Able:
    """The snapshots that an entity's targets can be asked of.

    Attributes:
        mask: which they are; row: their places among themselves, -1 for the others.
        why_not: the others' reasons.
        frame: the features of the able ones.
    """

    mask: BoolArray
    row: IntArray
    why_not: list[str | None]
    frame: FeatureFrame

    @property
    def all(self) -> bool:
        """Whether each of them can."""
        return len(self.frame) == len(self.mask)


class _Built:
    """Snapshots of one history's opportunities, and what was built of them."""

    def __init__(self, history: History, snapshots: Snapshots) -> None:
        self.history, self.snapshots = history, snapshots
        self._alone = len(snapshots) == 1 and is_small(history)
        self._one: dict[str, OneDeal] = {}

    def of(self, entity: Entity, mask: BoolArray, reference: Reference) -> FeatureFrame:
        """The features of those of a mask, or of their accounts."""
        if self._alone and mask.item(0):
            one = self._of_one(reference)
            return one.deal if entity == "opportunity" else one.account
        able = self.asked(entity)
        return build_features(self.history, able if mask.all() else able.take(mask), entity, reference)

    def asked(self, entity: Entity) -> Snapshots:
        """The snapshots of an entity: of the opportunities, or of their accounts."""
        if entity == "opportunity":
            return self.snapshots
        accounts = self.history.opportunities.account[self.snapshots.entity]
        return Snapshots(accounts, self.snapshots.as_of)

    def shown(self) -> Shown:
        """What is shown of each opportunity."""
        if not self._alone:
            return shown_of(self.history, self.snapshots)
        one = next(iter(self._one.values()), None) or self._of_one(NOTHING_KNOWN)
        return shown_in(self.history, self.snapshots.entity.item(0), one.told)

    def _of_one(self, reference: Reference) -> OneDeal:
        found = self._one.get(reference.hash)
        if found is None:
            found = self._one[reference.hash] = build_one(self.history, self.snapshots, reference)
        return found


@dataclass(frozen=True)
class _Asked:
    """Snapshots of opportunities, each part under its history; what was built of them, by entity and
    reference."""

    parts: Sequence[_Built]
    able: dict[tuple[str, str], _Able]


def _asked(parts: Sequence[_Part], conventions: Conventions) -> _Asked:
    read = [(histories.under(conventions), ids, as_of) for histories, ids, as_of in parts]
    return _Asked([_Built(h, Snapshots(h.opportunity_codes(ids), as_of)) for h, ids, as_of in read], {})


def scored_one(
    scorer: Scorer, histories: Histories, opportunity_id: str, as_of: int, *, explain: bool
) -> Scores:
    """The scores of one opportunity out of the histories of all.

    Raises:
        UnknownEntity: the data set lacks it.
    """
    mine = histories.of_opportunity(opportunity_id)
    try:
        return scorer.score(mine, [opportunity_id], np.array([as_of]), explain=explain)
    except UnknownEntity:
        raise UnknownEntity("the data set has no opportunity of this id") from None


def _score_target(
    target: Target, model: Model, asked: _Asked, explain: bool, begun: Begun | None = None
) -> TargetScores:
    bundle = model.bundle
    able = _able_of(target, asked, bundle.reference)
    probability, ledger = np.zeros(0), None
    if len(able.frame):
        if explain:
            probability, ledger = bundle.explained(able.frame, begun)
        else:
            probability = bundle.probability(able.frame)
    if not able.all:
        some, probability = probability, np.full(len(able.mask), np.nan)
        probability[able.mask] = some
    ends = bundle.interval(probability)
    return TargetScores(probability, *ends, able.why_not, able.row, able.frame, ledger, model)


def _able_of(target: Target, asked: _Asked, reference: Reference) -> _Able:
    key = (ENTITY[target], reference.hash)  # targets of one entity are eligible together
    if key not in asked.able:
        asked.able[key] = _able(target, asked.parts, reference)
    return asked.able[key]


def _able(target: Target, parts: Sequence[_Built], reference: Reference) -> _Able:
    entity = ENTITY[target]
    masks, frames = [], []
    why: list[str | None] = []
    for part in parts:
        snapshots = part.asked(entity)
        mask = eligible(target, part.history, snapshots)
        masks.append(mask)
        frames.append(part.of(entity, mask, reference))
        able = len(frames[-1]) == len(mask)
        why += [None] * len(mask) if able else _why_not(target, part.history, snapshots, mask)
    mask, frame = _joined(masks), merged(frames)
    every = len(frame) == len(mask)
    row = np.arange(len(mask)) if every else np.where(mask, mask.cumsum() - 1, -1)
    return _Able(mask, row, why, frame)


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
    asked: _Asked,
    opportunity_ids: Sequence[str],
    as_of: IntArray,
    targets: Mapping[Target, TargetScores],
    closes: tuple[IntArray, str] | None,
) -> Scores:
    shown = [part.shown() for part in asked.parts]
    accounts = [p.history.accounts.ids[p.asked("account").entity] for p in asked.parts]
    return Scores(
        opportunity_ids=opportunity_ids,
        as_of=as_of,
        account_ids=_joined(accounts),
        rep_ids=_joined([each.rep for each in shown]),
        stage=_joined([each.stage for each in shown]),
        amount=_joined([each.amount for each in shown]),
        targets=targets,
        expected_close=np.full((len(as_of), 3), NEVER, np.int64) if closes is None else closes[0],
        close_version=None if closes is None else closes[1],
    )


def _joined(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
