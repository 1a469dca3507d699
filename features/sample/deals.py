"""An open deal as the simulation remembers it, from one Monday to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from features.sample.setting import STAGES, START, Setting
from features.times import DAY, WEEK, BoolArray, FloatArray, IntArray

REPLY_WEEKS = 4
QUIET_CHANCE = 0.045  # of an average buyer to fall quiet in a week
WAKE_CHANCE = 0.09
FIT_SHARE = 0.85  # of the fit in the usual engagement


@dataclass(frozen=True)
class Deals:
    """One row is one open deal on the Monday of `week`.

    Attributes:
        index: the opportunity, counted from 0 in the order of creation.
        week: weeks since `START`.
        fit, engagement, quiet: the hidden drive of the buyer's behaviour.
        replies: (rows, 4), the buyer's replies in each of the last four weeks, the latest first.
        decision_maker_meetings: held so far, or agreed for a day to come.
        last_sign_at: microseconds of the buyer's last reply or held meeting; at first the creation.
        contacts_seen: one bit per contact of the account with whom there was an activity that is no call:
            else call volume would be a cause by this way.
        response_hours: how fast answers come on this deal.
        The rest is what the CRM's columns of the same names hold, as indices and microseconds.
    """

    index: IntArray
    week: IntArray
    account: IntArray
    rep: IntArray
    kind: IntArray
    source: IntArray
    product: IntArray
    created_at: IntArray
    fit: FloatArray
    engagement: FloatArray
    quiet: BoolArray
    stage: IntArray
    stage_since: IntArray
    replies: FloatArray
    decision_maker_meetings: IntArray
    last_sign_at: IntArray
    contacts_seen: IntArray
    pushes: IntArray
    expected_close_at: IntArray
    amount: FloatArray
    response_hours: FloatArray


def new_deals(
    setting: Setting,
    account: IntArray,
    created_at: IntArray,
    is_customer: BoolArray,
    rng: np.random.Generator,
) -> Deals:
    """Deals created in the week before the Monday on which they are first looked at; indices from 0 on."""
    size = len(account)
    fit = rng.standard_normal(size)
    stranger = rng.integers(0, len(setting.reps.team), size)
    rep = np.where(rng.random(size) < 0.8, setting.accounts.owner[account], stranger)
    size_factor = (setting.accounts.employees[account] / 150.0) ** 0.35
    optimism = rng.normal(105.0, 30.0, size).clip(30.0, 240.0).astype(np.int64)
    return replace(
        _untouched(account, created_at),
        rep=rep,
        kind=np.where(is_customer, rng.choice([1, 2], size, p=[0.45, 0.55]), 0),
        source=_sources(is_customer, rng),
        product=rng.choice(4, size, p=[0.4, 0.25, 0.2, 0.15]),
        fit=fit,
        engagement=FIT_SHARE * fit + 0.4 * rng.standard_normal(size),
        expected_close_at=created_at // DAY * DAY + optimism * DAY,
        amount=(24_000.0 * size_factor * rng.lognormal(0.0, 0.7, size)).round(-2) + 100.0,
        response_hours=setting.reps.response_hours[rep] * rng.lognormal(0.0, 0.35, size),
    )


def with_new_mood(deals: Deals, rng: np.random.Generator) -> Deals:
    """The hidden engagement a week on: it wanders around the fit; some buyers fall quiet or wake."""
    size = len(deals.index)
    chance = rng.random(size)
    falls = chance < QUIET_CHANCE * np.exp(-0.5 * deals.fit)
    quiet = np.where(deals.quiet, chance > WAKE_CHANCE * np.exp(0.3 * deals.fit), falls)
    centre = FIT_SHARE * deals.fit
    engagement = centre + 0.85 * (deals.engagement - centre) + 0.22 * rng.standard_normal(size)
    return replace(deals, engagement=engagement, quiet=quiet)


def with_moves(deals: Deals, steps: IntArray, moved_at: IntArray) -> Deals:
    """The deals after the week's stage changes; `steps` is 0 where there was none."""
    stage = np.clip(deals.stage + steps, 0, len(STAGES) - 1)
    since = np.where(stage != deals.stage, moved_at, deals.stage_since)
    return replace(deals, stage=stage, stage_since=since, week=deals.week + 1)


def _untouched(account: IntArray, created_at: IntArray) -> Deals:
    """Deals of these accounts to which nothing has happened yet, all drawn columns at 0."""
    size = len(account)
    none, nothing = np.zeros(size, dtype=np.int64), np.zeros(size)
    return Deals(
        index=np.arange(size), week=1 + (created_at - START) // WEEK, account=account, rep=none, kind=none,
        source=none, product=none, created_at=created_at, fit=nothing, engagement=nothing,
        quiet=np.zeros(size, dtype=np.bool_), stage=none, stage_since=created_at,
        replies=np.zeros((size, REPLY_WEEKS)), decision_maker_meetings=none, last_sign_at=created_at,
        contacts_seen=none, pushes=none, expected_close_at=none, amount=nothing, response_hours=nothing,
    )  # fmt: skip


def _sources(is_customer: BoolArray, rng: np.random.Generator) -> IntArray:
    size = len(is_customer)
    of_customers = rng.choice(5, size, p=[0.3, 0.1, 0.35, 0.05, 0.2])
    of_others = rng.choice(5, size, p=[0.3, 0.15, 0.3, 0.15, 0.1])
    return np.where(is_customer, of_customers, of_others)
