"""Supposed records: the bits of a posted history that holds them, feasible actions, and nothing kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from features.canonical import TIME
from features.times import DAY, HOUR, from_micros, iso, parse_instant
from serving.actions import Action, actions_of
from serving.app import create_app, open_service
from serving.service import Service
from serving.settings import Settings
from serving.store.dataset import copy_into
from tests.postgresql import Server
from tests.serving.conftest import Trained, posted
from tests.serving.stores import DAY_1, kept, new_address, open_store
from training.labels import TARGETS

LATE_MARCH = parse_instant("2025-03-25")


@pytest.fixture(scope="module")
def latest(client: TestClient) -> int:
    """The folder's watermark: up to where its histories go."""
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    assert service.source is not None
    assert service.source.known is not None
    return service.source.known


def open_deals(trained: Trained, count: int) -> list[str]:
    frame = trained.data["opportunities"].filter(pl.col("closed_at").is_null())
    return list(frame["opportunity_id"].sort().head(count))


def asked(client: TestClient, one: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/opportunities/{one}/what-if", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def scored(client: TestClient, deal: dict[str, Any], as_of: str) -> dict[str, Any]:
    """What POST /v1/scores says of a history."""
    answer = client.post("/v1/scores", json={"as_of": as_of, "opportunities": [deal]})
    return dict(answer.json()["scores"][0]) | {"data_as_of": None}


def supposed(latest: int, one: str) -> dict[str, list[dict[str, Any]]]:
    """Some of each kind of record, within five days."""
    soon, late = iso(latest + DAY), iso(latest + 5 * DAY)
    return {
        "activities": [
            MEETING | {"activity_id": f"x {one}", "at": soon, "contact_id": "new"},
            MAIL_IN | {"activity_id": f"y {one}", "at": soon, "recorded_at": late},
        ],
        "stage_changes": [{"at": late, "stage": "negotiation"}],
        "field_changes": [{"at": late, "field": "amount", "value": "12345"}],
        "contacts": [{"contact_id": "new", "role": "decision_maker", "created_at": soon}],
    }


def test_then_is_to_the_bit_the_score_of_a_posted_history_with_the_same_records(
    client: TestClient, trained: Trained, latest: int
) -> None:
    moved = 0
    at = iso(latest + 6 * DAY)
    for one in open_deals(trained, 15):
        records = supposed(latest, one)
        found = asked(client, one, at=at, records=records)
        history = posted(trained.data, one)
        added = {name: [*history.get(name, []), *rows] for name, rows in records.items()}
        for row in added["activities"][-2:]:
            row["opportunity_id"] = one
        assert found["then"] | {"data_as_of": None} == scored(client, history | added, at)
        assert found["nothing"] | {"data_as_of": None} == scored(client, history, at)
        assert found["now"] | {"data_as_of": None} == scored(client, history, iso(latest))
        for target in TARGETS:
            ends = [found[name][target]["probability"] for name in ("then", "nothing")]
            gain = None if None in ends else ends[0] - ends[1]
            assert found["gain"][target] == gain
        moved += found["gain"]["win"] != 0
        assert found["actions"] == []
    assert moved >= 10


def test_of_an_earlier_moment_nothing_later_is_known(client: TestClient, trained: Trained) -> None:
    as_of, at = "2025-03-31T00:00:00Z", "2025-04-21T00:00:00Z"
    frame = trained.data["opportunities"].filter(pl.col("created_at") < pl.lit(from_micros(LATE_MARCH), TIME))
    differing = 0
    for one in frame.sort("created_at", descending=True)["opportunity_id"].head(60):
        found = asked(client, one, as_of=as_of, at=at)
        really = client.get(f"/v1/opportunities/{one}/score", params={"as_of": at}).json()
        changes = client.get(
            f"/v1/opportunities/{one}/changes", params={"since": as_of, "until": at, "target": "win"}
        ).json()["targets"]["win"]
        if changes["abstained"] is None:
            clock = found["nothing"]["win"]["probability"] - found["now"]["win"]["probability"]
            assert clock == changes["clock"]["points"]
            differing += really["win"]["probability"] != found["nothing"]["win"]["probability"]
    assert differing >= 5


def test_each_action_gains_what_its_records_gain_when_they_are_posted_back(
    client: TestClient, trained: Trained, latest: int
) -> None:
    names = set()
    for one in open_deals(trained, 25):
        actions = asked(client, one)["actions"]
        gains = [action["gain"]["win"] for action in actions]
        assert gains == sorted(gains, reverse=True)
        names |= {action["action"] for action in actions}
        for action in actions[:2]:
            if action["action"] != "nothing":
                found = asked(client, one, at=action["at"], records=action["records"])
                assert found["gain"] == action["gain"]
                assert found["at"] == iso(latest + 7 * DAY)
        nothing = next(action for action in actions if action["action"] == "nothing")
        assert nothing["at"] == iso(latest + 14 * DAY)
    assert names >= {"decision-maker-meeting", "meeting", "call", "email-reply", "follow-up", "nothing"}


OPENED = {"opportunity_id": "d", "account_id": "a", "rep_id": "r", "created_at": 0, "closed_at": None}


def world(contacts: list[str], activities: list[dict[str, Any]], **deal: Any) -> dict[str, Any]:
    blank = dict.fromkeys(("contact_id", "direction", "outcome", "recorded_at"))
    done = [
        {"activity_id": str(i), "opportunity_id": "d", "at": i * HOUR, **blank, **row}
        for i, row in enumerate(activities, start=1)
    ]
    people = [{"contact_id": role, "account_id": "a", "role": role, "created_at": 0} for role in contacts]
    return {
        "opportunities": [OPENED | deal],
        "activities": done,
        "contacts": people,
        "field_changes": [],
    }


def names_of(world: dict[str, Any]) -> set[str]:
    actions: list[Action] = actions_of(world, "d", 2 * DAY)
    return {action.name for action in actions}


MAIL_IN, MAIL_OUT = ({"kind": "email", "direction": way} for way in ("inbound", "outbound"))
MEETING = {"kind": "meeting", "outcome": "held"}
NO_SHOW = {"kind": "meeting", "outcome": "no_show"}
ALWAYS = {"nothing"}
PERSON = {"call", "meeting"}


@pytest.mark.parametrize(
    ("contacts", "activities", "names"),
    [
        ([], [], ALWAYS),
        (["user"], [], ALWAYS | PERSON),
        (["decision_maker"], [], ALWAYS | {"call", "decision-maker-meeting"}),
        (["user", "decision_maker"], [], ALWAYS | PERSON | {"decision-maker-meeting"}),
        ([], [MAIL_IN], ALWAYS | {"email-reply"}),
        ([], [MAIL_IN, MAIL_OUT], ALWAYS),
        ([], [MAIL_OUT, MAIL_IN], ALWAYS | {"email-reply"}),
        ([], [MEETING], ALWAYS | {"follow-up"}),
        ([], [MEETING, MAIL_OUT], ALWAYS),
        ([], [NO_SHOW], ALWAYS),
        ([], [{"kind": "proposal", "direction": "outbound"}], ALWAYS | {"follow-up"}),
        ([], [MEETING | {"at": -40 * DAY}], ALWAYS),
        ([], [MAIL_IN | {"at": 3 * DAY}], ALWAYS),
    ],
)
def test_only_what_can_be_done_is_proposed(
    contacts: list[str], activities: list[dict[str, Any]], names: set[str]
) -> None:
    assert names_of(world(contacts, activities)) == names


def test_of_a_closed_deal_nothing_is_proposed() -> None:
    assert names_of(world(["user"], [], closed_at=DAY)) == set()
    assert names_of(world(["user"], [], created_at=3 * DAY)) == set()


def test_the_texts_speak_chinese_and_a_target_limits_the_gains(client: TestClient, trained: Trained) -> None:
    one = open_deals(trained, 1)[0]
    english = asked(client, one, target="stall")
    assert english["note"] == "an association, not a proven effect"
    assert {tuple(action["gain"]) for action in english["actions"]} == {("stall",)}
    assert set(english["gain"]) == {"stall"}
    chinese = client.post(
        f"/v1/opportunities/{one}/what-if", json={}, headers={"Accept-Language": "zh-CN"}
    ).json()
    assert chinese["note"] == "这是相关性，而非已证实的效果"
    texts = {each["action"]: each["text"] for each in chinese["actions"]}
    assert texts["nothing"] == "两周内不采取任何行动"


def test_without_a_time_the_deal_is_scored_once_the_last_record_is_known(
    client: TestClient, trained: Trained, latest: int
) -> None:
    one = open_deals(trained, 1)[0]
    assert asked(client, one, records=supposed(latest, one))["at"] == iso(latest + 5 * DAY)
    assert asked(client, one)["at"] == iso(latest + 7 * DAY)
    assert asked(client, one, records={"contacts": [{"contact_id": "x"}]})["at"] == iso(latest)
    assert asked(client, one, records={"activities": [{"at": iso(latest + 1), "kind": "call"}]})["at"] == iso(
        latest + 1
    )


def test_a_body_that_does_not_fit_is_refused_by_place(
    client: TestClient, trained: Trained, latest: int
) -> None:
    one = open_deals(trained, 1)[0]
    call = {"kind": "call", "at": iso(latest + DAY)}
    for body, place in (
        ({"records": {"activities": [call | {"at": iso(latest)}]}}, "records.activities.0"),
        ({"records": {"activities": [call | {"recorded_at": iso(latest)}]}}, "records.activities.0"),
        ({"records": {"activities": [call]}, "at": iso(latest + HOUR)}, "records.activities.0"),
        ({"at": iso(latest - 1)}, "at"),
        ({"records": {"activites": [call]}}, "records.activites"),
        ({"records": {"activities": [call | {"kind": "dance"}]}}, "records.activities.0.kind"),
        ({"target": "luck"}, "target"),
    ):
        answer = client.post(f"/v1/opportunities/{one}/what-if", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["at"]) == (422, place)
    assert client.post(f"/v1/opportunities/{one}/what-if", content=b"{").status_code == 400
    assert client.post("/v1/opportunities/nobody/what-if", json={}).status_code == 404


@pytest.fixture
def stored(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: Server, trained: Trained
) -> Iterator[Service]:
    address = new_address("sqlite", tmp_path_factory.mktemp("what_if"), postgresql_server)
    store = open_store(address)
    copy_into(store, trained.data, lambda: DAY_1)
    store.close()
    service = open_service(Settings(bundles=trained.bundles, database=address))
    yield service
    service.close()


def test_the_store_answers_as_the_folder_and_keeps_nothing(
    client: TestClient, stored: Service, trained: Trained, latest: int
) -> None:
    assert stored.scores is not None
    store = stored.scores.store
    other = TestClient(create_app(stored))
    before = store.watermark()
    for one in open_deals(trained, 5):
        for body in ({}, {"records": supposed(latest, one)}):
            found, folder = (asked(c, one, as_of=iso(latest), **body) for c in (other, client))
            for name in ("now", "then", "nothing"):
                assert found[name] | {"data_as_of": None} == folder[name] | {"data_as_of": None}
            assert (found["gain"], found["actions"]) == (folder["gain"], folder["actions"])
            assert stored.scores.history(one, 10, None)["scores"] == []
    assert store.watermark() == before
    assert len(kept(store, "contacts")) == trained.data["contacts"].height
