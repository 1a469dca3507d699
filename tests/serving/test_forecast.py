"""`GET /v1/forecast`: the figures of `dealcast forecast`, from a folder and from a store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from features.times import iso
from serving.app import create_app, open_service
from serving.settings import Settings
from tests.serving.conftest import Ran, T, Trained

Dealcast = Callable[..., Ran]
FIGURES = ["p10", "p50", "p90", "mean", "booked", "open", "new"]
ASKED = {"as_of": T, "by": "team_id", "horizon": 60, "draws": 300}


def asked(client: TestClient, **params: Any) -> dict[str, Any]:
    answer = client.get("/v1/forecast", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_every_figure_is_that_of_the_command_to_the_bit(
    client: TestClient, dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    to = tmp_path / "f.parquet"
    words = ("--as-of", T, "--horizon", "60", "--by", "team_id", "--draws", "300", "--out", to)
    assert dealcast("forecast", trained.crm, *words, "--tracking-uri", trained.uri).code == 0
    rows = pl.read_parquet(to).with_columns(pl.col("begin", "end").to_physical())
    file = {
        (row["team_id"], row["period"], iso(row["begin"]), iso(row["end"])): [row[name] for name in FIGURES]
        for row in rows.to_dicts()
    }
    found = asked(client, **ASKED)["periods"]
    answered = {
        ((row["group"] or {"team_id": "(all)"})["team_id"], row["period"], row["begin"], row["end"]): [
            row[name] for name in FIGURES
        ]
        for row in found
    }
    assert len(answered) == len(found) > 20
    assert answered == file


def test_a_store_says_what_a_folder_says(client: TestClient, stored: TestClient) -> None:
    by_folder, by_store = asked(client, **ASKED), asked(stored, **ASKED)
    assert by_store["periods"] == by_folder["periods"]
    assert by_store["models"] == by_folder["models"] == {"win": "1", "close": "1"}


def test_parts_groups_and_quantiles_fit_together(client: TestClient) -> None:
    found = asked(client, **ASKED | {"by": "team_id,product"})
    whole = {(r["period"], r["begin"]): r for r in found["periods"] if r["group"] is None}
    groups = [r for r in found["periods"] if r["group"] is not None]
    assert {tuple(r["group"]) for r in groups} == {("team_id", "product")}
    for key, row in whole.items():
        mine = [r for r in groups if (r["period"], r["begin"]) == key]
        assert sum(r["mean"] for r in mine) == pytest.approx(row["mean"])
        assert row["mean"] == pytest.approx(row["booked"] + row["open"] + row["new"])
        assert row["p10"] <= row["p25"] <= row["p50"] <= row["p75"] <= row["p90"]


def test_what_has_not_changed_is_not_sent_again(client: TestClient, stored: TestClient) -> None:
    for each in (client, stored):
        first = each.get("/v1/forecast", params={"draws": 200})
        again = each.get(
            "/v1/forecast", params={"draws": 200}, headers={"If-None-Match": first.headers["etag"]}
        )
        assert again.status_code == 304
        other = each.get("/v1/forecast", params={"draws": 201})
        assert other.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"by": "colour"}, "team_id"),
        ({"by": "team_id,team_id"}, "different columns"),
        ({"horizon": 0}, "horizon"),
        ({"draws": 99}, "draws"),
        ({"as_of": "soon"}, "ISO 8601"),
    ],
)
def test_a_wrong_question_is_told_what_is_allowed(
    client: TestClient, wrong: dict[str, Any], said: str
) -> None:
    answer = client.get("/v1/forecast", params=wrong)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_without_a_model_of_when_the_answer_says_what_is_needed(trained: Trained) -> None:
    service = open_service(Settings(trained.bundles, data=trained.crm))
    service.scorer.close = None
    with TestClient(create_app(service)) as client:
        answer = client.get("/v1/forecast")
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:dealcast:problem:no-model"
    assert "close" in answer.json()["detail"]


def test_where_nothing_is_served_there_is_no_forecast(trained: Trained) -> None:
    with TestClient(create_app(open_service(Settings(trained.bundles)))) as client:
        assert client.get("/v1/forecast").status_code == 404
