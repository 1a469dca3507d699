"""The store's tables, made from the declaration of the canonical ones.

Every row has the `tenant` whose it is, `seq`, a number that grows with every row of the whole store
in the order of the commits, and `received_at`, when it came in (microseconds). Rows are added and
never changed or removed: a corrected record is a further row, and what was known up to a `seq`
stays what it was. Further columns of a record are kept as JSON in `extra`.

The tables themselves are made by `migrations/`; a test holds them to what is written here.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, MetaData, Table, Text

from features.tables import TABLES, Kind
from features.tables import Table as Canonical

PREFIX = "dealcast_"  # a database may be shared with others
DEFAULT_TENANT = 1
metadata = MetaData()

# SQLite's own row number is the key then, and every index has it for nothing.
_SEQ = BigInteger().with_variant(Integer(), "sqlite")
_PHYSICAL = {Kind.TIME: BigInteger, Kind.NUMBER: Double}
# By what a table is looked up: its key, and what the history of one opportunity asks for.
LOOKED_UP_BY = {
    "accounts": ("account_id",),
    "contacts": ("contact_id", "account_id"),
    "reps": ("rep_id",),
    "leads": ("lead_id", "opportunity_id"),
    "opportunities": ("opportunity_id", "account_id"),
    "stage_changes": ("opportunity_id",),
    "field_changes": ("opportunity_id",),
    "activities": ("activity_id", "opportunity_id", "account_id"),
    "orders": ("order_id", "account_id"),
}


def _tenant() -> Column[int]:
    return Column("tenant", Integer, ForeignKey(f"{PREFIX}tenants.id"), nullable=False)


def _received_at() -> Column[int]:
    return Column("received_at", BigInteger, nullable=False)


def _records(table: Canonical) -> Table:
    return Table(
        PREFIX + table.name,
        metadata,
        Column("seq", _SEQ, primary_key=True, autoincrement=False),
        _tenant(),
        _received_at(),
        *(Column(c.name, _PHYSICAL.get(c.kind, Text), nullable=not c.required) for c in table.columns),
        Column("extra", Text),
        *(
            Index(f"ix_{PREFIX}{table.name}_{column}", "tenant", column)
            for column in LOOKED_UP_BY[table.name]
        ),
    )


TENANTS = Table(
    f"{PREFIX}tenants",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
)
RECORDS = {name: _records(table) for name, table in TABLES.items()}
# What each activity named that has versions which name different things: by these few, the history of a
# deal finds the versions that took an activity away from it, without a look at every activity's key.
MOVED = Table(
    f"{PREFIX}moved_activities",
    metadata,
    Column("seq", _SEQ, primary_key=True, autoincrement=False),
    _tenant(),
    _received_at(),
    Column("activity_id", Text, nullable=False),
    Column("opportunity_id", Text),
    Column("account_id", Text),
    *(
        Index(f"ix_{PREFIX}moved_activities_{column}", "tenant", column)
        for column in ("opportunity_id", "account_id")
    ),
)
# One row per transaction that brought records; its `seq` is the last and closes what it brought.
BATCHES = Table(
    f"{PREFIX}batches",
    metadata,
    Column("seq", _SEQ, primary_key=True, autoincrement=False),
    _tenant(),
    _received_at(),
    Column("idempotency_key", Text),
    Column("body_hash", Text),
    Column("answer", Text),
    Index(f"ix_{PREFIX}batches_tenant", "tenant", "seq"),
    Index(f"ix_{PREFIX}batches_key", "tenant", "idempotency_key", unique=True),
)
# What `pipeline.toml` says; the latest counts.
CONFIGS = Table(
    f"{PREFIX}configs",
    metadata,
    Column("seq", _SEQ, primary_key=True, autoincrement=False),
    _tenant(),
    _received_at(),
    Column("toml", Text, nullable=False),
    Index(f"ix_{PREFIX}configs_tenant", "tenant", "seq"),
)
# Every score that was given from the store: the receipt, and the history of scores. Its own `seq`.
RECEIPTS = Table(
    f"{PREFIX}receipts",
    metadata,
    Column("seq", _SEQ, primary_key=True, autoincrement=True),
    _tenant(),
    _received_at(),
    Column("prediction_id", Text, nullable=False),
    Column("opportunity_id", Text, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("watermark", BigInteger, nullable=False),
    Column("win", Double),
    Column("stall", Double),
    Column("churn", Double),
    Column("models", Text, nullable=False),
    Column("features", Text, nullable=False),
    Column("abstained", Text, nullable=False),
    Index(f"ix_{PREFIX}receipts_prediction", "tenant", "prediction_id", unique=True),
    Index(f"ix_{PREFIX}receipts_opportunity", "tenant", "opportunity_id", "as_of", "seq"),
)
