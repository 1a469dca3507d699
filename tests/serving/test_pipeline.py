"""The scored pipeline: pages, order, filters, and the single score's bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app, open_service
from serving.settings import Settings
from tests.serving.conftest import T, Trained

PATH = "/v1/opportunities"


def pages(client: TestClient, **params: Any) -> list[dict[str, Any]]:
    """All deals, page by page."""
    found: list[dict[str, Any]] = []
    cursor = None
    for _ in range(500):
        page = client.get(PATH, params=params | ({"cursor": cursor} if cursor else {}))
        assert page.status_code == 200, page.text
        found += page.json()["opportunities"]
        cursor = page.json()["next"]
        if cursor is None:
            return found
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("sort", ["-win", "win", "churn", "-amount", "opportunity_id", "-opportunity_id"])
def test_pages_of_any_size_hold_every_open_deal_once_and_in_order(client: TestClient, sort: str) -> None:
    whole = pages(client, as_of=T, sort=sort, limit=1000)
    assert pages(client, as_of=T, sort=sort, limit=7) == whole
    assert len({deal["opportunity_id"] for deal in whole}) == len(whole) > 50
    name = sort.removeprefix("-")
    values = [
        deal[name] if name in ("amount", "opportunity_id") else deal[name]["probability"] for deal in whole
    ]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=sort.startswith("-"))
    assert values[: len(known)] == known


def test_a_deal_of_the_pipeline_has_the_single_score_s_bits(client: TestClient, stored: TestClient) -> None:
    for deal in pages(client, as_of=T)[::9]:
        alone = client.get(f"{PATH}/{deal['opportunity_id']}/score", params={"as_of": T, "explain": False})
        assert alone.json() == deal
        by_store = stored.get(f"{PATH}/{deal['opportunity_id']}/score", params={"as_of": T, "explain": False})
        assert by_store.json() | {"data_as_of": None} == deal | {"data_as_of": None}
    both = [pages(each, as_of=T, limit=1000) for each in (client, stored)]
    assert [d["prediction_id"] for d in both[0]] == [d["prediction_id"] for d in both[1]]


def test_deals_of_a_rep_and_of_a_team_are_those_that_are_shown_with_them(
    client: TestClient, trained: Trained
) -> None:
    whole = pages(client, as_of=T, limit=1000)
    reps = trained.data["reps"]
    rep, team = reps["rep_id"][0], reps["team_id"][0]
    of_team = set(reps.filter(reps["team_id"] == team)["rep_id"])
    assert pages(client, as_of=T, rep_id=rep, limit=3) == [d for d in whole if d["rep_id"] == rep]
    assert pages(client, as_of=T, team_id=team) == [d for d in whole if d["rep_id"] in of_team]
    assert pages(client, as_of=T, rep_id="nobody") == []


def test_a_score_of_the_pipeline_has_a_receipt(stored: TestClient) -> None:
    first = stored.get(PATH, params={"as_of": T, "limit": 1}).json()["opportunities"][0]
    replayed = stored.post(f"/v1/predictions/{first['prediction_id']}/replay").json()
    assert replayed["same"] is True


def test_the_pipeline_stays_the_same_until_a_record_comes_in(stored: TestClient) -> None:
    first = stored.get(PATH, params={"limit": 5})
    known = {"If-None-Match": first.headers["etag"]}
    assert stored.get(PATH, params={"limit": 5}, headers=known).status_code == 304
    rep = {"reps": [{"rep_id": "someone new"}]}
    assert stored.post("/v1/records", json=rep).json()["stored"] == 1
    assert stored.get(PATH, params={"limit": 5}, headers=known).status_code == 200


def test_a_store_without_a_deal_has_an_empty_pipeline(trained: Trained, tmp_path: Path) -> None:
    service = open_service(Settings(trained.bundles, database=f"sqlite:///{tmp_path / 'empty.db'}"))
    with TestClient(create_app(service)) as client:
        assert client.get(PATH).json()["opportunities"] == []


@pytest.mark.parametrize(
    "params",
    [{"cursor": "soon"}, {"cursor": "W10"}, {"sort": "luck"}, {"limit": 0}, {"cursor": "", "sort": "win"}],
)
def test_a_wrong_question_is_one_clear_problem(client: TestClient, params: dict[str, Any]) -> None:
    answer = client.get(PATH, params=params)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:dealcast:problem:invalid-request")
    page = client.get(PATH, params={"as_of": T, "limit": 2}).json()
    other = client.get(PATH, params={"as_of": T, "cursor": page["next"], "sort": "win"})
    assert other.status_code == 422
