"""The canonical tables, declared once.

Reading, cleaning, validation, the request bodies of the API and the sample CRM all follow
from `TABLES`; a column is added here and nowhere else. Names and meanings are those of the
project's data description: `at` is when a thing happened, `recorded_at` when the CRM came to
know of it, and where `recorded_at` is missing it equals `at`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What a column holds; the physical type follows from it."""

    KEY = "key"  # text that identifies the row
    REFERENCE = "reference"  # another table's key
    TIME = "time"  # UTC and aware; microseconds
    NUMBER = "number"  # float64; finite
    CATEGORY = "category"  # text, one of `allowed` where that is given
    TEXT = "text"  # free text; may hold personal data, never printed


@dataclass(frozen=True)
class Column:
    """One column of a canonical table.

    Attributes:
        name: the canonical name.
        kind: what it holds.
        required: the table cannot be used without it, nor a row where it is empty.
        allowed: the values of a closed category; empty where any value may stand.
        minimum: the smallest number that makes sense; None where there is none.
        unit: the unit of a number, as in "s" or "currency".
        refers_to: the table whose key a reference holds.
        mutable: of `opportunities`: holds the last value, so that a snapshot may use it only
            through its history of changes.
        hidden_until_close: known only once the deal is closed.
    """

    name: str
    kind: Kind
    required: bool = False
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    unit: str | None = None
    refers_to: str | None = None
    mutable: bool = False
    hidden_until_close: bool = False


@dataclass(frozen=True)
class Table:
    """A canonical table: its name, its key and its columns.

    `has_two_clocks` marks the tables of records, whose rows happen at `at` and are known from
    `recorded_at` on; a repeated key is then a correction, and each version keeps its own time.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    required: bool = False
    has_two_clocks: bool = False

    def column(self, name: str) -> Column:
        """The declaration of one column. Raises KeyError for a column that is not canonical."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no canonical column {name!r}")

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


ROLES = ("decision_maker", "influencer", "champion", "user", "other")
OPPORTUNITY_KINDS = ("new", "renewal", "upsell")
OUTCOMES = ("won", "lost")
ACTIVITY_KINDS = (
    "call", "email", "meeting", "visit", "message",
    "demo", "proposal", "crm_update", "task", "other",
)  # fmt: skip
DIRECTIONS = ("inbound", "outbound")
ACTIVITY_OUTCOMES = (
    "connected", "no_answer", "sent", "opened", "replied", "held", "no_show", "cancelled",
)  # fmt: skip


def _key(name: str) -> Column:
    return Column(name, Kind.KEY, required=True)


def _reference(name: str, table: str, *, required: bool = False, mutable: bool = False) -> Column:
    return Column(name, Kind.REFERENCE, required=required, refers_to=table, mutable=mutable)


def _time(name: str, *, required: bool = False) -> Column:
    return Column(name, Kind.TIME, required=required, unit="UTC")


def _category(name: str, allowed: tuple[str, ...] = (), *, required: bool = False) -> Column:
    return Column(name, Kind.CATEGORY, required=required, allowed=allowed)


def _text(name: str, *, required: bool = False) -> Column:
    return Column(name, Kind.TEXT, required=required)


ACCOUNTS = Table(
    "accounts",
    ("account_id",),
    (
        _key("account_id"),
        _text("name"),
        _category("industry"),
        _category("region"),
        Column("employees", Kind.NUMBER, minimum=0, unit="people"),
        Column("annual_revenue", Kind.NUMBER, unit="currency"),
        _time("created_at"),
        _time("churned_at"),
    ),
)
CONTACTS = Table(
    "contacts",
    ("contact_id",),
    (
        _key("contact_id"),
        _reference("account_id", "accounts", required=True),
        _category("role", ROLES),
        _time("created_at"),
    ),
)
REPS = Table(
    "reps",
    ("rep_id",),
    (_key("rep_id"), _category("team_id"), _category("region"), _time("hired_at")),
)
LEADS = Table(
    "leads",
    ("lead_id",),
    (
        _key("lead_id"),
        _time("created_at"),
        _category("source"),
        _reference("account_id", "accounts"),
        _reference("rep_id", "reps"),
        _time("first_response_at"),
        _time("converted_at"),
        _reference("opportunity_id", "opportunities"),
    ),
)
OPPORTUNITIES = Table(
    "opportunities",
    ("opportunity_id",),
    (
        _key("opportunity_id"),
        _reference("account_id", "accounts", required=True),
        _reference("rep_id", "reps", required=True, mutable=True),
        _time("created_at", required=True),
        _category("kind", OPPORTUNITY_KINDS),
        _category("source"),
        _category("product"),
        _category("currency"),
        Column("amount", Kind.NUMBER, minimum=0, unit="currency", mutable=True),
        Column("expected_close_at", Kind.TIME, unit="UTC", mutable=True),
        Column("closed_at", Kind.TIME, unit="UTC", hidden_until_close=True),
        Column("outcome", Kind.CATEGORY, allowed=OUTCOMES, hidden_until_close=True),
        Column("loss_reason", Kind.CATEGORY, hidden_until_close=True),
    ),
    required=True,
)
STAGE_CHANGES = Table(
    "stage_changes",
    ("opportunity_id", "at"),
    (
        _reference("opportunity_id", "opportunities", required=True),
        _time("at", required=True),
        _category("stage", required=True),
        _time("recorded_at"),
    ),
    required=True,
    has_two_clocks=True,
)
FIELD_CHANGES = Table(
    "field_changes",
    ("opportunity_id", "at", "field"),
    (
        _reference("opportunity_id", "opportunities", required=True),
        _time("at", required=True),
        _category("field", required=True),
        _text("value", required=True),
        _time("recorded_at"),
    ),
    has_two_clocks=True,
)
ACTIVITIES = Table(
    "activities",
    ("activity_id",),
    (
        _key("activity_id"),
        _time("at", required=True),
        _category("kind", ACTIVITY_KINDS, required=True),
        _reference("opportunity_id", "opportunities"),
        _reference("account_id", "accounts"),
        _reference("rep_id", "reps"),
        _reference("contact_id", "contacts"),
        _category("direction", DIRECTIONS),
        _category("outcome", ACTIVITY_OUTCOMES),
        Column("duration_s", Kind.NUMBER, minimum=0, unit="s"),
        _time("recorded_at"),
    ),
    has_two_clocks=True,
)
ORDERS = Table(
    "orders",
    ("order_id",),
    (
        _key("order_id"),
        _reference("account_id", "accounts", required=True),
        _time("at", required=True),
        Column("amount", Kind.NUMBER, required=True, unit="currency"),
        _category("currency"),
        _category("product"),
        _reference("opportunity_id", "opportunities"),
        _time("recorded_at"),
    ),
    has_two_clocks=True,
)

TABLES = MappingProxyType(
    {
        table.name: table
        for table in (
            ACCOUNTS, CONTACTS, REPS, LEADS, OPPORTUNITIES,
            STAGE_CHANGES, FIELD_CHANGES, ACTIVITIES, ORDERS,
        )
    }
)  # fmt: skip
