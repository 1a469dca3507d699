"""`GET /v1/patterns` and `GET /v1/team`: what the study says, in the asked language, nobody ranked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from features.times import parse_instant
from serving.app import create_app, open_service
from serving.settings import Settings
from tests.serving.conftest import Ran, T, Trained
from tests.trained import with_study
from training.patterns import patterns
from training.study import study, write_study
from training.team_figures import team

Dealcast = Callable[..., Ran]


@pytest.fixture(scope="module")
def found(trained: Trained) -> dict[str, Any]:
    return study(trained.data, parse_instant(T), {"patterns": patterns, "team": team})


@pytest.fixture(scope="module")
def studied(
    trained: Trained, found: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """A server whose bundles have a study beside them."""
    world = with_study(trained, found, tmp_path_factory.mktemp("studied"))
    with TestClient(create_app(open_service(Settings(bundles=world.bundles, data=world.crm)))) as client:
        yield client


def asked(client: TestClient, path: str, language: str = "en", **params: str) -> dict[str, Any]:
    answer = client.get(f"/v1/{path}", params=params, headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_patterns_are_those_of_the_study_in_both_languages(
    studied: TestClient, found: dict[str, Any]
) -> None:
    its = found["sections"]["patterns"]
    for language in ("en", "zh-CN"):
        said = asked(studied, "patterns", language)
        assert said["notice"] == its["notice"][language]
        for here, there in zip(said["behaviours"], its["behaviours"], strict=True):
            assert here["text"] == there["text"][language]
            assert {k: here[k] for k in ("odds_ratio", "interval", "points", "q", "named", "from")} == {
                k: there[k] for k in ("odds_ratio", "interval", "points", "q", "named", "from")
            }


def test_the_firms_figures_are_those_of_the_study_and_name_no_rep(
    studied: TestClient, found: dict[str, Any], trained: Trained
) -> None:
    said = asked(studied, "team")
    assert said["group"] == {"kind": "all", "name": None}
    assert said["figures"]["results"] == found["sections"]["team"]["all"]["results"]
    assert said["figures"]["funnel"] == found["sections"]["team"]["all"]["funnel"]
    everything = json.dumps(said) + json.dumps(asked(studied, "patterns"))
    assert not [rep for rep in trained.data["reps"]["rep_id"] if rep in everything]


def test_a_teams_and_a_regions_figures_are_given_or_why_they_are_not(
    studied: TestClient, found: dict[str, Any]
) -> None:
    its = found["sections"]["team"]
    for key, groups in (("team_id", its["teams"]), ("region", its["regions"])):
        for name, group in groups.items():
            said = asked(studied, "team", "zh-CN", **{key: name})
            if group["suppressed"] is None:
                assert said["figures"]["results"] == group["results"]
            else:
                assert said["figures"] is None
                assert "至少需要" in said["suppressed"]


def test_a_rep_sees_the_own_figures_beside_those_of_a_group_and_of_no_other_rep(
    studied: TestClient, found: dict[str, Any]
) -> None:
    its = found["sections"]["team"]
    rep, own = next(iter(its["reps"].items()))
    said = asked(studied, "team", rep_id=rep)
    assert said["figures"]["results"] == own["own"]["results"]
    assert said["compared_with"]["kind"] == own["compared_with"]
    group = its["all"] if own["compared_with"] == "all" else its["teams"][own["team_id"]]
    assert said["beside"]["results"] == group["results"]
    others = [name for name in its["reps"] if name != rep]
    assert not [name for name in others if name in json.dumps(said)]
    assert "coach" in said["notice"]


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"team_id": "nobody"}, 404),
        ({"rep_id": "nobody"}, 404),
        ({"region": "nowhere"}, 404),
        ({"team_id": "T-01", "rep_id": "R-00001"}, 422),
    ],
)
def test_a_group_that_is_not_there_or_two_at_once_are_a_problem(
    studied: TestClient, params: dict[str, str], status: int
) -> None:
    answer = studied.get("/v1/team", params=params)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_without_a_study_the_answer_says_what_to_run(client: TestClient) -> None:
    for path in ("patterns", "team"):
        answer = client.get(f"/v1/{path}")
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:dealcast:problem:no-study"
        assert "dealcast study" in answer.json()["detail"]


def test_a_study_that_changes_is_read_again_and_a_damaged_one_says_so(
    trained: Trained, found: dict[str, Any], tmp_path: Path
) -> None:
    file = with_study(trained, found, tmp_path).bundles / "study.json"
    with TestClient(create_app(open_service(Settings(bundles=tmp_path)))) as client:
        first = client.get("/v1/team")
        tag = {"If-None-Match": first.headers["etag"]}
        assert client.get("/v1/team", headers=tag).status_code == 304
        less = found["sections"]["team"] | {"window_days": 90}
        write_study(found | {"sections": {"team": less}}, file)
        assert client.get("/v1/team", headers=tag).json()["window_days"] == 90
        assert "'patterns'" in client.get("/v1/patterns").json()["detail"]
        file.write_text("{", "utf-8")
        assert "make it again" in client.get("/v1/team").json()["detail"]


def test_the_command_prints_the_named_behaviours_and_writes_what_the_study_holds(
    dealcast: Dealcast, trained: Trained, found: dict[str, Any], tmp_path: Path
) -> None:
    ran = dealcast("patterns", trained.crm, "--as-of", T, "--out", tmp_path / "p.json")
    assert ran.code == 0, ran.err
    its = found["sections"]["patterns"]
    assert json.loads((tmp_path / "p.json").read_text("utf-8")) == its
    named = [entry for entry in its["behaviours"] if entry["named"]]
    assert named
    assert all(entry["text"]["en"] in ran.out for entry in named)
    chinese = dealcast("patterns", trained.crm, "--as-of", T, "--language", "zh-CN")
    assert all(entry["text"]["zh-CN"] in chinese.out for entry in named)
    assert its["notice"]["zh-CN"] in chinese.out


def test_the_team_command_says_what_the_route_says(
    studied: TestClient, dealcast: Dealcast, trained: Trained, found: dict[str, Any], tmp_path: Path
) -> None:
    rep = next(iter(found["sections"]["team"]["reps"]))
    for words, params in (((), {}), (("--rep-id", rep), {"rep_id": rep})):
        ran = dealcast("team", trained.crm, "--as-of", T, *words, "--out", tmp_path / "t.json")
        assert ran.code == 0, ran.err
        assert json.loads((tmp_path / "t.json").read_text("utf-8")) == asked(studied, "team", **params)
        assert "Negotiation" in ran.out
    unknown = dealcast("team", trained.crm, "--as-of", T, "--team-id", "nobody")
    assert unknown.code == 1
    assert "teams: T-01" in unknown.err
