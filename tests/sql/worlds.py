"""Random worlds with what `random_rows` lacks: leads, reps and teams, losses, changing owners, the
account's own activities, products, and other calendars.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from features.conventions import Conventions
from tests.factories import STAGES, Row, Rows, day

REPS = ("r", "s", "q")
ACCOUNTS = ("a0", "a1", "a2")


@dataclass(frozen=True)
class Reading(Conventions):
    """Conventions with a calendar of working days."""

    working_days: tuple[int, ...] = (1, 2, 3, 4, 5)
    holidays: str = ""


def reading_for(seed: int) -> Reading:
    """Some way of reading a random data set: fixed fields, zone, working days and holidays vary."""
    fixed = [
        ("kind", "source", "product"),
        ("product", "rep_id"),
        ("kind", "amount", "expected_close_at"),
        (),
    ]
    zones = ["Asia/Shanghai", "UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu"]
    weeks = [(1, 2, 3, 4, 5), (7, 1, 2, 3, 4), (1, 2, 3, 4, 5, 6)]
    return Reading(
        STAGES, fixed[seed % 4], zones[seed % 5], weeks[seed % 3], ["", "CN", "DE-BY", "US"][seed // 2 % 4]
    )


def random_more(seed: int, rows: Rows) -> Rows:
    """The same rows and more of them.

    Some deals are lost, and there are twice as many; some change hands, told late, corrected or
    planned; two deals see much in two weeks; some activities have an account of their own, with or
    without a deal; orders have products; reps have teams, may be hired later than they work, or be
    missing; leads are late, unconverted, undated, of no deal, or several of one deal.
    """
    rng = random.Random(f"more {seed}")
    deals = [*(_decided(rng, row) for row in rows["opportunities"]), *_more_deals(rng)]
    names = [row["opportunity_id"] for row in deals]
    return {
        **rows,
        "opportunities": deals,
        "activities": [
            *(_placed(rng, row) for row in rows["activities"]),
            *(_exchanged(rng, number, names[number % 2]) for number in range(30)),
        ],
        "orders": [{**row, "product": rng.choice(["x", "y", "z", None])} for row in rows["orders"]],
        "field_changes": [*rows["field_changes"], *_owner_changes(rng, names)],
        "stage_changes": [*rows["stage_changes"], *_more_moves(rng, names[4:])],
        "reps": [
            {"rep_id": rep, "team_id": rng.choice(["east", "west", None]), "hired_at": _maybe_day(rng)}
            for rep in REPS
        ],
        "leads": [_lead(rng, number, names) for number in range(8)],
    }


def moved_to(rows: Rows, days: int) -> Rows:
    """The same world some days later, where the calendar has holidays and summer time."""
    columns = ("at", "recorded_at", "created_at", "closed_at", "expected_close_at", "hired_at",
               "converted_at", "first_response_at")  # fmt: skip
    return {
        table: [
            {name: v + day(days) if name in columns and v is not None else v for name, v in row.items()}
            for row in content
        ]
        for table, content in rows.items()
    }


def _decided(rng: random.Random, row: Row) -> Row:
    return {**row, "outcome": rng.choice(["won", "won", "lost"]) if row["closed_at"] else None}


def _more_deals(rng: random.Random) -> list[Row]:
    return [_more_deal(rng, f"e{number}") for number in range(4)]


def _more_deal(rng: random.Random, name: str) -> Row:
    created_at = day(rng.randrange(200)) + rng.choice([0, 1, 777_777])
    closed_at = rng.choice([None, created_at + day(rng.randrange(90)) + rng.choice([0, 1, 999_999])])
    return {
        "opportunity_id": name, "account_id": rng.choice(ACCOUNTS), "rep_id": rng.choice([*REPS, "ghost"]),
        "created_at": created_at, "closed_at": closed_at,
        "outcome": rng.choice(["won", "lost"]) if closed_at else None,
        "kind": rng.choice(["new", "upsell", None]), "source": rng.choice(["web", "fair", None]),
        "product": rng.choice(["x", "y", None]), "amount": rng.choice([None, 12.345, 1000.0]),
        "expected_close_at": rng.choice([None, created_at + day(30)]),
    }  # fmt: skip


def _placed(rng: random.Random, row: Row) -> Row:
    placed: dict[str, Any] = {**row, "account_id": rng.choice([None, None, *ACCOUNTS])}
    if placed["account_id"] is not None and rng.random() < 0.3:
        placed["opportunity_id"] = None
    return placed


def _exchanged(rng: random.Random, number: int, deal: str) -> Row:
    """One of many activities of a deal within two weeks."""
    at = day(100 + rng.randrange(28) / 2) + rng.choice([0, 0, 0, 1])
    return {
        "activity_id": f"y{number}", "opportunity_id": deal, "account_id": None, "at": at,
        "kind": rng.choice(["call", "email", "meeting", "message", "proposal", "visit", "demo"]),
        "direction": rng.choice(["inbound", "outbound", "outbound", None]),
        "outcome": rng.choice(["held", "held", "replied", None]),
        "duration_s": rng.choice([None, 900.0, 899.5, 898.5]),
        "contact_id": rng.choice(["p0", "p1", None]), "rep_id": rng.choice(["r", "s"]),
        "recorded_at": rng.choice([None, None, at + day(1), at - day(3)]),
    }  # fmt: skip


def _owner_changes(rng: random.Random, deals: Sequence[str]) -> list[Row]:
    found: dict[tuple[str, int], list[Row]] = {}
    for _ in range(12):
        deal, at = rng.choice(deals), day(rng.randrange(300))
        known = at + rng.choice([0, 0, day(2), -day(5), 1])
        versions: list[Row] = []
        for _ in range(rng.choice([1, 1, 2])):
            value = rng.choice([*REPS, "ghost"])
            change = {"opportunity_id": deal, "at": at, "field": "rep_id", "value": value}
            versions.append({**change, "recorded_at": known})
            known += rng.choice([1, day(7)])
        found.setdefault((deal, at), versions)
    return [row for versions in found.values() for row in versions]


def _more_moves(rng: random.Random, deals: Sequence[str]) -> list[Row]:
    found = {(rng.choice(deals), day(rng.randrange(250))): rng.choice([*STAGES, "parked"]) for _ in range(12)}
    return [
        {
            "opportunity_id": deal, "at": at, "stage": stage,
            "recorded_at": rng.choice([None, at, at + day(3)]),
        }
        for (deal, at), stage in found.items()
    ]  # fmt: skip


def _lead(rng: random.Random, number: int, deals: Sequence[str]) -> Row:
    created_at, converted_at = _maybe_day(rng), _maybe_day(rng)
    return {
        "lead_id": f"l{number}", "created_at": created_at, "source": rng.choice(["web", "fair", None]),
        "converted_at": converted_at, "opportunity_id": rng.choice([*deals[:3], None]),
        "first_response_at": rng.choice([None, day(rng.randrange(300)) + 3_600_000_000]),
    }  # fmt: skip


def _maybe_day(rng: random.Random) -> int | None:
    return rng.choice([None, day(rng.choice([0, 10, 20, 100, 250]))])
