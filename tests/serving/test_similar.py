"""`GET /v1/opportunities/{id}/similar`: closed deals as they stood, and nothing that came later."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from features.canonical import TIME
from features.times import DAY, from_micros, parse_instant
from serving.app import create_app, open_service
from serving.bundles import load_models
from serving.histories import of_tables
from serving.scorer import Scorer
from serving.service import Service
from serving.settings import Settings
from serving.whole import Whole
from tests.serving.conftest import T, Trained

LATER = "2025-05-20T00:00:00Z"


@pytest.fixture(scope="module")
def ids(client: TestClient) -> list[str]:
    """Some deals that were open at T, from likely to unlikely ones."""
    page = client.get("/v1/opportunities", params={"as_of": T, "limit": 1000}).json()["opportunities"]
    return [deal["opportunity_id"] for deal in page][:: max(1, len(page) // 8)]


def asked(client: TestClient, name: str, language: str = "en", **params: Any) -> dict[str, Any]:
    answer = client.get(
        f"/v1/opportunities/{name}/similar",
        params={"as_of": T} | params,
        headers={"accept-language": language},
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_similar_deals_had_closed_and_ended_as_the_data_say(
    client: TestClient, trained: Trained, ids: list[str]
) -> None:
    rows = {row["opportunity_id"]: row for row in trained.data["opportunities"].to_dicts()}
    for name in ids:
        found = asked(client, name, limit=20)
        assert found["candidates"] >= len(found["similar"]) == 20
        assert found["won"] == sum(each["outcome"] == "won" for each in found["similar"])
        assert [e["distance"] for e in found["similar"]] == sorted(e["distance"] for e in found["similar"])
        for each in found["similar"]:
            deal = rows[each["opportunity_id"]]
            assert deal["closed_at"] <= from_micros(parse_instant(T))
            assert each["outcome"] == deal["outcome"]
            lived = (deal["closed_at"] - deal["created_at"]).total_seconds() / 86_400
            assert each["days_in_all"] == pytest.approx(lived)
            assert each["opportunity_id"] != name
        assert len({each["opportunity_id"] for each in found["similar"]}) == 20


def test_each_is_compared_as_it_stood_in_the_same_stage_by_the_one_scorer(
    client: TestClient, trained: Trained, ids: list[str]
) -> None:
    scorer, histories = Scorer(load_models(trained.bundles)), of_tables(trained.data)
    for name in ids[:4]:
        found = asked(client, name, limit=5)
        its = found["similar"]
        then = np.array([parse_instant(each["compared_at"]) for each in its])
        scores = scorer.score(histories, [each["opportunity_id"] for each in its], then)
        assert scores.stage.tolist() == [found["stage"]] * 5
        assert scores.targets["win"].probability.tolist() == [each["win_probability"] for each in its]
        own = client.get(f"/v1/opportunities/{name}/score", params={"as_of": T}).json()
        assert own["win"]["probability"] == found["win_probability"]


def test_what_came_later_changes_nothing(client: TestClient, trained: Trained, ids: list[str]) -> None:
    known = trained.data.known_at(parse_instant(T))
    service = Service(
        Scorer(load_models(trained.bundles)),
        Whole(of_tables(known), known.watermark(), known),
        Settings(trained.bundles),
    )
    with TestClient(create_app(service)) as earlier:
        for name in ids:
            mine, its = asked(client, name), asked(earlier, name)
            assert its | {"data_as_of": None} == mine | {"data_as_of": None}


def test_of_many_closed_deals_those_that_closed_last_are_compared(
    client: TestClient, trained: Trained, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed_at = dict(trained.data["opportunities"].select("opportunity_id", "closed_at").iter_rows())
    service = open_service(Settings(trained.bundles, data=trained.crm))

    def all_of(name: str) -> dict[str, Any]:
        return dict(json.loads(service.similar(name, T, 1_000, "en").body))

    everything = {name: all_of(name) for name in ids}
    monkeypatch.setattr("serving.similar.MOST", 40)
    cut = 0
    for name, every in everything.items():
        found = all_of(name)
        its = sorted((closed_at[each["opportunity_id"]] for each in every["similar"]), reverse=True)
        last = [each for each in every["similar"] if closed_at[each["opportunity_id"]] >= its[:40][-1]]
        assert found["similar"] == last
        assert found["candidates"] == len(last) <= 40
        assert found["candidates_won"] == sum(each["outcome"] == "won" for each in last)
        cut += len(every["similar"]) > 40
    assert cut > 3
    test_what_came_later_changes_nothing(client, trained, ids)


def test_a_deal_that_closes_counts_from_then_on(client: TestClient, ids: list[str], trained: Trained) -> None:
    soon = trained.data["opportunities"].filter(
        pl.col("closed_at").is_between(
            pl.lit(from_micros(parse_instant(T)), dtype=TIME),
            pl.lit(from_micros(parse_instant(LATER)), dtype=TIME),
        )
    )["opportunity_id"]
    met = set()
    for name in ids:
        assert not {e["opportunity_id"] for e in asked(client, name, limit=50)["similar"]} & {*soon}
        met |= {e["opportunity_id"] for e in asked(client, name, as_of=LATER, limit=50)["similar"]} & {*soon}
    assert met


def test_a_store_says_what_a_folder_says(client: TestClient, stored: TestClient, ids: list[str]) -> None:
    for name in ids[:3]:
        by_folder, by_store = asked(client, name), asked(stored, name)
        assert by_store | {"data_as_of": None} == by_folder | {"data_as_of": None}


def test_reasons_hold_both_values_in_both_languages(client: TestClient, ids: list[str]) -> None:
    english, chinese = asked(client, ids[0]), asked(client, ids[0], "zh-CN")
    for here, there in zip(english["similar"], chinese["similar"], strict=True):
        assert here["alike"]
        assert [e["feature"] for e in here["alike"]] == [e["feature"] for e in there["alike"]]
        for each, other in zip(here["alike"], there["alike"], strict=True):
            assert each["values"] == other["values"]
            assert " here, " in each["text"]
            assert "本商机为" in other["text"]
            low, high = sorted(each["log_odds"])
            assert high - low <= here["distance"] + 1e-12
    assert "does not replace" in english["note"]
    assert "不替代" in chinese["note"]


def test_two_names_are_not_called_alike(client: TestClient, ids: list[str]) -> None:
    told = [each for name in ids for deal in asked(client, name)["similar"] for each in deal["alike"]]
    names = [each["values"] for each in told if each["unit"] == "category"]
    assert names
    assert all(here == there for here, there in names)


def test_closed_deals_are_looked_at_no_later_in_the_stage_than_the_open_one_is(
    client: TestClient, ids: list[str]
) -> None:
    for name in ids:
        found = asked(client, name)
        assert 0 <= found["compared_at_days"] <= max(found["days_in_stage"], 0)


def test_a_closed_deal_abstains_and_an_unknown_one_is_not_found(
    client: TestClient, stored: TestClient, trained: Trained
) -> None:
    deals = trained.data["opportunities"]
    closed = deals.filter(pl.col("closed_at") < pl.lit(from_micros(parse_instant(T) - DAY), dtype=TIME))
    found = asked(client, closed["opportunity_id"][0])
    assert (found["abstained"], found["similar"]) == ("the opportunity is closed", [])
    for each in (client, stored):
        missing = each.get("/v1/opportunities/nobody/similar", params={"as_of": T})
        assert missing.status_code == 404
        assert missing.headers["content-type"].startswith("application/problem+json")


def test_what_has_not_changed_is_not_sent_again(client: TestClient, ids: list[str]) -> None:
    first = client.get(f"/v1/opportunities/{ids[0]}/similar", params={"as_of": T})
    again = client.get(
        f"/v1/opportunities/{ids[0]}/similar",
        params={"as_of": T},
        headers={"If-None-Match": first.headers["etag"]},
    )
    assert again.status_code == 304
