"""One opportunity with a given number of records, as a request holds them once its JSON is decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.brute import Records
from benchmarks.columns import DAY, KINDS
from benchmarks.world import DIRECTIONS, KIND_SHARES, OUTCOMES, STAGES
from features.tables import TABLES

Rows = Mapping[str, Sequence[Mapping[str, Any]]]

START = 20_000 * DAY
SHARES = {"stage_changes": 0.05, "field_changes": 0.07, "orders": 0.05, "contacts": 0.03}
EMPTY = -1


def request(records: int, seed: int) -> tuple[Rows, int]:
    """The rows by table, times in microseconds, and the `as_of`; the activities are what is left of 100%."""
    rng = np.random.default_rng(seed)
    number = {table: round(share * records) for table, share in SHARES.items()}
    number["activities"] = records - sum(number.values())
    moments = {t: (START + np.sort(rng.integers(0, 120 * DAY, n))).tolist() for t, n in number.items()}
    deal, account = {"opportunity_id": "o1"}, {"account_id": "a1"}
    contacts = [f"c{i}" for i in range(number["contacts"])] or ["c0"]
    rows: Rows = {
        "opportunities": [{**deal, **account, "rep_id": "r1", "created_at": START, "kind": "new"}],
        "accounts": [{**account, "industry": "steel", "region": "east", "created_at": START - 400 * DAY}],
        "contacts": [
            {"contact_id": name, **account, "role": "user", "created_at": at}
            for name, at in zip(contacts, moments["contacts"], strict=False)
        ],
        "stage_changes": [
            {**deal, "at": at, "stage": STAGES[place % len(STAGES)], "recorded_at": None}
            for place, at in enumerate(moments["stage_changes"])
        ],
        "field_changes": [
            {**deal, "at": at, "field": "amount", "value": f"{1000 + 10 * place}", "recorded_at": None}
            for place, at in enumerate(moments["field_changes"])
        ],
        "orders": [
            {"order_id": f"s{i}", **account, "at": at, "amount": 99.5, "recorded_at": None}
            for i, at in enumerate(moments["orders"])
        ],
        "activities": [_activity(rng, i, at, contacts) for i, at in enumerate(moments["activities"])],
    }
    return {name: [_whole(name, row) for row in its] for name, its in rows.items()}, START + 100 * DAY


def _whole(table: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with all canonical columns, as the service makes rows of a request."""
    return dict.fromkeys(TABLES[table].column_names) | row


def in_order(rows: Rows) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    """The same with each record as a tuple in the declared order of its table's columns."""
    return {name: [tuple(row.values()) for row in its] for name, its in rows.items()}


def records_of(rows: Rows) -> Records:
    """The same for `brute.row_of`."""
    activities = rows["activities"]
    contact = {name: i for i, name in enumerate(sorted({row["contact_id"] for row in activities}))}
    at = np.array([row["at"] for row in activities], np.int64)
    recorded = [row["at"] if row["recorded_at"] is None else row["recorded_at"] for row in activities]
    duration = [EMPTY if row["duration_s"] is None else row["duration_s"] for row in activities]
    return Records(
        at,
        np.array(recorded, np.int64),
        np.array([KINDS.index(row["kind"]) for row in activities], np.int64),
        np.array([contact[row["contact_id"]] for row in activities], np.int64),
        np.array(duration, np.int64),
        np.array([row["at"] for row in rows["stage_changes"]], np.int64),
    )


def _activity(rng: np.random.Generator, number: int, at: int, contacts: list[str]) -> Mapping[str, Any]:
    late = rng.random() < 0.1
    return {
        "activity_id": f"x{number}",
        "opportunity_id": "o1",
        "account_id": "a1",
        "rep_id": "r1",
        "contact_id": contacts[int(rng.integers(len(contacts)))],
        "at": at,
        "kind": KINDS[int(rng.choice(len(KINDS), p=KIND_SHARES))],
        "direction": DIRECTIONS[int(rng.integers(2))],
        "outcome": OUTCOMES[int(rng.integers(len(OUTCOMES)))],
        "duration_s": int(rng.integers(30, 5400)) if rng.random() < 1 / 3 else None,
        "recorded_at": at + int(rng.integers(0, 5 * DAY)) if late else None,
    }
