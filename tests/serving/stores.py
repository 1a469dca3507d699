"""Stores for tests: each on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg2

from features.times import parse_instant
from serving.records import keep
from serving.store.store import Store, open_store
from tests.postgresql import Server

KINDS = ("sqlite", "postgresql")
DAY_1 = parse_instant("2025-01-01T00:00:00Z")
DEAL = {"opportunity_id": "d", "account_id": "a", "rep_id": "r", "created_at": "2025-01-01T00:00:00Z"}
_number = itertools.count()


def new_address(kind: str, folder: Path, server: Server) -> str:
    """The address of an empty database."""
    if kind == "sqlite":
        return f"sqlite:///{folder / f'store{next(_number)}.db'}"
    name = f"store{next(_number)}"
    connection = psycopg2.connect(server.address())
    connection.autocommit = True
    connection.cursor().execute(f"CREATE DATABASE {name}")
    connection.close()
    return server.address(name)


def post(
    store: Store, records: Mapping[str, Any], received_at: int = DAY_1, key: str | None = None
) -> dict[str, Any]:
    """What the store answers to a body."""
    return dict(json.loads(keep(store, json.dumps(records).encode(), key, lambda: received_at, "UTC")))


def statuses(answer: Mapping[str, Any], table: str) -> list[str]:
    return [verdict["status"] for verdict in answer["records"][table]]


def call(name: str, at: str = "2025-01-02T00:00:00Z", **more: Any) -> dict[str, Any]:
    """An activity of the deal."""
    return {"activity_id": name, "opportunity_id": "d", "at": at, "kind": "call", **more}


def kept(store: Store, table: str) -> Sequence[tuple[Any, ...]]:
    """All rows of a table."""
    return [row for rows in store.portions(table, store.watermark().seq) for row in rows]


__all__ = ["DAY_1", "DEAL", "KINDS", "call", "kept", "new_address", "open_store", "post", "statuses"]
