"""The simulation: 130 weeks of a made-up firm, each week made only from the weeks before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from features.sample.behaviour import Activities, week_of_activities, with_memory
from features.sample.causes import Hazards, hazards
from features.sample.columns import join, take
from features.sample.customers import Customers, Events, customer_week, first_customers, with_win
from features.sample.deals import Deals, new_deals, with_moves, with_new_mood
from features.sample.paperwork import FieldChanges, initial_values, with_paperwork
from features.sample.setting import START, WEEKS, Setting, make_setting, working_time
from features.times import NEVER, WEEK, BoolArray, IntArray

WAITS, WINS, LOSES = range(3)


@dataclass(frozen=True)
class Moves:
    """What one week did to each deal: an outcome, or `steps` between the stages, at one instant."""

    outcome: IntArray
    steps: IntArray
    at: IntArray


@dataclass(frozen=True)
class StageChanges:
    """One row is one change between open stages; `stage` is the new one."""

    deal: IntArray
    at: IntArray
    stage: IntArray


@dataclass(frozen=True)
class World:
    """All that happened, in true order and at true times; one array row per thing that happened.

    Attributes:
        deals: all opportunities as they were created.
        last: the state of every deal when it was last looked at while open.
        outcome, closed_at: of every opportunity; `WAITS` and `NEVER` while it is open.
        states: every open deal on every Monday.
        chances: the hazards of these states' coming week.
    """

    setting: Setting
    deals: Deals
    last: Deals
    outcome: IntArray
    closed_at: IntArray
    states: Deals
    chances: Hazards
    stages: StageChanges
    changes: FieldChanges
    activities: Activities
    orders: Events
    messages: Events
    customers: Customers


@dataclass
class _Diary:
    """What the weeks have brought so far."""

    deals: list[Deals] = field(default_factory=list)
    states: list[Deals] = field(default_factory=list)
    chances: list[Hazards] = field(default_factory=list)
    moves: list[Moves] = field(default_factory=list)
    stages: list[StageChanges] = field(default_factory=list)
    changes: list[FieldChanges] = field(default_factory=list)
    activities: list[Activities] = field(default_factory=list)
    orders: list[Events] = field(default_factory=list)
    messages: list[Events] = field(default_factory=list)


def simulate(opportunities: int, rng: np.random.Generator) -> World:
    """The whole world from `START` to `END`; the same for the same number and generator."""
    setting = make_setting(opportunities, rng)
    customers = first_customers(setting.accounts, rng)
    arrivals = _arrivals(opportunities, rng)
    diary = _Diary()
    open_deals = _arriving(0, arrivals, setting, customers, rng)
    diary.deals.append(open_deals)
    for week in range(1, WEEKS):
        on_monday = open_deals
        open_deals, won = _deal_week(on_monday, setting, diary, rng)
        customers = _customer_week(with_win(customers, won), week, on_monday, diary, rng)
        fresh = _arriving(week, arrivals, setting, customers, rng)
        diary.deals.append(fresh)
        open_deals = join((open_deals, fresh))
    return _world(setting, customers, diary)


def draw_moves(deals: Deals, chances: Hazards, rng: np.random.Generator) -> Moves:
    """One draw from the hazards of each deal's coming week."""
    size = len(deals.index)
    bounds = np.cumsum([chances.win, chances.lose, chances.advance, chances.back], axis=0)
    drawn = (rng.random(size) >= bounds).sum(axis=0)
    jump = 1 + (rng.random(size) < 1.0 / 12.0)
    return Moves(
        outcome=np.array([WINS, LOSES, WAITS, WAITS, WAITS])[drawn],
        steps=np.where(drawn == 2, jump, np.where(drawn == 3, -1, 0)),
        at=working_time(START + deals.week * WEEK, rng),
    )


def next_monday(deals: Deals, moves: Moves, activities: Activities, setting: Setting) -> Deals:
    """The deals a week later, closed ones included; `paperwork` and mood come apart."""
    return with_moves(with_memory(deals, activities, setting), moves.steps, moves.at)


def _deal_week(
    deals: Deals, setting: Setting, diary: _Diary, rng: np.random.Generator
) -> tuple[Deals, IntArray]:
    """The deals still open a week later, and the accounts of the deals won."""
    chances = hazards(deals)
    moves = draw_moves(deals, chances, rng)
    activities = week_of_activities(deals, setting, rng)
    changed, changes = with_paperwork(deals, setting, rng)
    later = next_monday(changed, moves, activities, setting)
    moved = later.stage != deals.stage
    diary.states.append(deals)
    diary.chances.append(chances)
    diary.moves.append(moves)
    diary.activities.append(activities)
    diary.changes.append(changes)
    diary.stages.append(StageChanges(deals.index[moved], moves.at[moved], later.stage[moved]))
    still_open = with_new_mood(take(later, moves.outcome == WAITS), rng)
    return still_open, deals.account[moves.outcome == WINS]


def _customer_week(
    customers: Customers, week: int, open_deals: Deals, diary: _Diary, rng: np.random.Generator
) -> Customers:
    has_open_deal = np.zeros(len(customers.customer), dtype=np.bool_)
    has_open_deal[open_deals.account] = True
    customers, orders, messages = customer_week(customers, week, has_open_deal, rng)
    diary.orders.append(orders)
    diary.messages.append(messages)
    return customers


def _arrivals(opportunities: int, rng: np.random.Generator) -> IntArray:
    """New deals of each week: the firm grows to three and a half times its start."""
    share = np.linspace(1.0, 3.5, WEEKS)
    weeks = rng.choice(WEEKS, opportunities, p=share / share.sum())
    return np.bincount(weeks, minlength=WEEKS)


def _arriving(
    week: int, arrivals: IntArray, setting: Setting, customers: Customers, rng: np.random.Generator
) -> Deals:
    """The deals created in the week, in the order of their creation."""
    size = int(arrivals[week])
    monday = START + week * WEEK
    created_at = np.sort(working_time(np.full(size, monday), rng))
    accounts = setting.accounts
    ready: BoolArray = (accounts.created_at < monday) & (customers.ended_at == NEVER)
    weight = accounts.weight * ready * np.where(customers.customer, 0.6, 1.0)
    account = rng.choice(len(weight), size, p=weight / weight.sum())
    fresh = new_deals(setting, account, created_at, customers.customer[account], rng)
    return replace(fresh, index=fresh.index + int(arrivals[:week].sum()))


def _world(setting: Setting, customers: Customers, diary: _Diary) -> World:
    deals, states, moves = join(diary.deals), join(diary.states), join(diary.moves)
    outcome = np.zeros(len(deals.index), dtype=np.int64)
    closed_at = np.full(len(deals.index), NEVER)
    closing = moves.outcome != WAITS
    outcome[states.index[closing]] = moves.outcome[closing]
    closed_at[states.index[closing]] = moves.at[closing]
    diary.changes.insert(0, initial_values(deals))
    return World(
        setting=setting, deals=deals, last=_last(deals, states), outcome=outcome, closed_at=closed_at,
        states=states, chances=join(diary.chances), stages=join(diary.stages),
        changes=join(diary.changes), activities=join(diary.activities),
        orders=join(diary.orders), messages=join(diary.messages), customers=customers,
    )  # fmt: skip


def _last(deals: Deals, states: Deals) -> Deals:
    """Each deal's latest state; its first one where it was created in the last week."""
    both = join((deals, states))
    row = np.zeros(len(deals.index), dtype=np.int64)
    row[both.index] = np.arange(len(both.index))
    return replace(take(both, row), index=deals.index)
