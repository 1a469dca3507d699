"""A made-up CRM of a given size, from a seed, as Parquet files clustered by (opportunity, time).

Every opportunity has a life of about 120 days, a skewed number of activities at random instants of
it, about four contacts of its own, three or four stage changes, and snapshots at random instants; one
snapshot in fifty lies exactly on a record or on the edge of a window after one, where errors would show.
Times are whole seconds, in microseconds; one activity in ten became known late (`recorded_at`).
Opportunities, contacts and accounts are numbered: peers get integers, which suit them best, and dealcast
gets texts made from these (`contenders/dealcast.py`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.columns import DAY, KINDS, SECOND, TREND_DAYS, WINDOWS, BoolArray, IntArray

STAGES = ("lead", "qualified", "offer", "negotiation")
DIRECTIONS = ("inbound", "outbound")
OUTCOMES = ("connected", "no_answer", "sent", "replied", "held", "no_show")
FIRST_DAY = 19_358  # 2023-01-01, in days since 1970
KIND_SHARES = (0.25, 0.30, 0.08, 0.05, 0.15, 0.04, 0.05, 0.08)
TIMED_KINDS = ("call", "meeting", "visit", "demo")  # 42% of all, of which four in five are timed
EDGE_DAYS = (0, *WINDOWS, TREND_DAYS)
EDGE_SHARE = 0.02
VERSION = 2  # of this recipe; part of the folder's name


@dataclass(frozen=True)
class Sizes:
    """How many of each, and the seed."""

    activities: int = 5_000_000
    opportunities: int = 200_000
    snapshots: int = 1_000_000
    seed: int = 1

    @classmethod
    def in_proportion(cls, activities: int, seed: int = 1) -> Sizes:
        """25 activities and five snapshots per opportunity."""
        opportunities = max(activities // 25, 1)
        return cls(activities, opportunities, 5 * opportunities, seed)

    @property
    def name(self) -> str:
        return f"v{VERSION}-a{self.activities}-o{self.opportunities}-s{self.snapshots}-seed{self.seed}"


@dataclass(frozen=True)
class Lives:
    """Opportunities by number: when each was created, and how long it lived, in microseconds."""

    created_at: IntArray
    length: IntArray

    def moments(self, rng: np.random.Generator, opportunity: IntArray) -> IntArray:
        """A random instant in the life of each of the given opportunities, sorted within each."""
        passed = (rng.random(len(opportunity)) * self.length[opportunity] / SECOND).astype(np.int64)
        instants = self.created_at[opportunity] + passed * SECOND
        return instants[np.lexsort((instants, opportunity))]


def world(folder: Path, sizes: Sizes) -> Path:
    """The folder of the data set of these sizes inside `folder`; it is made where it is not there."""
    target = folder / sizes.name
    done = target / "sizes.json"
    if not done.is_file():
        target.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(sizes.seed)
        lives = _lives(rng, sizes.opportunities)
        activities = _activities(rng, lives, sizes.activities)
        tables = {
            "opportunities": _opportunities(rng, lives),
            "activities": activities,
            "stage_changes": _stage_changes(rng, lives),
            "snapshots": _snapshots(rng, lives, sizes.snapshots, activities),
        }
        for name, table in tables.items():
            pq.write_table(table, target / f"{name}.parquet", compression="zstd")
        done.write_text(json.dumps(asdict(sizes)), encoding="utf-8")
    return target


def read(folder: Path, table: str, *columns: str) -> dict[str, IntArray]:
    """Columns of a table as int64; times in microseconds, categories as indices, -1 where empty."""
    return {
        name: _int64(pq.read_table(folder / f"{table}.parquet", columns=[name])[name]) for name in columns
    }


def checked_rows(snapshots: int, count: int = 2_000) -> IntArray:
    """Row numbers of the snapshots on which contenders are held against brute force, in random order."""
    return np.random.default_rng(0).permutation(snapshots)[:count]


def _lives(rng: np.random.Generator, count: int) -> Lives:
    created_at = FIRST_DAY * DAY + rng.integers(0, 3 * 365 * DAY // SECOND, count) * SECOND
    days = np.clip(rng.gamma(4.0, 30.0, count), 5, 500)
    return Lives(created_at, (days * DAY / SECOND).astype(np.int64) * SECOND)


def _opportunities(rng: np.random.Generator, lives: Lives) -> pa.Table:
    count = len(lives.created_at)
    return pa.table(
        {
            "opportunity": pa.array(np.arange(count, dtype=np.int32)),
            "account": pa.array((np.arange(count) // 2).astype(np.int32)),
            "created_at": _times(lives.created_at),
            "closed_at": _times(lives.created_at + lives.length),
            "won": pa.array(rng.random(count) < 0.3),
        }
    )


def _activities(rng: np.random.Generator, lives: Lives, count: int) -> pa.Table:
    weight = rng.gamma(2.0, 1.0, len(lives.created_at))
    opportunity = np.repeat(np.arange(len(weight)), rng.multinomial(count, weight / weight.sum()))
    at = lives.moments(rng, opportunity)
    kind = rng.choice(len(KINDS), count, p=KIND_SHARES)
    timed = np.isin(kind, [KINDS.index(name) for name in TIMED_KINDS]) & (rng.random(count) < 0.8)
    late_s = np.where(rng.random(count) < 0.1, rng.exponential(5.0, count) * DAY / SECOND, 0)
    delay = late_s.astype(np.int64) * SECOND
    return pa.table(
        {
            "opportunity": pa.array(opportunity.astype(np.int32)),
            "at": _times(at),
            "recorded_at": _times(at + delay),
            "kind": _category(kind, KINDS),
            "contact": pa.array(_contacts(rng, opportunity, len(weight))),
            "direction": _category(rng.integers(0, 2, count), DIRECTIONS),
            "outcome": _category(rng.integers(0, len(OUTCOMES), count), OUTCOMES, rng.random(count) < 0.4),
            "duration_s": pa.array(rng.integers(30, 5400, count).astype(np.int32), mask=~timed),
        }
    )


def _contacts(rng: np.random.Generator, opportunity: IntArray, opportunities: int) -> IntArray:
    """A contact per activity, from two to six per opportunity, some met more often than others."""
    number = rng.integers(2, 7, opportunities)
    first = np.cumsum(number) - number
    which = (rng.random(len(opportunity)) ** 1.5 * number[opportunity]).astype(np.int64)
    return (first[opportunity] + which).astype(np.int32)


def _stage_changes(rng: np.random.Generator, lives: Lives) -> pa.Table:
    count = len(lives.created_at)
    number = rng.integers(3, 5, count)
    opportunity = np.repeat(np.arange(count), number)
    place = np.arange(len(opportunity)) - np.repeat(np.cumsum(number) - number, number)
    at = np.where(place == 0, lives.created_at[opportunity], lives.moments(rng, opportunity))
    at = at[np.lexsort((at, opportunity))]
    return pa.table(
        {
            "opportunity": pa.array(opportunity.astype(np.int32)),
            "at": _times(at),
            "stage": _category(place, STAGES),
        }
    )


def _snapshots(rng: np.random.Generator, lives: Lives, count: int, activities: pa.Table) -> pa.Table:
    opportunity = np.arange(count) * len(lives.created_at) // count
    as_of = lives.moments(rng, opportunity)
    number = np.bincount(activities["opportunity"].to_numpy(), minlength=len(lives.created_at))
    rows = np.flatnonzero((rng.random(count) < EDGE_SHARE) & (number[opportunity] > 0))
    some = opportunity[rows]
    record = (np.cumsum(number) - number)[some] + (rng.random(len(rows)) * number[some]).astype(np.int64)
    at = activities["at"].to_numpy().astype(np.int64)[record]
    as_of[rows] = at + rng.choice(EDGE_DAYS, len(rows)) * DAY
    as_of = as_of[np.lexsort((as_of, opportunity))]
    return pa.table({"opportunity": pa.array(opportunity.astype(np.int32)), "as_of": _times(as_of)})


def _times(micros: IntArray) -> pa.Array:
    return pa.array(micros, pa.timestamp("us"))


def _category(codes: IntArray, names: tuple[str, ...], empty: BoolArray | None = None) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int8), mask=empty), pa.array(names))


def _int64(column: pa.ChunkedArray) -> IntArray:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # older pyarrow
        array = pa.concat_arrays(array.chunks)
    if pa.types.is_dictionary(array.type):
        array = array.indices
    values: IntArray = array.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return values
