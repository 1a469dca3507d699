"""The report as files: the API's figures, in both languages, with nothing missing behind its links."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from multiprocessing import active_children
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from fastapi.testclient import TestClient

from features.errors import DataError
from serving.app import open_service
from serving.pages.shown import Shown
from serving.report import MARK, Wished, _files, write_report
from serving.settings import Settings
from serving.sheets import LANGUAGES
from tests.serving.conftest import Ran, T, Trained

DEALS = 6


@pytest.fixture(scope="module")
def report(studied: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the served folder, as of its watermark."""
    out = tmp_path_factory.mktemp("report") / "out"
    service = open_service(Settings(bundles=studied.bundles, data=studied.crm))
    told: list[str] = []
    written = write_report(service, out, Wished(DEALS), told.append)
    assert (written.deals, list(written.missing)) == (DEALS, [])
    assert written.pages == sum(path.suffix == ".html" for path in out.rglob("*")) - 1
    assert len(told) == DEALS * len(LANGUAGES)
    return out


def text_of(page: Path) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_deals_pages_show_what_the_api_answers(report: Path, client: TestClient, language: str) -> None:
    listed = json.loads((report / MARK).read_text(encoding="utf-8"))["deals"]
    assert len(listed) == DEALS
    for name in listed:
        score = client.get(f"/v1/opportunities/{name}/score", headers={"accept-language": language}).json()
        page = (report / language / "deals" / f"{name}.html").read_text(encoding="utf-8")
        assert f'data-percent="{score["win"]["percent"]}"' in page
        for reason in score["win"]["reasons"]:
            for each in reason["evidence"]:
                if abs(reason["percent_points"]) >= 2:
                    assert each["text"].lower() in unescape(page).lower()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_open_deal_is_listed_once_those_that_need_help_first(
    report: Path, client: TestClient, language: str
) -> None:
    lists = sorted((report / language).glob("index.html")) + sorted((report / language).glob("deals-*.html"))
    found = [name for each in lists for name in re.findall(r"O-\d{5}", text_of(each))]
    asked = client.get("/v1/opportunities", params={"sort": "-stall", "limit": 200}).json()
    assert found[:200] == [each["opportunity_id"] for each in asked["opportunities"]]
    assert len(found) == len(set(found))
    summary = client.get("/v1/pipeline").json()
    assert len(found) == summary["open"]


def test_nothing_is_missing_behind_a_link_and_nothing_is_asked_of_a_network(report: Path) -> None:
    pages = list(report.rglob("*.html"))
    assert len(pages) > 2 * DEALS
    for page in pages:
        for address in re.findall(r'(?:href|src)="([^"]*)"', page.read_text(encoding="utf-8")):
            parts = urlsplit(unescape(address))
            assert not parts.scheme
            assert not parts.netloc
            if parts.path:
                assert (page.parent / unquote(parts.path)).is_file(), f"{page}: {address}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_shown_team_and_region_has_a_file_and_no_rep_is_named_on_any(
    report: Path, studied: Trained, language: str
) -> None:
    its = json.loads((studied.bundles / "study.json").read_text(encoding="utf-8"))["sections"]["team"]
    shown = [f"{kind}/{name}" for kind in ("teams", "regions") for name in its[kind]]
    assert len(shown) > 2
    for page, figures in (
        ("team", its["all"]),
        *((each, its[each.split("/")[0]][each.split("/")[1]]) for each in shown),
    ):
        text = text_of(report / language / f"{page}.html")
        assert Shown().number(figures["results"]["created"]) in text
        assert not re.search(r"R-\d{5}", text)
        html = (report / language / f"{page}.html").read_text(encoding="utf-8")
        for each in shown:
            assert f'href="{"../" if "/" in page else ""}{each}.html"' in html


def test_an_id_of_any_signs_has_a_file_of_its_own() -> None:
    names = ["A", "a", "../up", "a/b", "", "O 1", "é" * 200, "<script>"]
    files = _files(names)
    assert len({file.lower() for file in files.values()}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+\.html", file) for file in files.values())
    assert files["A"] == "A.html"


def test_a_report_takes_the_place_of_an_earlier_one_and_of_nothing_else(
    trained: Trained, tmp_path: Path, dealcast: Callable[..., Ran]
) -> None:
    words = ("report", trained.crm, "--as-of", T, "--tracking-uri", trained.uri, "--deals", "1")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("keep", encoding="utf-8")
    refused = dealcast(*words, "--out", mine)
    assert refused.code == 1
    assert "is no report" in refused.err
    assert (mine / "letter.txt").read_text(encoding="utf-8") == "keep"
    out = tmp_path / "out"
    for language, there in (("zh-CN", {"zh-CN"}), ("en", {"en"})):
        ran = dealcast(*words, "--out", out, "--language", language)
        assert ran.code == 0, ran.err
        assert {path.name for path in out.iterdir() if path.is_dir()} == there | {"static"}
        assert "1 deals with one of their own" in ran.out
        assert "31" in text_of(out / language / "index.html")


def test_where_no_forecast_can_be_made_the_rest_is_written_and_it_is_said(
    trained: Trained, tmp_path: Path
) -> None:
    service = open_service(Settings(bundles=trained.bundles, data=trained.crm))
    service.scorer.close = None
    written = write_report(service, tmp_path / "out", Wished(0, languages=("en",)))
    assert [line.startswith("no forecast: ") for line in written.missing] == [True]
    assert not (tmp_path / "out" / "en" / "forecast.html").exists()
    assert "forecast.html" not in (tmp_path / "out" / "en" / "index.html").read_text(encoding="utf-8")


def test_a_file_in_the_place_of_the_folder_is_refused(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    service = open_service(Settings(bundles=trained.bundles, data=trained.crm))
    with pytest.raises(DataError, match="is no report"):
        write_report(service, tmp_path / "out", Wished(0))


def test_without_a_win_model_there_is_a_report_without_the_week(trained: Trained, tmp_path: Path) -> None:
    service = open_service(Settings(bundles=trained.bundles, data=trained.crm))
    del service.scorer.models["win"]
    written = write_report(service, tmp_path / "out", Wished(1, languages=("en",)))
    assert any("no list for the week" in line for line in written.missing)
    assert not (tmp_path / "out" / "en" / "week.html").exists()
    assert "week.html" not in (tmp_path / "out" / "en" / "index.html").read_text(encoding="utf-8")


def test_a_process_that_is_ended_leaves_the_earlier_report_and_nothing_else(
    trained: Trained, tmp_path: Path
) -> None:
    service = open_service(Settings(bundles=trained.bundles, data=trained.crm))
    out = tmp_path / "out"
    write_report(service, out, Wished(0, languages=("en",)))
    before = (out / MARK).stat()

    def end_it(_said: str) -> None:
        for process in active_children():
            process.kill()
            process.join()

    with pytest.raises(DataError, match="a process that writes pages was ended"):
        write_report(service, out, Wished(3, languages=("en",)), end_it)
    assert (out / MARK).stat() == before
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_what_cannot_be_written_is_said_and_leaves_nothing(trained: Trained, tmp_path: Path) -> None:
    service = open_service(Settings(bundles=trained.bundles, data=trained.crm))
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OSError, match="file"):
        write_report(service, tmp_path / "file" / "out", Wished(0, languages=("en",)))
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
