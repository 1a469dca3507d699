"""What no model can beat: the true weekly hazards, and true win probabilities by forward simulation."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from features.canonical import TIME
from features.sample.behaviour import week_of_activities
from features.sample.causes import hazards
from features.sample.columns import take
from features.sample.deals import Deals, with_new_mood
from features.sample.paperwork import with_paperwork
from features.sample.setting import START, Setting
from features.sample.world import WAITS, WINS, World, draw_moves, next_monday
from features.times import WEEK, BoolArray, FloatArray, IntArray

LONGEST_WEEKS: Final = 400  # a simulated deal that is still open then counts as not won


def true_hazards(world: World, opportunity_ids: pl.Series) -> pl.DataFrame:
    """The chances of the coming week for every open deal on every Monday.

    Returns:
        One row per (opportunity_id, as_of), as_of being Mondays 00:00 UTC: win_hazard, lose_hazard,
        advance_hazard, back_hazard; what is left to 1 is the chance to wait.
    """
    states, chances = world.states, world.chances
    return pl.DataFrame(
        {
            "opportunity_id": opportunity_ids.gather(states.index),
            "as_of": pl.Series(START + states.week * WEEK, dtype=pl.Int64).cast(TIME),
            "win_hazard": chances.win,
            "lose_hazard": chances.lose,
            "advance_hazard": chances.advance,
            "back_hazard": chances.back,
        }
    )


def simulated_win_probability(world: World, rows: IntArray, draws: int, seed: int) -> FloatArray:
    """The share of `draws` futures of each state (rows of `world.states`) that end in a win.

    It knows the hidden fit and what is not typed in yet; the standard error is at most 0.5 / sqrt(draws).
    """
    rng = np.random.default_rng([seed, len(rows), draws])
    start = take(world.states, np.repeat(rows, draws))
    deals = replace(start, index=np.arange(len(start.index)))
    won = np.zeros(len(start.index), dtype=np.bool_)
    for _ in range(LONGEST_WEEKS):
        deals, winners = _one_week(deals, world.setting, rng)
        won[winners] = True
        if not len(deals.index):
            break
    return np.asarray(won.reshape(len(rows), draws).mean(axis=1))


def _one_week(deals: Deals, setting: Setting, rng: np.random.Generator) -> tuple[Deals, IntArray]:
    """The deals still open a week later, and the indices of those won: one step of the world's own weeks."""
    moves = draw_moves(deals, hazards(deals), rng)
    waits: BoolArray = moves.outcome == WAITS
    going, steps = take(deals, waits), take(moves, waits)
    activities = week_of_activities(going, setting, rng)
    changed, _ = with_paperwork(going, setting, rng)
    later = next_monday(changed, steps, activities, setting)
    return with_new_mood(later, rng), deals.index[moves.outcome == WINS]
