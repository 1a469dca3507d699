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


class Indexed:
    """A data set (`data`) whose rows are found by id without a look at the others."""

    def __init__(self, data: CanonicalData) -> None:
        self.data = data
        self._places: dict[tuple[str, str], pl.DataFrame] = {}

    def around(self, opportunity_id: str) -> Records:
        """What it holds of one opportunity and its account; see `store.reading.read_around`.

        Raises:
            UnknownEntity: it has no such opportunity.
        """
        own = [opportunity_id]
        found = self.rows("opportunities", opportunity_id=own)
        if found.is_empty():
            raise UnknownEntity("the data set has no opportunity of this id")
        account = found["account_id"].drop_nulls().to_list()
        deals = self.rows("opportunities", account_id=account)
        told = self.rows("field_changes", opportunity_id=own)
        done = self.rows("activities", account_id=account, opportunity_id=deals["opportunity_id"].to_list())
        owners = told.filter(told["field"] == OWNER_FIELD)["value"].to_list()
        reps = {*owners, *done["rep_id"].to_list(), *deals["rep_id"].to_list()} - {None}
        named = {*done["contact_id"].to_list()} - {None}
        frames = {
            "opportunities": deals,
            "accounts": self.rows("accounts", account_id=account),
            "stage_changes": self.rows("stage_changes", opportunity_id=own),
            "field_changes": told,
            "activities": done,
            "orders": self.rows("orders", account_id=account),
            "leads": self.rows("leads", opportunity_id=own),
            "contacts": self.rows("contacts", account_id=account, contact_id=sorted(named)),
            "reps": self.rows("reps", rep_id=sorted(reps)),
        }
        return {name: _plain(frame) for name, frame in frames.items()}

    def rows(self, table: str, **wanted: Sequence[str]) -> pl.DataFrame:
        """The rows that name one of the wanted ids in one of the columns, in the table's order."""
        import polars as pl

        found = pl.concat([self._placed(table, column, ids) for column, ids in wanted.items()])
        return self.data[table][found.unique().sort()]

    def _placed(self, table: str, column: str, ids: Sequence[str]) -> pl.Series:
        import polars as pl

        places = self._places.get((table, column))
        if places is None:
            by_id = self.data[table].select(column).with_row_index("places").drop_nulls()
            places = self._places[table, column] = by_id.group_by(column).agg("places")
        return places.filter(pl.col(column).is_in(ids))["places"].explode()


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
