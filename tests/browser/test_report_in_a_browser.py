"""The report opened from the disk, and printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from serving.app import open_service
from serving.report import MARK, Wished, write_report
from serving.settings import Settings
from serving.sheets import LANGUAGES
from tests.browser.test_pages_in_a_browser import faults, opened
from tests.trained import Trained


@pytest.fixture(scope="module")
def report(studied: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "out"
    write_report(open_service(Settings(bundles=studied.bundles, data=studied.crm)), out, Wished(1))
    return out


def test_its_pages_open_from_the_disk_ask_no_network_and_axe_finds_no_serious_fault(
    browser: Browser, report: Path
) -> None:
    (deal,) = json.loads((report / MARK).read_text(encoding="utf-8"))["deals"]
    for language in LANGUAGES:
        for name in ("index", "week", "alerts", f"deals/{deal}", "forecast", "team", "teams/T-01", "models"):
            with opened(browser, 375 if language == "en" else 1280) as watched:
                watched.page.goto((report / language / f"{name}.html").as_uri())
                assert watched.said == []
                assert all(url.startswith(("file:", "data:")) for url in watched.asked)
                assert watched.page.get_attribute("html", "lang") == language
                charts = watched.page.locator("figure[data-chart]").count()
                assert watched.page.locator("figure[data-chart] svg path").count() >= 3 * charts
                assert charts == {"forecast": 1, "models": 3}.get(name, 0)
                assert faults(watched.page) == []


def test_the_entrance_leads_on_and_the_other_language_and_a_deal_are_a_click_away(
    browser: Browser, report: Path
) -> None:
    (deal,) = json.loads((report / MARK).read_text(encoding="utf-8"))["deals"]
    with opened(browser, 1280) as watched:
        page = watched.page
        page.goto((report / "index.html").as_uri())
        page.wait_for_url("**/en/index.html")
        page.get_by_role("link", name="中文").click()
        page.wait_for_url("**/zh-CN/index.html")
        page.get_by_role("link", name=deal).click()
        assert page.locator("h1").inner_text().endswith(deal)


def test_it_prints(browser: Browser, report: Path, tmp_path: Path) -> None:
    with opened(browser, 1280) as watched:
        watched.page.goto((report / "zh-CN" / "forecast.html").as_uri())
        printed = watched.page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert printed.startswith(b"%PDF")
    assert len(printed) > 20_000
