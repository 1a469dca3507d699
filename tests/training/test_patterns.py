"""Behaviours that go with winning: the planted ones are named, what merely goes along is not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from features.sample import make_sample
from features.sample.setting import END as SAMPLE_END
from features.times import DAY
from tests.training.busy_worlds import END, PLANTED, busy_world, shuffled
from training.dataset import open_source
from training.habits import FEATURES, design_of
from training.landmarks import landmarks_of
from training.patterns import effects_of, patterns

SEEDS = range(5)
# What measures a cause of the made-up CRM: replies, meetings, contacts, silence, dwell, pushes, slow answers.
OF_THE_SAMPLE = {
    "inbound_30d", "decision_maker_meetings", "contacts_reached_total", "days_since_last_inbound",
    "days_since_last_held", "days_in_stage", "close_date_pushes", "mean_response_hours",
    "lead_response_hours",
}  # fmt: skip


def named(found: dict, key: str = "") -> list[str]:
    return [each["feature"] for each in found["behaviours"] if (each[key] if key else each)["named"]]


@pytest.fixture(scope="module")
def busy() -> list[dict]:
    return [patterns(busy_world(seed), END) for seed in SEEDS]


def test_the_behaviours_named_are_those_that_were_planted(busy: list[dict]) -> None:
    for found in busy:
        assert "inbound_30d" in named(found)
        assert set(named(found)) <= PLANTED
    assert sum("decision_maker_meetings" in named(found) for found in busy) >= 4


def test_calls_that_go_with_good_busy_reps_are_named_only_without_adjustment(busy: list[dict]) -> None:
    for found in busy:
        assert "calls_30d" in named(found, "unadjusted")
        assert "calls_30d" not in named(found)


def test_where_outcomes_are_dealt_out_anew_next_to_nothing_is_named() -> None:
    found = [patterns(shuffled(busy_world(seed, deals=800), seed), END) for seed in range(20)]
    assert sum(len(named(each)) for each in found) <= 1


def test_the_top_behaviours_of_the_made_up_crm_are_its_causes_and_its_calls_are_not_among_them() -> None:
    found = patterns(make_sample(2000, seed=9, dirt=False).data, SAMPLE_END)
    top = [each["feature"] for each in found["behaviours"][:3]]
    assert len(named(found)) >= 3
    assert set(top) <= OF_THE_SAMPLE
    assert set(named(found)) <= OF_THE_SAMPLE


def test_records_of_later_change_no_pattern() -> None:
    data, then = busy_world(0), END - 300 * DAY
    assert patterns(data, then) == patterns(data.known_at(then), then)


def test_the_rows_of_a_deal_are_of_landmark_ages_at_which_it_was_open() -> None:
    source = open_source(busy_world(1), END)
    landmarks = landmarks_of(source, FEATURES)
    deals = source.history.opportunities
    ages = np.array(landmarks.days)[landmarks.landmark] * DAY
    assert (deals.created_at[landmarks.deal] + ages < deals.closed_at[landmarks.deal]).all()
    assert len(np.unique(landmarks.deal * 10 + landmarks.landmark)) == len(landmarks.deal)


def test_within_a_rep_no_behaviour_is_above_or_below_the_usual() -> None:
    landmarks = landmarks_of(open_source(busy_world(1), END), FEATURES)
    for habit in design_of(landmarks).habits:
        given = ~np.isnan(habit.raw)
        mass = landmarks.weight[given]
        mean = np.bincount(landmarks.rep[given], mass * habit.within[given]) / np.bincount(
            landmarks.rep[given], mass
        )
        assert np.abs(mean).max() < 1e-9


def test_effects_are_drawn_to_none_the_more_the_less_sure_they_are() -> None:
    effects = effects_of(
        np.array([0.5, 0.5, 0.0, 0.1, -0.1]), np.array([0.05, 0.4, 0.1, 0.1, 0.1]), np.full(5, 30.0)
    )
    assert effects.shrunk[1] < effects.shrunk[0] <= 0.5
    assert (effects.low <= effects.shrunk).all()
    assert (effects.shrunk <= effects.high).all()


def test_what_the_best_do_is_a_mean_of_at_least_five_reps_and_names_nobody(busy: list[dict]) -> None:
    found = busy[0]
    assert found["best_group"]["n_reps"] >= 5
    calls = next(each for each in found["behaviours"] if each["feature"] == "calls_30d")
    assert calls["best"]["best"] > calls["best"]["others"]
    assert '"r1"' not in json.dumps(found)


def test_a_small_group_of_best_reps_is_not_shown_and_too_few_deals_say_so() -> None:
    few = patterns(make_sample(800, seed=1, dirt=False).data, SAMPLE_END)
    assert few["best_group"]["n_reps"] is None
    assert "at least 5" in few["best_group"]["note"]["en"]
    assert {each["best"] for each in few["behaviours"]} == {None}
    none = patterns(busy_world(0, deals=120), END)
    assert none["behaviours"] == []
    assert "80 are needed" in none["abstained"]["en"]


def test_words_hold_the_numbers_and_never_say_that_a_behaviour_is_the_cause(busy: list[dict]) -> None:
    for entry in busy[0]["behaviours"]:
        for text in entry["text"].values():
            assert "cause" not in text
            assert "导致" not in text
        if entry["named"]:
            assert f"{entry['odds_ratio']:.2f}" in entry["text"]["en"]
            assert f"{entry['odds_ratio']:.2f}" in entry["text"]["zh-CN"]
            assert "goes with" in entry["text"]["en"]
        else:
            assert "no reliable link" in entry["text"]["en"]
