"""The records around one deal by name, and what of them was known at a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from features.conventions import OWNER_FIELD
from features.errors import UnknownEntity
from features.tables import TABLES
from serving.store.reading import StoredRows, further

if TYPE_CHECKING:
    import polars as pl

    from features.canonical import CanonicalData

Record = Mapping[str, Any]  # a canonical row by column, times in microseconds
Records = Mapping[str, Sequence[Record]]

_ENDED = ("closed_at", "outcome", "loss_reason")
_OF_ACCOUNT = ("created_at", "industry", "region")  # which no feature reads before the account began


def of_stored(rows: StoredRows) -> Records:
    """A store's rows by name, with their further columns."""
    return {
        name: [further(row) | dict(zip(TABLES[name].column_names, row, strict=False)) for row in its]
        for name, its in rows.items()
    }


def of_data(data: CanonicalData, opportunity_id: str) -> Records:
    """What a data set holds of one opportunity and its account; see `store.reading.read_around`.

    Raises:
        UnknownEntity: it has no such opportunity.
    """
    import polars as pl

    def chosen(table: str, mine: pl.Expr) -> pl.DataFrame:
        return data[table].filter(mine.fill_null(value=False))

    own = pl.col("opportunity_id") == opportunity_id
    found = chosen("opportunities", own)
    if found.is_empty():
        raise UnknownEntity("the data set has no opportunity of this id")
    of_account = pl.col("account_id") == found["account_id"][0]
    deals = chosen("opportunities", of_account)
    of_deals = pl.col("opportunity_id").is_in(deals["opportunity_id"].to_list())
    told, done = chosen("field_changes", own), chosen("activities", of_account | of_deals)
    owners = told.filter(pl.col("field") == OWNER_FIELD)["value"].to_list()
    reps = {*owners, *done["rep_id"].to_list(), *deals["rep_id"].to_list()} - {None}
    named = {*done["contact_id"].to_list()} - {None}
    frames = {
        "opportunities": deals,
        "accounts": chosen("accounts", of_account),
        "stage_changes": chosen("stage_changes", own),
        "field_changes": told,
        "activities": done,
        "orders": chosen("orders", of_account),
        "leads": chosen("leads", own),
        "contacts": chosen("contacts", of_account | pl.col("contact_id").is_in(sorted(named))),
        "reps": chosen("reps", pl.col("rep_id").is_in(sorted(reps))),
    }
    return {name: _plain(frame) for name, frame in frames.items()}


def _plain(frame: pl.DataFrame) -> list[dict[str, Any]]:
    import polars as pl

    from features.canonical import TIME

    return frame.with_columns(pl.col(TIME).to_physical()).to_dicts()


def known_at(records: Records, opportunity_id: str, moment: int) -> Records:
    """What was known at a moment (microseconds, inclusive), as if nothing had come in since.

    A record under two clocks is left out where it was recorded later; where it corrects another, the
    other counts. A deal that closed later is open, one that began later is left out unless it is the
    asked one; a contact or lead of later is not there yet, an account that left later is still there. What
    was known already of a time to come stays. It changes no score as of the moment or before it.
    """
    found = {}
    for name, its in records.items():
        cut = _CUTS.get(name, _as_told if TABLES[name].has_two_clocks else None)
        kept = [known for row in its if (known := cut(row, moment)) is not None] if cut else [*its]
        if name == "opportunities":
            kept += [
                row for row in its if row["opportunity_id"] == opportunity_id and row["created_at"] > moment
            ]
        found[name] = kept
    return found


def _as_told(row: Record, moment: int) -> Record | None:
    recorded = row.get("recorded_at")
    return row if (row["at"] if recorded is None else recorded) <= moment else None


def _deal(row: Record, moment: int) -> Record | None:
    if row["created_at"] > moment:
        return None
    return {**row, **dict.fromkeys(_ENDED)} if _later(row, "closed_at", moment) else row


def _account(row: Record, moment: int) -> Record | None:
    if _later(row, "churned_at", moment):
        row = {**row, "churned_at": None}
    return {**row, **dict.fromkeys(_OF_ACCOUNT)} if _later(row, "created_at", moment) else row


def _contact(row: Record, moment: int) -> Record | None:
    return None if _later(row, "created_at", moment) else row


def _lead(row: Record, moment: int) -> Record | None:
    if _later(row, "created_at", moment) or _later(row, "converted_at", moment):
        return None
    return {**row, "first_response_at": None} if _later(row, "first_response_at", moment) else row


def _later(row: Record, column: str, moment: int) -> bool:
    time = row.get(column)
    return time is not None and time > moment


_CUTS: Mapping[str, Callable[[Record, int], Record | None]] = {
    "opportunities": _deal,
    "accounts": _account,
    "contacts": _contact,
    "leads": _lead,
}
