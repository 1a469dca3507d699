"""A server that is asked too much, told to end, or whose store is full or restarted."""

from __future__ import annotations

import itertools
import resource
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from serving.store.store import Store
from tests.faults.clients import Answer, Asked, ask, clients, figure, until
from tests.postgresql import running
from tests.serving.conftest import T, Trained, posted
from tests.serving.stores import DEAL, call, kept
from tests.serving.test_serve import log_of, started

AS_OF = "2025-02-01T00:00:00Z"


@contextmanager
def server(trained: Trained, folder: Path, **settings: str) -> Iterator[tuple[str, Any]]:
    """A server over a store, and its process."""
    named = {f"DEALCAST_{name}": value for name, value in settings.items()}
    address, process = started("--bundles", trained.bundles, "--no-fetch", cwd=folder, **named)
    try:
        yield address, process
    finally:
        process.kill()
        process.communicate(timeout=20)


def heavy(trained: Trained, count: int) -> dict[str, Any]:
    """A request that takes a while: one history many times."""
    one = posted(trained.data, trained.data["opportunities"]["opportunity_id"][0])
    return {"as_of": T, "opportunities": [one] * count}


def send(address: str, number: int, count: int = 1) -> Answer:
    """Records of the names `records_of` gives."""
    return ask(address, "/v1/records", {"activities": [call(name) for name in records_of(number, count)]})


def records_of(number: int, count: int = 1) -> list[str]:
    return [f"a{number}-{i}" for i in range(count)]


@pytest.mark.slow
def test_too_many_requests_are_refused_with_retry_after_at_once_and_the_server_recovers(
    trained: Trained, tmp_path: Path
) -> None:
    # far below the time of one answer, on the fastest machine too, so that some of those who wait give up
    settings = {"RUNNING": "1", "WAITING": "2", "WAIT_SECONDS": "0.02"}
    with server(trained, tmp_path, **settings) as (address, _):
        body = heavy(trained, 100)
        with clients(8, lambda: ask(address, "/v1/scores", body)) as asked:
            until(lambda: {200, 429, 503} <= asked.statuses(), "served, refused at once, and after a wait")
            assert ask(address, "/health/ready").status == 200
        assert not asked.broken
        assert asked.statuses() == {200, 429, 503}
        refusals = [answer for answer in asked.answers if answer.status != 200]
        assert {answer.headers["retry-after"] for answer in refusals} == {"1"}
        kinds = {answer.body["type"].rsplit(":", 1)[-1] for answer in refusals}
        assert kinds == {"too-many-requests", "overloaded"}
        assert ask(address, "/v1/scores", heavy(trained, 1)).status == 200
        assert figure(address, "dealcast_requests_running") == 0
        assert figure(address, "dealcast_requests_waiting") == 0
        told = sum(figure(address, f'dealcast_requests_refused_total{{why="{kind}"}}') for kind in kinds)
        assert told == len(refusals)


@pytest.mark.slow
def test_told_to_end_a_server_is_not_ready_finishes_what_it_began_and_writes_its_receipts(
    trained: Trained, tmp_path: Path
) -> None:
    with server(trained, tmp_path, DRAIN_SECONDS="1.5", MAX_BODY_BYTES=str(2**26)) as (address, process):
        assert ask(address, "/v1/records", {"opportunities": [DEAL]}).status == 200
        late = Asked()
        body = heavy(trained, 250)
        slow = threading.Thread(target=lambda: late.answers.append(ask(address, "/v1/scores", body)))
        slow.start()
        until(lambda: figure(address, "dealcast_requests_running") == 1, "the request is being worked on")
        process.send_signal(signal.SIGTERM)
        until(lambda: ask(address, "/health/ready").status == 503, "it says that it is not ready")
        assert ask(address, "/health/live").status == 200
        score = ask(address, f"/v1/opportunities/d/score?as_of={AS_OF}")
        assert score.status == 200
        slow.join()
        process.communicate(timeout=20)
    assert [answer.status for answer in late.answers] == [200]
    assert len(late.answers[0].body["scores"]) == 250
    assert process.returncode == 0
    store = Store(f"sqlite:///{tmp_path / 'dealcast.db'}")
    assert store.receipt(score.body["prediction_id"]).opportunity_id == "d"
    store.close()


@pytest.mark.slow
def test_a_disk_that_is_full_is_a_clear_refusal_and_corrupts_nothing(
    trained: Trained, tmp_path: Path
) -> None:
    """The disk is full for one process: its files may grow no further."""
    with server(trained, tmp_path) as (address, process):
        assert ask(address, "/v1/records", {"opportunities": [DEAL]}).status == 200
        largest = max(path.stat().st_size for path in tmp_path.glob("dealcast.db*"))
        before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (largest + 65_536, before[1]))
        answers = [send(address, 0, 200)]
        until(lambda: answers.append(send(address, len(answers), 200)) or answers[-1].status != 200, "full")
        assert {answer.status for answer in answers[:-1]} == {200}
        assert answers[-1].status in {503, 507}
        assert answers[-1].body["type"] in {
            f"urn:dealcast:problem:store-{why}" for why in ("full", "failed", "away")
        }
        assert ask(address, "/health/live").status == 200
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)
        until(lambda: send(address, 9999).status == 200, "it writes again")
        database = sqlite3.connect(tmp_path / "dealcast.db")
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
    store = Store(f"sqlite:///{tmp_path / 'dealcast.db'}")
    there = {row[0] for row in kept(store, "activities")}
    store.close()
    acknowledged = {name for number in range(len(answers) - 1) for name in records_of(number, 200)}
    assert there == {*acknowledged, *records_of(9999)}


@pytest.mark.slow
def test_a_database_that_is_restarted_under_load_is_503_meanwhile_and_heals_by_itself(
    trained: Trained, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.getbasetemp().parent
    numbers, acknowledged = itertools.count(), list[str]()

    def write() -> Answer:
        number = next(numbers)
        answer = send(address, number)
        if answer.status == 200:
            acknowledged.extend(records_of(number))
        return answer

    with (
        running(tmp_path_factory.mktemp("restarted"), root) as database,
        server(trained, tmp_path, DATABASE_URL=database.address()) as (address, _),
    ):
        assert ask(address, "/v1/records", {"opportunities": [DEAL]}).status == 200
        path = f"/v1/opportunities/d/score?as_of={AS_OF}&explain=false"
        with clients(1, write) as written, clients(1, lambda: ask(address, path)) as read:
            until(lambda: len(written.answers) > 5 and len(read.answers) > 5, "both are answered")
            database.stop()
            until(lambda: {200, 503} <= written.statuses() & read.statuses(), "both are refused")
            database.start()
            seen = len(written.answers), len(read.answers)
            until(
                lambda: all(
                    200 in {answer.status for answer in asked.answers[since:]}
                    for asked, since in zip((written, read), seen, strict=True)
                ),
                "both are answered again",
            )
        both = written.answers + read.answers
        assert not written.broken + read.broken
        assert {answer.status for answer in both} == {200, 503}
        assert {answer.headers["retry-after"] for answer in both if answer.status == 503} == {"1"}
        assert ask(address, path).status == 200
        assert figure(address, 'dealcast_store_errors_total{problem="store-away"}') > 0
        store = Store(database.address())
        assert set(acknowledged) <= {row[0] for row in kept(store, "activities")}
        store.close()


@pytest.mark.slow
def test_no_log_line_holds_the_id_of_a_customer_and_each_tells_its_request(
    trained: Trained, tmp_path: Path
) -> None:
    with server(trained, tmp_path) as (address, _):
        deal = DEAL | {"opportunity_id": "secret-deal", "account_id": "secret-account"}
        assert ask(address, "/v1/records", {"opportunities": [deal]}).status == 200
        paths = [
            "/v1/opportunities/secret-deal/score",
            "/v1/opportunities/secret-other/score",
            "/secret-path",
        ]
        found = [ask(address, path, headers={"X-Request-Id": f"page-{i}"}) for i, path in enumerate(paths)]
        assert [answer.status for answer in found] == [200, 404, 404]
        assert [answer.headers["x-request-id"] for answer in found] == ["page-0", "page-1", "page-2"]
        log = log_of(address.rsplit(":", maxsplit=1)[-1], tmp_path)
        ids = [f'"request_id": "page-{i}"' for i in range(len(paths))]
        until(lambda: all(each in log.read_text() for each in ids), "each request is told")
    assert "secret" not in log.read_text()
