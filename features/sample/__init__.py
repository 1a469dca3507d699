"""A made-up CRM with known causes: `make_sample`, `write_sample`, and the truth behind it.

Behaviour comes first and outcome follows. Week by week an open deal is won, lost, moved or waits,
with odds made only of what `causes.EFFECTS` lists: inbound replies, meetings with decision makers,
silence, dwell, distinct contacts, pushed close dates, slow answers, the quarter's end, and the
deal's source, product and kind. A hidden fit and engagement drive the buyer's behaviour and have no
other way to the outcome. Call volume is a habit of the rep and no cause. Complaints slow an account's
orders, and slow accounts end the contract. `Sample.causes` says all of it with the numbers.

Records come late, last values overwrite earlier ones, meetings forgotten before a win are typed in
after it: the traps of real CRMs, none of which depends on the outcome before the close.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from features.canonical import TIME, CanonicalData
from features.config import FILE_NAME, PipelineConfig
from features.sample.causes import causes_text
from features.sample.dirt import Counts, with_dirt
from features.sample.masters import accounts_table, contacts_table, leads_table, orders_table, reps_table
from features.sample.records import histories, opportunities_table
from features.sample.setting import CONFIG
from features.sample.touches import activities_table
from features.sample.truth import simulated_win_probability, true_hazards
from features.sample.values import Ids, keys
from features.sample.world import World, simulate
from features.tables import TABLES, Kind

__all__ = ["Sample", "make_sample", "true_win_probability", "write_sample"]

CAUSES_FILE = "CAUSES.md"
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Sample:
    """A made-up CRM.

    Attributes:
        data: the clean canonical tables, typed, before any dirt.
        tables: the same as they are written: times as ISO 8601 text with `Z`, with the dirt in them.
        dirt: rows of dirt in `tables`, by table and rule; empty where none was asked for.
        causes: the planted causes, for people.
        truth: the true hazards of every open deal on every Monday, see `truth.true_hazards`.
        world: all that happened, at true times.
    """

    data: CanonicalData
    tables: Mapping[str, pl.DataFrame]
    dirt: Counts
    causes: str
    truth: pl.DataFrame
    world: World

    @property
    def config(self) -> PipelineConfig:
        return self.data.config


def make_sample(opportunities: int = 5000, seed: int = 0, *, dirt: bool = True) -> Sample:
    """The made-up CRM of this number and seed, always the same; `dirt` spoils about 0.5% of the rows.

    Raises:
        ValueError: fewer than one opportunity, or a negative seed.
    """
    if opportunities < 1 or seed < 0:
        raise ValueError(f"opportunities must be >= 1 and seed >= 0, not {opportunities} and {seed}")
    world = simulate(opportunities, np.random.default_rng([seed, 0]))
    clean = _tables(world, np.random.default_rng([seed, 1]))
    raw: Mapping[str, pl.DataFrame] = {name: _as_text(frame) for name, frame in clean.items()}
    counts: Counts = {}
    if dirt:
        raw, counts = with_dirt(raw, np.random.default_rng([seed, 2]))
    truth = true_hazards(world, clean["opportunities"]["opportunity_id"])
    return Sample(CanonicalData(clean, CONFIG), raw, counts, causes_text(), truth, world)


def write_sample(sample: Sample, folder: Path, *, format: Literal["csv", "parquet"] = "csv") -> None:
    """Write `NAME.csv` or `NAME.parquet` for each table, `pipeline.toml` and `CAUSES.md`.

    In Parquet a time column is a timestamp, unless dirt makes text of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in sample.tables.items():
        if format == "csv":
            frame.write_csv(folder / f"{name}.csv")
        else:
            _with_timestamps(name, frame).write_parquet(folder / f"{name}.parquet")
    (folder / FILE_NAME).write_text(sample.config.to_toml(), encoding="utf-8")
    (folder / CAUSES_FILE).write_text(sample.causes, encoding="utf-8")


def true_win_probability(sample: Sample, rows: pl.Series, *, draws: int = 100, seed: int = 0) -> pl.DataFrame:
    """True win probabilities of some rows of `Sample.truth`, simulated forward from the true state.

    Args:
        rows: row numbers of `Sample.truth`.
        draws: futures simulated for each; the standard error is at most 0.5 / sqrt(draws).

    Returns:
        opportunity_id, as_of, win_probability; in the order of `rows`. It is what one who knew the
        hidden fit and the meetings not yet typed in would say: a bound for every model.
    """
    chosen = rows.cast(pl.Int64).to_numpy()
    probability = simulated_win_probability(sample.world, chosen, draws, seed)
    frame = sample.truth[chosen].select("opportunity_id", "as_of")
    return frame.with_columns(pl.Series("win_probability", probability))


def _tables(world: World, rng: np.random.Generator) -> dict[str, pl.DataFrame]:
    """The nine canonical tables, clean and typed."""
    setting = world.setting
    ids = Ids(
        opportunities=keys("O", len(world.deals.index)),
        accounts=keys("C", len(setting.accounts.owner)),
        reps=keys("R", len(setting.reps.team)),
        contacts=keys("P", len(setting.contact_account)),
    )
    past = histories(world, ids, rng)
    activities = activities_table(world, ids, rng)
    tables = {
        "accounts": accounts_table(world, ids, rng),
        "contacts": contacts_table(world, ids, activities, rng),
        "reps": reps_table(setting, ids),
        "leads": leads_table(world, ids, rng),
        "opportunities": opportunities_table(world, past.field_changes, ids, rng),
        "stage_changes": past.stage_changes,
        "field_changes": past.field_changes,
        "activities": activities,
        "orders": orders_table(world, past.order_value, ids, rng),
    }
    return {name: tables[name] for name in TABLES}


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(TIME).dt.strftime(_TIME_FORMAT))


def _with_timestamps(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    for column in TABLES[name].columns:
        if column.kind is Kind.TIME:
            parsed = frame[column.name].str.to_datetime(_TIME_FORMAT, time_unit="us", strict=False)
            if parsed.null_count() == frame[column.name].null_count():
                frame = frame.with_columns(parsed.dt.replace_time_zone("UTC"))
    return frame
