"""The HTTP API: errors of one shape, languages, documents."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app, open_service
from serving.scorer import Scorer
from serving.settings import Settings
from tests.serving.conftest import T, Trained, posted

DEAL = {"opportunity_id": "a", "account_id": "b", "rep_id": "c", "created_at": "2025-01-01"}
ZONE = "America/New_York"
SECRET = "Zhang Wei, private"


def wrong(**more: Any) -> str:
    return json.dumps({"opportunities": [DEAL | more]})


@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        ("hello", 400, "not-json"),
        ("", 400, "not-json"),
        ("[]", 422, "invalid-request"),
        ("{}", 422, "invalid-request"),
        ('{"opportunities": []}', 422, "invalid-request"),
        (wrong(amount=float("nan")), 422, "invalid-request"),
        (wrong(amount=-1), 422, "invalid-request"),
        (wrong(created_at="yesterday"), 422, "invalid-request"),
        (wrong(created_at=None), 422, "invalid-request"),
        (wrong(outcome=SECRET), 422, "invalid-request"),
        (wrong(activities=[{"activity_id": "1", "at": "2025-01-02", "kind": "fax"}]), 422, "invalid-request"),
        (wrong(opportunity_id=float("nan")), 422, "invalid-request"),
        (wrong(amount=True), 422, "invalid-request"),
        (wrong(outcome="won"), 422, "invalid-request"),
        (wrong(closed_at="2024-01-01", outcome="won"), 422, "invalid-request"),
        (wrong(created_at="9999-12-31T23:59:59-12:00"), 422, "invalid-request"),
        (wrong(created_at="2025-W02-5"), 422, "invalid-request"),
        ("x" * 10_000_000, 413, "body-too-large"),
        (json.dumps({"opportunities": [DEAL] * 1001}), 422, "too-many-opportunities"),
    ],
)
def test_a_wrong_body_gets_one_clear_problem(client: TestClient, body: str, status: int, name: str) -> None:
    answer = client.post("/v1/scores", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert problem["type"] == f"urn:dealcast:problem:{name}"
    assert problem["status"] == status
    assert problem["detail"]
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        ("/v1/opportunities/nobody/score", 404, "unknown-opportunity"),
        ("/v1/opportunities/nobody/score?as_of=soon", 422, "invalid-data"),
        ("/v1/opportunities/nobody/score?explain=maybe", 422, "invalid-request"),
        ("/v1/opportunities/nobody/score?as_of=9999-12-31T23:59:59-12:00", 422, "invalid-data"),
        ("/v1/opportunities/no%2Fbody%2F1/score", 404, "unknown-opportunity"),
        ("/v1/nothing", 404, "not-found"),
    ],
)
def test_a_wrong_question_gets_one_clear_problem(
    client: TestClient, path: str, status: int, name: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["type"] == f"urn:dealcast:problem:{name}"


def test_an_empty_column_may_be_given_as_null(client: TestClient) -> None:
    optional = dict.fromkeys(("amount", "kind", "source", "expected_close_at", "closed_at", "outcome"))
    call = {"activity_id": "1", "at": "2025-01-02", "kind": "call", "duration_s": None, "direction": None}
    deal = DEAL | optional | {"activities": [call], "account": {"employees": None, "created_at": None}}
    assert client.post("/v1/scores", json={"opportunities": [deal]}).status_code == 200


def test_the_place_of_each_error_is_named(client: TestClient) -> None:
    body = wrong(activities=[{"activity_id": "1", "kind": "call"}, {"at": "2025-01-01", "kind": "call"}])
    places = {error["at"] for error in client.post("/v1/scores", content=body).json()["errors"]}
    assert places == {"opportunities.0.activities.0.at", "opportunities.0.activities.1.activity_id"}


def test_a_deal_of_which_hardly_anything_is_known_is_scored_and_churn_abstains(client: TestClient) -> None:
    answer = client.post("/v1/scores", json={"opportunities": [DEAL], "as_of": "2025-02-01"}).json()
    score = answer["scores"][0]
    assert 0 < score["win"]["probability"] < 1
    assert score["churn"] == dict.fromkeys(score["churn"]) | {"abstained": "the account has no order yet"}


def test_texts_follow_the_accepted_language_and_numbers_do_not(client: TestClient, trained: Trained) -> None:
    body = {"as_of": T, "opportunities": [posted(trained.data, open_deal(client, trained))]}
    english = client.post("/v1/scores", json=body).json()["scores"][0]
    chinese = client.post("/v1/scores", json=body, headers={"Accept-Language": "zh-CN,en;q=0.5"}).json()
    reasons = chinese["scores"][0]["win"]["reasons"]
    assert all("个百分点" in reason["text"] for reason in reasons)
    assert [r["points"] for r in reasons] == [r["points"] for r in english["win"]["reasons"]]
    assert all(f"{r['percent_points']:+d} points" in r["text"] for r in english["win"]["reasons"])


def test_reasons_are_left_out_on_request_and_the_number_stays(client: TestClient, trained: Trained) -> None:
    one = open_deal(client, trained)
    plain = client.get(f"/v1/opportunities/{one}/score", params={"as_of": T, "explain": False}).json()
    full = client.get(f"/v1/opportunities/{one}/score", params={"as_of": T}).json()
    assert plain["win"]["reasons"] is None
    assert plain["win"]["probability"] == full["win"]["probability"]
    assert plain["prediction_id"] == full["prediction_id"]


def test_activities_of_other_deals_or_of_none_do_not_count(client: TestClient, trained: Trained) -> None:
    deal = posted(trained.data, open_deal(client, trained))
    more = {"activity_id": "x", "at": "2025-03-30T00:00:00Z", "kind": "call"}
    foreign = [more | {"opportunity_id": "other"}, more | {"activity_id": "y", "opportunity_id": None}]
    own = more | {"activity_id": "z"}

    def win(activities: list[dict[str, Any]]) -> str:
        body = {"as_of": T, "opportunities": [deal | {"activities": activities}]}
        return str(client.post("/v1/scores", json=body).json()["scores"][0]["prediction_id"])

    assert win(deal["activities"] + foreign) == win(deal["activities"])
    assert win([*deal["activities"], own]) != win(deal["activities"])


def test_repeats_are_harmless_and_of_two_rows_at_one_time_the_same_counts_in_any_order(
    client: TestClient, trained: Trained
) -> None:
    deal = posted(trained.data, open_deal(client, trained))
    moves = deal["stage_changes"]
    both = [moves[-1] | {"stage": "Commit"}, moves[-1] | {"stage": "Qualification"}]

    def answer(stage_changes: list[dict[str, Any]]) -> Any:
        body = {"as_of": T, "opportunities": [deal | {"stage_changes": stage_changes}]}
        return client.post("/v1/scores", json=body).json()["scores"][0]

    assert answer([*moves, moves[0]]) == answer(moves)
    assert answer([*moves[:-1], *both]) == answer([*moves[:-1], *both[::-1]])
    assert answer([*moves[:-1], *both])["stage"] == "Qualification"


def test_ratios_beyond_a_float_are_not_given(client: TestClient) -> None:
    changes = [
        {"at": "2025-01-01", "field": "amount", "value": "1e-308"},
        {"at": "2025-01-02", "field": "amount", "value": "1e308"},
    ]
    body = {"as_of": T, "opportunities": [DEAL | {"field_changes": changes}]}
    assert client.post("/v1/scores", json=body).status_code == 200


def test_a_time_without_offset_is_read_in_the_data_sets_zone_by_both_routes(trained: Trained) -> None:
    service = open_service(Settings(bundles=trained.bundles, data=trained.crm))
    models = {
        target: replace(
            m, bundle=replace(m.bundle, conventions=replace(m.bundle.conventions, time_zone=ZONE))
        )
        for target, m in service.scorer.models.items()
    }
    with TestClient(create_app(replace(service, scorer=Scorer(models)))) as client:
        one = trained.data["opportunities"]["opportunity_id"][0]
        by_get = client.get(f"/v1/opportunities/{one}/score", params={"as_of": "2025-01-15"}).json()
        body = {"as_of": "2025-01-15", "opportunities": [posted(trained.data, one)]}
        assert by_get["as_of"] == "2025-01-15T05:00:00Z"
        assert client.post("/v1/scores", json=body).json()["scores"][0]["as_of"] == by_get["as_of"]


def test_health_and_models_say_what_is_served(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json()["models"] == {"win": "1", "stall": "1", "churn": "1"}
    for model in client.get("/v1/models").json()["models"]:
        assert sum(row["n"] for row in model["reliability"]) > 0
        assert model["metrics"]["log_loss"] > 0


def test_the_document_names_every_route_and_the_records_columns(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) >= {"/v1/scores", "/v1/opportunities/{opportunity_id}/score"}
    schemas = document["components"]["schemas"]
    assert set(schemas["Activity"]["required"]) == {"activity_id", "at", "kind"}
    assert schemas["Activity"]["properties"]["at"]["format"] == "date-time"
    assert "$defs" not in json.dumps(document)
    references = {line.split("/")[-1] for line in json.dumps(document).split('"') if line.startswith("#/")}
    assert references <= set(schemas)


def test_answers_have_the_documented_shape(client: TestClient, trained: Trained) -> None:
    from serving.schemas import Score

    answer = client.get(f"/v1/opportunities/{open_deal(client, trained)}/score", params={"as_of": T}).json()
    assert json.loads(Score.model_validate(answer).model_dump_json(by_alias=True)) == answer


def open_deal(client: TestClient, trained: Trained) -> str:
    """An opportunity that is open at T."""
    for one in trained.data["opportunities"].sort("created_at", descending=True)["opportunity_id"]:
        answer = client.get(f"/v1/opportunities/{one}/score", params={"as_of": T, "explain": False}).json()
        if answer["win"]["probability"] is not None and answer["stage"] is not None:
            return str(one)
    raise AssertionError("no open deal")
