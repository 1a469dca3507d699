"""The pages: the API's figures, told safely, in both languages."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from features.times import parse_instant
from serving import alerts
from serving.app import create_app, open_service
from serving.bookings import question_of
from serving.pages.assets import NAMES, asset
from serving.pages.render import Link, Site, render
from serving.pages.shown import Shown
from serving.pipeline import Wanted
from serving.routes.pages import POLICY, deal_address
from serving.running.warm import warm_up
from serving.settings import Settings
from serving.summary import tiers_of
from serving.wording import Language, behaviour_name
from tests.serving.conftest import Trained
from tests.serving.markup import Element, tree_of
from training.labels import Target

LANGUAGES = ("en", "zh-CN")
TARGETS: tuple[Target, ...] = ("win", "stall", "churn")
ENGLISH = re.compile("[a-z]{3}")
PAGES = ("/", "/week", "/alerts", "/forecast", "/forecast?by=team_id&period=week", "/team", "/models")
HOSTILE = "<script>alert('x')</script>\"&/.."


def page(client: TestClient, path: str, language: str = "en") -> Element:
    answer = client.get(path, headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    return tree_of(answer.text)


def api(client: TestClient, path: str, language: str = "en", **params: Any) -> Any:
    answer = client.get(f"/v1{path}", params=params, headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    return answer.json()


def whole(text: str) -> int:
    """The whole number in a text, with the pages' minus sign."""
    found = re.search(r"[−+]?\d+", text)
    assert found, text
    return int(found[0].replace("−", "-"))


@pytest.fixture(scope="module")
def deals(client: TestClient) -> list[str]:
    """Some open deals from the whole range of win probabilities."""
    found = api(client, "/opportunities", limit=1000)["opportunities"]
    return [each["opportunity_id"] for each in found[:: max(1, len(found) // 6)]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_deal_s_ledger_is_the_api_s_and_its_whole_percents_add_up(
    client: TestClient, deals: list[str], language: str
) -> None:
    for name in deals:
        score = api(client, f"/opportunities/{name}/score", language)
        shown = page(client, f"/deals/{name}", language)
        for target in TARGETS:
            answer = score[target]
            tile = shown.one("article", of=target)
            if answer["percent"] is None:
                assert tile.all(of="told")
                continue
            assert tile.one(of="big").text == f"{answer['percent']}%"
            assert f"{answer['base_percent']}%" in tile.one(of="score").text
            rows = rows_of(shown.one("div", id=target).one("table", of="waterfall"))
            assert rows[0][1] == answer["base_percent"]
            assert rows[-1][1] == answer["percent"] == sum(points for _, points, _ in rows[:-1])
            loud = [reason for reason in answer["reasons"] if reason["percent_points"]]
            assert [points for _, points, _ in rows[1:-1]] == [each["percent_points"] for each in loud]
            for (head, _, said), reason in zip(rows[1:-1], loud, strict=True):
                assert behaviour_name(reason["behaviour"], language).lower() in head.lower()  # type: ignore[arg-type]
                for evidence in reason["evidence"]:
                    assert evidence["text"].lower() in said.lower()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reason_that_few_refits_share_is_greyed_and_says_so(
    client: TestClient, deals: list[str], language: Language
) -> None:
    doubted = 0
    for name in deals:
        score, shown = (
            api(client, f"/opportunities/{name}/score", language),
            page(client, f"/deals/{name}", language),
        )
        for target in TARGETS:
            reasons = [each for each in score[target]["reasons"] or () if each["percent_points"]]
            unsure = [
                r["stability"] for r in reasons if r["stability"] is not None and r["stability"] < 2 / 3
            ]
            greyed = shown.one("div", id=target).all("tr", of="unstable") if reasons else []
            assert len(greyed) == len(unsure)
            for row, share in zip(greyed, unsure, strict=True):
                assert Shown(language, "UTC").share(share) in row.one("th").text
            doubted += len(unsure)
    assert doubted


def rows_of(table: Element) -> list[tuple[str, int, str]]:
    """A waterfall's heads, whole figures and evidence."""
    rows = table.one("tbody").all("tr")
    return [(row.one("th").text, whole(row.one(of="figure").text), row.one(of="said").text) for row in rows]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("days", [7, 30])
def test_a_deal_s_changes_lead_to_the_shown_percent(
    client: TestClient, deals: list[str], language: str, days: int
) -> None:
    seen = 0
    for name in deals:
        score = api(client, f"/opportunities/{name}/score", language)
        shown = page(client, f"/deals/{name}?days={days}", language)
        since = _before(score["as_of"], days)
        told = api(client, f"/opportunities/{name}/changes", language, since=since, until=score["as_of"])
        for target in TARGETS:
            moved = told["targets"][target]
            if score[target]["percent"] is None or moved["abstained"] is not None:
                continue
            rows = rows_of(shown.one("section", **{"aria-labelledby": f"changed-{target}"}).one("table"))
            steps = [moved["model"], moved["clock"], *moved["behaviours"]]
            expected = [step["percent_points"] for step in steps if step["percent_points"]]
            assert rows[0][1] == moved["before_percent"]
            assert [points for _, points, _ in rows[1:-1]] == expected
            assert rows[-1][1] == score[target]["percent"] == rows[0][1] + sum(expected)
            seen += 1
    assert seen > 5


def _before(instant: str, days: int) -> str:
    from features.times import DAY, iso

    return iso(parse_instant(instant) - days * DAY)


def test_what_to_do_next_is_the_api_s_in_its_order(client: TestClient, deals: list[str]) -> None:
    for name in deals:
        answer = client.post(f"/v1/opportunities/{name}/what-if").json()
        table = page(client, f"/deals/{name}").one("table", of="actions")
        rows = table.one("tbody").all("tr")
        assert len(rows) == len(answer["actions"]) > 0
        for row, action in zip(rows, answer["actions"], strict=True):
            assert action["text"].lower() in row.one("th").text.lower()
            for target in TARGETS:
                assert Shown().gain(action["gain"][target]) in row.one("td", of=target).text
        assert "association" in page(client, f"/deals/{name}").one("section", id="next").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pipeline_shows_the_api_s_deals_in_its_order(client: TestClient, language: str) -> None:
    for sort in ("-win", "amount", "-churn"):
        answer = api(client, "/opportunities", language, sort=sort, limit=50)["opportunities"]
        rows = page(client, f"/?sort={sort}", language).one("table", of="deals").one("tbody").all("tr")
        assert len(rows) == len(answer) == 50
        for row, deal in zip(rows, answer, strict=True):
            assert row.one("a").attributes["href"] == deal_address(deal["opportunity_id"])
            assert row.one("td", of="of-amount").text == Shown().money(deal["amount"])
            for target in TARGETS:
                cell = row.one("td", of=f"of-{target}")
                if deal[target]["percent"] is None:
                    assert not cell.all(of="meter")
                else:
                    assert cell.one("b").text == f"{deal[target]['percent']}%"
                    assert Shown(language).text(f"tier.{deal[target]['tier']}") in cell.text  # type: ignore[arg-type]


def test_the_summary_counts_what_the_pages_of_the_pipeline_hold(client: TestClient) -> None:
    teams = api(client, "/pipeline")["teams"]
    for asked in ({}, {"team_id": teams[0]}, {"rep_id": api(client, "/pipeline")["reps"][0]}):
        every = api(client, "/opportunities", limit=1000, **asked)["opportunities"]
        summary = api(client, "/pipeline", **asked)
        assert summary["open"] == len(every) > 0
        assert summary["expected_wins"] == pytest.approx(sum(deal["win"]["probability"] for deal in every))
        for target in TARGETS:
            tiers = [deal[target]["tier"] for deal in every]
            assert summary["tiers"][target] == {t: tiers.count(t) for t in ("low", "medium", "high")}
        needing = [deal for deal in every if "high" in (deal["stall"]["tier"], deal["churn"]["tier"])]
        assert summary["need_help"] == len(needing)
        shown = page(client, "/?" + "&".join(f"{k}={v}" for k, v in asked.items()))
        bigs = [each.text for each in shown.one("section", of="cards").all(of="big")]
        wins = Shown().number(summary["expected_wins"], 1)
        assert bigs == [str(summary["open"]), wins, str(summary["need_help"])]


def test_a_probability_on_the_edge_of_a_tier_is_counted_where_its_score_puts_it(client: TestClient) -> None:
    service = client.app.state.service  # type: ignore[attr-defined]
    model = service.scorer.models["win"]
    medium, high = model.bundle.tiers
    edges = np.array([medium, high, np.nextafter(high, 0), np.nextafter(medium, 0), np.nan])
    scores = service.pipeline_at(None).scores.targets["win"]
    expected = [model.bundle.tier(float(edge)) for edge in edges[:4]]
    found = tiers_of(replace(scores, probability=edges), np.ones(5, np.bool_))
    assert found == {tier: expected.count(tier) for tier in ("low", "medium", "high")}


def test_the_links_to_the_next_page_lead_through_every_deal_once(client: TestClient) -> None:
    path, seen = "/?sort=-stall", []
    while path:
        shown = page(client, path)
        seen += [row.one("a").text for row in shown.one("table", of="deals").one("tbody").all("tr")]
        following = shown.all("a", rel="next")
        path = following[0].attributes["href"] if following else ""
    assert len(seen) == len(set(seen)) == api(client, "/pipeline")["open"] > 50


@pytest.mark.parametrize("period", ["week", "month", "quarter"])
def test_the_forecast_shows_the_api_s_figures(client: TestClient, period: str) -> None:
    answer = api(client, "/forecast", by="team_id")
    shown = page(client, f"/forecast?by=team_id&period={period}")
    figures = ("p10", "p50", "p90", "mean", "booked", "open", "new")
    rows = [row for row in answer["periods"] if row["group"] is None and row["period"] == period]
    drawn = shown.one("figure").one("tbody").all("tr")
    assert len(drawn) == len(rows) > 0
    for cells, row in zip(drawn, rows, strict=True):
        assert [cell.text for cell in cells.all("td")] == [Shown().money(row[name]) for name in figures]
        assert [float(cell.attributes["data-value"]) for cell in cells.all("td")] == [
            row[name] for name in figures
        ]
    groups = {
        row["group"]["team_id"]: row
        for row in answer["periods"]
        if row["group"] and row["period"] == "horizon"
    }
    for cells in shown.one("table", of="groups").one("tbody").all("tr"):
        row = groups.pop(cells.one("th").text)
        assert [cell.text for cell in cells.all("td", of="figure")] == [
            Shown().money(row[n]) for n in figures
        ]
    assert not groups


def test_the_models_page_shows_the_api_s_measures_and_reliability(client: TestClient) -> None:
    shown = page(client, "/models")
    for model in api(client, "/models")["models"]:
        section = shown.one("section", id=model["target"])
        measures = section.one("table", of="metrics").one("tbody").all("tr")
        own = {row.one("th").parts[0]: row.one("td", of="own").text for row in measures}
        assert own["ROC AUC"].split()[-1] == f"{model['metrics']['roc_auc']:.3f}"
        rows = section.one("figure").one("tbody").all("tr")
        assert len(rows) == len(model["reliability"])
        for row, bin_ in zip(rows, model["reliability"], strict=True):
            values = [float(cell.attributes["data-value"]) for cell in row.all("td")]
            assert values == [bin_["mean"], bin_["observed"], bin_["n"]]


def every_page(client: TestClient, deals: list[str]) -> Iterator[tuple[str, Any]]:
    for path in (*PAGES, f"/deals/{deals[0]}", "/deals/nobody", "/?cursor=x", "/?sort=luck"):
        yield path, client.get(path)


def test_every_page_has_the_policy_and_nothing_that_would_need_a_laxer_one(
    client: TestClient, deals: list[str]
) -> None:
    for path, answer in every_page(client, deals):
        assert answer.headers["content-security-policy"] == POLICY, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        for element in tree_of(answer.text):
            assert not {name for name in element.attributes if name == "style" or name.startswith("on")}
            assert element.tag != "style"
            assert element.tag != "script" or element.attributes["src"].startswith("/static/")
            for name in ("src", "href", "action"):
                assert element.attributes.get(name, "/")[0] in "/#", element
    assert "unsafe" not in POLICY


def test_a_hostile_id_and_name_are_only_ever_text(trained: Trained, tmp_path: Path) -> None:
    service = open_service(Settings(trained.bundles, database=f"sqlite:///{tmp_path / 'store.db'}"))
    deal = {
        "opportunity_id": HOSTILE,
        "account_id": HOSTILE,
        "rep_id": HOSTILE,
        "created_at": "2025-01-10T09:00:00Z",
    }
    stages = [{"opportunity_id": HOSTILE, "at": "2025-01-10T09:00:00Z", "stage": HOSTILE}]
    rep = {"rep_id": HOSTILE, "team_id": HOSTILE}
    with TestClient(create_app(service)) as client:
        records = {"reps": [rep], "opportunities": [deal], "stage_changes": stages}
        assert client.post("/v1/records", json=records).json()["stored"] == 3
        listed = client.get("/")
        link = tree_of(listed.text).one("table", of="deals").one("tbody").one("a")
        assert link.text == HOSTILE
        alone = client.get(link.attributes["href"])
        assert HOSTILE in tree_of(alone.text).one("h1").text
        missing = client.get(deal_address(HOSTILE + "2"))
        for answer, status in ((listed, 200), (alone, 200), (missing, 404)):
            assert answer.status_code == status
            assert "<script>alert" not in answer.text
        found = client.get("/deals", params={"id": f" {HOSTILE} "}, follow_redirects=False)
        assert found.headers["location"] == link.attributes["href"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_score_that_cannot_be_given_is_told_politely(
    client: TestClient, trained: Trained, language: str
) -> None:
    closed = trained.data["opportunities"].filter(trained.data["opportunities"]["closed_at"].is_not_null())
    shown = page(client, f"/deals/{closed['opportunity_id'][0]}", language)
    said = shown.one("article", of="win").one(of="told").text
    assert Shown(language).told("the opportunity is closed") in said  # type: ignore[arg-type]
    assert "None" not in shown.text


def test_the_language_is_the_address_s_then_the_cookie_s_then_the_browser_s(trained: Trained) -> None:
    with TestClient(create_app(open_service(Settings(trained.bundles, data=trained.crm)))) as client:

        def language(path: str, accepted: str) -> str:
            html = client.get(path, headers={"accept-language": accepted}).text
            return tree_of(html).one("html").attributes["lang"]

        assert language("/models", "zh-CN") == "zh-CN"
        assert language("/models", "en") == "en"
        assert language("/models?lang=zh-CN", "en") == "zh-CN"
        assert language("/models", "en") == "zh-CN"
        assert language("/models?lang=en", "zh-CN") == "en"
        assert language("/models?lang=zh-CN", "en") == "zh-CN"
        links = tree_of(client.get("/?sort=-stall").text).one("nav", of="languages").all("a")
        assert [link.attributes["href"] for link in links] == [
            "/?sort=-stall&lang=en",
            "/?sort=-stall&lang=zh-CN",
        ]
        client.cookies.set("dealcast_theme", "dark")
        assert tree_of(client.get("/").text).one("html").attributes["data-theme"] == "dark"
        client.cookies.set("dealcast_theme", '"><script>')
        assert "data-theme" not in tree_of(client.get("/").text).one("html").attributes


def test_an_error_is_a_page_with_the_problem_s_status(client: TestClient, trained: Trained) -> None:
    for path, status in (
        ("/deals/nobody", 404),
        ("/?cursor=x", 422),
        ("/?sort=luck", 422),
        ("/static/x.js", 404),
    ):
        answer = client.get(path)
        assert answer.status_code == status, path
        assert tree_of(answer.text).one("h1").text
    with TestClient(create_app(open_service(Settings(trained.bundles)))) as bare:
        for path in ("/", "/deals/x", "/forecast"):
            answer = bare.get(path)
            assert answer.status_code == 404
            assert "Nothing is served here yet" in answer.text
        assert bare.get("/models").status_code == 200


def test_a_forecast_without_a_model_of_when_is_a_friendly_page(trained: Trained) -> None:
    from serving.scorer import Scorer

    service = open_service(Settings(trained.bundles, data=trained.crm))
    without = type(service)(Scorer(service.scorer.models), service.source, service.settings)
    with TestClient(create_app(without)) as client:
        answer = client.get("/forecast?lang=zh-CN")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "尚无可用的模型" in answer.text
        assert "成交时间模型" in answer.text


def test_what_has_not_changed_is_not_sent_again(client: TestClient, deals: list[str]) -> None:
    for path in (*PAGES, f"/deals/{deals[0]}"):
        first = client.get(path)
        assert first.headers["vary"] == "Accept-Encoding, Accept-Language, Cookie"
        again = client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["content-security-policy"] == POLICY
        chinese = client.get(path, headers={"if-none-match": first.headers["etag"], "accept-language": "zh"})
        assert chinese.status_code == 200


def test_files_are_kept_by_browsers_as_long_as_they_stay_the_same(client: TestClient) -> None:
    linked = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', client.get("/models").text))
    assert {link.split("?")[0].removeprefix("/static/") for link in linked} < set(NAMES)
    for link in linked:
        answer = client.get(link)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert client.get(link.split("?")[0]).headers["cache-control"] == "no-cache"
    assert client.get("/static/..%2F..%2Fapp.py").status_code == 404


def test_the_library_s_licences_are_served_beside_it(client: TestClient) -> None:
    text = client.get("/static/vendor/LICENSES.txt").text
    assert all(
        name in text for name in ("Apache License", "BSD 3-Clause License", "echarts", "zrender", "tslib")
    )
    assert b"eval(" not in asset("pages.js").body + asset("charts.js").body


def test_the_scores_of_a_store_are_a_curve_with_a_table(stored: TestClient, deals: list[str]) -> None:
    for at in ("2025-03-01T00:00:00Z", "2025-03-08T00:00:00Z"):
        api(stored, f"/opportunities/{deals[0]}/score", as_of=at)
    page(stored, f"/deals/{deals[0]}")
    answer: Mapping[str, Any] = api(stored, f"/opportunities/{deals[0]}/scores")
    rows = (
        page(stored, f"/deals/{deals[0]}").one("figure", **{"data-chart": "history"}).one("tbody").all("tr")
    )
    assert len(rows) == len(answer["scores"]) == 3
    for row, receipt in zip(rows, reversed(answer["scores"]), strict=True):
        assert row.one("th").attributes["data-value"] == receipt["as_of"]
        given = [receipt["probabilities"][target] for target in TARGETS]
        assert [cell.attributes.get("data-value") for cell in row.all("td")] == [
            None if value is None else str(value) for value in given
        ]


def test_a_browser_that_asks_for_no_page_of_ours_gets_one_and_a_program_a_problem(client: TestClient) -> None:
    browser = {"accept": "text/html,*/*;q=0.8"}
    assert "There is no such page" in client.get("/nowhere", headers=browser).text
    for path, headers in (("/nowhere", {}), ("/v1/nowhere", browser)):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/v1/scores", headers=browser).status_code == 405


@pytest.mark.parametrize(("waiting", "status"), [(0, 429), (1, 503)])
def test_whom_the_gate_refuses_a_page_reads_a_page(
    trained: Trained, caplog: pytest.LogCaptureFixture, waiting: int, status: int
) -> None:
    settings = Settings(trained.bundles, data=trained.crm, running=1, waiting=waiting, wait_seconds=0.05)
    app = create_app(open_service(settings))
    stuck, free = threading.Event(), threading.Event()

    @app.get("/v1/stuck")
    def wait() -> None:
        stuck.set()
        free.wait(30)

    with TestClient(app) as client, ThreadPoolExecutor(1) as other:
        first = other.submit(client.get, "/v1/stuck")
        assert stuck.wait(30)
        browser = {"accept": "text/html", "accept-language": "zh-CN"}
        pages, programs = client.get("/", headers=browser), client.get("/v1/models", headers=browser)
        free.set()
        assert first.result().status_code == 200
    assert (pages.status_code, programs.status_code) == (status, status)
    assert pages.headers["content-type"].startswith("text/html")
    assert "retry-after" in pages.headers
    assert not ENGLISH.search(tree_of(pages.text).one("main").text)
    assert not [each for each in caplog.records if each.levelname == "ERROR"]
    assert programs.headers["content-type"] == "application/problem+json"


def test_a_page_is_made_without_a_server_for_a_file(client: TestClient, deals: list[str]) -> None:
    site = Site(
        shown=Shown("en", "UTC"),
        deal=lambda name: f"deals/{name}.html",
        asset=lambda name: f"assets/{name}",
        navigation=(Link("pipeline", "index.html"),),
        live=False,
    )
    answer = api(client, "/opportunities", limit=5)
    context = {"pipeline": answer, "summary": api(client, "/pipeline"), "asked": Wanted()}
    listed = tree_of(render("pipeline", site, context))
    assert listed.one("tbody").one("a").attributes["href"] == f"deals/{deals[0]}.html"
    score = api(client, f"/opportunities/{deals[0]}/score")
    alone = tree_of(render("deal", site, {"deal": score}))
    assert rows_of(alone.one("div", id="win").one("table", of="waterfall"))[-1][1] == score["win"]["percent"]
    forecast = render(
        "forecast", site, {"forecast": api(client, "/forecast"), "asked": {"period": "week", "by": ""}}
    )
    models = render("models", site, {"models": api(client, "/models")})
    for element in (*listed, *alone, *tree_of(forecast), *tree_of(models)):
        assert element.tag != "form"
        for name in ("src", "href"):
            assert not element.attributes.get(name, "").startswith("/")


def test_what_the_first_visitor_would_wait_for_is_made_before(trained: Trained) -> None:
    service = open_service(Settings(trained.bundles, data=trained.crm))
    assert service.source is not None
    warm_up(service).join()
    kept = (service.source.pipelines, service.source.forecasts, service.boards)
    made = [len(each) for each in kept]
    service.summary(Wanted(), None)
    for by, days in (("", 90), ("team_id", 90), ("source", 90), ("", 30), ("", 365)):
        service.forecast(question_of(by, days), None)
    service.alerts(alerts.Question(), None, "en")
    assert made == [1, 8, 1] == [len(each) for each in kept]
    warm_up(open_service(Settings(trained.bundles))).join()
