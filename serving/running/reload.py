"""A worker that follows the pointer of its bundles' folder: load beside, try, swap, drop."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from features.errors import DataError
from features.times import DAY, parse_instant
from serving.bundles import Place, close_of, load, mark_of, pointer_of
from serving.clock import now
from serving.closes import CloseModel
from serving.histories import of_rows
from serving.running.metrics import Metrics
from serving.running.warm import warm_up
from serving.running.workers import Worker, announce, workers
from serving.scorer import Model, Scorer
from serving.service import Service
from training.close import CLOSE
from training.errors import BundleError, FrameMismatch
from training.labels import TARGETS, Target
from training.trees import slowly_explained

log = logging.getLogger("dealcast.models")
_SHARE = 0.2  # by which pauses differ, so that not all workers look, and load, at once
_ODD = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, DataError, FrameMismatch)


@dataclass(frozen=True)
class Held:
    """The models that are served, all of one pointer (`mark`), and where they came from."""

    models: Mapping[Target, Model]
    places: Mapping[str, Place]
    loaded_at: Mapping[Target, int]
    mark: tuple[int, int] | None
    close: CloseModel | None = None


def held_of(folder: Path, before: Held | None = None) -> Held:
    """The models that the pointer names; those that are served already are not loaded again.

    Raises:
        BundleError: a bundle is damaged, or scores nothing; or there is none.
    """
    pointer = pointer_of(folder)
    models, loaded_at = {}, {}
    for target in TARGETS:
        place = pointer.places.get(target)
        if place is None:
            continue
        if before is not None and before.places.get(target) == place:
            models[target], loaded_at[target] = before.models[target], before.loaded_at[target]
        else:
            models[target], loaded_at[target] = load(folder, place), now()
    if not models:
        raise BundleError(f"{folder}: the pointer names no model")
    _try_scoring(models)
    return Held(models, pointer.places, loaded_at, pointer.mark, _close_of(folder, pointer.places, before))


def _close_of(folder: Path, places: Mapping[str, Place], before: Held | None) -> CloseModel | None:
    place = places.get(CLOSE)
    if place is None or (before is not None and before.places.get(CLOSE) == place):
        return None if place is None or before is None else before.close
    return close_of(folder, place)


def held_already(service: Service) -> Held:
    """What a service was made with, whose models stay until the pointer is another one than now."""
    models = service.scorer.models
    mark, close = mark_of(service.settings.bundles), service.scorer.close
    return Held(models, {}, dict.fromkeys(models, now()), mark, close)


@dataclass
class Reloader:
    """What one worker serves, and the task that keeps it so.

    `app.state.service` is replaced whole: a request takes it once, and what it took stays as it was until
    the request is over. The former models go when the last such request lets go of them.
    """

    app: FastAPI
    held: Held
    figures: Metrics
    refused: bool = False  # the bundles that the pointer names now
    _random: random.Random = field(default_factory=lambda: random.Random(os.getpid()))

    def __post_init__(self) -> None:
        self._seen = self.held.mark

    @property
    def service(self) -> Service:
        """What requests get now."""
        service: Service = self.app.state.service
        return service

    async def run(self) -> None:
        """Look, pause, and so on, until it is cancelled."""
        seconds = self.service.settings.watch_seconds
        told = False
        while True:
            try:
                if not told:
                    self.tell()
                    told = True
                await self.look()
                self._tell_queue()
                await run_in_threadpool(self.service.keep_up)
            except Exception:
                log.exception("looking for new bundles failed")
            await asyncio.sleep(seconds * self._random.uniform(1 - _SHARE, 1 + _SHARE))

    async def look(self) -> None:
        """Follow the pointer where it is another one than when this was last done."""
        folder = self.service.settings.bundles
        mark = mark_of(folder)
        if mark is None or mark == self._seen:
            return
        self._seen = mark
        try:
            found = await run_in_threadpool(self._loaded, folder)
        except BundleError as error:
            if mark_of(folder) != mark:  # it moved on while this was read: the next look is for the new one
                return
            self.refused = True
            self.figures.bundles_refused.labels("worker").inc()
            log.exception("new bundles are refused, the old ones stay: %s", error)
            return
        self.refused = False
        if found.places != self.held.places:
            self._swap(found)

    def _loaded(self, folder: Path) -> Held:
        found = held_of(folder, self.held)
        source = self.service.source
        if source is not None:
            for model in found.models.values():
                source.histories.under(model.bundle.conventions)
        return found

    def _swap(self, found: Held) -> None:
        before = self.held
        self.app.state.service = replace(self.service, scorer=Scorer(found.models, found.close))
        self.held = found
        self.figures.swaps.inc()
        self.tell()
        moved = {
            target: f"{_version(before, target)} to {_version(found, target)}"
            for target in TARGETS
            if before.places.get(target) != found.places.get(target)
        }
        log.info("models swapped", extra={"told": {"moved": moved}})
        if getattr(self.app.state, "warms_up", False):
            warm_up(self.service)

    def worker(self) -> Worker:
        """This process, for who asks what is served."""
        versions = {str(target): model.version for target, model in self.held.models.items()}
        if self.held.close is not None:
            versions[CLOSE] = self.held.close.version
        return Worker(os.getpid(), versions, {str(t): at for t, at in self.held.loaded_at.items()})

    def state(self) -> dict[str, Any]:
        """What all workers serve, what the pointer says, and whether these are one."""
        settings = self.service.settings
        try:
            pointed = pointer_of(settings.bundles).versions
        except BundleError:
            pointed = None
        found = workers(settings.run_folder, self.worker())
        return {
            "worker": os.getpid(),
            "pointer": pointed,
            "refused": self.refused,
            "workers": found,
            "agreed": all(each["versions"] == pointed for each in found),
        }

    def tell(self) -> None:
        """Tell the metrics and the other workers what is served."""
        figures = self.figures
        for target in TARGETS:
            model = self.held.models.get(target)
            figures.version.labels(target).set(_number(model.version) if model else float("nan"))
            figures.loaded_at.labels(target).set(self.held.loaded_at[target] / 1e6 if model else 0)
            figures.cutoff.labels(target).set(_cutoff(model) if model else 0)
        announce(self.service.settings.run_folder, self.worker())

    def _tell_queue(self) -> None:
        self.figures.slowly.set(len(slowly_explained()))
        scores = self.service.scores
        if scores is not None:
            self.figures.receipts.set(scores.receipts.waiting)


def _try_scoring(models: Mapping[Target, Model]) -> None:
    """Score a made-up deal, reasons and all. Raises BundleError where that fails."""
    created_at = parse_instant("2024-01-01T00:00:00Z")
    deal = dict.fromkeys(("rep_id", "closed_at", "outcome", "amount"))
    deal |= {"opportunity_id": "o", "account_id": "a", "created_at": created_at}
    as_of = np.array([created_at + DAY])
    try:
        scores = Scorer(models).score(of_rows({"opportunities": [deal]}), ["o"], as_of, explain=True)
    except _ODD as error:
        raise BundleError(f"the models do not score ({type(error).__name__})") from error
    for target, its in scores.targets.items():
        if its.abstained[0] is None and not 0 <= its.probability[0] <= 1:
            raise BundleError(f"the {target} model gives no probability")


def _version(held: Held, target: Target) -> str:
    return held.places[target].version if target in held.places else "none"


def _number(version: str) -> float:
    return float(version) if version.isdigit() else float("nan")


def _cutoff(model: Model) -> float:
    return parse_instant(str(model.bundle.manifest["cutoff"])) / 1e6
