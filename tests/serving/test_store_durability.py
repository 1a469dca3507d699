"""What was acknowledged is there, however the server ended."""

from __future__ import annotations

import json
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from serving.store.store import Store
from tests.postgresql import Server
from tests.serving.conftest import Trained
from tests.serving.stores import DEAL, KINDS, call, kept, new_address
from tests.serving.test_serve import fetch, served, started

BATCHES, SIZE = 60, 10


def send(address: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/v1/records", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return dict(json.loads(answer.read()))


def batch(number: int) -> dict[str, Any]:
    return {"activities": [call(f"{number}-{i}") for i in range(SIZE)]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_killed_in_a_stream_of_records_lost_no_acknowledged_one_and_repeats_none_after_a_retry(
    kind: str, trained: Trained, tmp_path: Path, postgresql_server: Server
) -> None:
    database = new_address(kind, tmp_path, postgresql_server)
    words = ("--bundles", trained.bundles, "--no-fetch")
    address, process = started(*words, cwd=tmp_path, DEALCAST_DATABASE_URL=database)
    send(address, {"opportunities": [DEAL]})
    acknowledged: list[int] = []
    enough = threading.Event()

    def stream() -> None:
        for number in range(BATCHES):
            try:
                assert send(address, batch(number))["stored"] == SIZE
            except OSError:
                return
            acknowledged.append(number)
            if len(acknowledged) == BATCHES // 3:
                enough.set()

    sender = threading.Thread(target=stream)
    sender.start()
    assert enough.wait(60)
    process.kill()
    process.communicate(timeout=20)
    sender.join()
    assert BATCHES // 3 <= len(acknowledged) < BATCHES
    store = Store(database)
    there = {row[0] for row in kept(store, "activities")}
    assert {f"{number}-{i}" for number in acknowledged for i in range(SIZE)} <= there
    address, process = started(*words, cwd=tmp_path, DEALCAST_DATABASE_URL=database)
    for number in range(len(acknowledged) - 2, BATCHES):
        send(address, batch(number))
    process.terminate()
    process.communicate(timeout=20)
    names = [row[0] for row in kept(store, "activities")]
    store.close()
    assert len(names) == len(set(names)) == BATCHES * SIZE


@pytest.mark.slow
def test_without_data_the_store_in_the_working_folder_is_served_by_several_workers(
    trained: Trained, tmp_path: Path
) -> None:
    words = ("--bundles", trained.bundles, "--no-fetch", "--workers", "2")
    with served(*words, cwd=tmp_path) as address:
        send(address, {"opportunities": [DEAL], **batch(0)})
        scores = [fetch(f"{address}/v1/opportunities/d/score?as_of=2025-02-01") for _ in range(6)]
    assert len({score["prediction_id"] for score in scores}) == 1
    store = Store(f"sqlite:///{tmp_path / 'dealcast.db'}")
    assert store.receipt(scores[0]["prediction_id"]).opportunity_id == "d"
    store.close()
