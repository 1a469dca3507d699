"""How the CRM is kept: records told after the close, kinds that mark an outcome, missing clocks."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import polars as pl

from features.audit.columns import OF_ACCOUNTS, unused_columns
from features.audit.findings import Finding, Level
from features.audit.moments import KNOWN
from features.canonical import CanonicalData
from features.tables import TABLES

LATE_RECORDS, LATE_SHARE = 20, 0.05  # from these on, records told after the close are a habit
MARKING_SHARE, OTHER_SHARE = 0.30, 0.05  # of deals of one outcome, and of the other
MARKED_DEALS = 20  # deals of each outcome, below which shares are not compared
EMPTY_SHARE = 0.05  # of rows without `recorded_at`, from which on it is told
GROUPS = MappingProxyType({"activities": "kind", "field_changes": "field"})  # told apart by these
DAY_S = 86_400


def told_after_the_close(data: CanonicalData) -> Iterator[Finding]:
    """Tables, kinds of activities and fields whose records come after the close that they precede."""
    for name, table in TABLES.items():
        if not table.has_two_clocks:
            continue
        records = _of_closed(data, name).filter(pl.col("at") < pl.col("closed_at"))
        late = pl.col("known") > pl.col("closed_at")
        delay = ((pl.col("known") - pl.col("at")).dt.total_seconds() / DAY_S).filter(late)
        groups = records.group_by("group").agg(
            pl.len().alias("before"), late.sum().alias("late"),
            (late & (pl.col("outcome") == "won")).sum().alias("won"),
            delay.median().alias("median_days"), delay.quantile(0.9).alias("p90_days"),
        )  # fmt: skip
        for row in groups.sort("group").iter_rows(named=True):
            if row["late"] >= LATE_RECORDS and row["late"] / row["before"] >= LATE_SHARE:
                yield _late(name, row)


def marks_of_an_outcome(data: CanonicalData) -> Iterator[Finding]:
    """Kinds of activities and fields recorded within a day after the close of one outcome alone."""
    deals = dict(data["opportunities"].group_by("outcome").len().iter_rows())
    if min(deals.get("won", 0), deals.get("lost", 0)) < MARKED_DEALS:
        return
    for name in GROUPS:
        since = pl.col("known") - pl.col("closed_at")
        near = _of_closed(data, name).filter(since.is_between(pl.duration(), pl.duration(days=1)))
        counts = near.group_by("group", "outcome").agg(pl.col("opportunity_id").n_unique().alias("deals"))
        for group in counts["group"].unique().sort():
            of_group = dict(counts.filter(pl.col("group") == group).select("outcome", "deals").iter_rows())
            shares = {outcome: of_group.get(outcome, 0) / deals[outcome] for outcome in ("won", "lost")}
            if max(shares.values()) >= MARKING_SHARE and min(shares.values()) < OTHER_SHARE:
                yield _mark(_place(name, group), shares, deals)


def clocks(data: CanonicalData) -> Iterator[Finding]:
    """Tables whose second clock is missing, or says nothing that the first does not."""
    for name, table in TABLES.items():
        frame = data[name]
        if not table.has_two_clocks or frame.is_empty():
            continue
        empty = frame["recorded_at"].null_count() / frame.height
        if empty == 1:
            yield _clock(name, "recorded_at is empty in all rows, and read as equal to at", empty)
        elif empty >= EMPTY_SHARE:
            yield _clock(
                name, f"recorded_at is empty in {empty:.0%} of the rows, and read as equal to at", empty
            )
        elif (frame["recorded_at"] == frame["at"]).all():
            yield _clock(name, "recorded_at equals at in every row, as if copied", 0.0)


def without_history(data: CanonicalData) -> Iterator[Finding]:
    """Mutable columns of `opportunities` that have values and no history."""
    for name in unused_columns(data):
        yield Finding(
            Level.CAVEAT,
            "mutable_without_history",
            name if name.startswith(OF_ACCOUNTS) else f"opportunities.{name}",
            "may change during a deal's life and has no history in field_changes: not used",
            "export its history, or name it in fixed_fields if it truly never changes",
        )


def _of_closed(data: CanonicalData, name: str) -> pl.DataFrame:
    """The records of closed deals with when they became known, and the group they count in."""
    deals = data["opportunities"].filter(pl.col("closed_at").is_not_null())
    deals = deals.select("opportunity_id", "closed_at", "outcome")
    group = pl.col(GROUPS[name]) if name in GROUPS else pl.lit("")
    records = data[name].select("opportunity_id", "at", KNOWN.alias("known"), group.alias("group"))
    return records.join(deals, on="opportunity_id")


def _place(name: str, group: str) -> str:
    return f"{name} of {GROUPS[name]} {group}" if group else name


def _late(name: str, row: dict[str, Any]) -> Finding:
    share = row["late"] / row["before"]
    return Finding(
        Level.SUSPECT,
        "told_after_the_close",
        _place(name, row["group"]),
        f"{row['late']:,} of {row['before']:,} records dated before the close were recorded after it "
        f"({share:.1%}), {row['won']:,} of them of won deals; delay: median {row['median_days']:.1f} days, "
        f"nine in ten within {row['p90_days']:.1f}",
        "no snapshot sees them before they were recorded; check that recorded_at is the CRM's own time of "
        "entry, for read by at alone they give the outcome away",
        {name: round(value, 4) for name, value in (*row.items(), ("share", share)) if name != "group"},
    )


def _mark(place: str, shares: dict[str, float], deals: dict[str, int]) -> Finding:
    return Finding(
        Level.SUSPECT,
        "marks_an_outcome",
        place,
        f"recorded within a day after the close of {shares['won']:.0%} of {deals['won']:,} won deals and "
        f"{shares['lost']:.0%} of {deals['lost']:,} lost ones",
        "it follows from the outcome; check that closed_at is when the deal was decided and not later, "
        "or these records come before the close and give it away",
        {"won_share": round(shares["won"], 4), "lost_share": round(shares["lost"], 4)},
    )


def _clock(name: str, what: str, empty: float) -> Finding:
    return Finding(
        Level.CAVEAT,
        "no_second_clock",
        name,
        f"{what}: late entries cannot be told from prompt ones, and nothing here can prove that none leaks",
        "export the CRM's own time of entry as recorded_at",
        {"empty_share": round(empty, 4)},
    )
