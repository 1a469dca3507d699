"""The future changed: what became known later has other contents, and last values are other ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import polars as pl

from features.audit.columns import OF_ACCOUNTS, mutable_account_columns, mutable_columns, own_numbers
from features.audit.future import MADE_UP, Future, either, instants, mask
from features.audit.moments import KNOWN
from features.canonical import CanonicalData
from features.tables import OUTCOMES, TABLES
from features.times import DAY

MOVED = 0.7  # of the later records are dated back before the moment


def changed(future: Future) -> CanonicalData:
    """Later records scrambled and dated back, later closes and last values replaced."""
    tables = dict(future.data.tables)
    for name, table in TABLES.items():
        if table.has_two_clocks:
            tables[name] = _scrambled(future, name)
        elif name in ("accounts", "contacts", "leads"):
            tables[name] = _later_masters(future, name)
    tables["opportunities"] = _overwritten(future)
    tables["accounts"] = _left(future, tables["accounts"])
    tables["accounts"] = _with_other_values(future, tables["accounts"], mutable_account_columns(future.data))
    tables["leads"] = with_other_fate(future, tables["leads"])
    return replace(future.data, tables=MappingProxyType(tables))


def with_other_fate(future: Future, frame: pl.DataFrame) -> pl.DataFrame:
    """Leads not yet answered or converted at the moment, answered and converted in other ways later."""
    later = frame.select(pl.col("first_response_at").is_null() | (pl.col("first_response_at") > future.now))
    frame = _replaced(future, frame, later.to_series(), "first_response_at", future.after(frame.height))
    never = pl.col("converted_at").is_null() & pl.col("opportunity_id").is_null()
    later = frame.select(never | (pl.col("converted_at") > future.now).fill_null(False))
    converted = _replaced(future, frame, later.to_series(), "converted_at", future.after(frame.height))
    deals = _any_deals(future, frame.height).set(converted["converted_at"].is_null(), None)
    chosen = either(later.to_series(), deals, frame["opportunity_id"])
    return converted.with_columns(chosen.alias("opportunity_id"))


def _any_deals(future: Future, count: int) -> pl.Series:
    """Keys of deals, half of them of those that are compared."""
    every = future.drawn(future.data["opportunities"]["opportunity_id"], count)
    if not future.deals:
        return every
    aimed = future.drawn(pl.Series(list(future.deals), dtype=pl.String), count)
    return either(mask(future.chance(0.5, count)), aimed, every)


def _scrambled(future: Future, name: str) -> pl.DataFrame:
    """The later records with each column permuted, most dated before the moment, none known sooner."""
    frame, table = future.data[name], TABLES[name]
    later = frame.filter(future.known_later)
    known = later.select(KNOWN).to_series()
    kept = {"recorded_at", *(table.key if len(table.key) == 1 else ())}
    later = future.permuted(later, [column for column in frame.columns if column not in kept])
    moved = mask(future.chance(MOVED, later.height))
    at = either(moved, future.before(later.height), later["at"])
    later = later.with_columns(at.alias("at"), known.alias("recorded_at"))
    return pl.concat([frame.filter(~future.known_later), later.select(frame.columns)])


def _later_masters(future: Future, name: str) -> pl.DataFrame:
    """Accounts, contacts or leads that were created later, with each column permuted among them."""
    frame = future.data[name]
    created_later = (pl.col("created_at") > future.now).fill_null(False)
    key = TABLES[name].key[0]
    later = future.permuted(
        frame.filter(created_later), [c for c in frame.columns if c not in (key, "created_at")]
    )
    return pl.concat([frame.filter(~created_later), later])


def _left(future: Future, accounts: pl.DataFrame) -> pl.DataFrame:
    later = accounts.select(pl.col("churned_at").is_null() | (pl.col("churned_at") > future.now)).to_series()
    return _replaced(future, accounts, later, "churned_at", future.after(accounts.height))


def _replaced(
    future: Future, frame: pl.DataFrame, later: pl.Series, column: str, values: pl.Series
) -> pl.DataFrame:
    """The frame with a later time replaced by another one, or by none, where the mask holds."""
    values = values.set(mask(future.chance(0.5, frame.height)), None)
    return frame.with_columns(either(later, values, frame[column]).alias(column))


def _overwritten(future: Future) -> pl.DataFrame:
    """The opportunities with other last values, other closes, and later deals of other content."""
    frame = future.data["opportunities"]
    created_later = pl.col("created_at") > future.now
    fixed = ("account_id", "kind", "source", "product", "currency")
    later = future.permuted(frame.filter(created_later), fixed)
    frame = _closed_otherwise(future, pl.concat([frame.filter(~created_later), later]))
    return _with_other_values(future, frame, mutable_columns(future.data, future.as_of))


def _closed_otherwise(future: Future, frame: pl.DataFrame) -> pl.DataFrame:
    """Closes after the moment taken away, moved or flipped, and deals that stayed open closed."""
    undecided = pl.all_horizontal(pl.col(name).is_null() for name in ("closed_at", "outcome", "loss_reason"))
    later = frame.select(undecided | (pl.col("closed_at") > future.now).fill_null(False)).to_series()
    open_still = mask(future.chance(0.3, frame.height))
    start = np.maximum(frame["created_at"].to_physical().to_numpy(), future.as_of)
    ahead = np.where(future.chance(0.3, frame.height), 1, future.rng.integers(1, 200 * DAY, frame.height))
    closed_at = instants(start + ahead).set(open_still, None)
    outcome = future.drawn(pl.Series(OUTCOMES, dtype=pl.String), frame.height).set(open_still, None)
    reason = future.drawn(frame["loss_reason"], frame.height).set(outcome.fill_null("") != "lost", None)
    fates = {"closed_at": closed_at, "outcome": outcome, "loss_reason": reason}
    return frame.with_columns(either(later, new, frame[name]).alias(name) for name, new in fates.items())


def _with_other_values(future: Future, frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    return frame.with_columns(_other_values(future, frame, name).alias(name) for name in columns)


def _other_values(future: Future, frame: pl.DataFrame, name: str) -> pl.Series:
    """Values that the column does not hold, for all rows; of the same type."""
    count = frame.height
    if frame[name].dtype.is_numeric():
        return pl.Series(future.rng.uniform(0, 1e6, count).round(2) + 0.005)
    if frame[name].dtype.is_temporal():
        return instants(future.as_of + future.rng.integers(-100 * DAY, 400 * DAY, count))
    if {name, f"{OF_ACCOUNTS}{name}"} & set(own_numbers(future.data.config)):
        return pl.Series(future.rng.uniform(0, 1e6, count).round(2)).cast(pl.String)
    made_up = pl.Series([f"{MADE_UP}-{number}" for number in future.rng.integers(0, 5, count)])
    return either(mask(future.chance(0.5, count)), future.drawn(frame[name], count), made_up)
