"""Dirt as real exports have it, planted last, each row of it counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import polars as pl

from features.sample.setting import END
from features.times import DAY, iso

DIRTY_SHARE: Final = 0.005  # of a table's rows, split evenly over its rules
SAFE: Final = iso(END - 10 * DAY)  # a correction of what was recorded before comes before the end

Counts = Mapping[str, Mapping[str, int]]
_Spoil = Callable[[pl.DataFrame], pl.DataFrame]


def with_dirt(
    tables: Mapping[str, pl.DataFrame], rng: np.random.Generator
) -> tuple[dict[str, pl.DataFrame], Counts]:
    """The raw tables with dirt in them, and the number of dirty rows by table and rule.

    No row is spoilt twice. `exact_repeat` and `revision` add a row after the one they repeat; the
    other rules spoil a row in place. Times are text.
    """
    dirty, counts = dict(tables), {}
    for name, rules in _RULES.items():
        dirty[name], counts[name] = _spoilt(tables[name], rules, rng)
    return dirty, counts


def _spoilt(
    frame: pl.DataFrame, rules: Mapping[str, tuple[pl.Expr, _Spoil]], rng: np.random.Generator
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The table with each rule applied to rows of its own, and how many rows that were."""
    wanted = max(1, round(DIRTY_SHARE * frame.height / len(rules)))
    free = np.ones(frame.height, dtype=np.bool_)
    rows = frame.with_row_index("_row").with_columns(pl.lit(0, dtype=pl.Int8).alias("_copy"))
    parts, counts = [rows], {}
    for rule, (fits, spoil) in rules.items():
        candidates = np.flatnonzero(free & frame.select(fits.fill_null(False)).to_series().to_numpy())
        chosen = np.sort(rng.choice(candidates, min(wanted, len(candidates)), replace=False))
        free[chosen] = False
        parts.append(spoil(rows[chosen]).with_columns(pl.lit(rule in _ADDING, dtype=pl.Int8).alias("_copy")))
        counts[rule] = len(chosen)
    last = pl.concat(parts).unique(["_row", "_copy"], keep="last", maintain_order=True)
    return last.sort("_row", "_copy").drop("_row", "_copy"), counts


def _setting(**values: pl.Expr) -> _Spoil:
    return lambda frame: frame.with_columns(**values)


def _later(text: pl.Expr) -> pl.Expr:
    when = text.str.to_datetime("%Y-%m-%dT%H:%M:%SZ") + pl.duration(days=3, hours=5)
    return when.dt.strftime("%Y-%m-%dT%H:%M:%SZ")


_ADDING: Final = ("exact_repeat", "revision")
_ANY: Final = pl.lit(True)
_REPEAT: Final = (_ANY, _setting())
_BAD_TIME: Final = (_ANY, _setting(at=pl.concat_str(pl.lit("31.02."), pl.col("at").str.head(4))))
_LOST_REFERENCE: Final = (
    pl.col("opportunity_id").is_not_null(),
    _setting(opportunity_id=pl.concat_str("opportunity_id", pl.lit("-gone"))),
)
_SHOUTED: Final = (pl.col("outcome").is_not_null(), _setting(outcome=pl.col("outcome").str.to_uppercase()))
_REVISION: Final = (
    pl.col("duration_s").is_not_null()
    & (pl.col("recorded_at") < SAFE)
    & (pl.col("recorded_at") > pl.col("at")),
    _setting(duration_s=pl.col("duration_s") * 2 + 60, recorded_at=_later(pl.col("recorded_at"))),
)

_RULES: Final[Mapping[str, Mapping[str, tuple[pl.Expr, _Spoil]]]] = {
    "activities": {
        "exact_repeat": _REPEAT,
        "revision": _REVISION,
        "unparsable_time": _BAD_TIME,
        "negative_duration": (pl.col("duration_s") > 0, _setting(duration_s=-pl.col("duration_s"))),
        "unknown_value": (_ANY, _setting(kind=pl.lit("carrier_pigeon"))),
        "unknown_reference": _LOST_REFERENCE,
        "letter_case": _SHOUTED,
    },
    "opportunities": {"letter_case": _SHOUTED},
    "stage_changes": {
        "exact_repeat": _REPEAT,
        "unparsable_time": _BAD_TIME,
        "unknown_reference": _LOST_REFERENCE,
    },
    "field_changes": {"exact_repeat": _REPEAT, "unparsable_time": _BAD_TIME},
    "contacts": {"exact_repeat": _REPEAT, "unknown_value": (_ANY, _setting(role=pl.lit("wizard")))},
    "orders": {"exact_repeat": _REPEAT, "unparsable_time": _BAD_TIME, "unknown_reference": _LOST_REFERENCE},
}
