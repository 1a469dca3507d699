"""How a story is told: rows with times in days since 1970-01-01, and what the features are in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from features.build import NOTHING_KNOWN, Entity
from features.conventions import Conventions
from features.from_tables import history_from_tables
from features.history import History
from features.reference import Reference
from features.times import DAY
from tests.factories import STAGES, Row, data_of, day, deal, features_at, in_days

CONVENTIONS = Conventions(STAGES, ("kind", "source", "product"), "Asia/Shanghai")
MICROSECOND = 1 / DAY  # in days
SUBJECT: Mapping[Entity, str] = {"opportunity": "d", "account": "a"}
Expected = Mapping[str, Mapping[float, Any]]  # feature -> day of the snapshot -> value


@dataclass(frozen=True)
class Story:
    """A few records, and what is expected of deal `d` or of account `a` in them.

    Attributes:
        expected: feature -> day of the snapshot -> value, None where it is not given.
    """

    name: str
    entity: Entity
    history: History
    expected: Expected
    reference: Reference = NOTHING_KNOWN

    def found(self, feature: str, days: Iterable[float]) -> dict[float, Any]:
        """The feature's value at each of some days."""
        pairs = [(SUBJECT[self.entity], day(number)) for number in days]
        frame = features_at(self.history, pairs, self.entity, self.reference, (feature,))
        return dict(zip(days, frame.to_polars()[feature].to_list(), strict=True))


def before(number: float) -> float:
    """The last microsecond before a day."""
    return number - MICROSECOND


def on(text: str) -> int:
    """The day of a date."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def activity(activity_id: str, at: float, kind: str, direction: str | None = None, **columns: Any) -> Row:
    ids = {"activity_id": activity_id, "opportunity_id": "d"}
    return {**ids, "at": at, "kind": kind, "direction": direction, **columns}


def move(at: float, stage: str, **columns: Any) -> Row:
    return {"opportunity_id": "d", "at": at, "stage": stage, **columns}


def change(at: float, field: str, value: str, **columns: Any) -> Row:
    return {"opportunity_id": "d", "at": at, "field": field, "value": value, **columns}


def order(order_id: str, at: float, amount: float, **columns: Any) -> Row:
    return {"order_id": order_id, "account_id": "a", "at": at, "amount": amount, **columns}


def contact(contact_id: str, role: str | None, created_at: float | None, account_id: str = "a") -> Row:
    return {"contact_id": contact_id, "account_id": account_id, "role": role, "created_at": created_at}


def history_of(conventions: Conventions = CONVENTIONS, **tables: Iterable[Row]) -> History:
    """The history of a few rows with times in days; one deal `d` unless others are given."""
    return history_from_tables(data_of(in_days(**{"opportunities": [deal()], **tables})), conventions)


def value(
    history: History,
    name: str,
    as_of: float,
    entity: Entity = "opportunity",
    reference: Reference = NOTHING_KNOWN,
) -> Any:
    """One feature of deal `d` or account `a`; None where it is not given."""
    return Story("", entity, history, {}, reference).found(name, [as_of])[as_of]


def values(history: History, names: Iterable[str], as_of: float, entity: Entity = "opportunity") -> list[Any]:
    """Several features of deal `d` or account `a` at one day."""
    return [value(history, name, as_of, entity) for name in names]
