"""The deals of a period as team figures count them: whose they were, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from features.build import build_features
from features.canonical import TIME
from features.frame import FeatureFrame
from features.history import TextArray, text_array
from features.shown import shown_of
from features.snapshots import Snapshots
from features.times import DAY, BoolArray, FloatArray, IntArray, from_micros
from training.dataset import Source
from training.forecast.ledger import ledger_of, won_between
from training.funnel import Stays, stays_of
from training.labels import eligible

EVERY_DAYS: Final = 28  # open deals are looked at so often
PROCESS: Final = (
    "activities_30d",
    "calls_30d",
    "emails_30d",
    "meetings_30d",
    "inbound_30d",
    "contacts_reached_total",
    "decision_maker_meetings",
    "days_since_last_activity",
    "mean_response_hours",
    "meeting_follow_up_share",
    "days_in_stage",
    "close_date_pushes",
    "recorded_within_day_share",
)


@dataclass(frozen=True)
class Period:
    """What is known at the cut-off of a data set, and from when on it is counted.

    Attributes:
        begin: microseconds, exclusive.
        deal: int64 codes of the deals that were open at any time since.
        owner: text per deal: who had it last, before its close; None where nobody is known.
        source_of, product, loss_reason: text per deal, None where empty.
        closed, won, created: bool per deal, within the period.
        life_days: float64, from creation to close; NaN while open.
        value: float64, the amount of deals won in it; NaN of others, and in another currency.
        currency: of the values.
        reply_hours: float64, mean time to answer the customer; NaN where nothing was answered.
        stays: within stages, since.
        moments: open deals every `EVERY_DAYS` days: owner, deal and features.
        leads: rep_id, hours to the first response or to the cut-off, whether there was one.
    """

    begin: int
    deal: IntArray
    owner: TextArray
    source_of: TextArray
    product: TextArray
    loss_reason: TextArray
    closed: BoolArray
    won: BoolArray
    created: BoolArray
    life_days: FloatArray
    value: FloatArray
    currency: str
    reply_hours: FloatArray
    stays: Stays
    moments: Moments
    leads: Leads


@dataclass(frozen=True)
class Moments:
    """Open deals at regular moments."""

    owner: TextArray
    deal: IntArray
    frame: FeatureFrame


@dataclass(frozen=True)
class Leads:
    """Leads that came in within a period; `hours` up to the first response, or to the cut-off."""

    owner: TextArray
    hours: FloatArray
    answered: BoolArray


def period_of(source: Source, days: int) -> Period:
    """The last so many days up to the cut-off."""
    begin, deals = source.cutoff - days * DAY, source.history.opportunities
    deal = np.flatnonzero((deals.created_at <= source.cutoff) & (deals.closed_at > begin))
    closed_at, created_at = deals.closed_at[deal], deals.created_at[deal]
    closed = closed_at <= source.cutoff
    last = Snapshots(deal, np.where(closed, np.maximum(closed_at - 1, created_at), source.cutoff))
    frame = build_features(
        source.history,
        last,
        "opportunity",
        source.reference,
        only=("source", "product", "mean_response_hours"),
    )
    ids = [str(name) for name in deals.ids[deal]]
    value, currency = _values(source, begin)
    return Period(
        begin, deal, shown_of(source.history, last).rep, frame.texts("source"), frame.texts("product"),
        _loss_reasons(source, ids), closed, closed & deals.won[deal], created_at > begin,
        np.where(closed, (closed_at - created_at) / DAY, np.nan), value[deal], currency,
        np.asarray(frame.columns["mean_response_hours"], np.float64),
        stays_of(source, begin), _moments(source, begin), _leads(source, begin),
    )  # fmt: skip


def _values(source: Source, begin: int) -> tuple[FloatArray, str]:
    currencies = source.data["opportunities"]["currency"].drop_nulls().value_counts(sort=True)
    commonest = currencies["currency"][0] if currencies.height else None
    ledger = ledger_of(source.data, source.history, source.data.config.currency or commonest)
    won = won_between(source.history, ledger, begin + 1, source.cutoff + 1)
    value = np.full(len(source.history.opportunities.ids), np.nan)
    value[won] = ledger.amount[won]
    return value, ledger.currency


def _loss_reasons(source: Source, ids: Sequence[str]) -> TextArray:
    rows = source.data["opportunities"]
    reason: Mapping[str, Any] = dict(
        zip(rows["opportunity_id"].to_list(), rows["loss_reason"].to_list(), strict=True)
    )
    return text_array([reason[name] for name in ids])


def _moments(source: Source, begin: int) -> Moments:
    deals = source.history.opportunities
    when = np.arange(source.cutoff, begin, -EVERY_DAYS * DAY, dtype=np.int64)
    everyone = np.arange(len(deals.ids), dtype=np.int64)
    snapshots = Snapshots(np.tile(everyone, len(when)), np.repeat(when, len(everyone)))
    snapshots = snapshots.take(eligible("win", source.history, snapshots))
    frame = build_features(source.history, snapshots, "opportunity", source.reference, only=PROCESS)
    return Moments(shown_of(source.history, snapshots).rep, snapshots.entity, frame)


def _leads(source: Source, begin: int) -> Leads:
    after, cutoff = (pl.lit(from_micros(at), dtype=TIME) for at in (begin, source.cutoff))
    its = source.data["leads"].filter(pl.col("created_at") > after)
    until = pl.coalesce("first_response_at", cutoff) - pl.col("created_at")
    hours = its.select(until.dt.total_microseconds() / 3_600_000_000).to_series().to_numpy()
    return Leads(
        text_array(its["rep_id"].to_list()),
        np.maximum(hours.astype(np.float64), 0.0),
        its["first_response_at"].is_not_null().to_numpy(),
    )
