"""The records around many deals at once; see `serving.around`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from features.conventions import OWNER_FIELD
from serving.around import Record, Records

if TYPE_CHECKING:
    import polars as pl

    from features.canonical import CanonicalData


def around_each(data: CanonicalData, opportunity_ids: Sequence[str]) -> dict[str, Records]:
    """The same as `around.of_data` of each opportunity, out of one walk over the tables."""
    import polars as pl

    deals = data["opportunities"]
    asked = deals.filter(pl.col("opportunity_id").is_in(opportunity_ids))
    accounts = asked["account_id"].unique().to_list()
    deals = deals.filter(pl.col("account_id").is_in(accounts))
    account_of = dict(zip(deals["opportunity_id"].to_list(), deals["account_id"].to_list(), strict=True))
    own = pl.col("opportunity_id").is_in(opportunity_ids)
    of_account = pl.col("account_id").is_in(accounts)
    of_deals = pl.col("opportunity_id").is_in(list(account_of))
    by_deal = {name: _by(data[name].filter(own), "opportunity_id") for name in _OWN}
    by_account = {
        name: _by(data[name].filter(of_account), "account_id") for name in ("accounts", "orders", "contacts")
    }
    by_account["opportunities"] = _by(deals, "account_id")
    activities = _activities(
        data["activities"].filter(of_account.fill_null(value=False) | of_deals), account_of
    )
    contacts, reps = data["contacts"], {row["rep_id"]: row for row in _plain(data["reps"])}
    strangers = _strangers(contacts, activities, by_account["contacts"])
    found: dict[str, Records] = {}
    for deal in opportunity_ids:
        account = account_of[deal]
        done = activities.get(account, [])
        known = {row["contact_id"] for row in by_account["contacts"].get(account, [])}
        named = {row["contact_id"] for row in done} - known
        told = by_deal["field_changes"].get(deal, [])
        owners = {row["value"] for row in told if row["field"] == OWNER_FIELD}
        owners |= {row["rep_id"] for row in (*done, *by_account["opportunities"][account])}
        found[deal] = {
            **{name: its.get(deal, []) for name, its in by_deal.items()},
            **{name: its.get(account, []) for name, its in by_account.items()},
            "contacts": [
                *by_account["contacts"].get(account, []),
                *(strangers[n] for n in sorted(named & strangers.keys())),
            ],
            "activities": done,
            "reps": [reps[name] for name in sorted(owners & reps.keys())],
        }
    return found


_OWN = ("stage_changes", "field_changes", "leads")


def _activities(frame: pl.DataFrame, account_of: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """By account: those that name it or a deal of it."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _plain(frame):
        for account in {row["account_id"], account_of.get(row["opportunity_id"])} - {None}:
            found[account].append(row)
    return found


def _strangers(
    contacts: pl.DataFrame,
    activities: Mapping[str, Sequence[Record]],
    by_account: Mapping[str, Sequence[Record]],
) -> dict[str, dict[str, Any]]:
    """Contacts that activities name and that belong to other accounts, by id."""
    import polars as pl

    named = {row["contact_id"] for its in activities.values() for row in its} - {None}
    own = {row["contact_id"] for its in by_account.values() for row in its}
    frame = contacts.filter(pl.col("contact_id").is_in(sorted(named | own)))
    return {row["contact_id"]: row for row in _plain(frame)}


def _by(frame: pl.DataFrame, column: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _plain(frame):
        found[row[column]].append(row)
    return found


def _plain(frame: pl.DataFrame) -> list[dict[str, Any]]:
    import polars as pl

    from features.canonical import TIME

    return frame.with_columns(pl.col(TIME).to_physical()).to_dicts()
