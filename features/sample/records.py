"""The opportunities and their histories as a CRM holds them: last values here, changes there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from features.canonical import TIME
from features.sample.columns import join, take
from features.sample.paperwork import AMOUNT, EXPECTED_CLOSE, FIELDS, REP, FieldChanges
from features.sample.setting import CURRENCY, END, LOST, PRODUCTS, SOURCES, STAGES, START, WON
from features.sample.values import Ids, canonical, known, named, numbers, times
from features.sample.world import LOSES, WAITS, WINS, World
from features.tables import OPPORTUNITY_KINDS
from features.times import DAY, SECOND, WEEK, FloatArray, IntArray

LOSS_REASONS: Final = ("no_decision", "timing", "no_fit", "price", "competitor")
ZEROED_SHARE: Final = 0.6  # of lost deals: the amount is set to 0 at the close or in the days after


@dataclass(frozen=True)
class Histories:
    """The histories of the opportunities, and the values of the orders that won deals bring."""

    field_changes: pl.DataFrame
    stage_changes: pl.DataFrame
    order_value: FloatArray


def histories(world: World, ids: Ids, rng: np.random.Generator) -> Histories:
    """Every recorded change of a field or a stage; `order_value` is NaN for deals that are not won."""
    before = take(world.changes, world.changes.at < world.closed_at[world.changes.deal])
    order_value = np.where(world.outcome == WINS, _last_amount(before, world), np.nan)
    order_value = (order_value * rng.uniform(0.93, 1.0, len(order_value))).round()
    changes = join((before, _at_close(world, order_value, rng)))
    delay = _now_or_later(len(changes.at), 0.05, 2 * 86_400, rng)
    created = changes.at == world.deals.created_at[changes.deal]
    columns = {
        "opportunity_id": named(ids.opportunities, changes.deal),
        "at": times(changes.at),
        "field": named(FIELDS, changes.field),
        "value": _texts(changes, ids.reps),
        "recorded_at": times(np.where(created, changes.at, changes.at + delay)),
    }
    table = known(canonical("field_changes", columns))
    return Histories(table, _stage_changes(world, ids, rng), order_value)


def opportunities_table(
    world: World, changes: pl.DataFrame, ids: Ids, rng: np.random.Generator
) -> pl.DataFrame:
    """One row per opportunity; what changes holds its last value, as CRMs keep it."""
    deals, outcome = world.deals, world.outcome
    last = _last_values(changes, ids.opportunities)
    columns = {
        "opportunity_id": ids.opportunities,
        "account_id": named(ids.accounts, deals.account),
        "rep_id": last["rep_id"],
        "created_at": times(deals.created_at),
        "kind": named(OPPORTUNITY_KINDS, deals.kind),
        "source": named(SOURCES, deals.source),
        "product": named(PRODUCTS, deals.product),
        "currency": pl.Series([CURRENCY] * len(outcome)),
        "amount": last["amount"].cast(pl.Float64),
        "expected_close_at": last["expected_close_at"].str.to_datetime("%Y-%m-%dT%H:%M:%SZ").cast(TIME),
        "closed_at": times(world.closed_at),
        "outcome": named(("won", "lost"), outcome - 1),
        "loss_reason": named(LOSS_REASONS, _loss_reason(world, rng)),
    }
    return canonical("opportunities", columns)


def _last_values(changes: pl.DataFrame, opportunities: pl.Series) -> pl.DataFrame:
    """One row per opportunity in their order, one column per field: the text of the latest value."""
    latest = changes.sort("at").pivot(
        "field", index="opportunity_id", values="value", aggregate_function="last"
    )
    every = opportunities.alias("opportunity_id").to_frame()
    return every.join(latest, on="opportunity_id", how="left", maintain_order="left")


def _stage_changes(world: World, ids: Ids, rng: np.random.Generator) -> pl.DataFrame:
    """Creation, moves and close; most recorded at once, some hours or days late."""
    closed = np.flatnonzero(world.outcome != WAITS)
    size = len(world.outcome)
    deal = np.concatenate((np.arange(size), world.stages.deal, closed))
    at = np.concatenate((world.deals.created_at, world.stages.at, world.closed_at[closed]))
    closing = len(STAGES) - 1 + world.outcome[closed]
    stage = np.concatenate((np.zeros(size, dtype=np.int64), world.stages.stage, closing))
    delay = np.concatenate(
        (
            np.zeros(size, dtype=np.int64),
            _now_or_later(len(world.stages.at), 0.12, 8 * 86_400, rng),
            _now_or_later(len(closed), 0.08, 3 * 86_400, rng),
        )
    )
    columns = {
        "opportunity_id": named(ids.opportunities, deal),
        "at": times(at),
        "stage": named((*STAGES, WON, LOST), stage),
        "recorded_at": times(np.where(stage >= len(STAGES), np.minimum(at + delay, END), at + delay)),
    }
    return known(canonical("stage_changes", columns))


def _at_close(world: World, order_value: FloatArray, rng: np.random.Generator) -> FieldChanges:
    """What reps overwrite at the close: the traps of last values."""
    won = np.flatnonzero(world.outcome == WINS)
    lost = np.flatnonzero(world.outcome == LOSES)
    zeroed = lost[rng.random(len(lost)) < ZEROED_SHARE]
    later = np.where(rng.random(len(zeroed)) < 0.5, 0, rng.integers(0, 6 * 86_400, len(zeroed))) * SECOND
    dated = np.concatenate((won, lost[rng.random(len(lost)) < 0.3]))
    parts = (
        (won, world.closed_at[won], AMOUNT, order_value[won]),
        (zeroed, world.closed_at[zeroed] + later, AMOUNT, np.zeros(len(zeroed))),
        (dated, world.closed_at[dated], EXPECTED_CLOSE, world.closed_at[dated] // DAY * DAY),
    )
    return join(
        [
            FieldChanges(d, at, np.full(len(d), field), value.astype(np.float64))
            for d, at, field, value in parts
        ]
    )


def _last_amount(changes: FieldChanges, world: World) -> FloatArray:
    amounts = take(changes, changes.field == AMOUNT)
    amounts = take(amounts, np.argsort(amounts.at, kind="stable"))
    last = world.deals.amount.copy()
    last[amounts.deal] = amounts.value
    return last


def _loss_reason(world: World, rng: np.random.Generator) -> IntArray:
    """What the rep gives as the reason, mostly what truly stood against the deal; -1 if not lost."""
    last = world.last
    days_silent = (START + (last.week + 1) * WEEK - last.last_sign_at) / DAY
    chance = rng.random((4, len(last.index)))
    cases = (
        (days_silent > 24) & (chance[0] < 0.8),
        (last.pushes >= 1) & (chance[1] < 0.6),
        (last.fit < -0.3) & (chance[2] < 0.4),
        chance[3] < 0.5,
    )
    reason = np.select(cases, list(range(4)), 4)
    return np.where(world.outcome == LOSES, reason, -1)


def _texts(changes: FieldChanges, reps: pl.Series) -> pl.Series:
    """Values as a CRM's field history writes them: plain decimals, ISO 8601 times, keys."""
    whole = changes.value.astype(np.int64)
    frame = pl.DataFrame(
        {
            "field": changes.field,
            "amount": numbers(changes.value),
            "time": pl.Series(np.where(changes.field == EXPECTED_CLOSE, whole, 0)).cast(TIME),
            "rep": named(reps, np.where(changes.field == REP, whole, -1)),
        }
    )
    amount = (pl.col("amount").cast(pl.Decimal(18, 2))).cast(pl.String)
    time = pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    by_field = pl.when(pl.col("field") == AMOUNT).then(amount).when(pl.col("field") == REP).then("rep")
    return frame.select(by_field.otherwise(time).alias("value"))["value"]


def _now_or_later(size: int, late_share: float, longest_s: int, rng: np.random.Generator) -> IntArray:
    """Microseconds until something is recorded: 0, or for some up to `longest_s` seconds."""
    late = rng.random(size) < late_share
    return np.where(late, rng.integers(600, longest_s, size), 0) * SECOND
