"""The rule of thumb about dwell, in worlds where the truth about it is known."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from features.canonical import TIME, CanonicalData, empty_table
from features.config import PipelineConfig
from features.errors import DataError
from features.tables import TABLES
from features.times import DAY
from serving.commands.rules import lines_of
from training.dataset import Source, open_source
from training.dwell_rule import DwellRule, dwell_rule

DEALS, USUAL = 3_000, 30.0


def world(seed: int, factor: float, deals: int = DEALS) -> Source:
    """Deals in one stage, won after 30 days on average, lost at a rate that is `factor` times as high from
    39 days (1.3 times the usual) on."""
    rng = np.random.default_rng([seed, 93])
    won = rng.gamma(4.0, USUAL / 4, deals)
    early = rng.exponential(60.0, deals)
    lost = np.where(early < 1.3 * USUAL, early, 1.3 * USUAL + (early - 1.3 * USUAL) / factor)
    created = rng.uniform(0, 900, deals)
    ids = [f"d{i}" for i in range(deals)]

    def times(days: np.ndarray) -> pl.Series:
        return pl.Series((days * DAY).astype(np.int64)).cast(TIME)

    given = {
        "opportunities": pl.DataFrame(
            {
                "opportunity_id": ids, "account_id": ids, "rep_id": ["r"] * deals,
                "created_at": times(created), "closed_at": times(created + np.minimum(won, lost)),
                "outcome": np.where(won < lost, "won", "lost"),
            }
        ),
        "stage_changes": pl.DataFrame(
            {"opportunity_id": ids, "at": times(created), "stage": ["offer"] * deals}
        ),
    }  # fmt: skip
    tables = {
        name: pl.concat([empty_table(table), *([given[name]] if name in given else [])], how="diagonal")
        for name, table in TABLES.items()
    }
    data = CanonicalData(tables, PipelineConfig(stages=("offer",)))
    return open_source(data, data.watermark())


@pytest.mark.parametrize("seed", range(3))
def test_where_losses_come_three_times_faster_beyond_the_limit_the_rule_holds(seed: int) -> None:
    found = dwell_rule(world(seed, 3.0))
    assert found.verdict == "holds"
    assert found.hazard_ratio is not None
    # The limit of the data is that of the deals that were won, which are quicker: it lies before the truth's,
    # and weeks of the lower rate count as over.
    assert 1.5 < found.hazard_ratio < 3.0


@pytest.mark.parametrize("seed", range(3))
def test_where_they_come_half_as_fast_it_does_not_hold(seed: int) -> None:
    assert dwell_rule(world(seed, 0.5)).verdict == "does not hold"


def test_where_they_come_alike_it_is_said_to_hold_about_once_in_forty_worlds() -> None:
    verdicts = [dwell_rule(world(seed, 1.0, 1_000)).verdict for seed in range(20)]
    assert verdicts.count("holds") <= 2


def test_with_few_losses_nothing_is_told() -> None:
    found = dwell_rule(world(1, 3.0, 40))
    assert found.verdict == "cannot be told"
    assert found.hazard_ratio is None


def test_without_a_stage_that_won_deals_have_passed_it_is_said_what_is_needed() -> None:
    source = world(1, 1.0, 1)
    with pytest.raises(DataError, match="an earlier deal that was won through it"):
        dwell_rule(source)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_words_hold_the_figures(language: str) -> None:
    found = DwellRule(1.3, "holds", 1.81, 1.66, 1.97, 13_389, 815, 25_418, 831, 1_668, 0.652, 2_449, 0.678)
    lines = lines_of(found, language)
    text = " ".join(lines).replace(",", "")
    told = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)}
    assert {30, 1.81, 1.66, 1.97, 815, 13_389, 831, 25_418, 65, 1_668, 68, 2_449} <= told
    assert lines[-1] in {
        "The rule holds: losses come faster over the limit, beyond chance.",
        "规律成立：停留过久的商机丢单明显更快，且并非偶然。",
    }
