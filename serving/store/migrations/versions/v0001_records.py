"""Records under both clocks, the batches that brought them, configurations, receipts; one tenant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TYPES = {"time": sa.BigInteger, "number": sa.Double, "text": sa.Text}
# Written out and not taken from the declaration, which may grow: that is another step's matter.
_RECORDS = {
    "accounts": (
        "account_id!:text name:text industry:text region:text employees:number "
        "annual_revenue:number created_at:time churned_at:time"
    ),
    "contacts": "contact_id!:text account_id!:text role:text created_at:time",
    "reps": "rep_id!:text team_id:text region:text hired_at:time",
    "leads": (
        "lead_id!:text created_at:time source:text account_id:text rep_id:text "
        "first_response_at:time converted_at:time opportunity_id:text"
    ),
    "opportunities": (
        "opportunity_id!:text account_id!:text rep_id!:text created_at!:time kind:text source:text "
        "product:text currency:text amount:number expected_close_at:time closed_at:time "
        "outcome:text loss_reason:text"
    ),
    "stage_changes": "opportunity_id!:text at!:time stage!:text recorded_at:time",
    "field_changes": "opportunity_id!:text at!:time field!:text value!:text recorded_at:time",
    "activities": (
        "activity_id!:text at!:time kind!:text opportunity_id:text account_id:text rep_id:text "
        "contact_id:text direction:text outcome:text duration_s:number recorded_at:time"
    ),
    "orders": (
        "order_id!:text account_id!:text at!:time amount!:number currency:text product:text "
        "opportunity_id:text recorded_at:time"
    ),
}  # fmt: skip
_LOOKED_UP_BY = {
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
_MOVED = ("activity_id!", "opportunity_id", "account_id")


def upgrade() -> None:
    """From nothing."""
    _tenants()
    for name, columns in _RECORDS.items():
        _made(name, *(_column(each) for each in columns.split()), _text("extra"))
        for column in _LOOKED_UP_BY[name]:
            _index(name, column, column)
    _made("moved_activities", *(_column(f"{name}:text") for name in _MOVED))
    for column in _MOVED[1:]:
        _index("moved_activities", column.removesuffix("!"), column)
    _made("batches", _text("idempotency_key"), _text("body_hash"), _text("answer"))
    _index("batches", "tenant", "seq")
    _index("batches", "key", "idempotency_key", unique=True)
    _made("configs", _text("toml", nullable=False))
    _index("configs", "tenant", "seq")
    _receipts()


def _tenants() -> None:
    tenants = op.create_table(
        "dealcast_tenants",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False, unique=True),
    )
    op.bulk_insert(tenants, [{"id": 1, "name": "default"}])


def _receipts() -> None:
    _made(
        "receipts",
        _text("prediction_id", nullable=False),
        _text("opportunity_id", nullable=False),
        sa.Column("as_of", sa.BigInteger, nullable=False),
        sa.Column("watermark", sa.BigInteger, nullable=False),
        *(sa.Column(target, sa.Double) for target in ("win", "stall", "churn")),
        *(_text(name, nullable=False) for name in ("models", "features", "abstained")),
        autoincrement=True,
    )
    _index("receipts", "prediction", "prediction_id", unique=True)
    _index("receipts", "opportunity", "opportunity_id", "as_of", "seq")


def _made(name: str, *columns: sa.Column[object], autoincrement: bool = False) -> None:
    op.create_table(
        f"dealcast_{name}",
        sa.Column("seq", _SEQ, primary_key=True, autoincrement=autoincrement),
        sa.Column("tenant", sa.Integer, sa.ForeignKey("dealcast_tenants.id"), nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        *columns,
    )


def _column(said: str) -> sa.Column[object]:
    """From "name:type"; "name!:type" must be given."""
    name, _, kind = said.partition(":")
    return sa.Column(name.removesuffix("!"), _TYPES[kind], nullable=not name.endswith("!"))


def _text(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _index(table: str, name: str, *columns: str, unique: bool = False) -> None:
    op.create_index(f"ix_dealcast_{table}_{name}", f"dealcast_{table}", ["tenant", *columns], unique=unique)
