"""Similar closed deals as a page, which a deal's page takes in: the API's figures."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from serving.pages.shown import Shown
from serving.pages.texts import text
from serving.wording import Language
from tests.serving.markup import Element, tree_of

LANGUAGES: tuple[Language, ...] = ("en", "zh-CN")


def page(client: TestClient, path: str, language: str = "en") -> Element:
    answer = client.get(path, headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    return tree_of(answer.text)


def answer_of(client: TestClient, deal: str, language: str = "en") -> dict[str, Any]:
    found: dict[str, Any] = client.get(
        f"/v1/opportunities/{quote(deal)}/similar", headers={"accept-language": language}
    ).json()
    return found


@pytest.fixture(scope="module")
def deals(client: TestClient) -> list[str]:
    found = client.get("/v1/opportunities", params={"limit": 1000}).json()["opportunities"]
    return [each["opportunity_id"] for each in found[:: max(1, len(found) // 4)]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_what_the_api_answers(
    client: TestClient, deals: list[str], language: Language
) -> None:
    shown = Shown(language, "UTC")
    for deal in deals:
        answer = answer_of(client, deal, language)
        found = page(client, f"/similar?id={deal}", language).one("section", id="similar")
        lead = found.one("p").text
        assert shown.share(answer["win_probability"]) in lead
        told = (len(answer["similar"]), answer["won"], answer["compared_at_days"])
        numbers = [shown.number(answer[name]) for name in ("candidates", "candidates_won")]
        for number in (*map(str, told), *numbers):
            assert re.search(rf"(?<![\d,]){number}(?![\d,])", lead), (number, lead)
        assert answer["note"].lower() in lead.lower()
        rows = found.one("tbody").all("tr")
        assert len(rows) == len(answer["similar"]) > 0
        for row, each in zip(rows, answer["similar"], strict=True):
            ended, then, amount, alike, apart = (cell.text for cell in row.all("td"))
            assert row.one("th").text == each["opportunity_id"]
            assert shown.date(each["closed_at"]) in ended
            assert shown.number(each["days_from_there"]) in ended
            assert (then, amount) == (shown.share(each["win_probability"]), shown.money(each["amount"]))
            assert all(one["text"].lower() in alike.lower() for one in each["alike"])
            assert each["apart"] is None or each["apart"]["text"].lower() == apart.lower()


def test_a_deal_s_page_says_where_its_similar_deals_are(client: TestClient, deals: list[str]) -> None:
    own = page(client, f"/deals/{deals[0]}")
    link = own.one("section", id="similar").one("a")
    assert link.attributes["data-part"] == "similar"
    there = page(client, link.attributes["href"])
    assert there.one("section", id="similar").one("tbody").all("tr")
    assert there.one("p", of="crumbs").one("a").attributes["href"] == f"/deals/{deals[0]}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_closed_deal_has_no_similar_ones_and_the_page_says_why(
    client: TestClient, deals: list[str], language: Language
) -> None:
    closed = answer_of(client, deals[0])["similar"][0]["opportunity_id"]
    found = page(client, f"/similar?id={closed}", language).one("section", id="similar")
    assert not found.all("table")
    why = Shown(language, "UTC").told(answer_of(client, closed)["abstained"])
    assert found.text == text("deal.abstained", language, why=why)


def test_an_unknown_deal_is_an_error_page(client: TestClient) -> None:
    answer = client.get("/similar?id=%3Cb%3Enobody", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "<b>nobody" not in answer.text
