"""The page of the alerts: the figures of `GET /v1/alerts`, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from features.times import parse_instant
from serving.app import create_app, open_service
from serving.pages.shown import Shown
from serving.pages.texts import text
from serving.settings import Settings
from serving.wording import Language
from tests.serving.conftest import T, Trained
from tests.serving.test_pages import ENGLISH, LANGUAGES, api, page
from tests.trained import with_study
from training.alerts.record import LEAST_DEALS
from training.dataset import open_source
from training.errors import TooLittleData
from training.labels import TARGETS, Target
from training.run import train_target
from training.study import SECTIONS, study


@pytest.fixture(scope="module")
def studied(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server whose alerts have a record."""
    sections = {name: SECTIONS[name] for name in ("alerts", "groups")}
    found = study(trained.data, parse_instant(T), sections)
    world = with_study(trained, found, tmp_path_factory.mktemp("studied"))
    service = open_service(Settings(bundles=world.bundles, data=world.crm))
    with TestClient(create_app(service)) as client:
        yield client


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_alerts_page_shows_what_the_api_answers(studied: TestClient, language: Language) -> None:
    answer, shown = api(studied, "/alerts", language, limit=50), page(studied, "/alerts", language)
    rows = shown.one("table", of="alerts").one("tbody").all("tr")
    assert len(rows) == len(answer["alerts"]) > 3
    for row, each in zip(rows, answer["alerts"], strict=True):
        assert row.one("a").text == each["opportunity_id"]
        assert each["text"].lower() in row.text.lower()
        record = answer["rules"][each["rule"]]["record"]
        assert record is None or Shown(language, "UTC").share(record["precision"]) in row.text
    rules = shown.one("table", of="rules").one("tbody").all("tr")
    numbers = Shown(language, "UTC")
    for row, (name, rule) in zip(rules, answer["rules"].items(), strict=True):
        assert rule["title"].lower() in row.text.lower()
        assert numbers.threshold(name, rule["threshold"]).lower() in row.one("th").text.lower()
        assert rule["horizon_days"] is None or str(rule["horizon_days"]) in row.all("td")[0].text
        if record := rule["record"]:
            for figure in ("precision", "low", "high", "base_rate", "base_low", "base_high"):
                assert numbers.share(record[figure]) in row.text
            doubted = text("alerts.no_better", language) in row.one("th").text.lower()
            assert doubted == (record["low"] <= record["base_high"])
            assert numbers.number(record["per_rep_week"], 2) in row.all("td")[-1].text
            assert numbers.number(record["new_per_week"], 1) in row.all("td")[-1].text
        elif language == "zh-CN":
            assert not ENGLISH.search(row.text)


def test_alerts_can_be_chosen_and_paged(studied: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.routes.pages.ROWS", 5)
    every = api(studied, "/alerts", limit=200)["alerts"]
    rule, rep = every[0]["rule"], every[0]["rep_id"]
    for name, value in (("rule", rule), ("rep_id", rep), ("team_id", every[0]["team_id"])):
        wanted = [each["opportunity_id"] for each in every if each[name] == value]
        path, seen = f"/alerts?{name}={value}", []
        while path:
            found = page(studied, path)
            rows = found.all("table", of="alerts")
            seen += [row.one("a").text for row in rows[0].one("tbody").all("tr")] if rows else []
            ways = {link.attributes["href"] for link in found.all("a", of="button")}
            assert (f"/alerts?{name}={value}" in ways) == ("cursor=" in path)
            following = found.all("a", rel="next")
            path = following[0].attributes["href"] if following else ""
        assert seen == wanted


def test_a_study_without_alerts_counts_as_none(trained: Trained, tmp_path: Path) -> None:
    nothing = {"format": 1, "as_of": "2025-03-01T00:00:00Z", "sections": {}}
    world = with_study(trained, nothing, tmp_path)
    with TestClient(create_app(open_service(Settings(world.bundles, data=world.crm)))) as client:
        assert "dealcast study" in client.get("/alerts").text


def test_too_few_alerts_to_judge_a_rule_by_are_told_in_the_reader_s_language() -> None:
    said = f"fewer than {LEAST_DEALS} deals had this alert in the weeks judged"
    assert not ENGLISH.search(Shown("zh-CN", "UTC").told(said))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("day", ["2022-12-01", "2023-02-01", "2023-05-01", "2023-06-01"])
def test_why_nothing_could_be_learnt_is_told_in_the_reader_s_language(
    trained: Trained, target: Target, day: str
) -> None:
    with pytest.raises(TooLittleData) as found:
        train_target(open_source(trained.data, parse_instant(day)), target)
    said = str(found.value)
    assert " 0 days" not in said
    assert not ENGLISH.search(Shown("zh-CN", "UTC").told(said))
    assert Shown("en", "UTC").told(said) != said


def test_without_a_study_the_alerts_page_says_what_to_run(client: TestClient) -> None:
    assert "dealcast study" in client.get("/alerts").text
