"""Small made-up worlds of deals whose outcome is a coin, or hangs on the calls that come before it."""

from __future__ import annotations

import numpy as np
import polars as pl

from features.canonical import TIME, CanonicalData, empty_table
from features.config import PipelineConfig
from features.tables import TABLES
from features.times import DAY, IntArray

DEALS, SPAN_DAYS, USUAL_DAYS = 900, 700.0, 45.0


def world(seed: int, *, calls_decide: bool) -> CanonicalData:
    """Deals over two years, each with a move, calls at a rate of its own, and an outcome.

    Args:
        calls_decide: deals with more than the usual rate of calls are won four times in five, others once
            in five; else a coin decides all of them.
    """
    rng = np.random.default_rng([seed, 71])
    created = rng.uniform(0, SPAN_DAYS, DEALS)
    lived = 2 + rng.exponential(USUAL_DAYS, DEALS)
    rate = rng.lognormal(-1.5, 0.8, DEALS)  # calls a day
    chance = np.where(rate > np.median(rate), 0.8, 0.2) if calls_decide else np.full(DEALS, 0.5)
    won = rng.random(DEALS) < chance
    calls = rng.poisson(rate * lived)
    of_call = np.repeat(np.arange(DEALS), calls)
    called = created[of_call] + rng.random(len(of_call)) * lived[of_call]
    ids = np.array([f"d{i}" for i in range(DEALS)])
    closed = created + lived
    given = {
        "opportunities": pl.DataFrame(
            {
                "opportunity_id": ids,
                "account_id": [f"a{i}" for i in rng.integers(0, 300, DEALS)],
                "rep_id": [f"r{i}" for i in rng.integers(0, 6, DEALS)],
                "created_at": _times(created),
                "closed_at": _times(closed),
                "outcome": np.where(won, "won", "lost"),
                "amount": np.where(won, 100.0, 0.0),  # as a CRM overwrites it at the close
            }
        ),
        "stage_changes": pl.DataFrame(
            {
                "opportunity_id": np.tile(ids, 3),
                "at": _times(np.concatenate([created, created + lived * rng.random(DEALS), closed])),
                "stage": np.concatenate(
                    [np.full(DEALS, "lead"), np.full(DEALS, "offer"), np.where(won, "won", "lost")]
                ),
            }
        ),
        "activities": pl.DataFrame(
            {
                "activity_id": [f"c{i}" for i in range(len(of_call))],
                "opportunity_id": ids[of_call],
                "at": _times(called),
                "recorded_at": _times(called),
                "kind": np.full(len(of_call), "call"),
            }
        ),
    }
    tables = {
        name: pl.concat([empty_table(table), *([given[name]] if name in given else [])], how="diagonal")
        for name, table in TABLES.items()
    }
    return CanonicalData(tables, PipelineConfig(stages=("lead", "offer")))


def _times(days: np.ndarray) -> pl.Series:
    micros: IntArray = (days * DAY).astype(np.int64)
    return pl.Series(micros).cast(TIME)
