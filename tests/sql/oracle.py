"""Every feature that needs no dated reference, computed in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tests.sql.world import Entity, Snapshot, fetched, opened, run

if TYPE_CHECKING:
    from features.conventions import Conventions
    from tests.factories import Rows

Value = float | str | None

# The tables in the order in which they are made; a later one may read an earlier one.
FAMILIES: dict[Entity, tuple[str, ...]] = {
    "opportunity": (
        "calendar", "volume", "dialogue", "rhythm", "responses", "people", "stage",
        "terms", "account", "rep", "lead", "crm_use",
    ),
    "account": ("calendar", "purchases", "account_life"),
}  # fmt: skip


def sql_features(
    rows: Rows, conventions: Conventions, snapshots: Sequence[Snapshot], entity: Entity
) -> list[dict[str, Value]]:
    """The features of each snapshot, in their order: name -> value, None where there is none.

    Args:
        rows: canonical tables as rows, times in microseconds, at most one row per version of a key.
        conventions: how they are read; `working_days` and `holidays` may be missing.
        snapshots: (id of the entity, microseconds).
        entity: of which entity the ids are.
    """
    found: list[dict[str, Value]] = [{} for _ in snapshots]
    with opened(rows, conventions, snapshots, entity) as base:
        for family in FAMILIES[entity]:
            run(base, family)
            for row in fetched(base, f"SELECT * FROM {family}"):
                _add(found[row.pop("n")], row)
    return found


def _add(features: dict[str, Value], row: dict[str, Any]) -> None:
    assert not features.keys() & row.keys(), features.keys() & row.keys()
    features.update({name: _value(value) for name, value in row.items()})


def _value(value: Any) -> Value:
    return value if value is None or isinstance(value, str) else float(value)
