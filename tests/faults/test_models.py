"""What becomes of a running server's models: moved, damaged, and out of reach."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.times import from_micros, parse_instant
from serving.bundles import load_models
from serving.running.webhook import signature_of
from serving.scorer import Model, Scorer
from serving.service import Service
from serving.settings import Settings
from tests.faults.clients import Answer, ask, clients, figure, until
from tests.serving.conftest import T, Trained, posted
from tests.serving.test_serve import log_of, started
from training.tracking import Tracking, model_name

FLIPS = 20
SECRET = "of these tests"
STATED_SECONDS = (
    10  # within which workers agree, see serving/README.md; here the store is looked at more often
)


@dataclass(frozen=True)
class World:
    """A store whose `win` has version 1, version 2, which says other numbers, and 3, which is damaged."""

    folder: Path
    address: str
    request: dict[str, Any]
    numbers: dict[str, list[float]]

    def alias(self, version: str) -> None:
        """Make a version of `win` champion."""
        with store(self.folder).client() as (_, client):
            client.set_registered_model_alias(model_name("win"), "champion", version)

    def score(self) -> Answer:
        return ask(self.address, "/v1/scores", self.request)

    def agrees(self, version: str) -> bool:
        """Whether every worker serves a version of `win`, as the pointer says."""
        state = ask(self.address, "/v1/models").body
        return bool(state["agreed"] and state["pointer"]["win"] == version and len(state["workers"]) == 2)

    def check(self, answer: Answer) -> str:
        """The version of `win` in an answer, every number of which is that version's."""
        assert answer.status == 200, answer.body
        scores = answer.body["scores"]
        (version,) = {score["model"]["win"] for score in scores}
        assert [score["win"]["probability"] for score in scores] == self.numbers[version]
        return str(version)


def store(folder: Path) -> Tracking:
    return Tracking(f"sqlite:///{folder / 'store' / 'mlflow.db'}")


def register(folder: Path, model: Model, *, damaged: bool = False) -> None:
    """A further version of `win`."""
    with store(folder).client() as (_, client):
        version = int(max(int(v.version) for v in client.search_model_versions("name = 'dealcast-win'"))) + 1
        bundle = folder / f"version{version}" / "data" / "bundle"
        bundle.mkdir(parents=True)
        model.bundle.save(bundle)
        if damaged:
            text = (bundle / "model.txt").read_text()
            (bundle / "model.txt").write_text(text.replace("leaf_value=", "leaf_value=1", 1))
        source = (folder / f"version{version}").as_uri()
        client.create_model_version(model_name("win"), source)


@contextmanager
def world_of(trained: Trained, folder: Path) -> Iterator[World]:
    (folder / "store").mkdir()
    shutil.copy(trained.uri.removeprefix("sqlite:///"), folder / "store" / "mlflow.db")
    at = from_micros(parse_instant(T))
    models = load_models(trained.bundles)
    win = models["win"].bundle
    other = Model(replace(win, platt=replace(win.platt, intercept=win.platt.intercept + 1)), "2")
    register(folder, other)
    register(folder, other, damaged=True)
    deals = (
        trained.data["opportunities"]
        .sort("opportunity_id")
        .filter(pl.col("created_at") < at, pl.col("closed_at").is_null() | (pl.col("closed_at") > at))[
            "opportunity_id"
        ]
    )
    request = {"as_of": T, "explain": False, "opportunities": [posted(trained.data, d) for d in deals[:2]]}
    numbers = {each.version: numbers_of({**models, "win": each}, request) for each in (models["win"], other)}
    words = ("--bundles", folder / "bundles", "--tracking-uri", store(folder).uri, "--workers", "2")
    settings = {"FOLLOW_SECONDS": "0.3", "WATCH_SECONDS": "0.1", "WEBHOOK_SECRET": SECRET}
    named = {f"DEALCAST_{name}": value for name, value in settings.items()}
    address, process = started(*words, cwd=folder, **named)
    try:
        yield World(folder, address, request, numbers)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def numbers_of(models: Any, request: dict[str, Any]) -> list[float]:
    """Win probabilities of a request by these models."""
    service = Service(Scorer(models), None, Settings())
    answer = json.loads(service.score_posted(json.dumps(request).encode(), "en"))
    return [score["win"]["probability"] for score in answer["scores"]]


@pytest.fixture(scope="module")
def world(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server of two workers that follows a store of its own."""
    with world_of(trained, tmp_path_factory.mktemp("faults")) as world:
        until(lambda: world.agrees("1"), "both workers serve the first version")
        until(lambda: figure(world.address, "dealcast_tracking_up") == 1, "the store is followed")
        yield world


@pytest.mark.slow
def test_an_alias_moved_20_times_under_load_fails_no_request_and_no_answer_mixes_versions(
    world: World,
) -> None:
    assert world.numbers["1"] != world.numbers["2"]
    slowest = 0.0
    with clients(2, world.score) as asked:
        for flip in range(FLIPS):
            version = "12"[(flip + 1) % 2]
            world.alias(version)
            slowest = max(slowest, until(lambda v=version: world.agrees(v), f"all serve {version}"))  # type: ignore[misc]
    assert not asked.broken
    assert len(asked.answers) > FLIPS
    assert {world.check(answer) for answer in asked.answers} == {"1", "2"}
    assert world.check(world.score()) == "1"
    assert slowest < STATED_SECONDS
    assert figure(world.address, "dealcast_model_swaps_total") >= 2 * FLIPS


@pytest.mark.slow
def test_a_damaged_new_version_is_refused_told_and_the_old_one_stays(world: World) -> None:
    refused = 'dealcast_bundles_refused_total{by="follower"}'
    before = figure(world.address, refused)
    world.alias("3")
    until(lambda: figure(world.address, refused) > before, "the follower refuses it")
    assert world.check(world.score()) == "1"
    log = log_of(world.address.rsplit(":", maxsplit=1)[-1], world.folder).read_text()
    assert "win v3 is refused" in log
    world.alias("1")
    until(lambda: world.agrees("1"), "all serve the first version")


@pytest.mark.slow
def test_a_bundle_damaged_on_the_disk_is_refused_by_the_workers_and_taken_once_it_is_whole(
    world: World,
) -> None:
    world.alias("1")
    until(lambda: world.agrees("1"), "all serve the first version")
    bundles = world.folder / "bundles"
    whole = (bundles / "versions.json").read_text()
    bad = next(bundles.glob("win-1-*"))
    shutil.copytree(bad, bundles / "win-9-bad")
    (bundles / "win-9-bad" / "golden.json").write_text("{}")
    point(
        bundles,
        whole.replace(bad.name, "win-9-bad").replace('"win": {"version": "1"', '"win": {"version": "9"'),
    )
    until(lambda: figure(world.address, 'dealcast_bundles_refused_total{by="worker"}') == 2, "both refuse it")
    state = ask(world.address, "/v1/models").body
    assert (state["agreed"], state["refused"], state["pointer"]["win"]) == (False, True, "9")
    assert world.check(world.score()) == "1"
    point(bundles, whole)
    until(lambda: world.agrees("1"), "all serve the first version")


def point(bundles: Path, text: str) -> None:
    fresh = bundles / "fresh"
    fresh.write_text(text)
    fresh.replace(bundles / "versions.json")


@pytest.mark.slow
def test_with_the_tracking_store_gone_scoring_goes_on_and_it_is_followed_again_when_it_is_back(
    world: World,
) -> None:
    place, away = world.folder / "store", world.folder / "away"
    place.rename(away)
    try:
        until(lambda: figure(world.address, "dealcast_tracking_up") == 0, "the store is known to be away")
        assert world.check(world.score()) == "1"
        assert ask(world.address, "/health/ready").status == 200
    finally:
        away.rename(place)
    world.alias("2")
    until(lambda: world.agrees("2"), "all serve the second version")
    world.alias("1")
    until(lambda: world.agrees("1"), "all serve the first version")


@pytest.mark.slow
def test_a_signed_webhook_has_the_store_looked_at(world: World) -> None:
    body = (
        b'{"entity": "model_version_alias", "action": "created",'
        b' "data": {"name": "dealcast-win", "alias": "champion", "version": "1"}}'
    )
    at = str(int(time.time()))
    signed = {"X-MLflow-Delivery-Id": "1", "X-MLflow-Timestamp": at}
    signed["X-MLflow-Signature"] = signature_of(SECRET, "1", at, body)
    checked = "dealcast_tracking_checked_timestamp_seconds"
    before = figure(world.address, checked)
    answer = ask(world.address, "/v1/webhooks/mlflow", body, signed)
    assert (answer.status, answer.body) == (202, {"looking": True})
    until(lambda: figure(world.address, checked) > before, "the store is looked at")
