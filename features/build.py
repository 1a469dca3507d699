"""`build_features`: the one way from a history to a feature frame, offline and online."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from features.catalog import FEATURES, Feature, custom_feature
from features.clustering import bounds
from features.conventions import Conventions
from features.errors import DataError, UnknownEntity
from features.families.run import (
    LEAST_PER_THREAD,
    Plan,
    fill_accounts,
    fill_deal,
    fill_deals,
    joined,
    plan_of,
    task_of,
)
from features.families.together import MOST
from features.frame import FeatureFrame
from features.history import History, Names
from features.reference import Reference, nothing_known
from features.snapshots import Snapshots
from features.times import EARLIEST, FIRST_YEAR, LAST_YEAR, LATEST, FloatArray, IntArray

Entity = Literal["opportunity", "account"]
NOTHING_KNOWN = nothing_known()
_PROCESSORS = os.cpu_count() or 1


def build_features(
    history: History,
    snapshots: Snapshots,
    entity: Entity = "opportunity",
    reference: Reference = NOTHING_KNOWN,
    *,
    only: tuple[str, ...] | None = None,
    threads: int | None = None,
) -> FeatureFrame:
    """The features of an entity for each snapshot, from what it could know.

    A snapshot sees the records with `recorded_at <= as_of` and nothing else. Each row depends on
    its own snapshot alone: neither the other snapshots nor their order nor the number of threads
    change it by a bit. The same snapshot twice gives the same row twice; one before the entity's
    creation sees nothing of its own row, and only what was recorded ahead of it.

    Args:
        history: of any number of entities.
        snapshots: whose entities are codes of opportunities or of accounts, as `entity` says.
        entity: whose features.
        reference: the dated reference; without one what needs it is not given.
        only: names of the features wanted, in this order; all of the catalogue if not given.
        threads: how many at most; if not given, as many as there are processors. One snapshot
            always takes one.

    Raises:
        UnknownEntity: a snapshot's code is none of the history's.
        DataError: `only` names a feature that there is not, or one twice; an `as_of` lies outside of
            the years 1900 to 2200.
    """
    snapshots = Snapshots(_owned(snapshots.entity), _owned(snapshots.as_of))
    _check(history, snapshots, entity)
    features, plan = _planned(entity, history.conventions, only)
    workers = max(1, min(threads or _PROCESSORS, len(snapshots) // LEAST_PER_THREAD))
    task = task_of(history, reference, snapshots, plan, workers, len(features))
    (fill_deals if entity == "opportunity" else fill_accounts)(task)
    return FeatureFrame(features, task.out, _names(history, entity))


@dataclass(eq=False)
class OneDeal:
    """What a snapshot knew of one deal and of its account: a frame of one row each, and what is shown.

    Attributes:
        told: 1 x `families.told.TOLD`, what the families told each other.
    """

    deal: FeatureFrame
    account: FeatureFrame
    told: FloatArray


def build_one(history: History, snapshots: Snapshots, reference: Reference = NOTHING_KNOWN) -> OneDeal:
    """The features of the only snapshot's deal, and of its account at the same instant, worked out in one go.

    They are those of `build_features` to the bit, for a history of few activities (`is_small`).

    Raises:
        UnknownEntity, DataError: as `build_features`.
    """
    _check(history, snapshots, "opportunity")
    conventions = history.conventions
    (deal, account), plan = _joined(conventions)
    task = task_of(history, reference, snapshots, plan, 1, len(deal) + len(account))
    fill_deal(task)
    out = task.out
    return OneDeal(
        FeatureFrame(deal, out[:, : len(deal)], _names(history, "opportunity")),
        FeatureFrame(account, out[:, len(deal) :], _names(history, "account")),
        task.told,
    )


def is_small(history: History) -> bool:
    """Whether `build_one` is the way for a snapshot of a history."""
    return len(history.activities) <= MOST


@lru_cache(maxsize=64)
def _joined(conventions: Conventions) -> tuple[tuple[tuple[Feature, ...], tuple[Feature, ...]], Plan]:
    (deal, of_deal), (account, of_account) = (
        _planned(entity, conventions, None) for entity in ("opportunity", "account")
    )
    return (deal, account), joined(of_deal, of_account, len(deal))


@lru_cache(maxsize=64)
def features_of(entity: Entity, conventions: Conventions) -> tuple[Feature, ...]:
    """The features of an entity under some conventions: the catalogue, and the configuration's columns."""
    if entity == "account":
        return FEATURES[entity]
    further = [custom_feature(c, category=c in conventions.categories) for c in conventions.custom]
    return (*FEATURES[entity], *further)


@lru_cache(maxsize=64)
def _planned(
    entity: Entity, conventions: Conventions, only: tuple[str, ...] | None
) -> tuple[tuple[Feature, ...], Plan]:
    features = features_of(entity, conventions)
    if only is not None:
        by_name = {feature.name: feature for feature in features}
        unknown = [name for name in only if name not in by_name]
        if unknown:
            raise DataError(f"there is no {entity} feature {unknown[0]!r}; see the dictionary of features")
        if len(set(only)) < len(only):
            twice = next(name for name in only if only.count(name) > 1)
            raise DataError(f"the {entity} feature {twice!r} is asked for twice; name it once")
        features = tuple(by_name[name] for name in only)
    custom = [custom_feature(column, category=False).name for column in conventions.custom]
    return features, plan_of(entity, [feature.name for feature in features], custom)


def _names(history: History, entity: Entity) -> Mapping[str, Names]:
    accounts = history.accounts.names
    if entity == "account":
        return accounts
    told, stages = history.fields.names_of, history.stage_names
    named = {
        "stage": stages,
        "previous_stage": stages,
        "lead_source": history.lead_sources,
        **accounts,
        **{name: told[name] for name in ("kind", "source", "product")},
    }
    for column in history.conventions.categories:
        named[custom_feature(column, category=True).name] = told[column]
    return named


def _owned(values: IntArray) -> IntArray:
    """The same as int64 that kernels take: contiguous, and not lent read-only as data frames lend them."""
    flags = values.flags
    if values.dtype == np.int64 and flags.c_contiguous and flags.writeable:
        return values
    return np.array(values, np.int64)


def _check(history: History, snapshots: Snapshots, entity: Entity) -> None:
    count = len((history.opportunities if entity == "opportunity" else history.accounts).ids)
    if not len(snapshots):
        return
    least, greatest, first, last = bounds(snapshots.entity, snapshots.as_of)
    if not 0 <= least <= greatest < count:
        raise UnknownEntity(f"a snapshot's {entity} code is none of 0 to {count - 1}")
    if not EARLIEST <= first <= last <= LATEST:
        raise DataError(f"an as_of lies outside of the years {FIRST_YEAR} to {LAST_YEAR}")
