"""The history of one opportunity, read: one indexed query per table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from features.conventions import OWNER_FIELD, Conventions
from features.errors import UnknownEntity
from features.row_columns import Row
from features.tables import TABLES
from serving.store.connections import Run
from serving.store.statements import Statements
from serving.store.versions import StoredRow, counting

_DEAL, _ACCOUNT, _REP = (
    TABLES["opportunities"].column_names.index(name) for name in ("opportunity_id", "account_id", "rep_id")
)
_DONE_REP, _DONE_CONTACT = (
    TABLES["activities"].column_names.index(name) for name in ("rep_id", "contact_id")
)
_FIELD, _VALUE = (TABLES["field_changes"].column_names.index(name) for name in ("field", "value"))
_WITH_FURTHER = ("opportunities", "accounts")  # further columns of these may be features

StoredRows = Mapping[str, Sequence[StoredRow]]


def read_around(
    run: Run, statements: Statements, tenant: int, opportunity_id: str, watermark: int
) -> StoredRows:
    """All that the store knew up to `watermark` of one opportunity and its account, by table.

    The deal with its changes and leads; its account with contacts, orders, activities and other deals;
    the contacts and reps that these name.

    Raises:
        UnknownEntity: the store had no such opportunity.
    """
    asked = {"tenant": tenant, "watermark": watermark, "opportunity": opportunity_id}

    def rows(table: str, **more: Any) -> Sequence[StoredRow]:
        found = run(statements.around[table], asked | more if more else asked).fetchall()
        return counting(table, found) if len(found) > 1 else found

    deals = rows("opportunities")
    own = next((row for row in deals if row[_DEAL] == opportunity_id), None)
    if own is None:
        raise UnknownEntity("the data set has no opportunity of this id")
    asked["account"] = account = own[_ACCOUNT]
    deals = [row for row in deals if row[_ACCOUNT] == account]
    told = rows("field_changes")
    done = rows("activities", deals=statements.ids(row[_DEAL] for row in deals))
    owners = [row[_VALUE] for row in told if row[_FIELD] == OWNER_FIELD]
    reps = {row[_DONE_REP] for row in done}.union(owners, (row[_REP] for row in deals))
    return {
        "opportunities": deals,
        "accounts": rows("accounts"),
        "stage_changes": rows("stage_changes"),
        "field_changes": told,
        "activities": done,
        "orders": rows("orders"),
        "leads": rows("leads"),
        "contacts": rows("contacts", contacts=statements.ids(_given(row[_DONE_CONTACT] for row in done))),
        "reps": rows("reps", reps=statements.ids(_given(reps))),
    }


def under(rows: StoredRows, conventions: Conventions) -> Mapping[str, Sequence[Row]]:
    """The rows as a model with these conventions reads them: by name where it has further columns."""
    if not conventions.custom:
        return rows
    return {
        name: [_named(name, row) for row in its] if name in _WITH_FURTHER else its
        for name, its in rows.items()
    }


def further(row: StoredRow) -> dict[str, Any]:
    """The columns of a row beyond the declared ones."""
    extra = row[-2]
    return {} if extra is None else dict(json.loads(extra))


def _named(table: str, row: StoredRow) -> dict[str, Any]:
    return further(row) | dict(zip(TABLES[table].column_names, row, strict=False))


def _given(values: Iterable[str | None]) -> set[str]:
    return {value for value in values if value is not None}
