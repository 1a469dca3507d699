"""The activities table: the deals' activities and account care, as the reps recorded them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from features.sample.behaviour import INBOUND, MET, NOTHING, OUTBOUND, Activities
from features.sample.columns import join, take
from features.sample.setting import END, START, WEEKS, working_time
from features.sample.values import Ids, canonical, keys, known, named, numbers, times
from features.sample.world import WINS, World
from features.tables import ACTIVITY_KINDS, ACTIVITY_OUTCOMES, DIRECTIONS
from features.times import SECOND, WEEK, BoolArray, IntArray

FORGOTTEN_SHARE: Final = 0.12  # of meetings, visits and demos: typed in after a win or never
USUAL_DELAY_HOURS: Final = 6.0
DELAY_SPREAD: Final = 2.0  # sigma of the log: one in twenty is typed in more than a week late
LONGEST_DELAY_DAYS: Final = 60
CARE_A_WEEK: Final = 0.1  # mean of the rep's activities for a customer without an opportunity
_KIND: Final = {name: code for code, name in enumerate(ACTIVITY_KINDS)}
_OUTCOME: Final = {name: code for code, name in enumerate(ACTIVITY_OUTCOMES)}
_UNHELD: Final = tuple(_OUTCOME[name] for name in ("no_answer", "no_show", "cancelled"))


def activities_table(world: World, ids: Ids, rng: np.random.Generator) -> pl.DataFrame:
    """All activities recorded up to the end, numbered in the order of recording."""
    happened = join((_before_close(world), _care(world, rng), _complaints(world, rng)))
    recorded_at, forgotten = _recorded_at(happened, world, rng)
    planned = happened.planned_at > 0
    outcome = np.where(planned, NOTHING, happened.outcome)
    frame = pl.DataFrame(
        {
            "at": times(happened.at, np.zeros(len(planned), dtype=np.bool_)),
            "kind": named(ACTIVITY_KINDS, happened.kind),
            "opportunity_id": named(ids.opportunities, happened.deal),
            "account_id": named(ids.accounts, happened.account),
            "rep_id": named(ids.reps, happened.rep),
            "contact_id": named(ids.contacts, happened.contact),
            "direction": named(DIRECTIONS, happened.direction),
            "outcome": named(ACTIVITY_OUTCOMES, outcome),
            "duration_s": numbers(np.where(np.isin(outcome, _UNHELD), np.nan, happened.duration_s)),
            "recorded_at": times(recorded_at),
        }
    )
    kept = known(frame.filter(~pl.Series(forgotten)))
    return canonical("activities", {"activity_id": keys("A", kept.height), **kept.to_dict()})


def _before_close(world: World) -> Activities:
    """The deals' activities that took place before the close, and the plans made before it."""
    activities = world.activities
    planned_or_at = np.where(activities.planned_at > 0, activities.planned_at, activities.at)
    return take(activities, planned_or_at < world.closed_at[activities.deal])


def _recorded_at(
    activities: Activities, world: World, rng: np.random.Generator
) -> tuple[IntArray, BoolArray]:
    """When each was recorded, and which never are: the meetings forgotten in deals that were not won."""
    size = len(activities.at)
    met = np.isin(activities.kind, MET)
    length = np.nan_to_num(activities.duration_s).astype(np.int64) * SECOND
    typed = length + _typing_delay(activities.rep, world, rng)
    delay = np.where(met, typed, rng.integers(0, 90, size) * SECOND)
    by_hand = (activities.kind == _KIND["call"]) & (rng.random(size) < 0.15)
    delay = np.where(by_hand, rng.integers(600, 86_400, size) * SECOND, delay)
    of_deal = activities.deal >= 0
    forgets = met & of_deal & (activities.planned_at == 0) & (rng.random(size) < FORGOTTEN_SHARE)
    won = of_deal & (world.outcome[activities.deal] == WINS)
    after_win = world.closed_at[activities.deal] // SECOND + rng.integers(7_200, 6 * 86_400, size)
    recorded = np.where(forgets & won, after_win * SECOND, activities.at + delay)
    return np.where(activities.planned_at > 0, activities.planned_at, recorded), forgets & ~won


def _typing_delay(rep: IntArray, world: World, rng: np.random.Generator) -> IntArray:
    """Microseconds from a meeting until its rep types it in: hours as a rule, weeks at times."""
    hours = USUAL_DELAY_HOURS * world.setting.reps.delay[rep] * rng.lognormal(0.0, DELAY_SPREAD, len(rep))
    seconds = np.minimum(hours * 3600.0, LONGEST_DELAY_DAYS * 86_400.0)
    return seconds.astype(np.int64) * SECOND


def _care(world: World, rng: np.random.Generator) -> Activities:
    """What reps do for customers apart from any deal, from the first order to the contract's end."""
    first = np.full(len(world.customers.customer), END)
    np.minimum.at(first, world.orders.account, world.orders.at)
    account = np.repeat(np.arange(len(first)), rng.poisson(CARE_A_WEEK * WEEKS, len(first)))
    at = working_time(START + rng.integers(0, WEEKS, len(account)) * WEEK, rng)
    while_customer = (at > first[account]) & (at < world.customers.ended_at[account])
    account, at = account[while_customer], at[while_customer]
    choice = rng.choice(4, len(account), p=[0.4, 0.35, 0.15, 0.1])
    kind = np.array([_KIND[name] for name in ("call", "email", "visit", "other")])[choice]
    outcome = np.array([_OUTCOME["connected"], _OUTCOME["sent"], _OUTCOME["held"], NOTHING])[choice]
    minutes = np.array([8.0, np.nan, 80.0, np.nan])[choice] * rng.lognormal(0.0, 0.4, len(account))
    care = _of_accounts(account, at, kind, world, rng)
    return replace(care, outcome=outcome, duration_s=(60.0 * minutes).round())


def _complaints(world: World, rng: np.random.Generator) -> Activities:
    messages = world.messages
    kind = np.full(len(messages.at), _KIND["message"])
    sent = _of_accounts(messages.account, messages.at, kind, world, rng)
    return replace(sent, direction=np.full(len(kind), INBOUND))


def _of_accounts(
    account: IntArray, at: IntArray, kind: IntArray, world: World, rng: np.random.Generator
) -> Activities:
    """Outbound activities without an opportunity, by the account's owner with one of its contacts."""
    accounts = world.setting.accounts
    slot = (rng.random(len(account)) * accounts.contacts[account]).astype(np.int64)
    return Activities(
        deal=np.full(len(account), -1),
        account=account,
        rep=accounts.owner[account],
        contact=accounts.first_contact[account] + slot,
        kind=kind,
        direction=np.where(np.isin(kind, MET), NOTHING, OUTBOUND),
        outcome=np.full(len(account), NOTHING),
        at=at,
        duration_s=np.full(len(account), np.nan),
        planned_at=np.zeros(len(account), dtype=np.int64),
    )
