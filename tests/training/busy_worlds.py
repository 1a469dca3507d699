"""Made-up worlds in which good reps call more, calls do nothing, and replies and meetings decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from features.canonical import TIME, CanonicalData, empty_table
from features.config import PipelineConfig
from features.tables import TABLES
from features.times import DAY, FloatArray, IntArray

REPS, SPAN_DAYS, USUAL_DAYS = 24, 900.0, 70.0
END = int((SPAN_DAYS + 365) * DAY)
PLANTED = {"inbound_30d", "days_since_last_inbound", "decision_maker_meetings"}  # and what measures them too


def busy_world(seed: int, deals: int = 1500) -> CanonicalData:
    """Deals of reps whose skill moves both how often they call and how often they win.

    A deal's own rate of replies and of meetings with the decision maker move its odds; calls do not.
    """
    rng = np.random.default_rng([seed, 72])
    skill = rng.normal(0.0, 0.8, REPS)
    rep = rng.integers(0, REPS, deals)
    created, lived = rng.uniform(0, SPAN_DAYS, deals), 5 + rng.exponential(USUAL_DAYS, deals)
    replies, meetings = rng.standard_normal(deals), rng.standard_normal(deals)
    odds = skill[rep] + 0.8 * replies + 0.8 * meetings - 0.2
    won = rng.random(deals) < 1 / (1 + np.exp(-odds))
    rates = (
        ("call", "outbound", 0.15 * np.exp(0.9 * skill + rng.normal(0, 0.3, REPS))[rep]),
        ("email", "inbound", 0.08 * np.exp(0.8 * replies)),
        ("email", "outbound", np.full(deals, 0.1)),
        ("meeting", None, 0.04 * np.exp(0.8 * meetings)),
    )
    days = np.minimum(lived, END / DAY - created)
    touches = [_touches(kind, way, rate, created, days, rep, rng) for kind, way, rate in rates]
    return _canonical(created, lived, won, rep, touches)


def shuffled(data: CanonicalData, seed: int) -> CanonicalData:
    """The same deals with the outcomes dealt out anew: nothing goes with winning."""
    deals = data["opportunities"]
    closed = deals["outcome"].is_not_null()
    order = np.random.default_rng([seed, 73]).permutation(int(closed.sum()))
    dealt = deals.filter(closed).with_columns(pl.Series("outcome", deals.filter(closed)["outcome"])[order])
    tables = dict(data.tables) | {"opportunities": pl.concat([dealt, deals.filter(~closed)])}
    return replace(data, tables=tables)


def _touches(
    kind: str, way: str | None, rate: FloatArray, created: FloatArray, days: FloatArray, rep: IntArray,
    rng: np.random.Generator,
) -> pl.DataFrame:  # fmt: skip
    deal = np.repeat(np.arange(len(rate)), rng.poisson(rate * days))
    at = created[deal] + rng.random(len(deal)) * days[deal]
    return pl.DataFrame(
        {
            "opportunity_id": [f"d{i}" for i in deal],
            "rep_id": [f"r{i}" for i in rep[deal]],
            "contact_id": [f"p{i}" for i in deal],
            "at": _times(at),
            "kind": pl.Series([kind] * len(deal), dtype=pl.String),
            "direction": pl.Series([way] * len(deal), dtype=pl.String),
            "outcome": pl.Series(["held" if kind == "meeting" else None] * len(deal), dtype=pl.String),
        }
    )


def _canonical(
    created: FloatArray, lived: FloatArray, won: IntArray, rep: IntArray, touches: list[pl.DataFrame]
) -> CanonicalData:
    ids = [f"d{i}" for i in range(len(created))]
    done = pl.concat(touches)
    reps = [f"r{i}" for i in range(REPS)]
    given = {
        "accounts": pl.DataFrame({"account_id": [f"a{i}" for i in range(len(ids))]}),
        "contacts": pl.DataFrame(
            {
                "contact_id": [f"p{i}" for i in range(len(ids))],
                "account_id": [f"a{i}" for i in range(len(ids))],
                "role": ["decision_maker"] * len(ids),
            }
        ),
        "reps": pl.DataFrame({"rep_id": reps, "team_id": [f"t{i % 3}" for i in range(REPS)]}),
        "opportunities": pl.DataFrame(
            {
                "opportunity_id": ids,
                "account_id": [f"a{i}" for i in range(len(ids))],
                "rep_id": [f"r{i}" for i in rep],
                "created_at": _times(created),
                "closed_at": _times(created + lived),
                "outcome": np.where(won, "won", "lost"),
            }
        ),
        "stage_changes": pl.DataFrame(
            {"opportunity_id": ids, "at": _times(created), "stage": ["lead"] * len(ids)}
        ),
        "activities": done.with_columns(
            pl.Series("activity_id", [f"x{i}" for i in range(done.height)]), pl.col("at").alias("recorded_at")
        ),
    }
    tables = {
        name: pl.concat([empty_table(table), *([given[name]] if name in given else [])], how="diagonal")
        for name, table in TABLES.items()
    }
    return CanonicalData(tables, PipelineConfig(stages=("lead",)))


def _times(days: FloatArray) -> pl.Series:
    micros: IntArray = (days * DAY).astype(np.int64)
    return pl.Series(micros).cast(TIME)
