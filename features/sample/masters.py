"""The tables of who and what: accounts, contacts, reps, leads, and the orders."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from features.sample.columns import take
from features.sample.setting import (
    CURRENCY,
    END,
    INDUSTRIES,
    PRODUCTS,
    REGIONS,
    SOURCES,
    START,
    WEEKS,
    Setting,
    account_names,
    working_time,
)
from features.sample.values import Ids, canonical, keys, known, named, numbers, times
from features.sample.world import WINS, World
from features.tables import ROLES
from features.times import HOUR, SECOND, WEEK, BoolArray, FloatArray, IntArray

LEAD_SHARE: Final = (0.75, 0.0, 0.2)  # of deals that began as a lead: new, renewal, upsell
UNCONVERTED: Final = 0.6  # leads that came to nothing, for each opportunity


def accounts_table(world: World, ids: Ids, rng: np.random.Generator) -> pl.DataFrame:
    """One row per account; `churned_at` where the contract ended before the end of the world."""
    accounts = world.setting.accounts
    revenue = accounts.employees * 120_000.0 * rng.lognormal(0.0, 0.5, len(accounts.owner))
    columns = {
        "account_id": ids.accounts,
        "name": pl.Series(account_names(len(accounts.owner), rng)),
        "industry": named(INDUSTRIES, accounts.industry),
        "region": named(REGIONS, accounts.region),
        "employees": numbers(accounts.employees),
        "annual_revenue": numbers(revenue.round(-3)),
        "created_at": times(accounts.created_at),
        "churned_at": times(world.customers.ended_at),
    }
    return canonical("accounts", columns)


def contacts_table(
    world: World, ids: Ids, activities: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """One row per contact, created with the account or later, but before the first activity with it."""
    account = world.setting.contact_account
    created = world.setting.accounts.created_at[account]
    created = created + (rng.exponential(120.0, len(account)) * 86_400).astype(np.int64) * SECOND
    columns = {
        "contact_id": ids.contacts,
        "account_id": named(ids.accounts, account),
        "role": named(ROLES, world.setting.contact_role),
        "created_at": times(np.minimum(created, _first_activity(world, ids, activities) - HOUR)),
    }
    return canonical("contacts", columns)


def reps_table(setting: Setting, ids: Ids) -> pl.DataFrame:
    """One row per rep."""
    reps = setting.reps
    teams = [f"T-{number:02d}" for number in range(1, int(reps.team.max()) + 2)]
    columns = {
        "rep_id": ids.reps,
        "team_id": named(teams, reps.team),
        "region": named(REGIONS, reps.region),
        "hired_at": times(reps.hired_at),
    }
    return canonical("reps", columns)


def leads_table(world: World, ids: Ids, rng: np.random.Generator) -> pl.DataFrame:
    """Leads that became deals, and others; the first response shows how fast the deal's rep answers."""
    parts = (_converted(world, ids, rng), _unconverted(world, ids, rng))
    frame = pl.concat(parts).sort("created_at", maintain_order=True)
    return canonical("leads", {"lead_id": keys("L", frame.height), **frame.to_dict()})


def orders_table(world: World, value: FloatArray, ids: Ids, rng: np.random.Generator) -> pl.DataFrame:
    """The customers' own orders and those of won deals, numbered in the order of recording."""
    won = np.flatnonzero(world.outcome == WINS)
    after = world.closed_at[won] + rng.integers(3_600, 3 * 86_400, len(won)) * SECOND
    account = np.concatenate((world.orders.account, world.deals.account[won]))
    usual = rng.integers(0, len(PRODUCTS), len(ids.accounts))[world.orders.account]
    other = rng.integers(0, len(PRODUCTS), len(usual))
    usual = np.where(rng.random(len(usual)) < 0.8, usual, other)
    at = np.concatenate((world.orders.at, after))
    deal = np.concatenate((np.full(len(usual), -1), won))
    frame = pl.DataFrame(
        {
            "account_id": named(ids.accounts, account),
            "at": times(at),
            "amount": numbers(np.concatenate((world.orders.amount, value[won]))),
            "currency": pl.Series([CURRENCY] * len(at)),
            "product": named(PRODUCTS, np.concatenate((usual, world.deals.product[won]))),
            "opportunity_id": named(ids.opportunities, deal),
            "recorded_at": times(at + rng.integers(0, 36 * 3_600, len(at)) * SECOND),
        }
    )
    frame = known(frame)
    return canonical("orders", {"order_id": keys("B", frame.height), **frame.to_dict()})


def _first_activity(world: World, ids: Ids, activities: pl.DataFrame) -> IntArray:
    """When each contact's first activity happened or was planned; the end where there is none.

    Of deals it counts what the CRM never came to know of too: else an early contact would tell
    that a forgotten meeting was typed in, and so of a win.
    """
    met = take(world.activities, world.activities.contact >= 0)
    first = np.full(len(ids.contacts), END)
    np.minimum.at(first, met.contact, np.where(met.planned_at > 0, met.planned_at, met.at))
    care = activities.filter(pl.col("opportunity_id").is_null())
    soonest = care.group_by("contact_id").agg(first=pl.col("at").min().cast(pl.Int64))
    every = ids.contacts.alias("contact_id").to_frame()
    joined = every.join(soonest, on="contact_id", how="left", maintain_order="left")
    return np.asarray(np.minimum(first, joined["first"].fill_null(END).to_numpy()))


def _converted(world: World, ids: Ids, rng: np.random.Generator) -> pl.DataFrame:
    chosen = rng.random(len(world.deals.index)) < np.array(LEAD_SHARE)[world.deals.kind]
    deal = np.flatnonzero(chosen)
    created = world.deals.created_at[deal]
    wait = _response(world.deals.response_hours[deal], rng)
    came = created - wait - rng.integers(2 * 3_600, 15 * 86_400, len(deal)) * SECOND
    return pl.DataFrame(
        {
            "created_at": times(came),
            "source": named(SOURCES, world.deals.source[deal]),
            "account_id": named(ids.accounts, world.deals.account[deal]),
            "rep_id": named(ids.reps, world.deals.rep[deal]),
            "first_response_at": times(came + wait),
            "converted_at": times(created),
            "opportunity_id": named(ids.opportunities, deal),
        }
    )


def _unconverted(world: World, ids: Ids, rng: np.random.Generator) -> pl.DataFrame:
    """Leads that came to nothing, some never answered, most of firms that are no account."""
    size = round(UNCONVERTED * len(world.deals.index))
    at = working_time(START + rng.integers(0, WEEKS, size) * WEEK, rng)
    rep = rng.integers(0, len(ids.reps), size)
    account = rng.integers(0, len(ids.accounts), size)
    unknown = (rng.random(size) < 0.6) | (world.setting.accounts.created_at[account] > at)
    answered = at + _response(1.5 * world.setting.reps.response_hours[rep], rng)
    never: BoolArray = (rng.random(size) < 0.25) | (answered > END)
    empty = pl.Series([None] * size)
    return pl.DataFrame(
        {
            "created_at": times(at),
            "source": named(SOURCES, rng.choice(len(SOURCES), size, p=[0.35, 0.05, 0.35, 0.2, 0.05])),
            "account_id": named(ids.accounts, np.where(unknown, -1, account)),
            "rep_id": named(ids.reps, rep),
            "first_response_at": times(answered, never),
            "converted_at": times(at, np.ones(size, dtype=np.bool_)),
            "opportunity_id": empty.cast(pl.String),
        }
    )


def _response(hours: FloatArray, rng: np.random.Generator) -> IntArray:
    """Microseconds to the first response around a typical time, at most six days."""
    seconds = np.minimum(hours * rng.lognormal(0.0, 0.4, len(hours)) * 3_600.0, 6 * 86_400.0)
    return seconds.astype(np.int64) * SECOND
