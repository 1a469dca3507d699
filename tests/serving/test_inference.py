"""The Open Inference Protocol's routes, and the document of all routes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from features.build import build_features
from features.from_tables import history_from_tables
from features.snapshots import Snapshots
from features.times import parse_instant
from serving.document import FILE, document_text
from tests.serving.conftest import T, Trained
from training.bundle import Bundle, load_bundle

PATH = "/v2/models/dealcast-win"


@pytest.fixture(scope="module")
def bundle(trained: Trained) -> Bundle:
    return load_bundle(trained.bundle("win"))


@pytest.fixture(scope="module")
def deals(trained: Trained, client: TestClient) -> list[dict[str, Any]]:
    """Some open deals with the probabilities that the service gives them."""
    return list(client.get("/v1/opportunities", params={"as_of": T, "limit": 20}).json()["opportunities"])


@pytest.fixture(scope="module")
def rows(trained: Trained, bundle: Bundle, deals: list[dict[str, Any]]) -> list[list[float | None]]:
    """Their ready-made feature rows."""
    history = history_from_tables(trained.data, bundle.conventions)
    codes = history.opportunity_codes([deal["opportunity_id"] for deal in deals])
    snapshots = Snapshots(codes, np.full(len(codes), parse_instant(T)))
    matrix = bundle.encoding.matrix(build_features(history, snapshots, "opportunity", bundle.reference))
    return [[None if np.isnan(value) else value for value in row] for row in matrix.tolist()]


def tensor(rows: list[list[float | None]], *, flat: bool = False) -> dict[str, Any]:
    data: Any = [value for row in rows for value in row] if flat else rows
    return {"name": "features", "datatype": "FP64", "shape": [len(rows), len(rows[0])], "data": data}


@pytest.mark.parametrize("flat", [True, False])
def test_ready_made_rows_get_the_service_s_probabilities_to_the_bit(
    client: TestClient, deals: list[dict[str, Any]], rows: list[list[float | None]], flat: bool
) -> None:
    answer = client.post(f"{PATH}/infer", json={"id": "7", "inputs": [tensor(rows, flat=flat)]}).json()
    assert answer == {
        "id": "7",
        "model_name": "dealcast-win",
        "model_version": "1",
        "outputs": [
            {
                "name": "probability",
                "datatype": "FP64",
                "shape": [len(deals)],
                "data": [deal["win"]["probability"] for deal in deals],
            }
        ],
    }


def test_categories_may_come_as_texts_of_which_one_that_is_unknown_is_missing(
    client: TestClient, bundle: Bundle, rows: list[list[float | None]]
) -> None:
    place = bundle.encoding.names.index("stage")
    words = bundle.encoding.vocabularies["stage"]
    texts = [words[int(row[place] or 0)] for row in rows]
    without = [[None if i == place else value for i, value in enumerate(row)] for row in rows]

    def asked(inputs: list[dict[str, Any]]) -> list[float]:
        answer = client.post(f"{PATH}/infer", json={"inputs": inputs})
        return list(answer.json()["outputs"][0]["data"])

    stages = {"name": "stage", "datatype": "BYTES", "shape": [len(rows)], "data": texts}
    assert asked([tensor(without), stages]) == asked([tensor(rows)])
    unknown = stages | {"data": ["no such stage"] * len(rows)}
    assert asked([tensor(rows), unknown]) == asked([tensor(without)])


def test_the_metadata_name_the_columns_in_order_and_the_categories_words(
    client: TestClient, bundle: Bundle
) -> None:
    told = client.get(PATH).json()
    assert (told["name"], told["versions"], told["inputs"][0]["datatype"]) == ("dealcast-win", ["1"], "FP64")
    assert told["inputs"][0]["shape"] == [-1, len(bundle.encoding.names)]
    assert told["inputs"][0]["parameters"]["names"] == list(bundle.encoding.names)
    assert told["inputs"][0]["parameters"]["categories"]["stage"] == list(
        bundle.encoding.vocabularies["stage"]
    )


def test_the_server_and_its_models_say_that_they_are_ready(client: TestClient) -> None:
    assert client.get("/v2").json()["name"] == "dealcast"
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get(f"{PATH}/ready").json() == {"name": "dealcast-win", "ready": True}


def test_a_request_that_does_not_fit_the_model_says_why(
    client: TestClient, rows: list[list[float | None]], bundle: Bundle
) -> None:
    good, flat = tensor(rows[:1]), tensor(rows[:1], flat=True)
    place = bundle.encoding.category_positions[0]
    code = [[99.0 if i == place else value for i, value in enumerate(rows[0])]]
    bodies: list[Any] = [
        [],
        {"inputs": []},
        {"inputs": [good, good]},
        {"inputs": [good | {"shape": [1, 3]}]},
        {"inputs": [good | {"shape": [2, len(rows[0])]}]},
        {"inputs": [good | {"datatype": "INT64"}]},
        {"inputs": [good | {"data": ["1"] * len(rows[0])}]},
        {"inputs": [tensor(code)]},
        {"inputs": [good, {"name": "no such", "datatype": "BYTES", "shape": [1], "data": ["x"]}]},
        {"inputs": [good, {"name": "stage", "datatype": "BYTES", "shape": [1], "data": [3]}]},
        {"inputs": [flat | {"data": [True, *flat["data"][1:]]}]},
        {"inputs": [flat | {"data": flat["data"][1:]}]},
        {"inputs": [flat, {"name": "stage", "datatype": "BYTES", "shape": [1], "data": [3]}]},
        {"inputs": [good], "outputs": [{"name": "reasons"}]},
    ]
    for body in bodies:
        answer = client.post(f"{PATH}/infer", json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        assert answer.json()["error"] == answer.json()["detail"] != ""
    missing = client.get("/v2/models/dealcast-luck")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:dealcast:problem:not-found")
    assert "dealcast-win" in missing.json()["error"]


def test_the_document_that_is_kept_is_the_one_that_is_served(client: TestClient) -> None:
    kept = FILE.read_text(encoding="utf-8")
    assert kept == document_text(), "write it again: python -m serving.document"
    assert client.get("/openapi.json").text.count('"operationId"') == kept.count('"operationId"')
