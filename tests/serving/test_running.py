"""The gate, the webhook, the log's lines, and how a folder of bundles is pointed to."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from mlflow.webhooks.delivery import _generate_hmac_signature

from features.errors import ConfigError
from serving.app import create_app, open_service
from serving.bundles import Delivery, Place, load_models, pointer_of
from serving.commands.serve import _clear_abandoned, _held
from serving.running.gate import Gate
from serving.running.logs import JsonFormatter
from serving.running.metrics import metrics
from serving.settings import Settings, settings_from
from tests.serving.conftest import Trained
from training.bundle import TABLES_FILE
from training.errors import BundleError

SECRET = "s3cret"
EVENT = {
    "entity": "model_version_alias",
    "action": "created",
    "data": {"name": "dealcast-win", "alias": "champion", "version": "2"},
}


@pytest.fixture(scope="module")
def hooked(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    bundles = tmp_path_factory.mktemp("hooked") / "bundles"
    shutil.copytree(trained.bundles, bundles)
    with TestClient(create_app(open_service(Settings(bundles, webhook_secret=SECRET)))) as client:
        yield client


def signed(event: Any, at: int, secret: str = SECRET) -> dict[str, Any]:
    """A delivery as MLflow itself signs it."""
    body = json.dumps(event)
    headers = {"X-MLflow-Delivery-Id": "d-1", "X-MLflow-Timestamp": str(at)}
    headers["X-MLflow-Signature"] = _generate_hmac_signature(secret, "d-1", str(at), body)
    return {"content": body, "headers": headers}


@pytest.mark.parametrize(
    ("event", "looking"),
    [
        (EVENT, True),
        (EVENT | {"data": {"name": "dealcast-win", "alias": "challenger"}}, False),
        (EVENT | {"data": {"name": "another", "alias": "champion"}}, False),
        (EVENT | {"entity": "registered_model"}, False),
        ([], False),
    ],
)
def test_a_webhook_that_mlflow_signed_brings_the_next_look_forward_where_it_is_about_a_champion(
    hooked: TestClient, event: Any, looking: bool
) -> None:
    answer = hooked.post("/v1/webhooks/mlflow", **signed(event, int(time.time())))
    assert (answer.status_code, answer.json()) == (202, {"looking": looking})


@pytest.mark.parametrize(
    "wrong",
    [
        signed(EVENT, int(time.time()), "another"),
        signed(EVENT, int(time.time()) - 3600),
        signed(EVENT, int(time.time()) + 3600),
        signed(EVENT, int(time.time())) | {"content": "{}"},
        {"content": "{}"},
    ],
    ids=["another secret", "an hour old", "an hour ahead", "another body", "no signature"],
)
def test_a_webhook_that_is_not_signed_with_the_secret_in_these_minutes_is_refused(
    hooked: TestClient, wrong: dict[str, Any]
) -> None:
    answer = hooked.post("/v1/webhooks/mlflow", **wrong)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:dealcast:problem:not-signed")


def test_without_a_secret_there_is_no_webhook(client: TestClient) -> None:
    assert client.post("/v1/webhooks/mlflow", **signed(EVENT, int(time.time()))).status_code == 404


def test_a_request_id_is_given_back_and_one_that_is_none_is_replaced(client: TestClient) -> None:
    for given, same in (("page-1", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ("", False)):
        answer = client.get("/health/live", headers={"X-Request-Id": given}).headers["x-request-id"]
        assert (answer == given) == same
        assert answer


def test_errors_of_ours_carry_the_request_id_and_are_counted(client: TestClient) -> None:
    answer = client.get("/v1/opportunities/none/score", headers={"X-Request-Id": "e-1"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (404, "e-1")
    told = client.get("/metrics").text
    route = "/v1/opportunities/{opportunity_id:path}/score"
    assert f'dealcast_requests_total{{method="GET",route="{route}",status="404"}}' in told
    assert "none" not in told.replace("None", "")


def test_models_says_which_worker_serves_what_since_when_and_what_is_pointed_to(client: TestClient) -> None:
    state = client.get("/v1/models").json()
    versions = {"win": "1", "stall": "1", "churn": "1", "close": "1"}
    assert (state["pointer"], state["agreed"], state["refused"]) == (versions, True, False)
    (worker,) = state["workers"]
    assert worker["id"] == state["worker"]
    assert worker["versions"] == versions
    assert set(worker["loaded_at"]) == set(versions) - {"close"}


def test_without_a_model_or_told_to_end_a_server_lives_and_is_not_ready(
    trained: Trained,
) -> None:
    app = create_app(open_service(Settings(trained.bundles), {}))
    with TestClient(app) as client:
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:dealcast:problem:no-model")
        app.state.ending.begun = True
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:dealcast:problem:ending")
        assert client.get("/health/live").status_code == 200


def test_a_route_that_takes_too_long_is_answered_in_time_and_keeps_its_place_until_it_ends() -> None:
    async def run() -> None:
        may_end = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await may_end.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"late"})

        settings = replace(Settings(), running=1, waiting=1, request_seconds=0.05, wait_seconds=0.05)
        gate = Gate(app, settings, metrics())
        first = asyncio.create_task(statuses(gate, "GET"))
        await asyncio.sleep(0.1)
        assert await statuses(gate, "GET") == [503]
        may_end.set()
        assert await first == [503]
        assert await statuses(gate, "GET") == [200]

    asyncio.run(run())


def test_a_client_that_does_not_send_its_body_is_told_so_and_gives_its_place_up() -> None:
    async def run() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            while (message := await receive()).get("more_body"):
                pass
            assert message["type"] == "http.disconnect"

        gate = Gate(app, replace(Settings(), body_seconds=0.05), metrics())
        assert await statuses(gate, "POST", more=True) == [408]

    asyncio.run(run())


def test_a_body_that_came_leaves_the_answer_the_rest_of_its_time() -> None:
    async def run(seconds: float) -> tuple[list[int], float]:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await asyncio.sleep(seconds)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"late"})

        settings = replace(Settings(), body_seconds=0.05, request_seconds=0.4)
        begun = asyncio.get_running_loop().time()
        found = await statuses(Gate(app, settings, metrics()), "POST")
        return found, asyncio.get_running_loop().time() - begun

    assert asyncio.run(run(0.15))[0] == [200]
    found, took = asyncio.run(run(0.8))
    assert found == [503]
    assert took >= 0.4


def test_telemetry_is_asked_at_each_request_only_where_it_is_set_up(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(open_service(Settings(trained.bundles)))
    looked = []

    class Telemetry:
        def enabled(self) -> bool:
            looked.append(True)
            return False

    monkeypatch.setattr(app, "_native_telemetry", Telemetry(), raising=False)
    with TestClient(app) as client:
        assert client.get("/v1/models").status_code == 200
        assert app.told is False
        assert len(looked) == 1  # when it started
        app.told = True
        assert client.get("/v1/models").status_code == 200
        assert len(looked) == 2
    assert "told" not in vars(create_app(open_service(Settings(trained.bundles))))  # not before it starts


async def statuses(gate: Gate, method: str, *, more: bool = False) -> list[int]:
    """The statuses that are sent for one request; with `more` its body never ends."""
    found, parts, answered = [], 0, asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal parts
        parts += 1
        if parts > 1:
            await answered.wait()
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"{", "more_body": more}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            found.append(message["status"])
        answered.set()

    await gate({"type": "http", "path": "/v1/scores", "method": method, "headers": []}, receive, send)
    await asyncio.sleep(0)
    return found


def test_an_exception_is_told_by_its_type_and_place_and_not_by_what_it_says() -> None:
    def fails() -> None:
        raise KeyError("secret-deal")

    try:
        fails()
    except KeyError:
        record = logging.LogRecord("dealcast", logging.ERROR, __file__, 1, "it failed", None, sys.exc_info())
    line = JsonFormatter().format(record)
    assert "secret" not in line
    (error,) = json.loads(line)["error"]
    assert error["type"] == "KeyError"
    assert error["frames"][-1].endswith("fails")


def copied(trained: Trained, folder: Path, delivery: Delivery, version: str) -> None:
    """`win` delivered as another version."""
    shutil.copytree(trained.bundle("win"), delivery.place("win"))
    delivery.add("win", Place(version, f"win-{version}-x"))


def test_the_last_versions_of_a_target_stay_on_the_disk_and_older_ones_go(
    trained: Trained, tmp_path: Path
) -> None:
    for version in "12345":
        delivery = Delivery(tmp_path)
        copied(trained, tmp_path, delivery, version)
        assert delivery.finish() == {"win": version}
    assert {path.name for path in tmp_path.iterdir()} == {"win-3-x", "win-4-x", "win-5-x", "versions.json"}
    assert load_models(tmp_path)["win"].version == "5"


def test_what_is_delivered_has_its_tables_beside_it_and_is_served_by_them(
    trained: Trained, tmp_path: Path
) -> None:
    delivery = Delivery(tmp_path)
    copied(trained, tmp_path, delivery, "1")
    delivery.finish()
    held = tmp_path / "win-1-x" / TABLES_FILE
    assert held.is_file()
    assert load_models(tmp_path)["win"].bundle.booster.prepared is not None
    held.unlink()
    again = Delivery(tmp_path)
    assert again.has("win", Place("1", "win-1-x"))
    assert held.is_file()


def test_a_delivery_that_changes_nothing_leaves_the_pointer_as_it_is(
    trained: Trained, tmp_path: Path
) -> None:
    delivery = Delivery(tmp_path)
    copied(trained, tmp_path, delivery, "1")
    delivery.finish()
    mark = pointer_of(tmp_path).mark
    again = Delivery(tmp_path)
    assert again.has("win", Place("1", "win-1-x"))
    again.finish()
    assert pointer_of(tmp_path).mark == mark


def test_a_folder_from_before_versions_had_folders_is_still_served(trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.bundle("win"), tmp_path / "win")
    (tmp_path / "versions.json").write_text('{"win": "7"}')
    assert load_models(tmp_path)["win"].version == "7"


@pytest.mark.parametrize(
    "pointer", ["", "[1]", "7", '{"win": {"version": "1"}}', '{"win": {"version": "1", "folder": "x"}}']
)
def test_a_pointer_that_is_damaged_or_names_nothing_is_an_error_that_says_so(
    tmp_path: Path, pointer: str
) -> None:
    (tmp_path / "versions.json").write_text(pointer)
    with pytest.raises(BundleError):
        load_models(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("WAIT_SECONDS", "soon"), ("WATCH_SECONDS", "-1"), ("LOG_REQUESTS", "some"), ("RUNNING", "0")],
)
def test_a_setting_that_is_none_is_told_by_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"DEALCAST_{name}"):
        settings_from({f"DEALCAST_{name}": value})


def test_the_webhooks_secret_is_not_shown_with_the_settings() -> None:
    assert SECRET not in repr(settings_from({"DEALCAST_WEBHOOK_SECRET": SECRET}))


def test_the_run_folder_of_a_server_that_was_killed_is_cleared_and_that_of_a_running_one_stays(
    tmp_path: Path,
) -> None:
    for name in ("dealcast-run-killed", "dealcast-run-running", "another"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
    with _held(tmp_path / "dealcast-run-running") as held:
        assert held
        _clear_abandoned(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"dealcast-run-running", "another"}
