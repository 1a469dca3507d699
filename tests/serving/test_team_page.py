"""The team's page: the API's figures in both languages, nobody ranked, and nothing of small groups."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app, open_service
from serving.pages.shown import Shown
from serving.pages.team import OddsScale, odds_scale
from serving.settings import Settings
from serving.wording import Language
from tests.serving.conftest import Trained
from tests.serving.markup import Element, tree_of
from tests.trained import with_study

LANGUAGES: tuple[Language, ...] = ("en", "zh-CN")
HOSTILE = "<script>alert('x')</script>\"&/.."
TOO_SMALL = {"en": "not shown: too few people", "zh-CN": "未展示：人数太少"}
Changed = Callable[[Callable[[dict[str, Any]], object]], AbstractContextManager[TestClient]]


@pytest.fixture(scope="module")
def client(studied: Trained) -> Iterator[TestClient]:
    with TestClient(create_app(open_service(Settings(studied.bundles, data=studied.crm)))) as client:
        yield client


@pytest.fixture(scope="module")
def found(studied: Trained) -> dict[str, Any]:
    return dict(json.loads((studied.bundles / "study.json").read_text(encoding="utf-8")))


@pytest.fixture
def changed(trained: Trained, found: dict[str, Any], tmp_path: Path) -> Changed:
    """Serves the same world with some of the study's sections changed."""

    @contextmanager
    def serve(change: Callable[[dict[str, Any]], object]) -> Iterator[TestClient]:
        its = deepcopy(found)
        change(its["sections"])
        world = with_study(trained, its, tmp_path)
        with TestClient(create_app(open_service(Settings(world.bundles)))) as client:
            yield client

    return serve


def page(client: TestClient, language: str = "en", **params: str) -> Element:
    answer = client.get("/team", params=params, headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    return tree_of(answer.text)


def api(client: TestClient, path: str, language: str = "en", **params: str) -> Any:
    answer = client.get(f"/v1/{path}", params=params, headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows(shown: Element, within: str) -> list[Element]:
    """The rows of the table that a heading names."""
    return shown.one("section", **{"aria-labelledby": within}).one("tbody").all("tr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_behaviours_are_the_api_s_the_named_ones_first_and_the_others_folded(
    client: TestClient, language: Language
) -> None:
    said, panel = api(client, "patterns", language), page(client, language).one("section", id="patterns")
    tables = panel.all("table")
    named = [each for each in said["behaviours"] if each["named"]]
    unnamed = [each for each in said["behaviours"] if not each["named"]]
    assert len(tables) == 2
    assert tables[1] in list(panel.one("details"))
    assert said["notice"] in panel.text
    for table, entries in zip(tables, (named, unnamed), strict=True):
        drawn = table.one("tbody").all("tr")
        assert len(drawn) == len(entries) > 0
        for row, entry in zip(drawn, entries, strict=True):
            assert entry["label"].lower() == row.one("th").text.lower()
            assert row.one("td", of="figure").text.endswith(Shown().gain(entry["points"]))
            for figure in (entry["odds_ratio"], *entry["interval"]):
                assert f"{figure:.2f}" in row.one("td", of="graph").text
            assert entry["text"].lower() == row.one("td", of="said").text.lower()


@pytest.mark.parametrize(
    ("chosen", "named"), [("team:T-01", {"team_id": "T-01"}), ("region:East", {"region": "East"})]
)
def test_a_group_can_be_named_as_in_the_api(client: TestClient, chosen: str, named: dict[str, str]) -> None:
    by_name, by_choice = page(client, **named), page(client, group=chosen)
    assert by_name.one("main").text == by_choice.one("main").text != page(client).one("main").text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("chosen", "params"),
    [("", {}), ("team:T-01", {"team_id": "T-01"}), ("region:East", {"region": "East"})],
)
def test_the_figures_are_the_api_s(
    client: TestClient, language: Language, chosen: str, params: dict[str, str]
) -> None:
    said = api(client, "team", language, **params)
    shown, figures = page(client, language, group=chosen), said["figures"]
    look = Shown(language)
    assert said["notice"] in shown.one("p", of="notice").text
    for row, stage in zip(rows(shown, "funnel-title"), figures["funnel"], strict=True):
        cells = [cell.text for cell in row.all("td", of="figure")]
        assert row.one("th").text == stage["stage"]
        assert cells[0] == look.number(stage["n"])
        for cell, name in zip(cells[1:3], ("moved_on", "lost"), strict=True):
            assert cell.startswith(look.share(stage[name]["value"]))
            assert look.share(stage[name]["low"]) in cell
        assert cells[3].startswith(look.share(stage["undecided"]))
        assert cells[4].startswith(look.measured(stage["days"]["p50"], "days"))
        assert look.measured(stage["days"]["p75"], "days") in cells[4]
    results = figures["results"]
    bigs = [each.text for each in shown.one("section", id="results").all("p", of="big")]
    assert bigs[0] == look.share(results["win_share"]["value"])
    assert bigs[1].startswith(look.short_money(results["value_won"]))
    assert bigs[2:] == [look.number(results["days_to_win"]["p50"]), look.number(results["created"])]
    for name in ("sources", "products"):
        for row, each in zip(rows(shown, name), figures[name], strict=True):
            cells = [cell.text for cell in row.all("td")]
            assert cells[0].startswith(look.share(each["win_share"]["value"]))
            assert cells[1:] == [look.number(each[key]) for key in ("created", "closed", "won")]
    for row, each in zip(rows(shown, "loss_reasons"), figures["loss_reasons"], strict=True):
        assert row.one("td").text.startswith(look.share(each["share"]["value"]))
        assert row.all("td")[1].text == look.number(each["n"])
    for row, each in zip(rows(shown, "process"), figures["process"], strict=True):
        assert row.one("td").text.startswith(look.measured(each["mean"], each["unit"]))
    lead, answered, reply = rows(shown, "response")
    response = figures["response"]
    assert lead.one("td").text.startswith(look.measured(response["lead_hours"]["p50"], "hours"))
    assert answered.one("td").text.startswith(look.share(response["leads_answered_within_a_day"]["value"]))
    assert reply.one("td").text.startswith(look.measured(response["reply_hours"]["p50"], "hours"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_rep_sees_the_own_figures_beside_those_compared_and_the_page_lists_no_rep(
    client: TestClient, found: dict[str, Any], language: Language
) -> None:
    rep, *others = found["sections"]["team"]["reps"]
    said, shown = api(client, "team", language, rep_id=rep), page(client, language, rep_id=f" {rep} ")
    assert said["compared_with"]["name"] in shown.one("p", of="other").text
    for row, own, theirs in zip(
        rows(shown, "funnel-title"), said["figures"]["funnel"], said["beside"]["funnel"], strict=True
    ):
        cell = row.all("td", of="figure")[1]
        assert cell.text.startswith(Shown().share(own["moved_on"]["value"]))
        assert cell.one("small", of="other").text.endswith(Shown().share(theirs["moved_on"]["value"]))
    for html in (shown.text, page(client, language).text):
        assert not [name for name in others if name in html]


def test_a_team_stands_beside_the_firm(client: TestClient) -> None:
    firm = api(client, "team")["figures"]["results"]["win_share"]["value"]
    card = page(client, group="team:T-01").one("section", id="results").one("div")
    assert card.one("small", of="other").text.endswith(f": {Shown().share(firm)}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_a_group_that_is_not_shown_the_reason_stands_there_and_no_figure(
    changed: Changed, language: Language
) -> None:
    def hide(sections: dict[str, Any]) -> None:
        sections["team"]["teams"]["T-02"] = {"suppressed": TOO_SMALL}

    with changed(hide) as client:
        shown = page(client, language, group="team:T-02")
        assert TOO_SMALL[language].lower() in shown.one("p", of="suppressed").text.lower()
        assert not [each for name in ("funnel", "results") for each in shown.all("section", id=name)]
        closed, opened = shown.one("option", value="team:T-02"), shown.one("option", value="team:T-01")
        assert "disabled" in closed.attributes
        assert closed.text == Shown(language).text("team.hidden", name="T-02")
        assert "disabled" not in opened.attributes


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("lacking", ["patterns", "team"])
def test_where_one_section_is_lacking_the_other_is_shown(
    changed: Changed, language: Language, lacking: str
) -> None:
    with changed(lambda sections: sections.pop(lacking)) as client:
        shown = page(client, language)
        assert bool(shown.all("section", id="patterns")) == (lacking == "team")
        assert bool(shown.all("section", id="funnel")) == (lacking == "patterns")
        assert "dealcast study" in shown.one("p", of="told").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_study_the_page_says_what_to_run(trained: Trained, language: Language) -> None:
    with TestClient(create_app(open_service(Settings(trained.bundles)))) as client:
        shown = page(client, language)
        assert shown.one("code").text == "dealcast study DATA --out BUNDLES/study.json"
        assert not shown.all("form")


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_too_little_has_closed_the_page_says_so(changed: Changed, language: Language) -> None:
    nothing = {"abstained": TOO_SMALL, "behaviours": [], "unmeasured": [], "best_group": None}
    with changed(lambda sections: sections["patterns"].update(nothing)) as client:
        panel = page(client, language).one("section", id="patterns")
        assert TOO_SMALL[language].lower() in panel.one("p", of="told").text.lower()
        assert not panel.all("table")


def test_hostile_names_are_only_ever_text(changed: Changed) -> None:
    def poison(sections: dict[str, Any]) -> None:
        team = sections["team"]
        team["teams"][HOSTILE] = its = team["teams"]["T-01"]
        its["sources"][0]["name"] = its["loss_reasons"][0]["name"] = its["funnel"][0]["stage"] = HOSTILE
        team["reps"][HOSTILE] = {"team_id": HOSTILE, "compared_with": "team", "own": its}

    with changed(poison) as client:
        for params in ({}, {"group": f"team:{HOSTILE}"}, {"rep_id": HOSTILE}):
            html = client.get("/team", params=params).text
            assert "<script>alert" not in html
            assert HOSTILE in tree_of(html).text


@pytest.mark.parametrize(
    ("params", "status", "said"),
    [
        ({"group": "team:nobody"}, 404, "no such group"),
        ({"group": "region:nowhere"}, 404, "no such group"),
        ({"rep_id": "nobody"}, 404, "no such group"),
        ({"group": "rep:R-00001"}, 422, "team:NAME"),
        ({"group": "team:T-01", "rep_id": "R-00001"}, 422, "only one"),
    ],
)
def test_a_group_that_is_not_there_is_a_page_with_the_problem_s_status(
    client: TestClient, params: dict[str, str], status: int, said: str
) -> None:
    answer = client.get("/team", params=params, headers={"accept-language": "en"})
    assert answer.status_code == status
    assert said in tree_of(answer.text).text


def test_odds_ratios_and_their_inverses_stand_as_far_from_the_middle() -> None:
    scale = odds_scale([{"interval": [0.25, 2.0]}])
    whisker = scale.whisker({"interval": [0.5, 2.0], "odds_ratio": 1.0})
    assert whisker.middle == 50
    assert whisker.low + whisker.high == 100
    assert 0 < whisker.low < 50
    assert [tick.ratio for tick in scale.ticks()] == [0.25, 1.0, 4.0]
    assert odds_scale([]) == OddsScale(1.0)
