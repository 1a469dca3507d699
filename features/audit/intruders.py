"""The future added to: records told later, corrections, and records moved to other deals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import polars as pl

from features.audit.future import Future, either, mask
from features.audit.made_up import made_up
from features.audit.rewritten import with_other_fate
from features.canonical import CanonicalData
from features.tables import TABLES

PER_TARGET = 12  # made-up records in each table for each deal or account that is compared
SHARE = 0.05  # of a table's rows that are added anywhere in the data
BESIDE = 0.02  # of the records known by then, of other deals too, that are corrected or moved
OWNER = MappingProxyType({"orders": "account_id"})  # whose record it is; of all others the deal's


def added(future: Future) -> CanonicalData:
    """Records known later and dated before the moment; deals, accounts and people created later."""
    tables = dict(future.data.tables)
    targets = len(future.deals) + len(future.accounts)
    for name in TABLES:
        if name != "reps":
            count = max(PER_TARGET * targets, round(SHARE * tables[name].height))
            tables[name] = pl.concat([tables[name], made_up(future, name, count)])
    tables["leads"] = with_other_fate(future, tables["leads"])
    tables["opportunities"] = _all_open(tables["opportunities"], future.data["opportunities"].height)
    for name in ("accounts", "contacts"):
        tables[name] = pl.concat([tables[name], _told_now(future, name)])
    return replace(future.data, tables=MappingProxyType(tables))


def corrected(future: Future) -> CanonicalData:
    """Later versions of records known by then: the same keys, all else made up."""
    tables = dict(future.data.tables)
    for name, table in TABLES.items():
        if table.has_two_clocks:
            known = _some_known(future, name)
            versions = made_up(future, name, known.height).with_columns(known[key] for key in table.key)
            tables[name] = pl.concat([tables[name], versions])
    return replace(future.data, tables=MappingProxyType(tables))


def merged(future: Future) -> CanonicalData:
    """Duplicates created later, and later versions that move records to them and to other deals."""
    tables = dict(future.data.tables)
    for name, key in (("accounts", "account_id"), ("opportunities", "opportunity_id")):
        tables[name] = pl.concat([tables[name], _duplicates(future, name, key)])
    for name in ("activities", "orders"):
        owner = OWNER.get(name, "opportunity_id")
        tables[name] = pl.concat([tables[name], _moved(future, _some_known(future, name), owner)])
    for name in ("stage_changes", "field_changes"):  # the deal is part of the key: copied, not moved
        copies = future.data[name].filter(~future.known_later & future.aimed)
        to = (pl.col("opportunity_id") + _DUPLICATE).alias("opportunity_id")
        copies = copies.with_columns(to, future.after(copies.height).alias("recorded_at"))
        tables[name] = pl.concat([tables[name], copies])
    return replace(future.data, tables=MappingProxyType(tables))


_DUPLICATE = "-audit-duplicate"
_NAMING_ACCOUNTS = ("opportunities", "orders", "contacts", "activities")


def _all_open(frame: pl.DataFrame, kept: int) -> pl.DataFrame:
    """The made-up deals after the first `kept` rows without a close."""
    new = pl.int_range(pl.len()) >= kept
    return frame.with_columns(
        pl.when(~new).then(pl.col(name)).alias(name) for name in ("closed_at", "outcome", "loss_reason")
    )


def _told_now(future: Future, name: str) -> pl.DataFrame:
    """Accounts or contacts that others name and their own table does not list, listed later."""
    key, frame = TABLES[name].key[0], future.data[name]
    named = {"accounts": _NAMING_ACCOUNTS, "contacts": ("activities",)}[name]
    ids = pl.concat([future.data[table][key] for table in named]).drop_nulls().unique().sort()
    ids = ids.filter(~ids.is_in(frame[key].implode()))
    rows = made_up(future, name, len(ids)).with_columns(ids.alias(key))
    return rows.with_columns(pl.lit("decision_maker").alias("role")) if name == "contacts" else rows


def _some_known(future: Future, name: str) -> pl.DataFrame:
    """Records known at the moment: all of those compared, and a few of all others."""
    owner = OWNER.get(name, "opportunity_id")
    targets: Mapping[str, pl.Series] = {
        "opportunity_id": pl.Series(list(future.deals), dtype=pl.String),
        "account_id": _accounts_of(future),
    }
    frame = future.data[name].filter(~future.known_later)
    aimed = frame[owner].is_in(targets[owner].implode()).fill_null(False)
    return frame.filter(aimed | mask(future.chance(BESIDE, frame.height)))


def _accounts_of(future: Future) -> pl.Series:
    """The accounts that are compared, and those of the deals that are."""
    of_deals = future.data["opportunities"].filter(future.aimed)["account_id"]
    return pl.concat([pl.Series(list(future.accounts), dtype=pl.String), of_deals]).unique().sort()


def _duplicates(future: Future, name: str, key: str) -> pl.DataFrame:
    """Copies of what is compared under other keys, created after the moment, open."""
    ids = _accounts_of(future) if name == "accounts" else pl.Series(list(future.deals), dtype=pl.String)
    rows = future.data[name].filter(pl.col(key).is_in(ids.implode()))
    rows = rows.with_columns(
        (pl.col(key) + _DUPLICATE).alias(key), future.after(rows.height).alias("created_at")
    )
    return _all_open(rows, 0) if name == "opportunities" else rows


def _moved(future: Future, records: pl.DataFrame, owner: str) -> pl.DataFrame:
    """Later versions of records that give them to duplicates of their owners, or to other owners."""
    duplicate = records.select(pl.col(owner) + _DUPLICATE).to_series()
    elsewhere = records[owner].gather(future.rng.permutation(records.height))
    to = either(mask(future.chance(0.5, records.height)), duplicate, elsewhere)
    return records.with_columns(to.alias(owner), future.after(records.height).alias("recorded_at"))
