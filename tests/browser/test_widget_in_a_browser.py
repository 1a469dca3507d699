"""The `<deal-score>` element in a page of another server, under a strict Content-Security-Policy."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from features.times import iso
from tests.browser.conftest import store_in
from tests.serving.test_serve import free_port, served
from tests.trained import T, Trained

FALLBACK = "Ask the office."
ROOT = "document.querySelector('deal-score').shadowRoot"
READY, AWAY = "deal-score [aria-busy=false]", "deal-score slot"


@dataclass
class Crm:
    """Somebody else's server: one page, as `body` says, allowed to load from and ask one address alone."""

    address: str
    allowed: str = ""
    body: str = ""
    said: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def crm() -> Iterator[Crm]:
    made = Crm(f"http://127.0.0.1:{free_port()}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = made.body.encode() if self.path == "/" else b""
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header(
                "content-security-policy",
                f"default-src 'none'; script-src {made.allowed}; connect-src {made.allowed}; img-src 'self'",
            )
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", int(made.address.rpartition(":")[2])), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def scorer(trained: Trained, crm: Crm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a store, which pages of the CRM may ask."""
    folder = tmp_path_factory.mktemp("served")
    words = (store_in(folder, trained), "--bundles", trained.bundles, "--no-fetch")
    with served(*words, cwd=folder, DEALCAST_CORS_ORIGINS=crm.address) as address:
        yield address


@pytest.fixture(scope="module")
def deal(scorer: str) -> str:
    name = str(asked(f"{scorer}/v1/opportunities?limit=1")["opportunities"][0]["opportunity_id"])
    asked(f"{scorer}/v1/opportunities/{name}/score?as_of={T}")
    return name


def asked(url: str, language: str = "en", body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"accept-language": language, "content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
        return json.loads(answer.read())


@contextmanager
def embedded(
    browser: Browser, crm: Crm, home: str, tag: str, lang: str = "en", **more: Any
) -> Iterator[Page]:
    """A page of the CRM with the element in it."""
    crm.allowed = home
    script = f'<script type="module" src="{home}/widget/deal-score.js"></script>'
    crm.body = (
        f'<!doctype html><html lang="{lang}"><title>A deal</title>{script}<main><h1>Deal</h1>{tag}</main>'
    )
    crm.said.clear()
    context = browser.new_context(viewport={"width": 375, "height": 700}, **more)
    page = context.new_page()
    page.on("console", lambda message: crm.said.append(message.text))
    page.on("pageerror", lambda error: crm.said.append(str(error)))
    page.goto(crm.address)
    page.locator(READY).first.wait_for(state="attached")
    try:
        yield page
    finally:
        context.close()


def text(page: Page) -> str:
    return str(page.evaluate(f"{ROOT}.textContent"))


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("target", ["win", "stall"])
def test_it_shows_the_api_s_numbers_in_both_languages_and_breaks_no_policy(
    browser: Browser, crm: Crm, scorer: str, deal: str, language: str, target: str
) -> None:
    score = asked(f"{scorer}/v1/opportunities/{deal}/score", language)
    moved = asked(f"{scorer}/v1/opportunities/{deal}/changes?since={week_before(score['as_of'])}", language)
    offered = asked(f"{scorer}/v1/opportunities/{deal}/what-if", language, {"as_of": score["as_of"]})
    tag = f'<deal-score opportunity="{deal}" target="{target}" reasons="4"></deal-score>'
    with embedded(browser, crm, scorer, tag, language) as page:
        shown, mine = text(page), score[target]
        assert crm.said == []
        assert f"{mine['percent']}%" in shown
        assert f"{mine['base_percent']}%" in shown
        row = mine["reliability"]
        assert all(each in shown for each in (f"{row['n']:,}", f"{round(100 * row['observed'])}%"))
        said = [each["text"] for each in mine["reasons"] if each["percent_points"]][:4]
        assert said
        assert all(each in shown for each in said)
        points = moved["targets"][target]["after_percent"] - moved["targets"][target]["before_percent"]
        assert (f"{abs(points)}" if points else "7") in shown
        better = 1 if target == "win" else -1
        worth = [a for a in offered["actions"] if a["gain"][target] * better >= 0.005]
        assert all(each["text"] in shown for each in worth[:2])
        assert (offered["note"] in shown) == bool(worth)
        trend = page.locator("deal-score [part=trend]").get_attribute("aria-label") or ""
        assert trend.endswith(f"→ {mine['percent']}%")
        assert page.locator("deal-score a").get_attribute("href") == f"{scorer}/deals/{deal}"


def week_before(moment: str) -> str:
    from datetime import datetime, timedelta

    from features.times import to_micros

    return iso(to_micros(datetime.fromisoformat(moment) - timedelta(days=7)))


def test_axe_finds_no_serious_fault_in_light_and_dark(
    browser: Browser, crm: Crm, scorer: str, deal: str
) -> None:
    for scheme in ("light", "dark"):
        tag = f'<deal-score opportunity="{deal}"></deal-score>'
        with embedded(browser, crm, scorer, tag, color_scheme=scheme, bypass_csp=True) as page:
            found = Axe().run(page, "deal-score").response
            assert found["passes"]
            assert [v for v in found["violations"] if v["impact"] in ("serious", "critical")] == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_while_the_service_is_away_the_page_s_own_words_stand_there(
    browser: Browser, crm: Crm, scorer: str, deal: str
) -> None:
    tag = f'<deal-score opportunity="{deal}">{FALLBACK}</deal-score>'
    with embedded(browser, crm, scorer, tag) as page:
        page.route("**/v1/**", lambda route: route.abort())
        page.evaluate("document.querySelector('deal-score').refresh()")
        page.get_by_text("does not answer").wait_for()
        assert "%" in text(page)  # what was known stays, with its time
        page.evaluate("document.querySelector('deal-score').setAttribute('opportunity', 'other')")
        page.locator(AWAY).wait_for(state="attached")
        assert "%" not in text(page)
        assert page.get_by_text(FALLBACK).is_visible()


def test_a_deal_that_is_not_known_or_closed_is_told_of_politely(
    browser: Browser, crm: Crm, scorer: str, trained: Trained
) -> None:
    with embedded(browser, crm, scorer, '<deal-score opportunity="nobody">-</deal-score>') as page:
        assert "does not know this deal" in text(page)
    deals = trained.data["opportunities"]
    closed = deals.filter(deals["closed_at"].is_not_null())["opportunity_id"][0]
    tag = f'<deal-score opportunity="{closed}"></deal-score>'
    with embedded(browser, crm, scorer, tag, "zh-CN") as page:
        page.get_by_text("已关闭").wait_for()


def test_a_page_of_an_origin_that_is_not_named_gets_no_score(
    browser: Browser, crm: Crm, address: str, deal: str
) -> None:
    tag = f'<deal-score opportunity="{deal}">{FALLBACK}</deal-score>'
    with embedded(browser, crm, address, tag) as page:
        page.locator(AWAY).wait_for(state="attached")
        assert "%" not in text(page)
        assert any("CORS" in said for said in crm.said)


def test_another_deal_s_score_takes_the_place_of_the_first(
    browser: Browser, crm: Crm, scorer: str, deal: str
) -> None:
    other = asked(f"{scorer}/v1/opportunities?limit=2&sort=win")["opportunities"][0]
    tag = f'<deal-score opportunity="{deal}" compact></deal-score>'
    crm.allowed = scorer
    with embedded(browser, crm, scorer, f'{tag}<deal-score opportunity="{deal}"></deal-score>') as page:
        page.evaluate(
            "name => document.querySelector('deal-score').setAttribute('opportunity', name)",
            other["opportunity_id"],
        )
        first = page.locator("deal-score").first
        first.get_by_text(f"{other['win']['percent']}%", exact=True).wait_for()


def test_the_script_is_small_and_needs_nothing_else(scorer: str) -> None:
    source = (Path("serving") / "widget" / "deal-score.js").read_bytes()
    with urllib.request.urlopen(f"{scorer}/widget/deal-score.js", timeout=30) as answer:
        assert answer.read() == source
        assert answer.headers["access-control-allow-origin"] == "*"
    assert len(source) < 20_000
    assert b"import " not in source.replace(b"import.meta", b"")
