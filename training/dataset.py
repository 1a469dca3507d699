"""Labelled snapshots: what there is to learn from, with its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from features.agreed import conventions_of
from features.build import build_features
from features.canonical import CanonicalData
from features.catalog import SEASONAL, custom_feature
from features.conventions import Conventions
from features.frame import FeatureFrame
from features.from_tables import history_from_tables
from features.history import History
from features.norms import reference_of
from features.reference import Reference
from features.snapshots import Snapshots
from features.times import DAY, iso
from training.digest import digest_of
from training.encoding import Encoding, learn_encoding
from training.grid import moments_of_records, weekly_grid
from training.labels import ENTITY, LabelPolicy, Target

LEAST_CALENDAR_SPAN: Final = 365 * DAY


@dataclass(frozen=True)
class Source:
    """A data set as it was known at a cut-off: all that training may look at.

    Attributes:
        data: holds nothing recorded after the cut-off.
        cutoff: microseconds.
        conventions: how its histories are read.
        history: the same data, sorted.
        reference: the dated statistics of these data; it travels with the models.
        policy: of the labels.
    """

    data: CanonicalData
    cutoff: int
    conventions: Conventions
    history: History
    reference: Reference
    policy: LabelPolicy

    def manifest(self) -> dict[str, Any]:
        """Row counts, hashes and the cut-off: enough to tell whether two runs saw the same."""
        tables = {name: frame for name, frame in self.data.tables.items() if len(frame)}
        return {
            "cutoff": iso(self.cutoff),
            "watermark": iso(self.data.watermark()),
            "rows": {name: len(frame) for name, frame in tables.items()},
            "data_sha256": self._digest,
        }

    @cached_property
    def _digest(self) -> str:
        return digest_of(self.data.tables)


@dataclass(frozen=True)
class LabelledFrame:
    """The features of a target's snapshots and their encoding; labels follow from a split.

    `withheld` names the features that the trees may not learn from; they are missing in the frame. `crm`
    is the one that holds the CRM's own probability of what is predicted; empty where there is none.
    """

    target: Target
    snapshots: Snapshots
    frame: FeatureFrame
    encoding: Encoding
    withheld: tuple[str, ...]
    crm: str = ""


def open_source(data: CanonicalData, cutoff: int) -> Source:
    """What was known of a data set at `cutoff` (microseconds), and nothing later."""
    known = data.known_at(cutoff)
    conventions = conventions_of(known)
    config = data.config
    policy = LabelPolicy(
        config.stall_days, config.churn_days, config.win_given_stage, config.dead_days, config.same_day_deals
    )
    history = history_from_tables(known, conventions)
    return Source(known, cutoff, conventions, history, reference_of(history, cutoff), policy)


def labelled_frame(source: Source, target: Target) -> LabelledFrame:
    """The snapshots of a target and their features."""
    snapshots = grid_of(source, target)
    frame = build_features(source.history, snapshots, ENTITY[target], source.reference)
    withheld = _withheld(frame, snapshots)
    frame.values[:, [feature.name in withheld for feature in frame.features]] = np.nan
    return LabelledFrame(
        target, snapshots, frame, learn_encoding(frame), withheld, crm_feature(source, target)
    )


def crm_feature(source: Source, target: Target) -> str:
    """The feature that holds the CRM's own probability of a target; empty where there is none."""
    column = source.data.config.crm_probability if target == "win" else ""
    return custom_feature(column, category=False).name if column else ""


def grid_of(source: Source, target: Target) -> Snapshots:
    """The snapshots that a target is learnt from, none after the cut-off; drift is looked for on the same."""
    snapshots = weekly_grid(target, source.history, source.cutoff)
    if source.data.config.learn_at == "records" and ENTITY[target] == "opportunity":
        snapshots = snapshots.and_also(moments_of_records(source.history, source.cutoff))
    return snapshots


def _withheld(frame: FeatureFrame, snapshots: Snapshots) -> tuple[str, ...]:
    """The season, where the data are too short to tell the season from the passage of time.

    Within a year each day of a quarter stands for one date only: what trees learn from it is the
    date, and every later date lies outside of what they have seen.
    """
    if len(snapshots) and np.ptp(snapshots.as_of) >= LEAST_CALENDAR_SPAN:
        return ()
    return tuple(name for name in frame.columns if name in SEASONAL)
