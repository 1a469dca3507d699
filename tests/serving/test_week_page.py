"""The page of the week: the figures of `GET /v1/priorities`, and whose list it is asked first."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.pages.shown import Shown
from serving.routes import pages
from serving.wording import Language
from tests.serving.markup import Element, tree_of

LANGUAGES: tuple[Language, ...] = ("en", "zh-CN")


def page(client: TestClient, path: str, language: str = "en") -> Element:
    answer = client.get(path, headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    return tree_of(answer.text)


def lists(client: TestClient, language: str = "en", **params: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/priorities", params=params, headers={"accept-language": language})
    found: list[dict[str, Any]] = answer.json()["reps"]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_what_the_api_answers(client: TestClient, language: Language) -> None:
    shown = Shown(language, "UTC")
    reps = lists(client, language, capacity=3)
    found = page(client, "/week?capacity=3&everybody=true", language)
    panels = found.all("section", of="panel")
    assert len(panels) == len(reps) > 3
    for panel, rep in zip(panels, reps, strict=True):
        assert rep["rep_id"] in panel.one("h2").text
        rows = panel.one("tbody").all("tr")
        assert len(rows) == len(rep["lines"])
        for row, line in zip(rows, rep["lines"], strict=True):
            cells = [cell.text for cell in row.all("td")]
            assert row.one("th").text == line["opportunity_id"]
            assert cells[0].lower() == line["text"].lower()
            assert cells[1:3] == [shown.gain(line["gain"]), shown.money(line["gained"])]


def test_a_rep_or_a_team_can_be_chosen(client: TestClient) -> None:
    rep = lists(client)[0]
    for asked in (f"rep_id={rep['rep_id']}", f"team_id={rep['team_id']}"):
        found = page(client, f"/week?{asked}")
        name, value = asked.split("=")
        heads = [panel.one("h2").text for panel in found.all("section", of="panel")]
        assert len(heads) == len(lists(client, **{name: value}))
        chosen = [
            option.text
            for option in found.one("form", of="filters").all("option")
            if "selected" in option.attributes
        ]
        assert chosen == [value, "10"]


def test_of_many_deals_it_is_asked_first_whose_list_it_is_to_be(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "AT_ONCE", 5)
    asked = page(client, "/week")
    assert not asked.all("section", of="panel")
    everybody = asked.one("a", of="button").attributes["href"]
    assert page(client, str(everybody)).all("section", of="panel")
    rep = lists(client)[0]["rep_id"]
    assert len(page(client, f"/week?rep_id={rep}").all("section", of="panel")) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_a_rep_without_deals_the_page_says_that_nothing_is_to_be_gained(
    client: TestClient, language: Language
) -> None:
    found = page(client, "/week?rep_id=nobody", language)
    assert found.one("div", of="empty").text
    assert not found.all("table")


def test_a_wrong_choice_is_an_error_page(client: TestClient) -> None:
    answer = client.get("/week?capacity=0")
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
