"""`dealcast study`, `alerts` and `priorities` give what the API gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app, open_service
from serving.settings import Settings
from tests.serving.conftest import Ran, T, Trained

Dealcast = Callable[..., Ran]


@pytest.fixture(scope="module")
def studied(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the bundles and a study of the same data."""
    from tests.trained import run_command

    folder = tmp_path_factory.mktemp("studied")
    for each in trained.bundles.iterdir():
        (folder / each.name).symlink_to(each)
    assert (
        run_command("study", trained.crm, "--as-of", T, "--budget", "4", "--out", folder / "study.json") == 0
    )
    return folder


def test_a_study_is_read_by_the_server_and_its_record_is_shown(studied: Path, trained: Trained) -> None:
    study: dict[str, Any] = json.loads((studied / "study.json").read_text(encoding="utf-8"))
    section = study["sections"]["alerts"]
    assert section["budget_per_rep_week"] == 4
    with TestClient(create_app(open_service(Settings(studied, data=trained.crm)))) as client:
        answer = client.get("/v1/alerts", params={"as_of": T})
    found = answer.json()
    assert found["note"] is None
    assert found["study_as_of"] == study["as_of"] == T
    for name, rule in found["rules"].items():
        if section["rules"][name]["share"] is None:
            assert rule["threshold"] == section["rules"][name]["threshold"]
        assert rule["record"] == section["rules"][name]["record"]
    assert sum(rule["record"] is not None for rule in found["rules"].values()) >= 3


def test_the_command_gives_the_alerts_of_the_api(
    studied: Path, trained: Trained, dealcast: Dealcast, tmp_path: Path
) -> None:
    to = tmp_path / "alerts.json"
    words = ("--as-of", T, "--bundles", studied, "--out", to, "--tracking-uri", trained.uri)
    ran = dealcast("alerts", trained.crm, *words)
    assert ran.code == 0
    with TestClient(create_app(open_service(Settings(studied, data=trained.crm)))) as client:
        assert json.loads(to.read_bytes()) == client.get("/v1/alerts", params={"as_of": T}).json()
    assert "any deal" in ran.out


def test_the_command_gives_the_lists_of_the_api(
    client: TestClient, trained: Trained, dealcast: Dealcast, tmp_path: Path
) -> None:
    to = tmp_path / "week.json"
    words = ("--as-of", T, "--capacity", "1", "--out", to, "--tracking-uri", trained.uri)
    ran = dealcast("priorities", trained.crm, *words)
    assert ran.code == 0
    assert (
        json.loads(to.read_bytes()) == client.get("/v1/priorities", params={"as_of": T, "capacity": 1}).json()
    )
    assert "association" in ran.out


def test_a_wrong_rule_ends_the_command_with_what_is_allowed(trained: Trained, dealcast: Dealcast) -> None:
    ran = dealcast("alerts", trained.crm, "--rule", "bored", "--tracking-uri", trained.uri)
    assert ran.code == 1
    assert "gone_quiet" in ran.err
