"""Every feature: its name, unit, range, behaviour, wording, and when it is not given.

The order of `OPPORTUNITY_FEATURES` and `ACCOUNT_FEATURES` is the order of the columns of a
feature frame and of a model's inputs; `feature_hash` pins it. Wording is a noun phrase to which
a value is added: "days since the last activity: 21".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from features.catalog.account import ACCOUNT
from features.catalog.activity import DIALOGUE, VOLUME
from features.catalog.around import ACCOUNT_OF_DEAL, CALENDAR, ORDERS_OF_ACCOUNT
from features.catalog.behaviours import BEHAVIOURS
from features.catalog.deal import STAGE, TERMS
from features.catalog.declaration import (
    LANGUAGES,
    Behaviour,
    Feature,
    Unit,
    concepts,
    custom_feature,
    feature_hash,
)
from features.catalog.people import LEAD, PEOPLE, REP
from features.catalog.rhythm import CRM_USE, RHYTHM

__all__ = [
    "ACCOUNT_FEATURES",
    "BEHAVIOURS",
    "FEATURES",
    "LANGUAGES",
    "OPPORTUNITY_FEATURES",
    "SEASONAL",
    "Behaviour",
    "Feature",
    "Unit",
    "concepts",
    "custom_feature",
    "feature_hash",
]

OPPORTUNITY_FEATURES: tuple[Feature, ...] = (
    *VOLUME,
    *DIALOGUE,
    *RHYTHM,
    *CRM_USE,
    *STAGE,
    *PEOPLE,
    *TERMS,
    *ORDERS_OF_ACCOUNT,
    *ACCOUNT_OF_DEAL,
    *REP,
    *LEAD,
    *CALENDAR,
)
ACCOUNT_FEATURES: tuple[Feature, ...] = ACCOUNT

FEATURES: Mapping[str, tuple[Feature, ...]] = MappingProxyType(
    {"opportunity": OPPORTUNITY_FEATURES, "account": ACCOUNT_FEATURES}
)

# Of these each value stands for one date within a year, so that a short history cannot teach them.
SEASONAL = ("days_to_quarter_end", "month_of_quarter", "working_days_to_quarter_end")
