"""What the tests of this floor share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from features.canonical import TIME, CanonicalData
from serving.app import create_app, open_service
from serving.settings import Settings
from tests.trained import T, Trained, bundle_in, run_command


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def client(trained: Trained) -> Iterator[TestClient]:
    service = open_service(Settings(bundles=trained.bundles, data=trained.crm))
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def dealcast(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs a command and gives back its exit code and what it printed."""

    def run(*words: str | Path) -> Ran:
        capsys.readouterr()
        code = run_command(*words)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


__all__ = ["Ran", "T", "Trained", "bundle_in", "posted", "run_command"]


def posted(data: CanonicalData, opportunity_id: str) -> dict[str, Any]:
    """An opportunity's records as a plugin posts them: JSON, empty columns left out."""
    deal = _rows(data["opportunities"].filter(pl.col("opportunity_id") == opportunity_id))[0]
    account = pl.col("account_id") == deal["account_id"]
    mine = pl.col("opportunity_id") == opportunity_id
    for table in ("stage_changes", "field_changes", "leads"):
        deal[table] = _rows(data[table].filter(mine))
    others = data["opportunities"].filter(account, ~mine)
    deal["account_opportunities"] = _rows(
        others.select("opportunity_id", "created_at", "closed_at", "outcome")
    )
    deals = [opportunity_id, *others["opportunity_id"]]
    of_account = pl.col("opportunity_id").is_in(deals) | account.fill_null(False)
    deal["activities"] = [
        {"opportunity_id": None, **row} for row in _rows(data["activities"].filter(of_account))
    ]
    deal["account"] = next(iter(_rows(data["accounts"].filter(account))), None)
    for table in ("contacts", "orders"):
        deal[table] = _rows(data[table].filter(account))
    return dict(json.loads(json.dumps(deal)))


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    texts = frame.with_columns(pl.col(TIME).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    return [{k: v for k, v in row.items() if v is not None} for row in texts.to_dicts()]


@pytest.fixture(scope="module")
def stored(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server of a store that holds what the folder of `client` holds."""
    from serving.store.dataset import copy_into
    from serving.store.store import open_store
    from tests.serving.stores import DAY_1

    address = f"sqlite:///{tmp_path_factory.mktemp('stored') / 'store.db'}"
    store = open_store(address)
    copy_into(store, trained.data, lambda: DAY_1)
    store.close()
    with TestClient(create_app(open_service(Settings(trained.bundles, database=address)))) as client:
        yield client
