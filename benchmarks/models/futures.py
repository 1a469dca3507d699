"""The true chances of an open deal of the made-up world, by simulation from its true state."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from features.sample.behaviour import week_of_activities
from features.sample.causes import hazards
from features.sample.columns import take
from features.sample.deals import with_new_mood
from features.sample.paperwork import with_paperwork
from features.sample.setting import START
from features.sample.truth import simulated_win_probability
from features.sample.world import WAITS, WINS, World, draw_moves, next_monday
from features.times import DAY, WEEK, FloatArray, IntArray

AT_ONCE = 50  # futures of each state simulated together: bounds the memory


@dataclass(frozen=True)
class Truth:
    """True chances of some states, estimated.

    Attributes:
        chance: float64 in [0, 1], one per state.
        draws: futures behind each; the standard error is at most 0.5 / sqrt(draws).
    """

    chance: FloatArray
    draws: int

    def log_loss_of(self, probability: FloatArray) -> FloatArray:
        """The expected log loss of each probability in (0, 1): free of the noise of labels, unbiased."""
        return -self.chance * np.log(probability) - (1 - self.chance) * np.log1p(-probability)

    def own_log_loss(self) -> FloatArray:
        """The least expected log loss there can be: the entropy, with the correction for estimated chances.

        Miller 1955: an entropy of two outcomes from n draws is too small by 1 / (2 n); none is added
        where every draw ended the same way.
        """
        q = np.clip(self.chance, 1e-12, 1 - 1e-12)
        mixed = (self.chance > 0) & (self.chance < 1)
        return -q * np.log(q) - (1 - q) * np.log1p(-q) + mixed / (2 * self.draws)

    def sayable(self) -> FloatArray:
        """The chances as probabilities in (0, 1), as if one future of two had ended either way."""
        return (self.chance * self.draws + 0.5) / (self.draws + 1)


def true_wins(world: World, rows: IntArray, draws: int, seed: int) -> Truth:
    """The chance that each state (rows of `world.states`) ends in a win."""
    parts = draws // AT_ONCE
    found = [simulated_win_probability(world, rows, AT_ONCE, 1_000 * seed + part) for part in range(parts)]
    return Truth(np.mean(found, axis=0), parts * AT_ONCE)


def true_stalls(world: World, rows: IntArray, draws: int, seed: int, days: int) -> Truth:
    """The chance of no move to a later stage than the state's own and no win within so many days."""
    parts = draws // AT_ONCE
    found = [_stalls(world, rows, days, np.random.default_rng([seed, part, days])) for part in range(parts)]
    return Truth(np.mean(found, axis=0), parts * AT_ONCE)


def true_wins_within(world: World, rows: IntArray, draws: int, seed: int, weeks: int) -> Truth:
    """The chance that each state ends in a win within so many weeks."""
    parts = draws // AT_ONCE
    found = [
        _wins_within(world, rows, weeks, np.random.default_rng([seed, part, weeks])) for part in range(parts)
    ]
    return Truth(np.mean(found, axis=0), parts * AT_ONCE)


def _wins_within(world: World, rows: IntArray, weeks: int, rng: np.random.Generator) -> FloatArray:
    start = take(world.states, np.repeat(rows, AT_ONCE))
    deals = replace(start, index=np.arange(len(start.index)))
    won = np.zeros(len(start.index), np.bool_)
    for _ in range(weeks):
        moves = draw_moves(deals, hazards(deals), rng)
        won[deals.index[moves.outcome == WINS]] = True
        waits = moves.outcome == WAITS
        going, steps = take(deals, waits), take(moves, waits)
        activities = week_of_activities(going, world.setting, rng)
        changed, _ = with_paperwork(going, world.setting, rng)
        deals = with_new_mood(next_monday(changed, steps, activities, world.setting), rng)
    return np.asarray(won.reshape(len(rows), AT_ONCE).mean(axis=1))


def _stalls(world: World, rows: IntArray, days: int, rng: np.random.Generator) -> FloatArray:
    """The share of `AT_ONCE` futures of each state without relief within the horizon."""
    start = take(world.states, np.repeat(rows, AT_ONCE))
    deals = replace(start, index=np.arange(len(start.index)))
    end = START + start.week * WEEK + days * DAY
    relieved = np.zeros(len(start.index), np.bool_)
    for _ in range(-(-days // 7)):
        moves = draw_moves(deals, hazards(deals), rng)
        in_time = moves.at <= end[deals.index]
        relieved[deals.index[(moves.outcome == WINS) & in_time]] = True
        waits = moves.outcome == WAITS
        going, steps, in_time = take(deals, waits), take(moves, waits), in_time[waits]
        activities = week_of_activities(going, world.setting, rng)
        changed, _ = with_paperwork(going, world.setting, rng)
        deals = with_new_mood(next_monday(changed, steps, activities, world.setting), rng)
        relieved[deals.index[(deals.stage > start.stage[deals.index]) & in_time]] = True
    return np.asarray(1.0 - relieved.reshape(len(rows), AT_ONCE).mean(axis=1))
