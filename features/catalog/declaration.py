"""What is said of a feature and of a behaviour, and what follows from it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

LANGUAGES = ("en", "zh-CN")
Unit = Literal["count", "days", "hours", "s", "share", "currency", "index", "number", "flag", "category"]

_WINDOW = re.compile(r"_(7d|14d|30d|90d|365d|total)$")


@dataclass(frozen=True)
class Behaviour:
    """A group of features that a reader sees as one reason."""

    name: str
    en: str
    zh: str

    def wording(self, language: str) -> str:
        return self.zh if language == "zh-CN" else self.en


@dataclass(frozen=True)
class Feature:
    """One column of a feature frame.

    Attributes:
        name: the column's name.
        unit: of the value. "category" is text, everything else float64 with NaN for "not given". A
            "count" is always given; a "number" is a rate, or a count that may be missing; a "flag" is
            1 where its wording is true and 0 where not; a "share" is a part or a ratio, 1 is 100%.
        behaviour: name of its group in `BEHAVIOURS`.
        actionable: whether what the rep does next can change it.
        en, zh: its wording, a noun phrase to which a value is added.
        low, high: the least and the greatest value there can be, both inclusive; None: no bound.
        null: when the value is not given; "" where it always is.
        definition: one sentence that says exactly what `en` only names; "" where that is enough.
    """

    name: str
    unit: Unit
    behaviour: str
    actionable: bool
    en: str
    zh: str
    low: float | None = None
    high: float | None = None
    null: str = ""
    definition: str = ""

    @property
    def is_category(self) -> bool:
        return self.unit == "category"

    def wording(self, language: str) -> str:
        return self.zh if language == "zh-CN" else self.en


def custom_feature(column: str, *, category: bool) -> Feature:
    """The declaration of a further column of the data, which the catalogue cannot know.

    Args:
        column: its name in the data, with its table's before a dot where that is needed.
        category: whether it holds texts; else numbers.

    >>> custom_feature("accounts.credit_rating", category=True).name
    'custom_accounts_credit_rating'
    """
    name = f"custom_{column.replace('.', '_')}"
    unit: Unit = "category" if category else "number"
    return Feature(name, unit, "custom", False, column, column, null="the column was not known")


def concepts(features: Iterable[Feature]) -> tuple[str, ...]:
    """The distinct names without the window they end with: what there is, not how often.

    >>> calls = [Feature(f"calls_{window}", "count", "volume", True, "", "") for window in ("7d", "total")]
    >>> concepts(calls)
    ('calls',)
    """
    return tuple(dict.fromkeys(_WINDOW.sub("", feature.name) for feature in features))


def feature_hash(features: Sequence[Feature]) -> str:
    """Hex digest of the names and units in order: equal exactly where the columns mean the same.

    >>> features = [custom_feature("size", category=False), custom_feature("tier", category=True)]
    >>> feature_hash(features) == feature_hash(features[::-1])
    False
    """
    text = "\n".join(f"{feature.name}:{feature.unit}" for feature in features)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
