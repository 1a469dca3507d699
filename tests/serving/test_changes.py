"""What moved a probability: steps that add up, from a folder and from a store, across versions of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from features.canonical import TIME
from features.times import from_micros, iso, parse_instant
from serving.app import create_app, open_service
from serving.around import Indexed, known_at
from serving.histories import of_rows
from serving.scorer import Scorer
from serving.service import Service
from serving.settings import Settings
from serving.store.dataset import copy_into
from serving.stored import receipt_of
from tests.postgresql import Server
from tests.serving.conftest import T, Trained
from tests.serving.stores import DAY_1, new_address, open_store
from training.labels import TARGETS

DATES = ("2025-01-06T08:00:00Z", "2025-02-10T12:34:56.789012Z", "2025-03-24T00:00:00Z", T)
SPANS = [(DATES[0], DATES[1]), (DATES[1], DATES[2]), (DATES[2], T), (DATES[0], T)]


def time(text: str) -> pl.Expr:
    return pl.lit(from_micros(parse_instant(text)), TIME)


def some_deals(trained: Trained, count: int = 60) -> list[str]:
    """Deals that begin before the last date, the latest first."""
    frame = trained.data["opportunities"].filter(pl.col("created_at") < time("2025-03-20"))
    return list(frame.sort("created_at", descending=True)["opportunity_id"].head(count))


def changes(client: TestClient, one: str, since: str, until: str, **more: Any) -> dict[str, Any]:
    answer = client.get(f"/v1/opportunities/{one}/changes", params={"since": since, "until": until, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def score(client: TestClient, one: str, as_of: str) -> dict[str, Any]:
    return dict(client.get(f"/v1/opportunities/{one}/score", params={"as_of": as_of}).json())


def given(client: TestClient, trained: Trained) -> Iterator[tuple[str, str, str, str, Mapping[str, Any]]]:
    """Each deal, span and target whose changes can be given."""
    for one in some_deals(trained):
        for since, until in SPANS:
            for target, found in changes(client, one, since, until)["targets"].items():
                if found["abstained"] is None:
                    yield one, since, until, target, found


def test_the_steps_add_up_to_the_change_and_the_percents_to_the_printed_ones(
    client: TestClient, trained: Trained
) -> None:
    seen: dict[str, int] = dict.fromkeys(TARGETS, 0)
    for *_, target, found in given(client, trained):
        seen[target] += 1
        clock, model, behaviours = found["clock"], found["model"], found["behaviours"]
        total = found["before"] + clock["points"] + model["points"] + sum(b["points"] for b in behaviours)
        assert total == pytest.approx(found["after"], abs=1e-9)
        assert sum(part["points"] for part in clock["behaviours"]) == pytest.approx(clock["points"], abs=1e-9)
        whole = [clock, model, *behaviours]
        assert found["before_percent"] + sum(p["percent_points"] for p in whole) == found["after_percent"]
        assert all(abs(p["percent_points"] - 100 * p["points"]) < 1 + 1e-9 for p in whole)
    assert min(seen.values()) >= 40


def test_before_and_after_are_the_scores_of_those_moments(client: TestClient, trained: Trained) -> None:
    moved = 0
    for one in some_deals(trained, 15):
        for since, until in SPANS[1:3]:
            then, now = score(client, one, since), score(client, one, until)
            for target, found in changes(client, one, since, until)["targets"].items():
                if found["abstained"] is None:
                    assert found["before"] == then[target]["probability"]
                    assert found["after"] == now[target]["probability"]
                    moved += found["before"] != found["after"]
    assert moved > 10


def test_a_deal_of_which_nothing_came_in_is_moved_by_the_clock_alone(
    client: TestClient, trained: Trained
) -> None:
    quiet = busy = 0
    for *_, found in given(client, trained):
        silent = all(count == 0 for count in found["records"].values())
        moved = max(abs(part["points"]) for part in found["behaviours"])
        if silent and found["clock"]["points"]:
            quiet += 1
            assert moved <= 1e-12
        busy += moved > 0.01
    assert quiet >= 5
    assert busy >= 20


def test_what_is_cut_off_changes_no_score_as_of_the_cut(client: TestClient, trained: Trained) -> None:
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    for one in some_deals(trained, 40):
        records = Indexed(trained.data).around(one)
        for date in DATES[:3]:
            moment = parse_instant(date)
            cut = known_at(records, one, moment)
            histories = [of_rows(records), of_rows(cut)]
            scores = service.scorer.score_each(histories, [one, one], np.array([moment] * 2), explain=False)
            for target in scores.targets.values():
                assert target.probability[0] == target.probability[1] or target.abstained[0] is not None
                assert target.abstained[0] == target.abstained[1]


def test_a_deal_that_closed_after_since_is_open_on_the_clock_s_way_and_abstains_at_until(
    client: TestClient, trained: Trained
) -> None:
    between = pl.col("closed_at").is_between(time(DATES[2]), time(T))
    closed = trained.data["opportunities"].filter(between)["opportunity_id"]
    one = closed[0]
    rows = known_at(Indexed(trained.data).around(one), one, parse_instant(DATES[2]))
    own = next(row for row in rows["opportunities"] if row["opportunity_id"] == one)
    assert (own["closed_at"], own["outcome"]) == (None, None)
    win = changes(client, one, DATES[2], T, target="win")["targets"]
    assert set(win) == {"win"}
    assert win["win"]["abstained"] == "until: the opportunity is closed"
    numbers = {name: value for name, value in win["win"].items() if name not in {"since", "abstained"}}
    assert set(numbers.values()) == {None}


def test_a_deal_that_had_not_begun_says_so(client: TestClient, trained: Trained) -> None:
    one = some_deals(trained, 1)[0]
    found = changes(client, one, "2020-01-01", T)["targets"]["win"]
    assert found["abstained"] == "since: the opportunity does not exist yet"


def test_the_texts_speak_chinese_where_it_is_asked(client: TestClient, trained: Trained) -> None:
    one, since, until, target, found = next(
        each for each in given(client, trained) if abs(each[-1]["behaviours"][0]["points"]) > 0.05
    )
    answer = client.get(
        f"/v1/opportunities/{one}/changes",
        params={"since": since, "until": until},
        headers={"Accept-Language": "zh-CN"},
    ).json()["targets"][target]
    assert answer["clock"]["text"].startswith("时间推移")
    assert "个百分点" in answer["behaviours"][0]["text"]
    assert "→" in found["behaviours"][0]["text"]
    assert found["clock"]["text"].startswith("time passing, ")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"since": T, "until": T}, 422),
        ({"since": T, "until": DATES[0]}, 422),
        ({"until": T}, 422),
        ({"since": "soon"}, 422),
        ({"since": DATES[0], "target": "luck"}, 422),
    ],
)
def test_a_wrong_window_is_refused(
    client: TestClient, trained: Trained, query: dict[str, str], status: int
) -> None:
    answer = client.get(f"/v1/opportunities/{some_deals(trained, 1)[0]}/changes", params=query)
    assert answer.status_code == status


def test_an_unknown_deal_is_not_found(client: TestClient) -> None:
    answer = client.get("/v1/opportunities/nobody/changes", params={"since": DATES[0]})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:dealcast:problem:unknown-opportunity")


@pytest.fixture(scope="module")
def stored(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: Server, trained: Trained
) -> Iterator[Service]:
    address = new_address("sqlite", Path(tmp_path_factory.mktemp("changes")), postgresql_server)
    store = open_store(address)
    copy_into(store, trained.data, lambda: DAY_1)
    store.close()
    service = open_service(Settings(bundles=trained.bundles, database=address))
    yield service
    service.close()


def test_the_store_gives_the_folder_s_changes(client: TestClient, stored: Service, trained: Trained) -> None:
    other = TestClient(create_app(stored))
    for one in some_deals(trained, 20):
        for since, until in SPANS[1:]:
            assert changes(other, one, since, until) == changes(client, one, since, until)


def test_what_another_version_showed_is_where_the_changes_begin(stored: Service, trained: Trained) -> None:
    assert stored.scores is not None
    shown_at, since = DATES[1], DATES[2]
    other = TestClient(create_app(stored))
    one = next(
        one
        for one in some_deals(trained, 600)
        if changes(other, one, shown_at, T)["targets"]["win"]["abstained"] is None
    )
    scorer = stored.scorer
    older = Scorer({**scorer.models, "win": replace(scorer.models["win"], version="0")})
    scores = older.score(
        of_rows(Indexed(trained.data).around(one)), [one], np.array([parse_instant(shown_at)])
    )
    receipt = receipt_of(scores, 1, DAY_1)
    said = receipt.probabilities["win"]
    assert said is not None
    shown = {**receipt.probabilities, "win": said / 2}
    stored.scores.store.keep_receipts([replace(receipt, prediction_id="older", probabilities=shown)])
    found = changes(other, one, since, T)["targets"]
    win = found["win"]
    assert (win["since"], win["before"]) == (iso(parse_instant(shown_at)), said / 2)
    assert win["model"] | {"text": ""} == {
        "from": "0", "to": scorer.models["win"].version, "points": pytest.approx(said / 2, abs=1e-12),
        "percent_points": win["model"]["percent_points"], "text": "",
    }  # fmt: skip
    total = win["before"] + win["clock"]["points"] + sum(b["points"] for b in win["behaviours"])
    assert total + win["model"]["points"] == pytest.approx(win["after"], abs=1e-9)
    assert found["stall"]["since"] == iso(parse_instant(since))  # its version showed the score: no step
    assert found["stall"]["abstained"] is not None or found["stall"]["model"]["points"] == 0
    assert score(other, one, shown_at)["win"]["probability"] == said  # asked again, it was shown first by 0
    assert changes(other, one, since, T)["targets"]["win"]["before"] == said / 2
    presently = score(other, one, since)["win"]["probability"]  # the present version shows a later one
    assert changes(other, one, since, T)["targets"]["win"]["before"] == presently


def test_what_comes_in_after_since_moves_the_behaviours_and_never_the_clock(
    stored: Service, trained: Trained
) -> None:
    other = TestClient(create_app(stored))
    one = next(
        one
        for one in some_deals(trained, 600)
        if changes(other, one, DATES[2], T)["targets"]["win"]["abstained"] is None
    )
    before = changes(other, one, DATES[2], T)["targets"]["win"]
    told = {"opportunity_id": one, "at": "2025-03-26T10:00:00Z", "recorded_at": "2025-03-27T10:00:00Z"}
    meeting = told | {"activity_id": f"new {one}", "kind": "meeting", "outcome": "held"}
    assert other.post("/v1/records", json={"activities": [meeting]}).json()["stored"] == 1
    after = changes(other, one, DATES[2], T)["targets"]["win"]
    assert (after["before"], after["clock"]) == (
        before["before"],
        before["clock"]
        | {"percent_points": after["clock"]["percent_points"], "text": after["clock"]["text"]},
    )
    assert after["behaviours"] != before["behaviours"]
    assert after["records"]["activities"] == before["records"]["activities"] + 1
