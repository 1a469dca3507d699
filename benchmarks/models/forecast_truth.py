"""Forecasts of the made-up world, as if live, beside baselines and the truth's own probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.models.futures import true_wins_within
from benchmarks.report import Report
from features.sample import make_sample
from features.sample.setting import END, START
from features.times import WEEK
from training.forecast.assemble import Asked, Forecast, Models
from training.forecast.backtest import Backtest, Plan, backtest
from training.forecast.measures import measured, wape, wider

WEEKS = 13
EVERY_TRUTH = 4  # forecasts between two whose deals are simulated


@dataclass(frozen=True)
class Worlds:
    """Deals in each world, its seeds, dates a week apart in each, futures behind each true chance."""

    opportunities: int
    seeds: Sequence[int]
    steps: int = 44
    draws: int = 100


def truth_report(asked: Worlds, facts: Mapping[str, str], say: Callable[[str], None]) -> Report:
    """A row per world, and one of all."""
    tests: list[Backtest] = []
    sums: list[tuple[float, float]] = []
    rows = []
    for seed in asked.seeds:
        test, pairs = _world(asked, seed, say)
        tests.append(test)
        sums += pairs
        rows.append(_row(f"seed {seed}", [test], pairs))
    rows.append(_row("all", tests, sums))
    header = (
        "world", "forecasts of 13 weeks", "WAPE", "best baseline", "its WAPE", "less than it by", "bias",
        "P10-P90 covers", "as drawn", "P25-P75 covers", "weeks", "P10-P90 covers of weeks",
        "as drawn of weeks", "P25-P75 of weeks", "pinball", "MASE", "sum of P(won) over the truth's",
        "over the wins that came",
    )  # fmt: skip
    return Report("Forecast: as if live, a week apart, models trained every 13 weeks", facts, header, rows)


def _world(
    asked: Worlds, seed: int, say: Callable[[str], None]
) -> tuple[Backtest, list[tuple[float, float]]]:
    """One world's backtest, and of some dates the wins said of open deals beside the true ones."""
    sample = make_sample(asked.opportunities, seed, dirt=False)
    code = {name: i for i, name in enumerate(sample.data["opportunities"]["opportunity_id"].to_list())}
    pairs: list[tuple[float, float]] = []

    def look(made: Forecast, _models: Models) -> None:
        week = (made.as_of - START) // WEEK
        if (made.as_of - START) % (EVERY_TRUTH * WEEK) or not len(made.deals.ids):
            return
        states = sample.world.states
        mine = {code[name]: p for name, p in zip(made.deals.ids.tolist(), made.deals.within, strict=True)}
        found = np.flatnonzero((states.week == week) & np.isin(states.index, list(mine)))
        chance = true_wins_within(sample.world, found, asked.draws, seed, WEEKS).chance
        pairs.append((sum(float(mine[i]) for i in states.index[found].tolist()), float(chance.sum())))

    plan = Plan(steps=asked.steps, asked=Asked(days=WEEKS * 7))
    return backtest(sample.data, END, plan, lambda text: say(f"seed {seed}: {text}"), look), pairs


def _row(world: str, tests: Sequence[Backtest], pairs: Sequence[tuple[float, float]]) -> list[str]:
    shown = np.concatenate([wider(t.quantiles, t.factor) for t in tests])
    drawn = np.concatenate([t.quantiles for t in tests])
    mean, actual = (np.concatenate([getattr(t, name) for t in tests]) for name in ("mean", "actual"))
    others = {n: np.concatenate([t.others[n] for t in tests]) for n in tests[0].others}
    found = measured(shown, mean, actual, others["last_period"])
    as_drawn = measured(drawn, mean, actual, others["last_period"])
    errors = {name: wape(said, actual) for name, said in others.items()}
    best = min(errors, key=lambda name: errors[name] if errors[name] == errors[name] else np.inf)
    said, true = np.sum(pairs, axis=0) if pairs else (float("nan"), float("nan"))
    wins = sum(float(t.wins.sum()) for t in tests) / sum(float(t.came.sum()) for t in tests)
    return [
        world, str(found.periods), f"{found.wape:.3f}", best, f"{errors[best]:.3f}",
        f"{1 - found.wape / errors[best]:.0%}", f"{found.bias:+.3f}", f"{found.coverage_80:.0%}",
        f"{as_drawn.coverage_80:.0%}", f"{found.coverage_50:.0%}", *_of_weeks(tests), f"{found.pinball:.4f}",
        f"{found.mase:.2f}", f"{said / true:.3f}", f"{wins:.3f}",
    ]  # fmt: skip


def _of_weeks(tests: Sequence[Backtest]) -> list[str]:
    """How many weeks, none of which overlap; the shares of them within P10 and P90, as shown and as drawn,
    and within P25 and P75."""
    shown, drawn = ([test.weeks.measured(widened=widened) for test in tests] for widened in (True, False))
    count = sum(weeks.periods for weeks in shown)
    held = [
        sum(weeks.coverage_80 * weeks.periods for weeks in shown),
        sum(weeks.coverage_80 * weeks.periods for weeks in drawn),
        sum(weeks.coverage_50 * weeks.periods for weeks in shown),
    ]
    return [str(count), *(f"{each / count:.0%}" for each in held)]
