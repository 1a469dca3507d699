"""`GET /v1/forecast`: the figures of `dealcast forecast`, from a folder and from a store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from features.times import iso
from serving.app import create_app, open_service
from serving.bundles import keep_record
from serving.settings import Settings
from tests.serving.conftest import Ran, T, Trained
from training.forecast.flow import PARTS
from training.forecast.record import Record

Dealcast = Callable[..., Ran]
FIGURES = ["p10", "p50", "p90", "mean", "booked", "open", "new"]
ASKED = {"as_of": T, "by": "team_id", "horizon": 60, "draws": 300}

RECORD = Record(
    "r1", "horizon", 91, 40, "2024-01-01T00:00:00Z", "2024-09-30T00:00:00Z",
    0.1, 0.01, 0.8, 0.5, 0.6, "last_period", 0.2, 1.5, 44, 0.8, 0.7, 1.25,
)  # fmt: skip


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


def test_what_changed_adds_up_to_the_cent_and_has_a_tag_of_its_own(
    client: TestClient, stored: TestClient
) -> None:
    question = {"as_of": T, "draws": 200, "since": "2025-03-03T00:00:00Z"}
    found = asked(client, **question)
    flow = found["flow"]
    cents = {name: round(change * 100) for name, change in flow["parts"].items()}
    assert set(cents) == set(PARTS)
    assert round(flow["before"] * 100) + sum(cents.values()) == round(flow["after"] * 100)
    assert any(cents.values())
    assert (flow["begin"], flow["since"]) == ("2025-01-01T00:00:00Z", "2025-03-03T00:00:00Z")
    assert asked(stored, **question)["flow"] == flow
    without = client.get("/v1/forecast", params={"as_of": T, "draws": 200})
    assert without.json()["flow"] is None
    tag = client.get("/v1/forecast", params=question).headers["etag"]
    assert tag != without.headers["etag"]
    assert client.get("/v1/forecast", params=question, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("since", ["2024-12-31T00:00:00Z", T, "2025-04-02T00:00:00Z"])
def test_a_since_that_is_not_earlier_in_the_quarter_is_told_from_when_on(
    client: TestClient, since: str
) -> None:
    answer = client.get("/v1/forecast", params={"as_of": T, "since": since})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["at"] == "since"
    assert "from 2025-01-01T00:00:00Z on" in answer.json()["detail"]


def test_targets_beside_the_tables_are_shown_and_read_anew(trained: Trained, tmp_path: Path) -> None:
    table = tmp_path / "targets.csv"
    service = open_service(Settings(trained.bundles, data=trained.crm, targets=table))
    question = {"as_of": T, "draws": 200, "by": "team_id", "horizon": 100}
    with TestClient(create_app(service)) as client:
        table.write_text("team_id,quarter,amount\n(all),2025-Q2,1\n(all),2031-Q1,1\nT-nobody,2025-Q2,5\n")
        found = asked(client, **question)
        (row,) = found["targets"]
        assert (row["team_id"], row["quarter"], row["probability"]) == ("(all)", "2025-Q2", 1.0)
        assert any("1 targets are of quarters" in note for note in found["notes"])
        assert any("1 targets are of teams without a deal" in note for note in found["notes"])
        table.write_text("team_id,quarter,amount\n(all),2025-Q2,1e12\n")
        assert asked(client, **question)["targets"][0]["probability"] == 0.0
        table.write_text("team_id,quarter,amount\n(all),second,1\n")
        answer = client.get("/v1/forecast", params=question)
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:dealcast:problem:unusable-targets"
    assert "row 1" in answer.json()["detail"]
    assert str(tmp_path) not in answer.text


def test_a_range_that_proved_too_narrow_is_widened_and_says_so(trained: Trained, tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    shutil.copytree(trained.bundles, bundles)
    keep_record(bundles, None)
    question = {"as_of": T, "draws": 200}
    with TestClient(create_app(open_service(Settings(bundles, data=trained.crm)))) as client:
        before = asked(client, **question)
        keep_record(bundles, RECORD)
        after = asked(client, **question)
    assert (before["widening"], before["week_widening"], before["record"]) == (1.0, 1.0, None)
    assert (after["widening"], after["week_widening"], after["record"]) == (1.5, 1.25, RECORD.to_dict())
    assert any("1.50 times as wide" in note and "60% of 40" in note for note in after["notes"])
    one, two = (next(r for r in a["periods"] if r["period"] == "horizon") for a in (before, after))
    assert any(
        "weeks are 1.25 times as wide" in note and "70% of 44 weeks" in note for note in after["notes"]
    )
    assert two["p50"] == one["p50"]
    assert two["p90"] - two["p50"] == pytest.approx(1.5 * (one["p90"] - one["p50"]))
    assert two["mean"] == one["mean"]


def test_a_damaged_record_says_how_to_fetch_it_again(trained: Trained, tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    shutil.copytree(trained.bundles, bundles)
    (bundles / "forecast.json").write_text("{")
    with TestClient(create_app(open_service(Settings(bundles, data=trained.crm)))) as client:
        answer = client.get("/v1/forecast")
    assert answer.status_code == 503
    assert "dealcast pull" in answer.json()["detail"]


def test_data_of_which_no_forecast_can_be_made_are_not_the_clients_fault(trained: Trained) -> None:
    service = open_service(Settings(trained.bundles, data=trained.crm))
    assert service.source is not None
    assert service.source.data is not None
    data = service.source.data
    deals = data["opportunities"].with_row_index("i")
    mixed = deals.with_columns(
        currency=pl.when(pl.col("i") % 2 == 0).then(pl.lit("EUR")).otherwise(pl.lit("USD"))
    ).drop("i")
    tables = {**data.tables, "opportunities": mixed}
    config = replace(data.config, currency="")
    source = replace(service.source, data=replace(data, tables=tables, config=config))
    with TestClient(create_app(replace(service, source=source))) as client:
        answer = client.get("/v1/forecast", params={"as_of": T})
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:dealcast:problem:no-forecast"
        assert "several currencies" in answer.json()["detail"]
        assert asked(client, as_of=T, currency="EUR", draws=200)["currency"] == "EUR"
        wrong = client.get("/v1/forecast", params={"as_of": T, "currency": "CHF"})
        early = client.get("/v1/forecast", params={"as_of": "2001-01-01", "currency": "EUR"})
    assert (wrong.status_code, wrong.json()["errors"][0]["at"]) == (422, "currency")
    assert early.status_code == 409


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
