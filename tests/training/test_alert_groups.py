"""Falls of groups: found where planted, quiet where there are none, in parts that add up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from features.canonical import CanonicalData
from training.alerts.groups import Closed, adjusted_for_many, chance_of_fall, groups, parts_of


def made_up(seed: int, deals: int = 400) -> Closed:
    rng = np.random.default_rng([seed, 4711])
    return Closed(
        (rng.random(deals) < 0.4).astype(np.float64), rng.random(deals) < 0.3, rng.integers(0, 9, deals),
        rng.normal(size=(deals, 6)), rng.normal(size=6) / 20,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_add_up_to_the_change(seed: int) -> None:
    closed = made_up(seed)
    parts = parts_of(closed, np.random.default_rng(seed).random(len(closed.won)) < 0.3)
    assert abs(parts.mix + parts.rate + parts.behaviour.sum() - parts.change) < 1e-9
    assert abs(parts.change) > 0


def test_where_only_the_mix_moved_all_of_the_change_is_mix() -> None:
    won = np.array([1.0, 0, 0, 1, 1, 0, 0, 0, 0])  # cell 0: a third won; cell 1: a half, in both periods
    cell = np.array([0, 0, 0, 1, 1, 1, 1, 0, 0])
    is_now = np.array([False] * 3 + [False, True, True, False] + [False] * 2)
    closed = Closed(won, is_now, cell, np.zeros((9, 6)), np.zeros(6))
    mine = np.ones(9, np.bool_)
    parts = parts_of(closed, mine)
    assert parts.change == pytest.approx(0.5 - 2 / 7)
    assert parts.rate == pytest.approx(parts.change - parts.mix)
    assert parts.mix == pytest.approx((0 - 5 / 7) * 0.2 + (1 - 2 / 7) * 0.5)


def test_a_fall_that_all_share_is_nobodys_own() -> None:
    rng = np.random.default_rng(17)
    closed = made_up(1, 2_000)
    won = (rng.random(2_000) < np.where(closed.is_now, 0.2, 0.4)).astype(np.float64)
    shared = Closed(won, closed.is_now, closed.cell, closed.behaviour, closed.slopes)
    mine = rng.random(2_000) < 0.3
    assert chance_of_fall(shared, mine) > 0.1
    own = won * ~(mine & closed.is_now & (rng.random(2_000) < 0.7))
    assert (
        chance_of_fall(Closed(own, *(closed.is_now, closed.cell, closed.behaviour, closed.slopes)), mine)
        < 0.001
    )


def test_in_worlds_without_falls_about_one_in_ten_or_fewer_names_any() -> None:
    named = 0
    for seed in range(200):
        closed = made_up(seed, 900)
        team = np.random.default_rng([seed, 90210]).integers(0, 9, 900)
        chances = [chance_of_fall(closed, team == each) for each in range(9)]
        named += min(adjusted_for_many(chances)) <= 0.1
    assert named <= 20 + 2 * math.sqrt(200 * 0.1 * 0.9)


def test_a_team_that_stops_winning_is_named_and_small_groups_are_not_looked_at(data: CanonicalData) -> None:
    end = data.watermark()
    quiet = groups(data, end)
    assert [each for each in quiet["falls"] if each["column"] != "rep_id"] == []
    import polars as pl

    reps = data["reps"]
    team = reps["team_id"].drop_nulls()[0]
    mine = reps.filter(pl.col("team_id") == team)["rep_id"].to_list()
    deals = data["opportunities"]
    since = deals["closed_at"].max() - pl.duration(days=92)
    hit = pl.col("rep_id").is_in(mine) & (pl.col("closed_at") > since)
    lost = deals.with_columns(pl.when(hit).then(pl.lit("lost")).otherwise(pl.col("outcome")).alias("outcome"))
    found = groups(CanonicalData({**data.tables, "opportunities": lost}, data.config, data.absent), end)
    named = {each["name"]: each for each in found["falls"] if each["column"] == "team_id"}
    assert set(named) == {team}
    fall = named[team]
    assert fall["win_rate_now"] == 0
    assert abs(fall["mix"] + fall["rate"] + fall["behaviour"] - fall["change"]) < 1e-9
    assert found["groups"]["rep_id"]["too_small"] > 0
