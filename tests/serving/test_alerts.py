"""`GET /v1/alerts`: the rules over the pipeline's numbers, with the records of the study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app, open_service
from serving.settings import Settings
from tests.serving.conftest import T, Trained
from tests.serving.markup import tree_of
from training.alerts.rules import RULES


def asked(client: TestClient, language: str = "en", **params: Any) -> dict[str, Any]:
    answer = client.get("/v1/alerts", params={"as_of": T} | params, headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_alert_shows_the_probability_of_the_pipeline(client: TestClient) -> None:
    stalled = 0
    for moment in (T, "2025-03-24T00:00:00Z", "2025-03-17T00:00:00Z"):
        found = asked(client, limit=200, as_of=moment)["alerts"]
        asking = {"as_of": moment, "limit": 1000}
        deals = client.get("/v1/opportunities", params=asking).json()["opportunities"]
        by_id = {deal["opportunity_id"]: deal for deal in deals}
        for alert in (alert for alert in found if alert["rule"] == "stalled"):
            stalled += 1
            shown = by_id[alert["opportunity_id"]]["stall"]
            assert alert["evidence"]["stall_probability"] == alert["strength"] == shown["probability"]
            assert f"{shown['percent']}%" in alert["text"]
    assert stalled > 1


def test_the_cause_of_a_drop_is_the_greatest_part_of_the_change_ledger(client: TestClient) -> None:
    drops = asked(client, rule="score_drop")["alerts"]
    assert drops
    for alert in drops[:3]:
        since = "2025-03-24T00:00:00Z"
        ledger = client.get(
            f"/v1/opportunities/{alert['opportunity_id']}/changes", params={"since": since, "until": T}
        ).json()["targets"]["win"]
        assert alert["strength"] == pytest.approx(-ledger["change"] / ledger["before"], abs=1e-12)
        parts = [ledger["clock"]["points"], *(each["points"] for each in ledger["behaviours"])]
        assert alert["cause"]["points"] == min(parts)


def test_pages_fit_together_and_filters_leave_the_others_out(client: TestClient) -> None:
    whole = asked(client, limit=200)["alerts"]
    pages, cursor = [], None
    while True:
        page = asked(client, limit=20, **({} if cursor is None else {"cursor": cursor}))
        pages += page["alerts"]
        cursor = page["next"]
        if cursor is None or len(pages) >= len(whole):
            break
    assert pages[: len(whole)] == whole
    rep = whole[0]["rep_id"]
    of_rep = asked(client, rep_id=rep, limit=200)["alerts"]
    assert {alert["rep_id"] for alert in of_rep} == {rep}
    team = of_rep[0]["team_id"]
    assert {alert["team_id"] for alert in asked(client, team_id=team)["alerts"]} == {team}


def test_a_store_says_what_a_folder_says(client: TestClient, stored: TestClient) -> None:
    assert asked(client)["alerts"] == asked(stored)["alerts"]


def test_without_a_study_there_are_default_thresholds_and_no_record(client: TestClient) -> None:
    found = asked(client)
    assert "dealcast study" in found["note"]
    assert "dealcast study" in asked(client, "zh-CN")["note"]
    assert {name: rule["threshold"] for name, rule in found["rules"].items()} == {
        name: rule.default for name, rule in RULES.items()
    }
    assert all(rule["record"] is None for rule in found["rules"].values())


def test_the_study_beside_the_bundles_counts_at_once_and_a_broken_one_is_named(
    trained: Trained, tmp_path: Path
) -> None:
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    for each in trained.bundles.iterdir():
        (bundles / each.name).symlink_to(each)
    with TestClient(create_app(open_service(Settings(bundles, data=trained.crm)))) as client:
        before = client.get("/v1/alerts", params={"as_of": T})
        section = {"rules": {"stalled": {"threshold": 0.5, "record": None, "why": "none yet"}}}
        study = {"format": 1, "as_of": "2025-03-01T00:00:00Z", "sections": {"alerts": section}}
        (bundles / "study.json").write_text(json.dumps(study), encoding="utf-8")
        after = client.get("/v1/alerts", params={"as_of": T, "limit": 200, "rule": "stalled"})
        assert after.json()["study_as_of"] == "2025-03-01T00:00:00Z"
        assert after.json()["rules"]["stalled"]["threshold"] == 0.5
        assert min(alert["strength"] for alert in after.json()["alerts"]) < RULES["stalled"].default
        assert before.headers["etag"] != after.headers["etag"]
        (bundles / "study.json").write_text("{}", encoding="utf-8")
        broken = client.get("/v1/alerts", params={"as_of": T})
        assert broken.status_code == 503
        assert broken.json()["type"] == "urn:dealcast:problem:study-damaged"
        page = client.get("/alerts", headers={"accept": "text/html", "accept-language": "zh-CN"})
        assert (page.status_code, "历史研究文件无法读取" in page.text) == (503, True)
        assert client.get("/").status_code == client.get("/health/ready").status_code == 200
        for path in ("/v1/team", "/v1/patterns", "/team"):
            assert client.get(path).status_code == 503
        assert "dealcast study" in broken.json()["detail"]


def _fall(column: str, name: str) -> dict[str, Any]:
    parts = {"change": -0.2, "mix": -0.05, "behaviour": -0.12, "rate": -0.03, "behaviours": {}}
    rates = {"win_rate_now": 0.3, "win_rate_before": 0.5, "firm_now": 0.4, "firm_before": 0.4}
    return (
        {"column": column, "name": name, "p": 0.001, "q": 0.01, "deals_now": 40, "deals_before": 90}
        | parts
        | rates
    )


@pytest.mark.parametrize(
    ("params", "shown"),
    [({}, ["T", "north"]), ({"rep_id": "R"}, ["R"]), ({"team_id": "T"}, ["T"]), ({"rep_id": "other"}, [])],
)
def test_a_rep_is_shown_to_who_asks_for_the_rep_and_among_no_others(
    trained: Trained, tmp_path: Path, params: dict[str, str], shown: list[str]
) -> None:
    for each in trained.bundles.iterdir():
        (tmp_path / each.name).symlink_to(each)
    falls = [_fall("team_id", "T"), _fall("region", "north"), _fall("rep_id", "R")]
    study = {"format": 1, "as_of": T, "sections": {"groups": {"falls": falls}}}
    (tmp_path / "study.json").write_text(json.dumps(study), encoding="utf-8")
    with TestClient(create_app(open_service(Settings(tmp_path, data=trained.crm)))) as client:
        found = asked(client, **params)["groups"]
        page = tree_of(client.get("/alerts", params=params).text)
    assert [each["name"] for each in found] == shown
    tables = page.all("table", of="falls")
    rows = tables[0].one("tbody").all("tr") if shown else []
    assert len(tables) == bool(shown)
    for row, each in zip(rows, found, strict=True):
        assert each["name"] in row.one("th").text
        assert row.one("td").text.lower() == each["text"].lower()
    for each in found:
        assert "50% to 30%" in each["text"]
        assert "mix of deals -5, behaviour -12, the rest -3" in each["text"]


def test_what_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/v1/alerts", params={"as_of": T})
    again = client.get("/v1/alerts", params={"as_of": T}, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rule": "bored"}, "gone_quiet"),
        ({"cursor": "x"}, "cursor"),
        ({"limit": 0}, "limit"),
        ({"as_of": "soon"}, "ISO 8601"),
    ],
)
def test_a_wrong_question_is_told_what_is_allowed(
    client: TestClient, wrong: dict[str, Any], said: str
) -> None:
    answer = client.get("/v1/alerts", params=wrong)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_where_nothing_is_served_there_are_no_alerts(trained: Trained) -> None:
    with TestClient(create_app(open_service(Settings(trained.bundles)))) as client:
        assert client.get("/v1/alerts").status_code == 404
