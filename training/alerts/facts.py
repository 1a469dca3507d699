"""What the rules of alerts read of deals: features of the catalogue now and a week before, and scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from features.build import build_features
from features.history import History, TextArray
from features.reference import Reference
from features.shown import shown_of
from features.snapshots import Snapshots
from features.times import WEEK, FloatArray
from training.labels import Target

NEEDED = (
    "days_since_last_inbound",
    "days_since_last_held",
    "days_since_last_connected",
    "days_since_last_decision_maker",
    "overdue_days",
    "close_date_pushes",
    "pushed_days_total",
    "days_in_stage",
    "dwell_over_norm",
)
_SIGNS = ("days_since_last_inbound", "days_since_last_held", "days_since_last_connected")

Probabilities = Mapping[Target, FloatArray]


@dataclass(frozen=True)
class Facts:
    """One entry per deal and moment.

    Attributes:
        now, before: features of `NEEDED` by name, at the moment and a week before; float64, NaN: not given.
        stage, rep: as they were known at the moment; None where not.
        probability, probability_before: by target, as shown at the moment and a week before; NaN where a
            target abstains, missing where it has no model.
    """

    now: Mapping[str, FloatArray]
    before: Mapping[str, FloatArray]
    stage: TextArray
    rep: TextArray
    probability: Probabilities = field(default_factory=dict)
    probability_before: Probabilities = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.stage)

    @property
    def silence_days(self) -> FloatArray:
        """Days since the customer's last sign: a contact from them, an appointment held or a call that got
        through; NaN where there was none yet."""
        signs = np.stack([self.now[name] for name in _SIGNS])
        found = np.min(np.where(np.isnan(signs), np.inf, signs), axis=0)
        return np.where(np.isinf(found), np.nan, found)


def facts_of(
    history: History,
    snapshots: Snapshots,
    reference: Reference,
    probability: Probabilities | None = None,
    before: Probabilities | None = None,
) -> Facts:
    """The facts of some deals, each at its moment, from what was known then.

    Args:
        probability, before: the shown probabilities at the moments, and a week before them.
    """
    earlier = Snapshots(snapshots.entity, snapshots.as_of - WEEK)
    frames = [
        build_features(history, each, "opportunity", reference, only=NEEDED) for each in (snapshots, earlier)
    ]
    now, then = (dict(zip(NEEDED, frame.values.T, strict=True)) for frame in frames)
    shown = shown_of(history, snapshots)
    return Facts(now, then, shown.stage, shown.rep, probability or {}, before or {})
