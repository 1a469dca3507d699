"""`GET /v1/priorities`: the what-if's figures, for each rep as many as there is time for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from features.canonical import CanonicalData
from features.times import iso, parse_instant
from serving.actions import actions_of, shown_records
from serving.app import create_app, open_service
from serving.around import Indexed, known_at
from serving.settings import Settings
from serving.trials import Trial, actions_of_each, around_deals, tried
from tests.serving.conftest import T, Trained


def asked(client: TestClient, language: str = "en", **params: Any) -> dict[str, Any]:
    answer = client.get("/v1/priorities", params={"as_of": T} | params, headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def lines_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [line for rep in found["reps"] for line in rep["lines"]]


def test_a_gain_is_that_of_the_what_if_to_the_bit(client: TestClient) -> None:
    lines = lines_of(asked(client, capacity=2))
    assert len(lines) > 8
    for line in lines[:8]:
        deal = line["opportunity_id"]
        answer = client.post(f"/v1/opportunities/{deal}/what-if", json={"as_of": T}).json()
        actions = [action for action in answer["actions"] if action["records"]]
        best = max(actions, key=lambda action: action["gain"]["win"])
        assert (line["action"], line["gain"]) == (best["action"], best["gain"]["win"])
        assert line["at"] == best["at"]
        assert line["records"] == best["records"]
        assert line["win_probability"] == answer["now"]["win"]["probability"]
        assert line["gained"] == line["gain"] * line["value"]


def test_a_rep_s_list_is_in_the_order_of_what_is_gained_and_longer_lists_begin_alike(
    client: TestClient,
) -> None:
    everything, some = asked(client, capacity=100), asked(client, capacity=1)
    first = {rep["rep_id"]: rep["lines"][:1] for rep in everything["reps"]}
    assert {rep["rep_id"]: rep["lines"] for rep in some["reps"]} == first
    for rep in everything["reps"]:
        gained = [line["gained"] for line in rep["lines"]]
        assert gained == sorted(gained, reverse=True)
        assert min(gained) > 0


def test_a_list_is_of_its_rep_and_no_longer_than_there_is_time_for(client: TestClient) -> None:
    whole = asked(client, capacity=3)
    reps = [rep["rep_id"] for rep in whole["reps"]]
    assert reps == sorted(reps)
    assert max(len(rep["lines"]) for rep in whole["reps"]) == 3
    assert asked(client, capacity=3, rep_id=reps[0])["reps"] == whole["reps"][:1]
    team = whole["reps"][0]["team_id"]
    assert {rep["team_id"] for rep in asked(client, team_id=team)["reps"]} == {team}
    assert asked(client, rep_id="nobody")["reps"] == []


def test_the_words_say_the_figures_and_the_note_calls_them_an_association(client: TestClient) -> None:
    for language, word in (("en", "association"), ("zh-CN", "相关性")):
        found = asked(client, language, capacity=1)
        assert word in found["note"]
        for line in lines_of(found):
            for part in (line["without"], line["with"]):
                assert f"{int(part * 100 + 0.5)}%" in line["text"]
            assert f"{line['value']:,.0f}" in line["text"]


def test_a_store_says_what_a_folder_says(client: TestClient, stored: TestClient) -> None:
    assert asked(client, capacity=2)["reps"] == asked(stored, capacity=2)["reps"]


def test_the_actions_of_many_deals_are_those_of_each(trained: Trained) -> None:
    moment = parse_instant(T)
    known, indexed = trained.data.known_at(moment), Indexed(trained.data)
    still_open = known["opportunities"].filter(pl.col("closed_at").is_null())["opportunity_id"].to_list()[::7]
    many = actions_of_each(around_deals(Indexed(known), still_open), still_open, moment)
    for deal in still_open:
        one = actions_of(known_at(indexed.around(deal), deal, moment), deal, moment)
        assert many[deal] == one
    assert len({action.name for its in many.values() for action in its}) == 6


def test_records_chosen_anew_for_the_trials_that_are_left_change_nothing(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = open_service(Settings(trained.bundles, data=trained.crm))
    moment = parse_instant(T)
    known = trained.data.known_at(moment)
    still_open = known["opportunities"].filter(pl.col("closed_at").is_null())["opportunity_id"].to_list()
    near = around_deals(Indexed(known), still_open)
    feasible = actions_of_each(near, still_open, moment)
    trials = [Trial(deal, action, action.ahead) for deal in still_open for action in feasible[deal]]
    chosen: list[int] = []

    def choosing(index: Indexed, ids: Sequence[str]) -> CanonicalData:
        chosen.append(len(ids))
        return around_deals(index, ids)

    monkeypatch.setattr("serving.trials.around_deals", choosing)
    once = tried(service.scorer, near, trials, moment).tolist()
    assert chosen == []
    for few, share in ((1, 0.9), (10, 0.5), (0, 2.0)):
        monkeypatch.setattr("serving.trials._FEW", few)
        monkeypatch.setattr("serving.trials._SHARE", share)
        assert tried(service.scorer, near, trials, moment).tolist() == once
        assert len(chosen) > 2
        assert chosen == sorted(chosen, reverse=True)
        chosen.clear()


def test_trials_of_one_account_do_not_see_each_other(trained: Trained, client: TestClient) -> None:
    service = open_service(Settings(trained.bundles, data=trained.crm))
    moment = parse_instant(T)
    known = trained.data.known_at(moment)
    still_open = known["opportunities"].filter(pl.col("closed_at").is_null())
    account = still_open["account_id"].value_counts().sort("count")["account_id"][-1]
    deals = still_open.filter(account_id=account)["opportunity_id"].to_list()
    assert len(deals) > 1
    near = around_deals(Indexed(known), deals)
    feasible = actions_of_each(near, deals, moment)
    trials = [Trial(deal, action, action.ahead) for deal in deals for action in feasible[deal]]
    together = tried(service.scorer, near, trials, moment)
    for trial, probability in zip(trials, together.tolist(), strict=True):
        alone = tried(service.scorer, around_deals(Indexed(known), [trial.opportunity_id]), [trial], moment)
        assert alone.tolist() == [probability]
        body = {"as_of": T, "at": iso(moment + trial.ahead)}
        if trial.action is not None and trial.action.records:
            body["records"] = {"activities": shown_records(trial.action.records)["activities"]}
        said = client.post(f"/v1/opportunities/{trial.opportunity_id}/what-if", json=body).json()
        assert said["then"]["win"]["probability"] == probability


def test_what_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    params: dict[str, Any] = {"as_of": T, "capacity": 1}
    first = client.get("/v1/priorities", params=params)
    again = client.get("/v1/priorities", params=params, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("wrong", [{"capacity": 0}, {"capacity": 101}, {"as_of": "soon"}])
def test_a_wrong_question_is_refused(client: TestClient, wrong: dict[str, Any]) -> None:
    assert client.get("/v1/priorities", params=wrong).status_code == 422


def test_without_a_win_model_the_answer_says_what_is_needed(trained: Trained) -> None:
    service = open_service(Settings(trained.bundles, data=trained.crm))
    del service.scorer.models["win"]
    with TestClient(create_app(service)) as client:
        answer = client.get("/v1/priorities")
    assert answer.status_code == 503
    assert "win model" in answer.json()["detail"]
