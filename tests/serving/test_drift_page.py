"""What drifted, on the models' page and in the API: the study's figures, in both languages, for the version
that is served."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app, open_service
from serving.pages.shown import Shown
from serving.settings import Settings
from serving.wording import Language
from tests.serving.conftest import Ran, Trained
from tests.serving.markup import tree_of
from tests.trained import T, with_study

Dealcast = Callable[..., Ran]
LANGUAGES: tuple[Language, ...] = ("en", "zh-CN")


@pytest.fixture(scope="module")
def found(trained: Trained) -> dict[str, Any]:
    """The study of the world a quarter after its models' cut-off would be drawn, with the section alone."""
    from features.times import parse_instant
    from serving.commands.study import drift
    from training.study import study
    from training.tracking import Tracking

    def section(data: Any, as_of: int) -> dict[str, Any]:
        return drift(data, as_of, tracking=Tracking(trained.uri))

    return study(trained.data, parse_instant(T), {"drift": section})


@pytest.fixture
def client(trained: Trained, found: dict[str, Any], tmp_path: Path) -> Iterator[TestClient]:
    world = with_study(trained, found, tmp_path)
    with TestClient(create_app(open_service(Settings(world.bundles)))) as client:
        yield client


def models(client: TestClient, language: str = "en") -> dict[str, Any]:
    answer = client.get("/v1/models", headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    return {model["target"]: model["drift"] for model in answer.json()["models"]}


def test_the_api_gives_what_the_study_found_with_words(client: TestClient, found: dict[str, Any]) -> None:
    section = found["sections"]["drift"]
    english, chinese = models(client), models(client, "zh-CN")
    assert section["models"]
    for target, its in section["models"].items():
        said = english[target]
        assert said["verdict"] == its["verdict"]
        assert said["log_loss"] == its["log_loss"]
        assert len(said["drifted"]) <= 12
        for one, other, kept in zip(said["drifted"], chinese[target]["drifted"], its["drifted"], strict=True):
            assert one["before"] == other["before"] == kept["before"]
            assert one["text"] != other["text"]
            assert not any(sign.isascii() and sign.isalpha() for sign in other["text"].replace("CRM", ""))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_the_api_s_figures(client: TestClient, language: Language) -> None:
    shown, look = tree_of(client.get("/models", headers={"accept-language": language}).text), Shown(language)
    for target, drift in models(client, language).items():
        text = shown.one("section", id=target).text
        assert look.text(f"models.drift.{drift['verdict']}") in text
        assert look.number(drift["log_loss"]["expected"], 3) in text
        assert (
            look.text("models.drift.on", n=look.number(drift["rows"]), days=90, at=look.date(drift["end"]))
            in text
        )
        for each in drift["drifted"]:
            assert look.sentence(each["text"]) in text


def test_what_was_found_of_another_version_is_not_shown(
    trained: Trained, found: dict[str, Any], tmp_path: Path
) -> None:
    its = json.loads(json.dumps(found))
    its["sections"]["drift"]["models"]["win"]["version"] = "0"
    world = with_study(trained, its, tmp_path)
    with TestClient(create_app(open_service(Settings(world.bundles)))) as client:
        assert models(client)["win"] is None
        section = tree_of(client.get("/models").text).one("section", id="win")
        assert Shown("en").text("models.drift.none") in section.text


def test_a_damaged_study_leaves_the_models_their_page(trained: Trained, tmp_path: Path) -> None:
    world = with_study(trained, {}, tmp_path)
    (world.bundles / "study.json").write_text("{", encoding="utf-8")
    with TestClient(create_app(open_service(Settings(world.bundles)))) as client:
        assert set(models(client).values()) == {None}
        assert client.get("/models").status_code == 200


def test_without_models_a_study_says_what_it_leaves_out_and_makes_no_store(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    store = tmp_path / "none.db"
    to = tmp_path / "study.json"
    ran = dealcast("study", trained.crm, "--as-of", T, "--out", to, "--tracking-uri", f"sqlite:///{store}")
    assert ran.code == 0, ran.err
    assert "drift: left out" in ran.err
    assert "has no champion; train one" in " ".join(ran.err.split())
    assert not store.exists()
    assert "drift" not in json.loads(to.read_text("utf-8"))["sections"]
