"""Short ways of declaring features: what a group has in common is said once.

A window of n days holds what happened less than n days before the snapshot; "total" holds all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from features.catalog.declaration import Feature, Unit

Range = tuple[float | None, float | None]
ANY: Range = (None, None)
FROM_ZERO: Range = (0, None)
BOTH_SIGNS: Range = (-1, 1)

_RANGES: Mapping[Unit, Range] = MappingProxyType(
    {
        "count": FROM_ZERO,
        "days": FROM_ZERO,
        "hours": FROM_ZERO,
        "s": FROM_ZERO,
        "share": (0, 1),
        "currency": ANY,  # refunds are orders below 0
        "index": FROM_ZERO,
        "number": FROM_ZERO,
        "flag": (0, 1),
        "category": ANY,
    }
)


@dataclass(frozen=True)
class Window:
    """A window as wordings name it ("calls in 7 days") and as sentences do."""

    en: str
    zh: str
    span: str


WINDOWS: Mapping[str, Window] = MappingProxyType(
    {
        "7d": Window("in 7 days", "近 7 天", "of the last 7 days"),
        "14d": Window("in 14 days", "近 14 天", "of the last 14 days"),
        "30d": Window("in 30 days", "近 30 天", "of the last 30 days"),
        "90d": Window("in 90 days", "近 90 天", "of the last 90 days"),
        "365d": Window("in a year", "近一年", "of the last 365 days"),
        "total": Window("in all", "累计", "so far"),
    }
)
USUAL = ("7d", "14d", "30d", "90d", "total")


@dataclass(frozen=True)
class Group:
    """Declares features of one behaviour, which a rep can act on or not unless they say otherwise."""

    behaviour: str
    actionable: bool

    def __call__(
        self,
        name: str,
        unit: Unit,
        en: str,
        zh: str,
        definition: str = "",
        *,
        null: str = "",
        within: Range | None = None,
        actionable: bool | None = None,
    ) -> Feature:
        """One feature; where no range is given it is the usual one of its unit."""
        low, high = within or _RANGES[unit]
        can_act = self.actionable if actionable is None else actionable
        return Feature(name, unit, self.behaviour, can_act, en, zh, low, high, null, definition)

    def windows(
        self,
        name: str,
        unit: Unit,
        en: str,
        zh: str,
        definition: str = "",
        *,
        over: tuple[str, ...] = USUAL,
        null: str = "",
        within: Range | None = None,
    ) -> tuple[Feature, ...]:
        """The same over several windows, put where the texts say {window} or {span}."""
        return tuple(
            self(
                f"{name}_{key}",
                unit,
                en.format(window=window.en),
                zh.format(window=window.zh),
                definition.format(span=window.span),
                null=null.format(span=window.span),
                within=within,
            )
            for key, window in WINDOWS.items()
            if key in over
        )
