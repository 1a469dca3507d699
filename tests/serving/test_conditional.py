"""Scores by id that have not changed: tags, the day's score, packed answers."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from features.times import parse_instant
from serving import service as service_module
from serving.app import create_app, open_service
from serving.kept import Given, Kept, KeptAnswers, day_of, next_event
from serving.scorer import Scorer
from serving.service import Service
from serving.settings import Settings
from tests.serving.conftest import T, Trained, posted

NOON = parse_instant("2025-03-31T12:00:00Z")
HOUR = 3_600_000_000


@pytest.fixture
def service(trained: Trained, tmp_path: Path) -> Service:
    return open_service(Settings(trained.bundles, database=f"sqlite:///{tmp_path / 'store.db'}"))


@pytest.fixture
def store(service: Service, trained: Trained) -> TestClient:
    client = TestClient(create_app(service))
    for one in ("O-00975", "O-00976"):
        deal = posted(trained.data, one)
        nested = {name: deal.pop(name) for name in ("stage_changes", "field_changes", "activities")}
        own = {"opportunity_id": one}
        deal = {name: value for name, value in deal.items() if not isinstance(value, list | dict)}
        told = {name: [row | own for row in its] for name, its in nested.items()}
        answer = client.post("/v1/records", json={"opportunities": [deal], **told, "backfill": True})
        assert answer.json()["refused"] == 0
    return client


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The time of day as the service is told."""
    told = {"now": NOON}
    monkeypatch.setattr(service_module, "now", lambda: told["now"])
    return told


def path(one: str = "O-00975") -> str:
    return f"/v1/opportunities/{one}/score"


def call(name: str, **more: Any) -> dict[str, Any]:
    own = {"activity_id": name, "opportunity_id": "O-00975", "kind": "call"}
    return {
        "activities": [own | {"at": "2025-03-30T10:00:00Z", "recorded_at": "2025-03-30T10:00:00Z"} | more]
    }


def test_a_score_that_has_not_changed_is_304_without_a_body(store: TestClient) -> None:
    first = store.get(path(), params={"as_of": T})
    again = store.get(path(), params={"as_of": T}, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = store.get(path(), params={"as_of": T}, headers={"If-None-Match": '"something"'})
    assert (other.status_code, other.json()) == (200, first.json())


def test_the_tag_is_another_s_for_another_question_language_or_model(
    store: TestClient, service: Service
) -> None:
    ways = [{}, {"explain": False}, {"as_of": T}, {"as_of": "2025-03-30"}]
    tags = {store.get(path(), params=way).headers["etag"] for way in ways}
    tags.add(store.get(path(), headers={"Accept-Language": "zh"}).headers["etag"])
    win = replace(service.scorer.models["win"], version="2")
    later = replace(service, scorer=Scorer({**service.scorer.models, "win": win}))
    changed = TestClient(create_app(later)).get(path())
    assert changed.json()["model"]["win"] == "2"
    assert len(tags | {changed.headers["etag"]}) == 6


def test_a_record_of_the_deal_changes_its_tag_and_no_other_deal_s(store: TestClient) -> None:
    before = {one: store.get(path(one), params={"as_of": T}) for one in ("O-00975", "O-00976")}
    assert store.post("/v1/records", json=call("new")).json()["stored"] == 1
    after = {one: store.get(path(one), params={"as_of": T}) for one in before}
    assert after["O-00975"].headers["etag"] != before["O-00975"].headers["etag"]
    assert after["O-00975"].json()["prediction_id"] != before["O-00975"].json()["prediction_id"]
    assert after["O-00976"].headers["etag"] == before["O-00976"].headers["etag"]


def test_the_day_s_score_serves_until_midnight_or_a_record(store: TestClient, clock: dict[str, int]) -> None:
    first = store.get(path()).json()
    clock["now"] += HOUR
    assert store.get(path()).json() == first
    assert store.get(path(), params={"explain": False}).json()["as_of"] != first["as_of"]
    assert store.post("/v1/records", json=call("new")).json()["stored"] == 1
    second = store.get(path()).json()
    assert (first["as_of"], second["as_of"]) == ("2025-03-31T12:00:00Z", "2025-03-31T13:00:00Z")
    clock["now"] += 12 * HOUR
    assert store.get(path()).json()["as_of"] == "2025-04-01T01:00:00Z"


def test_the_day_s_score_ends_where_a_record_begins_to_count(
    store: TestClient, clock: dict[str, int]
) -> None:
    ahead = call("ahead", at="2025-03-31T12:30:00Z", recorded_at="2025-03-31T12:30:00Z")
    assert store.post("/v1/records", json=ahead).json()["stored"] == 1
    first = store.get(path()).json()
    clock["now"] += HOUR // 4
    assert store.get(path()).json() == first
    clock["now"] += HOUR
    assert store.get(path()).json()["prediction_id"] != first["prediction_id"]


def test_a_folder_s_scores_have_tags_too(client: TestClient) -> None:
    first = client.get(path(), params={"as_of": T})
    assert client.get(path(), headers={"If-None-Match": first.headers["etag"]}).status_code == 200
    known = {"If-None-Match": f'"other", {first.headers["etag"]}'}
    assert client.get(path(), params={"as_of": T}, headers=known).status_code == 304


def test_large_answers_are_packed_for_who_takes_gzip(client: TestClient) -> None:
    ways = [{"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity"}]
    packed, plain = (client.get(path(), params={"as_of": T}, headers=way) for way in ways)
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < len(plain.content) / 3
    assert len(gzip.compress(plain.content, 1)) < len(plain.content) / 3


@pytest.mark.parametrize(
    "way", ["explain=1", "explain=no", "explain=on", "as_of=2025-03-30&as_of=2025-03-31"]
)
def test_a_question_gets_one_answer_however_it_is_written(client: TestClient, way: str) -> None:
    answer = client.get(f"{path()}?{way}").json()
    if "explain" in way:
        assert (answer["win"]["reasons"] is None) == (way == "explain=no")
    else:
        assert answer["as_of"] == T


def test_answers_are_let_go_of_where_there_is_no_room() -> None:
    kept = KeptAnswers(most_bytes=250)
    for name in ("a", "b", "a", "c"):
        kept.keep((name,), Kept(Given(b"x" * 100, name), 1, "", 0, 10))
    assert [kept.find((name,), 5) is not None for name in "abc"] == [True, False, True]
    assert kept.find(("a",), 10) is None


def test_a_day_ends_at_midnight_of_its_zone_and_the_next_event_is_the_soonest() -> None:
    day, end = day_of(parse_instant("2025-03-30T23:30:00Z"), "Europe/Amsterdam")
    assert (day, end) == ("2025-03-31", parse_instant("2025-03-31T22:00:00Z"))
    rep = ("r", None, None, 50, None, 7)
    assert next_event({"reps": [rep]}, 49, 60) == 50
    assert next_event({"reps": [rep]}, 50, 60) == 60
