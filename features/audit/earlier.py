"""An earlier export of the same CRM beside a later one: what was rewritten, backdated or taken away.

Of what the earlier export knew by its own end, the later one must say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import polars as pl

from features.audit.columns import OF_ACCOUNTS, read_as_fixed
from features.audit.export import ALWAYS, KNOWN_FROM, Export, Pair, differing, pair_of
from features.audit.findings import Finding, Level, first_keys
from features.canonical import CanonicalData
from features.errors import DataError
from features.tables import TABLES
from features.times import iso

# Read without a history, beside what is read as fixed.
NO_HISTORY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "accounts": ("industry", "region", "created_at"),
        "contacts": ("account_id", "role", "created_at"),
        "reps": ("team_id", "hired_at"),
        "leads": ("source", "created_at"),
        "opportunities": ("account_id", "created_at"),
    }
)
# What is told by a time that has no second clock: known from that time on, whenever it was typed in.
FACTS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "accounts": (("churned_at", "churned_at"),),
        "leads": (("first_response_at", "first_response_at"), ("opportunity_id", "converted_at")),
        "opportunities": (("closed_at", "closed_at"), ("outcome", "closed_at")),
    }
)
# Of an account without a time of creation, or its people, snapshots could be taken then only if
# something in the earlier export names it.
_OF_ACCOUNTS = ("accounts", "contacts")


def against_earlier(later: Export, earlier: Export) -> Iterator[Finding]:
    """What the later export says otherwise than the earlier one did.

    Raises:
        DataError: the earlier export is not the earlier one.
    """
    ends = earlier.data.watermark(), later.data.watermark()
    if ends[0] > ends[1]:
        raise DataError(
            f"--earlier ends at {iso(ends[0])}, after the data themselves, which end at {iso(ends[1])}; "
            "change them round"
        )
    zones = earlier.data.config.time_zone, later.data.config.time_zone
    if zones[0] != zones[1]:
        raise DataError(
            f"--earlier is read in the time zone {zones[0]} and the data in {zones[1]}, so that their times "
            "cannot be compared; put the same time_zone into the pipeline.toml of both"
        )
    named = pl.concat([earlier.data[name]["account_id"] for name in ("opportunities", "orders")]).unique()
    for name in TABLES:
        if name in earlier.data.absent or name in later.data.absent:
            continue
        pair = pair_of(name, later, earlier)
        yield from _missing(pair)
        yield from _backdated(pair, named)
        if pair.table.has_two_clocks:
            yield from _rewritten(pair)
        else:
            yield from _overwritten(pair, later.data)
            yield from _told_late(pair)


def _overwritten(pair: Pair, data: CanonicalData) -> Iterator[Finding]:
    """Columns read without a history that hold something else for the same key."""
    for column in dict.fromkeys((*_fixed(pair.name, data), *NO_HISTORY[pair.name])):
        keys, compared = differing(pair, column)
        if len(keys):
            yield Finding(
                Level.PROOF,
                "overwritten_without_history",
                f"{pair.name}.{column}",
                f"differs from the earlier export for {len(keys):,} of {compared:,} rows, and is read "
                "without a history; snapshots from before the change are told the future",
                "have the CRM keep its changes as field_changes, or export the first value of each key",
                {"rows": len(keys), "compared": compared},
                first_keys(keys),
            )


def _told_late(pair: Pair) -> Iterator[Finding]:
    """Facts dated before the earlier export ended that it did not know, or knew otherwise."""
    for column, time in FACTS.get(pair.name, ()):
        told = pl.when(pl.col(time) < pair.end).then(pl.col(column)).alias("told")
        then, now = (frame.select(*pair.key, told) for frame in (pair.before, pair.after))
        both = then.join(now, on=pair.key, suffix="_now")
        keys = both.filter(pl.col("told").ne_missing(pl.col("told_now")))[pair.key[0]]
        if len(keys):
            yield Finding(
                Level.PROOF,
                "told_late",
                f"{pair.name}.{column}",
                f"says of the time before the earlier export ended, by {time}, what that export did not, for "
                f"{len(keys):,} of {both.height:,} rows; snapshots from between are told the future",
                f"have {time} set by the CRM when it learns of the fact, or export when that was",
                {"rows": len(keys), "compared": both.height},
                first_keys(keys),
            )


def _fixed(name: str, data: CanonicalData) -> list[str]:
    """The columns of a table that are read as fixed; those of `opportunities` are named without it."""
    places = [n if n.startswith(OF_ACCOUNTS) else f"opportunities.{n}" for n in read_as_fixed(data)]
    return [place.removeprefix(f"{name}.") for place in places if place.startswith(f"{name}.")]


def _rewritten(pair: Pair) -> Iterator[Finding]:
    """Records whose content differs though nothing was recorded since."""
    for column in pair.table.column_names:
        if column in (*pair.version, "recorded_at"):
            continue
        keys, compared = differing(pair, column)
        if len(keys):
            yield Finding(
                Level.PROOF,
                "rewritten_in_place",
                f"{pair.name}.{column}",
                f"differs from the earlier export for {len(keys):,} of {compared:,} records with the same "
                "recorded_at; snapshots from between are told the future",
                "export each change as a version of the record with its own recorded_at",
                {"rows": len(keys), "compared": compared},
                first_keys(keys),
            )


def _backdated(pair: Pair, named: pl.Series) -> Iterator[Finding]:
    """Rows that say they were known before the earlier export ended, and are not in it."""
    always = pl.col(KNOWN_FROM) == ALWAYS
    told_before = pl.col(KNOWN_FROM) < pair.end
    if pair.name in _OF_ACCOUNTS:
        told_before = (told_before | always) & pl.col("account_id").is_in(named.implode())
    else:
        told_before &= ~always
    new = pair.after.filter(told_before).join(pair.before, on=pair.version, how="anti")
    if new.is_empty():
        return
    clock = "recorded_at (at, where it is empty)" if pair.table.has_two_clocks else "created_at"
    yield Finding(
        Level.PROOF if new.height > pair.unread else Level.SUSPECT,
        "backdated",
        pair.name,
        f"{new.height:,} rows say by {clock} that they were known before the earlier export ended, and are "
        "not in it; this clock is not when the CRM came to know, and snapshots are told the future",
        "export the time of entry that the CRM itself sets and nobody can change",
        {"rows": new.height, "unreadable_in_earlier": pair.unread},
        first_keys(new[pair.key[0]]),
    )


def _missing(pair: Pair) -> Iterator[Finding]:
    """Rows of the earlier export that are gone, or there under another time only."""
    lost = pair.before.join(pair.after, on=pair.version, how="anti")
    gone = lost.join(pair.after, on=pair.key, how="anti")
    if gone.height:
        yield Finding(
            Level.SUSPECT,
            "deleted_history",
            pair.name,
            f"{gone.height:,} of {pair.before.height:,} rows of the earlier export are missing; where what "
            "failed is deleted more often, the history that is left tells the outcome",
            "export deleted and archived records too",
            {"rows": gone.height, "of": pair.before.height},
            first_keys(gone[pair.key[0]]),
        )
    replaced = lost.join(gone, on=pair.key, how="anti")
    if replaced.height:
        yield Finding(
            Level.SUSPECT,
            "version_lost",
            pair.name,
            f"{replaced.height:,} of {pair.before.height:,} records of the earlier export are there under "
            "another recorded_at only; what was known before is lost",
            "export every version of a record",
            {"rows": replaced.height, "of": pair.before.height},
            first_keys(replaced[pair.key[0]]),
        )
