"""Ways of changing the future: each gives the same data as of a moment, with another future.

Nothing that was known at the moment is touched, but for last values, which no snapshot may read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import polars as pl

from features.audit.future import Future
from features.audit.intruders import added, corrected, merged
from features.audit.rewritten import changed
from features.canonical import CanonicalData


def deleted(future: Future) -> CanonicalData:
    """Everything that became known after the moment is gone; deals closed later are open."""
    return future.data.known_at(future.as_of)


def shuffled(future: Future) -> CanonicalData:
    """The same rows of every table in another order."""
    tables = {name: frame[future.rng.permutation(frame.height)] for name, frame in future.data.tables.items()}
    return replace(future.data, tables=MappingProxyType(tables))


Way = Callable[[Future], CanonicalData]
WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "deleted": deleted,
        "changed": changed,
        "added": added,
        "corrected": corrected,
        "merged": merged,
        "shuffled": shuffled,
    }
)
MEANING: Mapping[str, str] = MappingProxyType(
    {
        "deleted": "taken out",
        "changed": "scrambled and dated back; closes changed; last values overwritten",
        "added": "added to: records dated before, deals, accounts, contacts, leads",
        "corrected": "corrections with other content of what was known before",
        "merged": "moves of known records to other deals and to duplicates",
        "shuffled": "left as it is, with all rows in another order",
    }
)


def rows_touched(before: CanonicalData, after: CanonicalData) -> int:
    """How many rows two data sets do not share; if they share all, how many stand elsewhere."""
    return sum(_touched(frame, after[name]) for name, frame in before.tables.items())


def _touched(before: pl.DataFrame, after: pl.DataFrame) -> int:
    old, new = before.hash_rows(), after.select(before.columns).hash_rows()
    if len(old) == len(new) and old.sort().equals(new.sort()):
        return int((old != new).sum())
    sides = [side.alias("row").to_frame().group_by("row").len() for side in (old, new)]
    both = sides[0].join(sides[1], on="row", how="full", coalesce=True, suffix="_new").fill_null(0)
    fewer = both.select(pl.col("len").cast(pl.Int64) - pl.col("len_new").cast(pl.Int64)).to_series()
    return int(max(fewer.clip(lower_bound=0).sum(), -fewer.clip(upper_bound=0).sum()))
