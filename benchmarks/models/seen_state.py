"""The true state of the made-up world's deals as columns: what a seller who forgets nothing could see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.catalog import Feature
from features.frame import FeatureFrame, frame_of_columns
from features.history import History, TextArray
from features.sample import Sample
from features.sample.behaviour import INBOUND, OUTBOUND, Activities, is_held
from features.sample.causes import causes_of
from features.sample.columns import take
from features.sample.setting import PRODUCTS, SOURCES, STAGES, START
from features.sample.world import World
from features.snapshots import Snapshots
from features.tables import OPPORTUNITY_KINDS
from features.times import DAY, WEEK, FloatArray, IntArray

HALF_LIFE_WEEKS = 4.0


# Stage, dwell, decayed contact intensities, silence: the state in the words of the promise.
LISTED = (
    "stage", "stage_position", "days_in_stage", "dwell", "silence", "inbound_intensity", "outbound_intensity",
    "held_intensity",
)  # fmt: skip


@dataclass(frozen=True)
class Moments:
    """States of the world and the same moments as snapshots of a history; one entry each.

    Attributes:
        rows: of `world.states`.
        snapshots: the same deals, as the history numbers them, on the same Mondays.
    """

    rows: IntArray
    snapshots: Snapshots


def moments(sample: Sample, history: History, rows: IntArray) -> Moments:
    """Those of some states whose deal the history knows and takes for open at that moment."""
    deals, states = history.opportunities, sample.world.states
    place = {str(name): i for i, name in enumerate(deals.ids)}
    ids = sample.truth["opportunity_id"].to_list()
    entity = np.array([place.get(ids[row], -1) for row in rows], np.int64)
    as_of = START + states.week[rows] * WEEK
    is_open = (entity >= 0) & (deals.created_at[entity] <= as_of) & (as_of < deals.closed_at[entity])
    return Moments(rows[is_open], Snapshots(entity[is_open], as_of[is_open]))


def seen_frame(world: World, rows: IntArray) -> FeatureFrame:
    """Every cause of the outcome in its own unit, the stage, ages, recent contact; no hidden fit or mood.

    It holds what no record tells in time: meetings not typed in yet, and how fast answers come.
    """
    deals = take(world.states, rows)
    monday = START + deals.week * WEEK
    numbers: dict[str, FloatArray] = {
        **causes_of(deals),
        **{f"replies_{week}_weeks_ago": deals.replies[:, week] for week in range(deals.replies.shape[1])},
        **{name: values[rows] for name, values in _intensities(world).items()},
        "stage_position": deals.stage.astype(np.float64),
        "days_in_stage": (monday - deals.stage_since) / DAY,
        "age_days": (monday - deals.created_at) / DAY,
        "days_to_expected_close": (deals.expected_close_at - monday) / DAY,
        "amount": deals.amount,
    }
    texts: dict[str, TextArray] = {
        "stage": np.array(STAGES, object)[deals.stage],
        "source": np.array(SOURCES, object)[deals.source],
        "product": np.array(PRODUCTS, object)[deals.product],
        "kind": np.array(OPPORTUNITY_KINDS, object)[deals.kind],
    }
    features = [_feature(name, "number") for name in numbers] + [_feature(n, "category") for n in texts]
    return frame_of_columns(features, {**numbers, **texts})


def _feature(name: str, unit: str) -> Feature:
    return Feature(name, unit, "", False, "", "")  # type: ignore[arg-type]


def _intensities(world: World) -> dict[str, FloatArray]:
    """Decayed counts of contact before each state's Monday: from the buyer, to the buyer, face to face."""
    kinds = {
        "inbound_intensity": world.activities.direction == INBOUND,
        "outbound_intensity": world.activities.direction == OUTBOUND,
        "held_intensity": is_held(world.activities),
    }
    return {name: _decayed(world, take(world.activities, mask)) for name, mask in kinds.items()}


def _decayed(world: World, some: Activities) -> FloatArray:
    week = (some.at - START) // WEEK
    keep = 0.5 ** (1.0 / HALF_LIFE_WEEKS)
    now = np.zeros(len(world.deals.index))
    found = np.zeros(len(world.states.week))
    for monday in range(int(world.states.week.max()) + 1):
        last = some.deal[week == monday - 1]
        now = now * keep + np.bincount(last[last >= 0], minlength=len(now))
        rows = np.flatnonzero(world.states.week == monday)
        found[rows] = now[world.states.index[rows]]
    return found
