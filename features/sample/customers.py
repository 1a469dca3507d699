"""Accounts from week to week: complaints slow the rhythm of the orders, slow accounts end the contract."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.sample.setting import START, Accounts, working_time
from features.times import NEVER, WEEK, BoolArray, FloatArray, IntArray

MEMORY_WEEKS: Final = 8
TURNS_UNHAPPY: Final = 0.008  # chance of a week
TURNS_HAPPY: Final = 0.035
MESSAGES_HAPPY: Final = 0.15  # mean of a week
MESSAGES_UNHAPPY: Final = 0.5
BEARABLE: Final = 2.0  # messages in the memory that slow nothing
SLOWING: Final = 0.04  # of the log of the pace, for each message beyond these
RECOVERY: Final = 0.06  # share of the way back to the usual pace, a week without complaints
SLOW_PACE: Final = 0.45
END_CHANCE: Final = 0.06  # of a week at a slow pace without an open deal
SILENT_END_CHANCE: Final = 0.0006  # of any other week without an open deal: for reasons nobody sees


@dataclass(frozen=True)
class Customers:
    """One row is one account, customer or not yet.

    Attributes:
        customer: has ordered at least once.
        rhythm_days: usual days between two orders.
        order_size: usual amount of an order.
        pace: 1 is the usual rhythm, 0.5 half of it.
        progress, threshold: an order comes when the one reaches the other.
        unhappy: hidden; shows in messages.
        messages: (rows, 8), inbound messages of the last eight weeks.
        ended_at: microseconds; `NEVER` while the contract runs.
    """

    customer: BoolArray
    rhythm_days: FloatArray
    order_size: FloatArray
    pace: FloatArray
    progress: FloatArray
    threshold: FloatArray
    unhappy: BoolArray
    messages: FloatArray
    ended_at: IntArray


@dataclass(frozen=True)
class Events:
    """One row is one order or one message of an account."""

    account: IntArray
    at: IntArray
    amount: FloatArray


def first_customers(accounts: Accounts, rng: np.random.Generator) -> Customers:
    """All accounts on the first Monday."""
    size = len(accounts.owner)
    return Customers(
        customer=accounts.customer_from_start.copy(),
        rhythm_days=32.0 * rng.lognormal(0.0, 0.4, size),
        order_size=1_500.0 * (accounts.employees / 150.0) ** 0.4 * rng.lognormal(0.0, 0.5, size),
        pace=np.ones(size),
        progress=rng.random(size),
        threshold=rng.gamma(9.0, 1.0 / 9.0, size),
        unhappy=np.zeros(size, dtype=np.bool_),
        messages=np.zeros((size, MEMORY_WEEKS)),
        ended_at=np.full(size, NEVER),
    )


def with_win(customers: Customers, accounts: IntArray) -> Customers:
    """The accounts after a won deal: customers from now on, in their rhythm from this order."""
    customer, progress = customers.customer.copy(), customers.progress.copy()
    progress[accounts[~customer[accounts]]] = 0.0
    customer[accounts] = True
    return replace(customers, customer=customer, progress=progress)


def customer_week(
    customers: Customers, week: int, has_open_deal: BoolArray, rng: np.random.Generator
) -> tuple[Customers, Events, Events]:
    """The accounts a week on, with the week's orders and inbound messages."""
    size = len(customers.customer)
    active = customers.customer & (customers.ended_at == NEVER)
    turn = rng.random(size)
    unhappy = active & np.where(customers.unhappy, turn > TURNS_HAPPY, turn < TURNS_UNHAPPY)
    sent = rng.poisson(np.where(unhappy, MESSAGES_UNHAPPY, MESSAGES_HAPPY) * active)
    messages = np.column_stack((sent, customers.messages[:, :-1]))
    pace = _pace(customers.pace, messages.sum(axis=1))
    progress = customers.progress + active * pace * 7.0 / customers.rhythm_days
    due = active & (progress >= customers.threshold)
    chance = np.where(customers.pace < SLOW_PACE, END_CHANCE, SILENT_END_CHANCE)
    ends = active & ~due & ~has_open_deal & (rng.random(size) < chance)
    monday = np.full(size, START + week * WEEK)
    changed = replace(
        customers,
        unhappy=unhappy,
        messages=messages,
        pace=pace,
        progress=np.where(due, 0.0, progress),
        threshold=np.where(due, rng.gamma(9.0, 1.0 / 9.0, size), customers.threshold),
        ended_at=np.where(ends, monday + WEEK, customers.ended_at),
    )
    return changed, _orders(customers, due, monday, rng), _messages(sent, monday, rng)


def _pace(pace: FloatArray, messages: FloatArray) -> FloatArray:
    slowed = pace * np.exp(-SLOWING * (messages - BEARABLE))
    recovered = pace + RECOVERY * (1.0 - pace)
    return np.where(messages > BEARABLE, slowed, recovered).clip(0.05, 1.0)


def _orders(customers: Customers, due: BoolArray, monday: IntArray, rng: np.random.Generator) -> Events:
    account = np.flatnonzero(due)
    amount = customers.order_size[account] * rng.lognormal(0.0, 0.3, len(account))
    return Events(account, working_time(monday[account], rng), amount.round(2))


def _messages(sent: IntArray, monday: IntArray, rng: np.random.Generator) -> Events:
    account = np.repeat(np.arange(len(sent)), sent)
    return Events(account, working_time(monday[account], rng), np.zeros(len(account)))
