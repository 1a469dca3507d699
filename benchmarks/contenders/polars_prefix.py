"""Polars, prefix sums: every count is a difference of two running counts at two positions.

A position is how many activities come before a snapshot or before the edge of one of its windows: a
binary search for one 128-bit key of (opportunity, at), by which the clustered table is sorted already.

Distinct contacts: a record stands for its contact until the window leaves it or the contact's next
record comes. Whichever is first is known of each record beforehand, so that those which a next record
relieves are counted up to the snapshot, the others up to the window's edge, and nothing is sorted.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from benchmarks.columns import COUNTED, DAY, KINDS, LAST, SPANS, TREND_DAYS, WINDOWS
from benchmarks.contenders.polars_tables import Tables, columns, days, prepare

__all__ = ["columns", "prepare", "run"]

EDGES = {"now": 0, **{f"{window}d": window for window in WINDOWS}, "trend": TREND_DAYS}
BEFORE = {span: "first" if window is None else span for span, window in SPANS.items()}
WIDTH = pl.lit(1 << 62, dtype=pl.Int128)


def run(tables: Tables) -> pl.DataFrame:
    return columns_at(tables, positions(tables))


def positions(tables: Tables) -> pl.DataFrame:
    """How many activities come before each snapshot's opportunity, moment and window edges."""
    keys = pl.lit(tables.activities.select(_key(pl.col("at"))).to_series())
    moves = pl.lit(tables.stage_changes.select(_key(pl.col("at"))).to_series())
    asked = {name: _key(pl.col("as_of") - pl.duration(days=back)) for name, back in EDGES.items()}
    return tables.snapshots.select(
        keys.search_sorted(_opportunity_key(), side="left").alias("first"),
        *(keys.search_sorted(query, side="right").alias(name) for name, query in asked.items()),
        moves.search_sorted(_opportunity_key(), side="left").alias("first_move"),
        moves.search_sorted(asked["now"], side="right").alias("moves"),
    )


def columns_at(tables: Tables, position: pl.DataFrame) -> pl.DataFrame:
    """The columns, from the positions."""
    sums = _running_sums(tables.activities)
    parts = [
        sums.select(pl.col(names).gather(position[edge]).name.suffix(f"@{edge}"))
        for edge, names in _wanted(sums.columns).items()
    ]
    wide = pl.concat([tables.snapshots, position, *parts], how="horizontal")
    return wide.select(*_window_columns(), *_other_columns(tables))


def _wanted(names: list[str]) -> dict[str, list[str]]:
    """Which running sums are asked for at which edge."""
    plain = [*KINDS, "seconds", "timed"]
    at_edges = {f"{window}d": [*plain, f"left_{window}d"] for window in WINDOWS}
    return {"first": names, "now": [n for n in names if not n.startswith("left")], **at_edges}


def _running_sums(activities: pl.DataFrame) -> pl.DataFrame:
    """Running counts, per kind and of relieved records, and sums: row i is of the first i activities."""
    padded = pl.concat([activities.clear(1), activities])
    since, until = pl.col("since"), pl.col("until")
    return padded.with_columns(_same_contact(padded)).select(
        *((pl.col("kind") == kind).fill_null(False).cum_sum().alias(kind) for kind in KINDS),
        pl.col("duration_s").fill_null(0).cast(pl.Int64).cum_sum().alias("seconds"),
        pl.col("duration_s").is_not_null().cum_sum().alias("timed"),
        since.is_not_null().cum_sum().alias("relieved_total"),
        *(
            flag.fill_null(other).cum_sum().alias(f"{name}_{window}d")
            for window in WINDOWS
            for name, flag, other in (
                ("relieved", since <= window * DAY, False),
                ("left", until > window * DAY, True),
            )
        ),
    )


def _same_contact(activities: pl.DataFrame) -> list[pl.Series]:
    """Microseconds from the same contact's record before, and to its next one; null where there is none."""
    order = activities["contact"].arg_sort()
    by_contact = activities.select(pl.col("contact", "at").gather(order))
    same = pl.col("contact") == pl.col("contact").shift(1)
    since = pl.when(same).then((pl.col("at") - pl.col("at").shift(1)).to_physical())
    gaps = by_contact.select(since=since).with_columns(until=pl.col("since").shift(-1), row=order)
    return gaps.sort("row").select("since", "until").get_columns()


def _window_columns() -> Iterator[pl.Expr]:
    for span, edge in BEFORE.items():
        inside = {
            name: pl.col(f"{name}@now") - pl.col(f"{name}@{edge}") for name in (*KINDS, "seconds", "timed")
        }
        for name, kinds in COUNTED.items():
            yield pl.sum_horizontal(inside[kind] for kind in kinds).alias(f"{name}_{span}")
        yield inside["seconds"].alias(f"activity_time_s_{span}")
        mean = pl.when(inside["timed"] > 0).then(inside["seconds"] / inside["timed"])
        yield mean.alias(f"mean_duration_s_{span}")
        relieved = pl.col(f"relieved_{span}@now") - pl.col(f"relieved_{span}@first")
        standing = pl.col("now") - pl.col("first") - relieved
        if edge != "first":
            standing = standing - (pl.col(f"left_{span}@{edge}") - pl.col(f"left_{span}@first"))
        yield standing.alias(f"contacts_reached_{span}")


def _other_columns(tables: Tables) -> Iterator[pl.Expr]:
    activities = tables.activities
    any_seen = pl.col("now") > pl.col("first")
    last_row, first_row = (pl.when(any_seen).then(row) for row in (pl.col("now") - 1, pl.col("first")))
    last, first = (pl.lit(activities["at"]).gather(row) for row in (last_row, first_row))
    last_of = {kind: _last_of(activities, kind) for kind in KINDS}
    for name, kinds in LAST.items():
        latest = last if kinds == KINDS else pl.max_horizontal(last_of[kind] for kind in kinds)
        yield days(pl.col("as_of") - latest).alias(f"days_since_last_{name}")
    move = pl.when(pl.col("moves") > pl.col("first_move")).then(pl.col("moves") - 1)
    yield days(pl.col("as_of") - pl.lit(tables.stage_changes["at"]).gather(move)).alias("days_in_stage")
    gaps = pl.col("now") - pl.col("first")
    yield (days(last - first) / pl.when(gaps > 1).then(gaps - 1)).alias("mean_gap_days")
    longest = pl.lit(_longest_gap(activities)).gather(last_row)
    yield days(pl.max_horizontal(longest, pl.col("as_of") - last)).alias("longest_silence_days")
    month, two_months, now = (pl.col(name).cast(pl.Int64) for name in ("30d", "trend", "now"))
    yield (now - month - (month - two_months)).alias("activity_trend_30d")


def _last_of(activities: pl.DataFrame, kind: str) -> pl.Expr:
    """When a kind's last activity was: the running count says which of that kind's activities it is."""
    number = pl.col(f"{kind}@now")
    row = pl.when(number > pl.col(f"{kind}@first")).then(number - 1)
    return pl.lit(activities.filter(pl.col("kind") == kind)["at"]).gather(row)


def _longest_gap(activities: pl.DataFrame) -> pl.Series:
    """The longest gap so far within each opportunity: one running maximum under the opportunity's key."""
    same = pl.col("opportunity") == pl.col("opportunity").shift(1)
    gap = pl.when(same).then((pl.col("at") - pl.col("at").shift(1)).to_physical()).otherwise(0)
    longest = (_key(gap).cum_max() - _opportunity_key()).cast(pl.Int64).cast(pl.Duration("us"))
    return activities.select(longest).to_series()


def _key(instant: pl.Expr) -> pl.Expr:
    return _opportunity_key() + instant.to_physical().cast(pl.Int128)


def _opportunity_key() -> pl.Expr:
    return pl.col("opportunity").cast(pl.Int128) * WIDTH
