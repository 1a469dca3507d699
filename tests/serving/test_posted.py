"""The quick reading of posted histories beside pydantic's, which says what they mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from features.from_rows import Rows
from features.tables import TABLES
from serving.posted import Posted, posted_of
from serving.schemas import ScoreRequest, latest_known, rows_of
from tests.serving.conftest import T, Trained, posted

DEAL = {"opportunity_id": "a", "account_id": "b", "rep_id": "c", "created_at": "2025-01-01T00:00:00Z"}
CALL = {"activity_id": "1", "at": "2025-01-02T08:00:00.123456Z", "kind": "call"}


def quick(body: Any) -> Posted | None:
    return posted_of(json.dumps(body).encode())


def exact(body: Any) -> tuple[dict[str, list[tuple[Any, ...]]], int]:
    """The rows of the first opportunity as pydantic reads them, and when the last was known."""
    request = ScoreRequest.model_validate_json(json.dumps(body), context={"time_zone": "UTC"})
    rows = rows_of(request.opportunities[0])
    return {
        name: [tuple(row.get(column) for column in TABLES[name].column_names) for row in its]
        for name, its in rows.items()
    }, latest_known(rows)


def listed(rows: Rows) -> dict[str, list[Any]]:
    """The same rows, each of them whole."""
    return {name: list(its) for name, its in rows.items()}


def test_a_usual_body_gives_the_rows_that_pydantic_gives(trained: Trained) -> None:
    for one in trained.data["opportunities"]["opportunity_id"].sample(30, seed=8):
        body = {"as_of": T, "opportunities": [posted(trained.data, one)]}
        found = quick(body)
        assert found is not None
        rows, known = exact(body)
        assert listed(found.histories[0]) == rows
        assert (found.deals[0].opportunity_id, found.deals[0].known) == (one, known)


@pytest.mark.parametrize(
    "more",
    [
        {"activities": [CALL | {"opportunity_id": None}, CALL | {"activity_id": "2", "opportunity_id": "x"}]},
        {"activities": [CALL | {"recorded_at": "2025-01-05T09:00:00.500000+01:00"}]},
        {"contacts": [{"contact_id": "k"}, {"contact_id": "l", "account_id": "other"}]},
        {"account": {"account_id": "other", "industry": "steel", "employees": 5}},
        {"amount": 10, "closed_at": "2025-02-01T00:00:00Z", "outcome": "won", "further": [1]},
        {"leads": [{"lead_id": "l", "opportunity_id": "x"}]},
        {"account_opportunities": [{"opportunity_id": "o", "created_at": "2024-01-01T00:00:00Z"}]},
        {"stage_changes": [{"at": "2025-01-03T00:00:00Z", "stage": "Demo", "opportunity_id": "x"}]},
    ],
)
def test_what_belongs_to_what_is_read_as_pydantic_reads_it(more: dict[str, Any]) -> None:
    body = {"opportunities": [DEAL | more]}
    found = quick(body)
    assert found is not None
    assert listed(found.histories[0]) == exact(body)[0]


@pytest.mark.parametrize(
    "more",
    [
        {"opportunity_id": 7},
        {"opportunity_id": " a "},
        {"opportunity_id": ""},
        {"rep_id": "x" * 10_001},
        {"created_at": "2025-01-01"},
        {"created_at": "2025-01-01T00:00:00"},
        {"created_at": "2025-01-01T00:00:00.1234567Z"},
        {"created_at": "1800-01-01T00:00:00Z"},
        {"created_at": "-" * 20},
        {"kind": "New"},
        {"amount": "12"},
        {"amount": -1},
        {"amount": True},
        {"activities": [CALL, CALL | {"kind": "email"}]},
        {"stage_changes": [{"at": "2025-01-03T00:00:00Z", "stage": stage} for stage in ("A", "B")]},
    ],
)
def test_what_is_not_of_the_usual_shape_is_left_to_pydantic(more: dict[str, Any]) -> None:
    assert quick({"opportunities": [DEAL | more]}) is None


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"opportunities": []}', '{"opportunities": [3]}', "\ud800"]
)
def test_a_body_that_is_none_is_left_to_pydantic(body: str) -> None:
    assert posted_of(body.encode("utf-8", "surrogatepass")) is None


def test_many_histories_in_one_call_get_the_scores_and_reasons_of_each_alone(
    client: TestClient, trained: Trained
) -> None:
    deals = [
        posted(trained.data, one)
        for one in trained.data["opportunities"]["opportunity_id"].sample(40, seed=9)
    ]
    together = client.post("/v1/scores", json={"as_of": T, "opportunities": deals}).json()["scores"]
    for deal, score in zip(deals, together, strict=True):
        alone = client.post("/v1/scores", json={"as_of": T, "opportunities": [deal]}).json()["scores"][0]
        assert alone == score


def test_histories_that_name_the_same_things_and_say_otherwise_stay_apart(client: TestClient) -> None:
    """The same ids in each, of other contents: of a deal asked twice, what one says is not the other's."""
    calls = [CALL | {"activity_id": str(i), "contact_id": "k", "rep_id": "c"} for i in range(5)]
    account = {"account_id": "b", "industry": "steel", "created_at": "2020-01-01T00:00:00Z"}
    order = {"order_id": "o", "at": "2024-06-01T00:00:00Z", "amount": 100.0}
    known = {"contact_id": "k", "role": "decision_maker", "created_at": "2024-01-01T00:00:00Z"}
    other = {"opportunity_id": "x", "created_at": "2024-01-01T00:00:00Z"}
    deals = [
        DEAL | {"activities": calls, "account": account, "contacts": [known], "orders": [order]},
        DEAL | {"activities": calls[:2], "account": account | {"industry": "food"}},
        DEAL | {"orders": [order | {"amount": 9_000.0}], "account_opportunities": [other]},
        DEAL | {"opportunity_id": "x", "activities": [call | {"opportunity_id": "a"} for call in calls]},
        DEAL,
    ]
    body = {"as_of": "2025-02-01T00:00:00Z", "opportunities": deals}
    assert quick(body) is not None
    together = client.post("/v1/scores", json=body).json()["scores"]
    alone = [client.post("/v1/scores", json=body | {"opportunities": [d]}).json()["scores"][0] for d in deals]
    assert together == alone
    said = {tuple(score[target]["probability"] for target in ("win", "stall", "churn")) for score in alone}
    assert len(said) >= len(deals) - 1  # what they hold is not all the same to the models
    assert [score["account_id"] for score in alone] == ["b"] * len(deals)


def test_a_blank_before_an_id_is_seen_in_a_call_of_many_too() -> None:
    assert quick({"opportunities": [DEAL, DEAL | {"account_id": " b"}]}) is None
    assert quick({"opportunities": [DEAL, DEAL]}) is not None


def test_a_history_read_by_pydantic_gets_the_same_score(client: TestClient, trained: Trained) -> None:
    for one in trained.data["opportunities"]["opportunity_id"].sample(10, seed=10):
        deal = posted(trained.data, one)
        blank = deal | {"rep_id": f" {deal['rep_id']} "}
        assert quick({"opportunities": [blank]}) is None
        answers = [client.post("/v1/scores", json={"as_of": T, "opportunities": [d]}) for d in (deal, blank)]
        assert answers[0].json() == answers[1].json()
