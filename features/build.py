"""`build_features`: the one way from a history to a feature frame, offline and online."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import polars as pl

from features.catalog import FEATURES, Feature, feature_hash
from features.families import Family
from features.families.account import account_of_deal, orders, who
from features.families.activity import crm_use, dialogue, rhythm, volume
from features.families.calendar import calendar
from features.families.deal import people, stage, terms
from features.history import History
from features.readers import TextArray
from features.snapshots import Snapshots
from features.times import FloatArray

Entity = Literal["opportunity", "account"]

FAMILIES: Mapping[str, tuple[Family, ...]] = MappingProxyType(
    {
        "opportunity": (
            volume, dialogue, rhythm, crm_use, stage, people, terms, account_of_deal, calendar,
        ),
        "account": (orders, who, calendar),
    }
)  # fmt: skip


@dataclass(frozen=True)
class FeatureFrame:
    """Features of snapshots: one row per snapshot, one column per feature of the catalogue.

    Attributes:
        features: the columns' declarations, in order.
        columns: float64 (NaN: not given) or, for categories, texts (None: not given), by name.
    """

    features: tuple[Feature, ...]
    columns: Mapping[str, FloatArray | TextArray]

    @property
    def hash(self) -> str:
        return feature_hash(self.features)

    def to_polars(self) -> pl.DataFrame:
        """The same as a frame; NaN becomes null."""
        series = [
            pl.Series(f.name, self.columns[f.name].tolist(), pl.String)
            if f.is_category
            else pl.Series(f.name, self.columns[f.name]).fill_nan(None)
            for f in self.features
        ]
        return pl.DataFrame(series)


def build_features(history: History, snapshots: Snapshots, entity: Entity = "opportunity") -> FeatureFrame:
    """The whole catalogue of an entity for each snapshot, from what it could know.

    A snapshot sees the records with `recorded_at <= as_of` and nothing else. Each row depends on
    its own snapshot alone: neither the other snapshots nor their order change it by a bit. The
    same snapshot twice gives the same row twice; one before the entity's creation sees nothing of
    its own row, and only what was recorded ahead of it.

    Args:
        history: of any number of entities.
        snapshots: whose entities are codes of opportunities or of accounts, as `entity` says.
        entity: whose features.
    """
    columns: dict[str, FloatArray | TextArray] = {}
    for family in FAMILIES[entity]:
        columns.update(family(history, snapshots))
    features = FEATURES[entity]
    return FeatureFrame(features, {feature.name: columns[feature.name] for feature in features})
