"""Which behaviours are looked at for patterns, and the columns of their regression.

A behaviour counts as far as a deal differs from the others of the same rep at the same age: its values are
centred by landmark and then by rep (within-rep comparison; Mundlak 1978, 10.2307/1913646). What merely goes
with a rep who is busy, or good, is the same on all of the rep's deals and falls away; the reps' own win
rates are intercepts of the regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.catalog import OPPORTUNITY_FEATURES, Feature
from features.times import BoolArray, FloatArray, IntArray
from training.landmarks import Landmarks

BEHAVIOURS: Final = (
    "calls_30d",
    "outbound_30d",
    "meetings_30d",
    "visits_30d",
    "demos_total",
    "proposals_total",
    "channels_30d",
    "planned_activities",
    "inbound_30d",
    "connected_share",
    "no_show_share",
    "meeting_follow_up_share",
    "proposal_follow_up_share",
    "days_since_last_inbound",
    "days_since_last_held",
    "mean_response_hours",
    "longest_silence_days",
    "contacts_reached_total",
    "decision_maker_meetings",
    "champions_reached",
    "days_in_stage",
    "close_date_pushes",
    "recorded_within_day_share",
    "lead_response_hours",
)
CATEGORIES: Final = ("stage", "kind", "source", "product", "industry", "region")
NUMBERS: Final = (
    "amount",
    "rep_open_deals",
    "account_orders_total",
    "past_wins",
    "past_losses",
    "days_to_expected_close",
)
FEATURES: Final = (*BEHAVIOURS, *CATEGORIES, *NUMBERS, "deal_age_days")
DECLARED: Final = {feature.name: feature for feature in OPPORTUNITY_FEATURES}

_LEAST_GIVEN = 0.05  # of the rows in which a behaviour must be given, and differ from the commonest value
_LEAST_ROWS = 20  # of a category's text, to have a column
_BY_SIZE = ("count", "number", "days", "hours", "s", "currency")  # units that are told by their logarithm
_SMALL = 1e-9


@dataclass(frozen=True)
class Habit:
    """One behaviour at the landmarks.

    Attributes:
        feature: its declaration.
        raw: float64 per row, NaN where not given; days since what never was are the deal's age.
        within: what a row differs from the same rep's other rows of its age, in standard deviations.
        low, high: raw values half a standard deviation below and above the usual.
    """

    feature: Feature
    raw: FloatArray
    within: FloatArray
    low: float
    high: float


@dataclass(frozen=True)
class Design:
    """Behaviours, the columns of the case mix (an intercept first, the reps last), and those behaviours
    that vary too little here to be judged."""

    habits: tuple[Habit, ...]
    mix: FloatArray
    unmeasured: tuple[str, ...]


def design_of(landmarks: Landmarks) -> Design:
    """The behaviours that vary enough to be judged, and the case mix with the landmark and the reps."""
    habits, absent, unmeasured = [], [], []
    for name in BEHAVIOURS:
        habit = _habit(name, landmarks)
        if habit is None:
            unmeasured.append(name)
            continue
        habits.append(habit)
        missing = np.isnan(habit.raw)
        if _LEAST_GIVEN < missing.mean() < 1 - _LEAST_GIVEN:
            absent.append(missing.astype(np.float64))
    mix = [*absent, *_numbers(landmarks), *_categories(landmarks)]
    return Design(tuple(habits), np.stack([np.ones(len(landmarks.won)), *mix], axis=1), tuple(unmeasured))


def plain(habit: Habit, landmarks: Landmarks) -> FloatArray:
    """A behaviour compared with all deals of the same age, whoever's; in standard deviations."""
    given = ~np.isnan(habit.raw)
    values = _centred(_sized(habit.raw, habit.feature.unit), given, landmarks.landmark, landmarks.weight)
    return values / max(_spread(values, landmarks.weight), _SMALL)


def _habit(name: str, landmarks: Landmarks) -> Habit | None:
    feature = DECLARED[name]
    raw = np.array(landmarks.frame.columns[name], np.float64)
    if name.startswith("days_since_last_"):
        raw = np.where(np.isnan(raw), np.asarray(landmarks.frame.columns["deal_age_days"], np.float64), raw)
    given = ~np.isnan(raw)
    if not _varies(raw[given], len(raw)):
        return None
    size = _sized(raw, feature.unit)
    weight = landmarks.weight
    values = _centred(size, given, landmarks.landmark, weight)
    for _ in range(3):  # by turns, until the means by rep and by landmark are both next to nothing
        values = _centred(values, given, landmarks.rep, weight)
        values = _centred(values, given, landmarks.landmark, weight)
    values = _centred(values, given, landmarks.rep, weight)
    spread = _spread(values, weight)
    if spread < _SMALL:
        return None
    usual = float(np.average(size[given], weights=weight[given]))
    ends = [_unsized(usual + sign * spread / 2, feature) for sign in (-1, 1)]
    return Habit(feature, raw, values / spread, ends[0], ends[1])


def _varies(given: FloatArray, rows: int) -> bool:
    if len(given) < _LEAST_GIVEN * rows:
        return False
    _, counts = np.unique(given, return_counts=True)
    return len(given) - int(counts.max()) >= _LEAST_GIVEN * rows


def _sized(raw: FloatArray, unit: str) -> FloatArray:
    return np.log1p(np.maximum(raw, 0.0)) if unit in _BY_SIZE else raw


def _unsized(value: float, feature: Feature) -> float:
    raw = float(np.expm1(value)) if feature.unit in _BY_SIZE else value
    low = -np.inf if feature.low is None else feature.low
    return float(np.clip(raw, low, np.inf if feature.high is None else feature.high))


def _centred(values: FloatArray, given: BoolArray, group: IntArray, weight: FloatArray) -> FloatArray:
    """Less the weighted mean of the row's group; 0 where not given."""
    size = int(group.max()) + 1
    mass = np.bincount(group[given], weight[given], minlength=size)
    total = np.bincount(group[given], weight[given] * values[given], minlength=size)
    return np.where(given, values - (total / np.maximum(mass, _SMALL))[group], 0.0)


def _spread(values: FloatArray, weight: FloatArray) -> float:
    return float(np.sqrt(np.average(values**2, weights=weight)))


def _numbers(landmarks: Landmarks) -> list[FloatArray]:
    """Numbers of the case mix by their logarithm, standardised, and whether each is missing."""
    found = []
    for name in NUMBERS:
        raw = np.asarray(landmarks.frame.columns[name], np.float64)
        missing = np.isnan(raw)
        if missing.all():
            continue
        values = np.sign(raw) * np.log1p(np.abs(raw))
        values = np.where(missing, np.nanmedian(values), values)
        spread = values.std()
        if spread > _SMALL:
            found.append((values - values.mean()) / spread)
        if missing.any():
            found.append(missing.astype(np.float64))
    return found


def _categories(landmarks: Landmarks) -> list[FloatArray]:
    """A column for each text of a category that enough rows have, for each landmark, and each rep."""
    found = []
    for name in CATEGORIES:
        found += _indicators(landmarks.frame.texts(name).tolist(), _LEAST_ROWS)
    found += _indicators(landmarks.landmark.tolist(), 1)
    return found + _indicators(landmarks.rep.tolist(), 1)


def _indicators(values: Sequence[object], least: int) -> list[FloatArray]:
    texts = np.array([str(value) for value in values])
    names, counts = np.unique(texts, return_counts=True)
    return [(texts == name).astype(np.float64) for name in names[counts >= least]]
