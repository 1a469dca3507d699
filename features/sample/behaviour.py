"""What buyer and rep do in one week of an open deal, and what the deal remembers of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.sample.columns import join, take
from features.sample.deals import Deals
from features.sample.setting import START, Setting, working_time
from features.tables import ACTIVITY_KINDS, ACTIVITY_OUTCOMES, DIRECTIONS
from features.times import DAY, HOUR, SECOND, WEEK, BoolArray, FloatArray, IntArray

NOTHING: Final = -1  # no contact, no direction, no outcome


@dataclass(frozen=True)
class Activities:
    """One row is one activity: `kind`, `direction` and `outcome` index the lists of `features.tables`.

    `deal` is -1 for account care. `planned_at` is when a planned meeting was entered, 0 for what was
    recorded after it happened.
    """

    deal: IntArray
    account: IntArray
    rep: IntArray
    contact: IntArray
    kind: IntArray
    direction: IntArray
    outcome: IntArray
    at: IntArray
    duration_s: FloatArray
    planned_at: IntArray


@dataclass(frozen=True)
class _Channel:
    """A sort of activity; `outcomes` pairs each outcome with its share, `minutes` is a typical length."""

    kind: str
    direction: str | None
    outcomes: tuple[tuple[str | None, float], ...]
    minutes: float = 0.0
    has_contact: bool = True


_HELD = (("held", 0.82), ("no_show", 0.07), ("cancelled", 0.11))
CHANNELS: Final = (
    _Channel("call", "outbound", (("connected", 0.4), ("no_answer", 0.6)), 7.0),
    _Channel("email", "outbound", (("sent", 0.55), ("opened", 0.45))),
    _Channel("email", "inbound", (("replied", 1.0),)),
    _Channel("meeting", None, _HELD, 45.0),
    _Channel("visit", None, _HELD, 90.0),
    _Channel("demo", None, _HELD, 60.0),
    _Channel("proposal", "outbound", (("sent", 1.0),)),
    _Channel("message", "inbound", ((None, 1.0),)),
    _Channel("message", "outbound", (("sent", 1.0),)),
    _Channel("crm_update", None, ((None, 1.0),), has_contact=False),
    _Channel("task", None, ((None, 1.0),), has_contact=False),
    _Channel("other", None, ((None, 1.0),), has_contact=False),
)
_CODE = {name: i for i, name in enumerate(ACTIVITY_KINDS)}
_OUT = {name: i for i, name in enumerate(ACTIVITY_OUTCOMES)}
MET: Final = (_CODE["meeting"], _CODE["visit"], _CODE["demo"])
INBOUND: Final = DIRECTIONS.index("inbound")
OUTBOUND: Final = DIRECTIONS.index("outbound")
HELD: Final = _OUT["held"]
PLANNED_SHARE: Final = 0.15
ANSWERED_SHARE: Final = 0.8


def week_of_activities(deals: Deals, setting: Setting, rng: np.random.Generator) -> Activities:
    """The activities that the coming week of each deal brings, should it stay open.

    None of them depends on whether the deal is won or lost in that week.
    """
    drawn = rng.poisson(_rates(deals, setting))
    row, channel = np.divmod(np.repeat(np.arange(drawn.size), drawn.ravel()), len(CHANNELS))
    contact = _contacts(deals, row, channel, setting, rng)
    monday = START + deals.week[row] * WEEK
    activities = Activities(
        deal=deals.index[row],
        account=deals.account[row],
        rep=deals.rep[row],
        contact=contact,
        kind=np.array([_CODE[c.kind] for c in CHANNELS])[channel],
        direction=np.array([_direction(c) for c in CHANNELS])[channel],
        outcome=_outcomes(channel, rng),
        at=working_time(monday, rng),
        duration_s=_durations(channel, rng),
        planned_at=np.zeros(len(row), dtype=np.int64),
    )
    planned = _with_plans(activities, monday, rng)
    return join((planned, _answers(planned, deals.response_hours[row], rng)))


def is_sign_of_buyer(activities: Activities) -> BoolArray:
    """Which activities show the buyer: a reply, or a meeting, visit or demo that was held."""
    return np.asarray((activities.direction == INBOUND) | is_held(activities))


def is_held(activities: Activities) -> BoolArray:
    """Which activities are meetings, visits or demos that took place."""
    return np.asarray(np.isin(activities.kind, MET) & (activities.outcome == HELD))


def with_memory(deals: Deals, activities: Activities, setting: Setting) -> Deals:
    """The deals after their week's activities; the activities may be of these deals only."""
    order = np.argsort(deals.index, kind="stable")
    row = order[np.searchsorted(deals.index, activities.deal, sorter=order)]
    size = len(deals.index)
    replied = np.bincount(row, activities.direction == INBOUND, size)
    decides = activities.contact == setting.accounts.decision_maker[activities.account]
    decided = np.bincount(row, is_held(activities) & decides & (activities.contact >= 0), size)
    last_sign = deals.last_sign_at.copy()
    signs = is_sign_of_buyer(activities)
    np.maximum.at(last_sign, row[signs], activities.at[signs])
    seen = deals.contacts_seen.copy()
    known = (activities.contact >= 0) & (activities.kind != _CODE["call"])
    slot = activities.contact - setting.accounts.first_contact[activities.account]
    np.bitwise_or.at(seen, row[known], np.int64(1) << slot[known])
    return replace(
        deals,
        replies=np.column_stack((replied, deals.replies[:, :-1])),
        decision_maker_meetings=deals.decision_maker_meetings + decided.astype(np.int64),
        last_sign_at=last_sign,
        contacts_seen=seen,
    )


def _direction(channel: _Channel) -> int:
    return DIRECTIONS.index(channel.direction) if channel.direction else NOTHING


def _rates(deals: Deals, setting: Setting) -> FloatArray:
    """(deals, channels): the mean number of each sort of activity in the coming week."""
    mood = np.where(deals.quiet, -2.6, deals.engagement)
    work = setting.reps.diligence[deals.rep] * np.where(deals.quiet, 0.7, 1.0)
    stage = deals.stage
    ones = np.ones(len(stage))
    emails = np.array([0.55, 0.6, 0.5, 0.6, 0.6, 0.5])[stage] * work
    rates = (
        setting.reps.calls_per_week[deals.rep],
        emails,
        (0.22 + 0.3 * emails) * np.exp(0.65 * mood),
        np.array([0.2, 0.3, 0.2, 0.22, 0.28, 0.22])[stage] * np.exp(0.4 * mood),
        0.05 * np.exp(0.3 * mood),
        np.where(stage == 2, 0.25, 0.02) * np.exp(0.2 * mood),
        np.where(stage == 3, 0.3, np.where(stage > 3, 0.08, 0.0)),
        0.06 * np.exp(0.4 * mood),
        0.05 * work,
        0.22 * work,
        0.13 * ones,
        0.03 * ones,
    )
    return np.column_stack(rates)


def _contacts(
    deals: Deals, row: IntArray, channel: IntArray, setting: Setting, rng: np.random.Generator
) -> IntArray:
    """The contact of each activity; an engaged buyer brings the one who decides into meetings."""
    accounts = setting.accounts
    account = deals.account[row]
    count = accounts.contacts[account]
    spread = rng.random(len(row)) ** np.exp(0.7 - 0.35 * deals.engagement[row])
    slot = (deals.created_at[row] // SECOND + (spread * count).astype(np.int64)) % count
    wish = -1.2 + 0.75 * deals.engagement[row] + 0.15 * deals.stage[row]
    is_met = np.array([c.kind in ("meeting", "visit", "demo") for c in CHANNELS])[channel]
    wanted = is_met & (rng.random(len(row)) < 1.0 / (1.0 + np.exp(-wish)))
    decides = accounts.decision_maker[account]
    contact = np.where(wanted & (decides >= 0), decides, accounts.first_contact[account] + slot)
    return np.where(np.array([c.has_contact for c in CHANNELS])[channel], contact, NOTHING)


def _outcomes(channel: IntArray, rng: np.random.Generator) -> IntArray:
    names = [[_OUT[name] if name else NOTHING for name, _ in c.outcomes] + [NOTHING] * 3 for c in CHANNELS]
    bounds = [np.cumsum([share for _, share in c.outcomes] + [0.0] * 3)[:3] for c in CHANNELS]
    chance = rng.random(len(channel))[:, None]
    choice = (chance > np.array(bounds)[channel]).sum(axis=1)
    return np.asarray(np.array([row[:4] for row in names])[channel, choice])


def _durations(channel: IntArray, rng: np.random.Generator) -> FloatArray:
    minutes = np.array([c.minutes for c in CHANNELS])[channel]
    seconds = (60.0 * minutes * rng.lognormal(0.0, 0.4, len(channel))).round()
    return np.where(minutes > 0.0, seconds, np.nan)


def _with_plans(activities: Activities, monday: IntArray, rng: np.random.Generator) -> Activities:
    """Some meetings are agreed this week for a day in the next two, and entered when agreed."""
    planned = np.isin(activities.kind, MET) & (rng.random(len(monday)) < PLANNED_SHARE)
    later = rng.integers(2, 15, len(monday)) * DAY
    weekend = (activities.at + later - START) // DAY % 7 - 4
    later = later + np.where(weekend > 0, 3 - weekend, 0) * DAY
    return replace(
        activities,
        at=np.where(planned, activities.at + later, activities.at),
        planned_at=np.where(planned, activities.at, 0),
    )


def _answers(activities: Activities, response_hours: FloatArray, rng: np.random.Generator) -> Activities:
    """The rep's answers to the week's inbound emails, after the deal's typical time."""
    asked = (activities.kind == _CODE["email"]) & (activities.direction == INBOUND)
    rows = np.flatnonzero(asked & (rng.random(len(asked)) < ANSWERED_SHARE))
    size = len(rows)
    wait = (response_hours[rows] * rng.lognormal(0.0, 0.5, size) * HOUR).astype(np.int64) // SECOND * SECOND
    return replace(
        take(activities, rows),
        direction=np.full(size, OUTBOUND),
        outcome=np.full(size, _OUT["sent"]),
        at=activities.at[rows] + wait,
    )
