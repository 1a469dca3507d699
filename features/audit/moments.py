"""At which moments the future is changed, and whose features are then compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.audit.frames import Asked, asked_at
from features.canonical import TIME, CanonicalData
from features.tables import TABLES
from features.times import IntArray, from_micros

FIRST, LAST = 0.2, 0.95  # quantiles of the known times between which the moments lie
ACCOUNT_SHARE = 0.25  # of the snapshots of a moment
KNOWN = pl.coalesce("recorded_at", "at")  # when a record of a table with two clocks became known


@dataclass(frozen=True)
class Moment:
    """One instant, and the keys of what is compared as of it.

    Attributes:
        as_of: microseconds; a record became known just then.
        deals: opportunities that were open.
        accounts: accounts that had ordered and had not left.
    """

    as_of: int
    deals: tuple[str, ...]
    accounts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.deals) + len(self.accounts)

    @property
    def asked(self) -> list[Asked]:
        """The snapshots, by entity; an entity of which there are none is left out."""
        groups = [
            asked_at("opportunity", self.deals, self.as_of),
            asked_at("account", self.accounts, self.as_of),
        ]
        return [group for group in groups if len(group)]


def moments_of(
    data: CanonicalData, count: int, snapshots: int, rng: np.random.Generator
) -> tuple[Moment, ...]:
    """Up to `count` moments spread over the data, with up to `snapshots` snapshots in all.

    A moment at which there is nothing to compare is left out.
    """
    known = np.sort(known_times(data))
    count = min(count, snapshots)
    if not len(known) or not count:
        return ()
    shares = np.linspace(FIRST, LAST, count) if count > 1 else np.array([(FIRST + LAST) / 2])
    instants = np.unique(np.quantile(known, shares, method="lower"))
    moments = [_moment(data, int(instant), snapshots // count, rng) for instant in instants]
    return tuple(moment for moment in moments if len(moment))


def known_times(data: CanonicalData) -> IntArray:
    """Microseconds at which anything became known, in no order."""
    records = [
        data[table.name].select(KNOWN).to_series() for table in TABLES.values() if table.has_two_clocks
    ]
    times = [part.to_physical().to_numpy() for part in (*records, data["opportunities"]["created_at"])]
    return np.concatenate(times).astype(np.int64)


def _moment(data: CanonicalData, as_of: int, snapshots: int, rng: np.random.Generator) -> Moment:
    now = pl.lit(from_micros(as_of), dtype=TIME)
    deals, accounts = _open_deals(data, now), _ordering_accounts(data, now)
    of_accounts = min(len(accounts), round(snapshots * ACCOUNT_SHARE))
    return Moment(
        as_of, _some(deals, snapshots - of_accounts, rng), _some(accounts, max(of_accounts, 0), rng)
    )


def _open_deals(data: CanonicalData, now: pl.Expr) -> Sequence[str]:
    still = pl.col("closed_at").is_null() | (pl.col("closed_at") > now)
    deals = data["opportunities"].filter((pl.col("created_at") <= now) & still)
    return deals["opportunity_id"].unique().sort().to_list()


def _ordering_accounts(data: CanonicalData, now: pl.Expr) -> Sequence[str]:
    left = data["accounts"].filter(pl.col("churned_at") <= now)["account_id"]
    orders = data["orders"].filter((now >= KNOWN) & (pl.col("at") <= now))
    accounts = orders.filter(~pl.col("account_id").is_in(left.implode()))["account_id"]
    return accounts.unique().sort().to_list()


def _some(ids: Sequence[str], count: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Up to `count` of the keys, drawn without replacement, in their order."""
    chosen = np.sort(rng.choice(len(ids), min(count, len(ids)), replace=False)) if ids else ()
    return tuple(ids[int(place)] for place in chosen)
