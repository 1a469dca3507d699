"""Which columns may be read from the row, and which only through a history.

Names are those of `pipeline.toml`: a column of `opportunities`, or `accounts.COLUMN`.
"""

from __future__ import annotations

import polars as pl

from features.agreed import conventions_of
from features.canonical import CanonicalData
from features.config import PipelineConfig
from features.tables import OPPORTUNITIES

OF_ACCOUNTS = "accounts."
_DECLARED = {column.name: column for column in OPPORTUNITIES.columns}
_HIDDEN = frozenset(column.name for column in OPPORTUNITIES.columns if column.hidden_until_close)


def row_values(data: CanonicalData, name: str) -> pl.DataFrame | None:
    """What the rows show of a column: opportunity_id, row; None where there is no such column."""
    deals, accounts = data["opportunities"], data["accounts"]
    if not name.startswith(OF_ACCOUNTS):
        return deals.select("opportunity_id", pl.col(name).alias("row")) if name in deals.columns else None
    own = name.removeprefix(OF_ACCOUNTS)
    if own not in accounts.columns:
        return None
    of_account = accounts.select("account_id", pl.col(own).alias("row")).unique("account_id", keep="any")
    return deals.join(of_account, on="account_id", how="left").select("opportunity_id", "row")


def read_as_fixed(data: CanonicalData) -> tuple[str, ...]:
    """Columns whose row is read for every snapshot, whenever it is taken."""
    named = dict.fromkeys((*conventions_of(data).fixed, *data.config.fixed_fields))
    return tuple(name for name in named if name not in _HIDDEN and row_values(data, name) is not None)


def fixed_by_nature() -> tuple[str, ...]:
    """Columns that are taken never to change until a change of them is known."""
    return tuple(name for name, column in _DECLARED.items() if not column.mutable and name not in _HIDDEN)


def mutable_columns(data: CanonicalData, as_of: int) -> tuple[str, ...]:
    """Columns of `opportunities` that no snapshot at `as_of` (microseconds) may read from the row.

    Those that hold the last value by declaration, those of which changes were known by then, and
    the firm's own ones; less what `fixed_fields` says never changes.
    """
    changed = set(data.known_at(as_of)["field_changes"]["field"].unique())
    never = {"opportunity_id", "account_id", "created_at", *_HIDDEN, *data.config.fixed_fields}
    columns = [name for name in data["opportunities"].columns if name not in never]
    return tuple(c for c in columns if c in changed or c not in _DECLARED or _DECLARED[c].mutable)


def mutable_account_columns(data: CanonicalData) -> tuple[str, ...]:
    """Columns of `accounts` named as features and not as fixed: no snapshot may read them from the row."""
    named = [name for name in own_features(data.config) if name.startswith(OF_ACCOUNTS)]
    columns = [n.removeprefix(OF_ACCOUNTS) for n in named if n not in data.config.fixed_fields]
    return tuple(name for name in columns if name in data["accounts"].columns)


def own_numbers(config: PipelineConfig) -> tuple[str, ...]:
    """The firm's own columns that the configuration names as numeric features."""
    return tuple(getattr(config, "extra_numbers", ()))


def own_features(config: PipelineConfig) -> tuple[str, ...]:
    """The firm's own columns that the configuration names as features, categories first."""
    return tuple(dict.fromkeys((*getattr(config, "extra_categories", ()), *own_numbers(config))))


def unused_columns(data: CanonicalData) -> tuple[str, ...]:
    """Columns that have values, may change, and have no history: no feature may read them."""
    mutable = [name for name, column in _DECLARED.items() if column.mutable]
    read = {*data["field_changes"]["field"].unique(), *read_as_fixed(data)}
    names = [name for name in dict.fromkeys((*mutable, *own_features(data.config))) if name not in read]
    rows = {name: row_values(data, name) for name in names}
    return tuple(n for n, row in rows.items() if row is not None and row["row"].null_count() < row.height)
