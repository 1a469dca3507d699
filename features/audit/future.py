"""What the ways of changing the future have in common: one instant, and made-up times and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.audit.moments import KNOWN
from features.canonical import TIME, CanonicalData
from features.times import DAY, BoolArray, IntArray, from_micros

BACK = 400 * DAY  # made-up records are dated up to so long before the moment: longer than any window
AHEAD = 90 * DAY  # and become known up to so long after it
AT_ONCE = 0.3  # of them at the first instant after it, where an inclusive end would show
MADE_UP = "audit-made-up"  # a value that no CRM holds


@dataclass(frozen=True)
class Future:
    """A data set at one moment, what came after which is to be changed.

    Attributes:
        data: as they are.
        as_of: the moment in microseconds; what became known then or before stays as it is.
        deals, accounts: keys of those whose features are compared; most changes aim at them.
        rng: draws everything that is drawn.
    """

    data: CanonicalData
    as_of: int
    deals: Sequence[str]
    accounts: Sequence[str]
    rng: np.random.Generator

    @property
    def now(self) -> pl.Expr:
        """The moment as a time to compare with."""
        return pl.lit(from_micros(self.as_of), dtype=TIME)

    @property
    def known_later(self) -> pl.Expr:
        """Which rows of a table with two clocks became known after the moment."""
        return self.now < KNOWN

    @property
    def aimed(self) -> pl.Expr:
        """Which rows of a table belong to a deal that is compared."""
        return pl.col("opportunity_id").is_in(pl.Series(list(self.deals), dtype=pl.String).implode())

    def after(self, count: int) -> pl.Series:
        """Times after the moment, many of them just after."""
        ahead = self.rng.integers(1, AHEAD, count)
        return instants(self.as_of + np.where(self.chance(AT_ONCE, count), 1, ahead))

    def before(self, count: int) -> pl.Series:
        """Times at or before the moment."""
        back = self.rng.integers(0, BACK, count)
        return instants(self.as_of - np.where(self.chance(0.1, count), 0, back))

    def chance(self, share: float, count: int) -> BoolArray:
        """A mask of about that share."""
        return np.asarray(self.rng.random(count) < share)

    def drawn(self, values: pl.Series, count: int) -> pl.Series:
        """Values drawn with replacement; nulls where there is none to draw from."""
        if not len(values):
            return pl.Series(values.name, [None] * count, dtype=values.dtype)
        return values.gather(self.rng.integers(0, len(values), count))

    def permuted(self, frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """The frame with each of some columns put in an order of its own."""
        return frame.with_columns(
            frame[name].gather(self.rng.permutation(frame.height))
            for name in columns
            if name in frame.columns
        )


def instants(micros: IntArray) -> pl.Series:
    """Microseconds as a time column."""
    return pl.Series(np.asarray(micros, np.int64)).cast(TIME)


def either(where: pl.Series, values: pl.Series, other: pl.Series) -> pl.Series:
    """`values` where the mask holds, `other` elsewhere."""
    return values.zip_with(where, other)


def mask(values: BoolArray) -> pl.Series:
    """A mask as a column."""
    return pl.Series(values, dtype=pl.Boolean)
