"""Figures of the firm, of teams and of one rep: right under censoring, as of a moment, nobody ranked."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from features.canonical import TIME, CanonicalData, empty_table
from features.config import PipelineConfig
from features.sample import make_sample
from features.sample.setting import END
from features.tables import TABLES
from features.times import DAY
from training.durations import durations, share_of
from training.team_figures import LEAST_DEALS, LEAST_REPS, team


@pytest.fixture(scope="module")
def data() -> CanonicalData:
    return make_sample(1300, seed=3, dirt=False).data


@pytest.fixture(scope="module")
def figures(data: CanonicalData) -> dict:
    return team(data, END)


def small(reps: int, deals: int) -> CanonicalData:
    """Deals of day 0 and on: `lead` on day i, `offer` a day later, every third won on the next day, every
    third lost then, the others open; two teams, every rep of the second the owner of no deal."""
    ids, day = [f"d{i}" for i in range(deals)], np.arange(deals) % 30
    end = np.arange(deals) % 3
    closed = np.where(end < 2, day + 2, -1)
    given = {
        "opportunities": pl.DataFrame(
            {
                "opportunity_id": ids,
                "account_id": ids,
                "rep_id": [f"r{i % reps}" for i in range(deals)],
                "created_at": _times(day),
                "closed_at": [None if c < 0 else c * DAY for c in closed.tolist()],
                "outcome": [["won", "lost", None][e] for e in end.tolist()],
                "loss_reason": [["", "price", ""][e] or None for e in end.tolist()],
                "source": ["web"] * deals,
                "amount": [10.0] * deals,
            }
        ).with_columns(pl.col("closed_at").cast(TIME)),
        "stage_changes": pl.DataFrame(
            {
                "opportunity_id": [*ids, *ids],
                "at": _times(np.concatenate([day, day + 1])),
                "stage": ["lead"] * deals + ["offer"] * deals,
            }
        ),
        "reps": pl.DataFrame(
            {
                "rep_id": [f"r{i}" for i in range(reps + 6)],
                "team_id": ["one"] * reps + ["two"] * 6,
                "region": ["north"] * (reps + 6),
            }
        ),
    }
    tables = {
        name: pl.concat([empty_table(table), *([given[name]] if name in given else [])], how="diagonal")
        for name, table in TABLES.items()
    }
    return CanonicalData(tables, PipelineConfig(stages=("lead", "offer")))


def _times(days: np.ndarray) -> pl.Series:
    return pl.Series(days.astype(np.int64) * DAY).cast(TIME)


def test_a_funnel_says_what_moved_on_what_was_lost_and_how_long_it_took() -> None:
    found = team(small(6, 60), 40 * DAY)["all"]
    lead, offer = found["funnel"]
    assert (lead["n"], lead["moved_on"]["value"], lead["lost"]["value"]) == (
        60,
        1.0,
        0.0,
    )
    assert lead["days"] == {"p25": 1.0, "p50": 1.0, "p75": 1.0, "n": 60}
    assert offer["n"] == 60
    assert (offer["moved_on"]["value"], offer["lost"]["value"]) == (
        pytest.approx(1 / 3),
        pytest.approx(1 / 3),
    )
    assert offer["undecided"] == pytest.approx(1 / 3)
    assert offer["days"]["p50"] == 1.0
    assert offer["days"]["p75"] is None  # a third is still there
    assert offer["moved_on"]["n"] == 40


def test_results_count_what_closed_in_the_window_with_wilsons_interval() -> None:
    found = team(small(6, 60), 40 * DAY)["all"]
    results = found["results"]
    assert (results["closed"], results["won"], results["value_won"]) == (40, 20, 200.0)
    assert results["win_share"]["low"] < 0.5 < results["win_share"]["high"]
    assert found["loss_reasons"] == [
        {"name": "price", "others": False, "n": 20, "share": share_of(20, 20)},
    ]
    assert team(small(6, 60), 40 * DAY, window_days=5)["all"]["results"]["closed"] == 0
    since_day_0 = team(small(6, 60), 40 * DAY, window_days=40)["all"]
    assert since_day_0["funnel"][0]["n"] == 58  # the window's begin, when two entered, is not in it


def test_a_team_whose_reps_or_deals_are_few_is_not_shown() -> None:
    few_reps = team(small(LEAST_REPS - 1, 60), 40 * DAY)
    few_deals = team(small(LEAST_REPS, LEAST_DEALS - 1), 40 * DAY)
    enough = team(small(LEAST_REPS, LEAST_DEALS), 40 * DAY)
    for found in (few_reps, few_deals):
        assert set(found["regions"]["north"]) == {"suppressed"}
        assert "5" in found["regions"]["north"]["suppressed"]["zh-CN"]
        assert {each["compared_with"] for each in found["reps"].values()} == {None}
    assert enough["regions"]["north"]["suppressed"] is None
    assert {each["compared_with"] for each in enough["reps"].values()} == {"all"}


def test_a_team_that_is_the_whole_less_one_small_team_is_not_shown_either() -> None:
    found = team(small(6, 60), 40 * DAY)
    assert {name: set(its) for name, its in found["teams"].items()} == {
        "one": {"suppressed"}, "two": {"suppressed"},
    }  # fmt: skip
    assert found["regions"]["north"]["n_deals"] == 60
    assert {each["compared_with"] for each in found["reps"].values()} == {"all"}


def test_groups_add_up_to_the_whole(figures: dict) -> None:
    for key in ("teams", "regions"):
        shown = [its for its in figures[key].values() if its["suppressed"] is None]
        assert shown
        assert sum(its["results"]["won"] for its in shown) <= figures["all"]["results"]["won"]
    own = [each["own"]["results"]["won"] for each in figures["reps"].values()]
    assert sum(own) == figures["all"]["results"]["won"]
    assert sum(its["won"] for its in figures["all"]["sources"]) == figures["all"]["results"]["won"]


def test_records_of_later_change_no_figure(data: CanonicalData) -> None:
    then = END - 120 * DAY
    assert team(data, then) == team(data.known_at(then), then)


def test_no_figure_is_in_the_order_of_how_well_reps_did(figures: dict) -> None:
    assert list(figures["reps"]) == sorted(figures["reps"])
    assert "rank" not in json.dumps(figures["reps"])
    assert "辅导" in figures["notice"]["zh-CN"]
    assert "coach" in figures["notice"]["en"]


def test_durations_are_those_of_kaplan_and_meier_and_ends_add_up() -> None:
    from scipy import stats

    rng = np.random.default_rng(5)
    time, cause = rng.integers(1, 30, 200).astype(np.float64), rng.integers(0, 3, 200)
    found = durations(time, cause, causes=2)
    known = stats.CensoredData(uncensored=time[cause > 0], right=time[cause == 0])
    assert np.allclose(found.going_on, stats.ecdf(known).sf.evaluate(found.times), atol=1e-12)
    assert np.allclose(found.ended.sum(axis=0) + found.going_on, 1, atol=1e-12)
    assert durations(np.zeros(0), np.zeros(0, np.int64)).described() == {
        "p25": None, "p50": None, "p75": None, "n": 0,
    }  # fmt: skip


def test_a_share_has_wilsons_interval() -> None:
    found = share_of(3, 10)
    assert (found["low"], found["high"]) == (
        pytest.approx(0.10779, abs=1e-5),
        pytest.approx(0.60323, abs=1e-5),
    )
    assert share_of(0, 0) == {"value": None, "low": None, "high": None, "n": 0}
