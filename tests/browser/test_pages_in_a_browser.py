"""The pages in a real browser: nothing fails, nothing leaves the server, everybody can use them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from serving.pages.texts import text

WIDTHS = (375, 1280)
LANGUAGES = ("en", "zh-CN")
FOCUSED = """(() => {
  const here = document.activeElement, style = getComputedStyle(here);
  return [here.tagName + ' ' + here.textContent.trim().slice(0, 40), style.outlineStyle, style.outlineWidth];
})()"""
NAMES = ("pipeline", "week", "alerts", "deal", "similar", "forecast", "team", "models", "error")


@dataclass
class Watched:
    """A page, and what it did."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def check(self, address: str) -> None:
        """Fails where anything was said on the console, or asked of anybody but the server."""
        assert self.said == []
        assert {urlsplit(url).netloc for url in self.asked if not url.startswith("data:")} == {
            urlsplit(address).netloc
        }


@contextmanager
def opened(browser: Browser, width: int, **more: Any) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": width, "height": 800}, **more)
    watched = Watched(context.new_page())
    # A page that is a 404 is said on the console by the browser itself.
    watched.page.on(
        "console", lambda m: watched.said.append(m.text) if "status of 404" not in m.text else None
    )
    watched.page.on("pageerror", lambda error: watched.said.append(str(error)))
    watched.page.on("request", lambda request: watched.asked.append(request.url))
    try:
        yield watched
    finally:
        context.close()


@pytest.fixture(scope="module")
def paths(address: str) -> dict[str, str]:
    with urllib.request.urlopen(f"{address}/v1/opportunities?limit=1", timeout=30) as answer:
        deal = json.loads(answer.read())["opportunities"][0]["opportunity_id"]
    return {
        "pipeline": "/",
        "deal": f"/deals/{deal}",
        "similar": f"/similar?id={deal}",
        "week": "/week",
        "alerts": "/alerts",
        "forecast": "/forecast?by=team_id&period=week",
        "team": "/team",
        "models": "/models",
        "error": "/deals/nobody",
    }


def faults(page: Page) -> Sequence[str]:
    """What axe finds that is serious or critical."""
    found = Axe().run(page).response["violations"]
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:3]]}" for each in grave]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_loads_without_an_error_asks_nobody_else_and_is_no_wider_than_the_screen(
    browser: Browser, address: str, paths: dict[str, str], name: str
) -> None:
    for width in WIDTHS:
        for language in LANGUAGES:
            with opened(browser, width, locale=language) as watched:
                watched.page.goto(address + paths[name])
                watched.check(address)
                assert watched.page.get_attribute("html", "lang") == language
                assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
                charts = watched.page.locator("figure[data-chart]")
                assert watched.page.locator("figure[data-chart] svg path").count() >= 3 * charts.count()
                assert charts.count() == {"forecast": 1, "models": 3}.get(name, 0)


@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_serious_fault(browser: Browser, address: str, paths: dict[str, str], name: str) -> None:
    for width, scheme, language in ((1280, "light", "en"), (375, "dark", "zh-CN"), (1280, "dark", "en")):
        with opened(browser, width, color_scheme=scheme, locale=language) as watched:
            watched.page.goto(address + paths[name])
            watched.page.evaluate(
                "document.querySelectorAll('details').forEach(each => { each.open = true })"
            )
            assert faults(watched.page) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_similar_deals_come_to_a_deal_s_page_by_themselves(
    browser: Browser, address: str, paths: dict[str, str], language: str
) -> None:
    with opened(browser, 375, locale=language) as watched:
        watched.page.goto(address + paths["deal"])
        rows = watched.page.locator("#similar tbody tr")
        rows.first.wait_for(timeout=60_000)
        watched.page.goto(address + paths["similar"])
        assert watched.page.locator("#similar tbody tr").count() == 10
        watched.check(address)
    with opened(browser, 1280, locale=language) as watched:
        watched.page.route("**/similar?*", lambda route: route.abort())
        watched.page.goto(address + paths["deal"])
        link = watched.page.locator("#similar a")
        words = text("similar.load", "zh-CN" if language == "zh-CN" else "en")
        watched.page.wait_for_function(
            "said => document.querySelector('#similar a').textContent === said", arg=words
        )
        assert link.get_attribute("href")


def test_axe_would_find_a_fault(browser: Browser, address: str) -> None:
    with opened(browser, 1280) as watched:
        watched.page.goto(address)
        watched.page.evaluate(
            "(list => list.closest('label').replaceWith(list))(document.querySelector('select'))"
        )
        assert any(each.startswith("select-name") for each in faults(watched.page))


def test_a_filter_and_an_order_lead_to_what_was_chosen(browser: Browser, address: str) -> None:
    with opened(browser, 1280) as watched:
        page = watched.page
        page.goto(address)
        rep = page.locator("select[name=rep_id] option").nth(1).inner_text()
        page.locator("select[name=rep_id]").select_option(rep)
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**rep_id=**")
        assert set(page.locator("td.of-rep").all_inner_texts()) == {rep}
        assert "team_id" not in page.url
        page.get_by_role("columnheader", name="Stall").get_by_role("link").click()
        assert page.locator("th.of-stall").get_attribute("aria-sort") == "descending"
        shares = [int(text.rstrip("%")) for text in page.locator("td.of-stall b").all_inner_texts()]
        assert shares == sorted(shares, reverse=True)
        assert set(page.locator("td.of-rep").all_inner_texts()) == {rep}
        watched.check(address)


def test_the_chosen_language_and_theme_stay(browser: Browser, address: str) -> None:
    with opened(browser, 375, color_scheme="light", locale="en") as watched:
        page = watched.page
        page.goto(address)
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("link", name="中文").click()
        assert page.inner_text("h1") == "商机"
        page.locator("button.theme").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        page.get_by_role("link", name="模型").click()
        assert page.inner_text("h1") == "模型"
        assert page.get_attribute("html", "data-theme") == "dark"
        watched.check(address)


def test_by_keyboard_one_reaches_everything_and_sees_where_one_is(
    browser: Browser, address: str, paths: dict[str, str]
) -> None:
    with opened(browser, 1280) as watched:
        page = watched.page
        page.goto(address + paths["deal"])
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.goto(address + paths["deal"])
        reached = []
        for _ in range(60):
            page.keyboard.press("Tab")
            here = page.evaluate(FOCUSED)
            if here[0].startswith("BODY"):
                break
            assert here[1:] == ["solid", "3px"], here
            reached.append(here[0])
        sought = page.locator("a:visible, button:visible, summary:visible").count()
        roving = 2  # of three tabs one is in the order, the arrows reach the others
        assert len(reached) == sought - roving
        page.get_by_role("tab").first.focus()
        page.keyboard.press("ArrowRight")
        assert page.get_by_role("tab", selected=True).inner_text().startswith("Stall")
        assert page.locator("#stall").is_visible()
        assert not page.locator("#win").is_visible()


def test_a_link_to_a_target_s_changes_opens_its_part(
    browser: Browser, address: str, paths: dict[str, str]
) -> None:
    with opened(browser, 1280) as watched:
        watched.page.goto(f"{address}{paths['deal']}?days=30#churn")
        assert watched.page.locator("#churn").is_visible()
        watched.page.locator("#churn .switch a").first.click()
        watched.page.wait_for_url("**days=7#churn")
        assert watched.page.locator("#churn").is_visible()


def test_without_scripts_everything_is_there(browser: Browser, address: str, paths: dict[str, str]) -> None:
    with opened(browser, 375, java_script_enabled=False) as watched:
        watched.page.goto(address + paths["deal"])
        assert [watched.page.locator(f"#{name}").is_visible() for name in ("win", "stall", "churn")] == [
            True
        ] * 3
        watched.page.goto(address + paths["forecast"])
        assert watched.page.locator("figure table").is_visible()


def test_on_paper_all_parts_and_tables_are_there_and_the_ground_is_white(
    browser: Browser, address: str, paths: dict[str, str]
) -> None:
    with opened(browser, 1280, color_scheme="dark") as watched:
        page = watched.page
        for name in ("deal", "forecast"):
            page.goto(address + paths[name])
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
            page.emulate_media(media="print")
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
            assert not page.locator("nav.pages").is_visible()
            assert page.locator("figure table").is_visible() if name == "forecast" else True
            if name == "deal":
                assert page.locator("#churn").is_visible()
            assert len(page.pdf()) > 10_000


def test_the_scores_of_a_store_become_a_curve(
    browser: Browser, store_address: str, paths: dict[str, str]
) -> None:
    name = paths["deal"].removeprefix("/deals/")
    for at in ("2025-03-01T00:00:00Z", "2025-03-08T00:00:00Z"):
        urllib.request.urlopen(
            f"{store_address}/v1/opportunities/{name}/score?as_of={at}", timeout=30
        ).close()
    with opened(browser, 1280) as watched:
        watched.page.goto(store_address + paths["deal"])
        watched.page.reload()
        watched.check(store_address)
        assert watched.page.locator("figure[data-chart=history] svg path").count() > 3
        assert faults(watched.page) == []
