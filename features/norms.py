"""The making of the dated reference: events of groups, summed into rows of weeks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.families import told as k
from features.families.lives import owners, stays
from features.families.run import told_of
from features.families.statistics import (
    AMOUNTS,
    CENTS,
    CLOSED,
    OPEN,
    PROMPT,
    RECORDS,
    REPS,
    SECONDS,
    STATISTICS,
    WON,
)
from features.history import History
from features.reference import ALL, Reference
from features.snapshots import Snapshots
from features.times import DAY, LATEST, MISSING, NEVER, SECOND, WEEK, IntArray

MONDAY = 4 * DAY  # 1970-01-05T00:00Z
Events = tuple[IntArray, IntArray, int, IntArray]  # key, week from which on, statistic, change


def next_monday(instant: IntArray) -> IntArray:
    """The first Monday 00:00 UTC after each instant; `MISSING` and `NEVER` stay what they are."""
    inner = np.where((instant == MISSING) | (instant == NEVER), 0, instant)
    monday = ((inner - MONDAY) // WEEK + 1) * WEEK + MONDAY
    return np.where((instant == MISSING) | (instant == NEVER), instant, monday)


def reference_of(history: History, until: int) -> Reference:
    """The reference of a data set, with rows up to `until` (microseconds).

    A row depends on what was known before its date alone: later records neither change it nor,
    by a row more, an earlier one.
    """
    until = min(until, LATEST)
    names = _names(history)
    keys = tuple(sorted((scope, name) for scope, its in names.items() for name in its))
    place = {key: code for code, key in enumerate(keys)}
    of = {scope: np.array([*(place[scope, n] for n in its), -1], np.int64) for scope, its in names.items()}
    events = [*_at_close(history, until, of), *_of_reps(history, until, of)]
    first, date, rows = _rows(events, len(keys), until)
    used = np.flatnonzero(np.diff(first))
    kept = np.append(first[used], first[-1])
    return Reference(tuple(keys[code] for code in used.tolist()), kept, date, rows, history.reps)


def _names(history: History) -> dict[str, Sequence[str]]:
    fields = history.fields.names_of
    return {
        "all": (ALL,), "rep": history.reps.names, "team": history.reps.teams,
        "stage": history.conventions.stages, "industry": history.accounts.names["industry"],
        **{name: fields[name] for name in ("kind", "source", "product")},
    }  # fmt: skip


def _at_close(history: History, until: int, of: dict[str, IntArray]) -> list[Events]:
    """What each closed deal adds to its groups."""
    deals = history.opportunities
    closed = np.flatnonzero(deals.closed_at <= until)
    snapshots = Snapshots(closed, deals.closed_at[closed])
    told = told_of(history, snapshots)
    when, won = next_monday(snapshots.as_of), deals.won[closed].astype(np.int64)
    cycle = won * ((snapshots.as_of - deals.created_at[closed]) // SECOND)
    rep = _code(told[:, k.REP])
    codes = {
        "all": np.zeros(len(closed), np.int64),
        "rep": rep,
        "team": np.append(history.reps.team, -1)[rep],
        "industry": _industry(history, snapshots),
        **{n: _code(told[:, c]) for n, c in (("kind", k.KIND), ("source", k.SOURCE), ("product", k.PRODUCT))},
    }
    events: list[Events] = []
    for scope, code in codes.items():
        key = of[scope][code]
        events += [(key, when, CLOSED, np.ones_like(key)), (key, when, WON, won), (key, when, SECONDS, cycle)]
    priced = (won == 1) & ~np.isnan(told[:, k.AMOUNT])
    cents = np.rint(np.where(priced, np.clip(told[:, k.AMOUNT], -1e13, 1e13), 0) * 100).astype(np.int64)
    everything = of["all"][codes["all"]]
    events += [(everything, when, CENTS, cents), (everything, when, AMOUNTS, priced.astype(np.int64))]
    return events + _stays(history, snapshots, of["stage"])


def _stays(history: History, snapshots: Snapshots, of: IntArray) -> list[Events]:
    """How long each closed deal was in each of its stages."""
    moves, won = history.stage_changes, history.opportunities.won[snapshots.entity].astype(np.int64)
    listed = len(history.conventions.stages)
    entity, stage, seconds = stays(
        snapshots.entity, snapshots.as_of, moves.first, moves.at, moves.known, moves.until,
        moves["stage"], listed, len(history.stage_names),
    )  # fmt: skip
    key, when = of[stage], next_monday(snapshots.as_of)[entity]
    of_won = won[entity]
    return [
        (key, when, CLOSED, np.ones_like(key)), (key, when, WON, of_won),
        (key, when, SECONDS, of_won * seconds),
    ]  # fmt: skip


def _of_reps(history: History, until: int, of: dict[str, IntArray]) -> list[Events]:
    """The reps' loads, their teams' strength, and how promptly they record."""
    reps = history.reps
    team_of = np.append(reps.team, -1)
    rep, when, change = _loads(history, until)
    named = reps.team >= 0
    hired = next_monday(reps.hired_at[named])
    events: list[Events] = [
        (of["rep"][rep], when, OPEN, change),
        (of["team"][team_of[rep]], when, OPEN, change),
        (of["team"][reps.team[named]], hired, REPS, np.ones_like(hired)),
    ]
    records = history.activities
    by = np.flatnonzero(records["rep"] >= 0)
    key = of["rep"][records["rep"][by]]
    start, gone = records.start[by], np.maximum(records.until[by], records.start[by])
    prompt = (start - records.at[by] <= DAY).astype(np.int64)
    for statistic, weight in ((RECORDS, np.ones_like(prompt)), (PROMPT, prompt)):
        events += [(key, next_monday(start), statistic, weight), (key, next_monday(gone), statistic, -weight)]
    return events


def _loads(history: History, until: int) -> tuple[IntArray, IntArray, IntArray]:
    """Changes of the number of open deals that each rep has on Mondays: rep, Monday, +1 or -1."""
    deals, fields = history.opportunities, history.fields
    owner = fields.place("rep_id")
    changes = fields.changes
    fixed = bool(fields.fixed[owner])
    value = fields.value[owner] if fixed else np.full(len(deals.ids), np.nan)
    return owners(
        next_monday(deals.created_at), np.minimum(next_monday(deals.closed_at), until + WEEK), changes.first,
        changes.at, changes.known, changes.until, changes["field"], changes["value"],
        -2 if fixed else owner, value,
    )  # fmt: skip


def _rows(events: Sequence[Events], keys: int, until: int) -> tuple[IntArray, IntArray, IntArray]:
    """Events summed into rows: where each key's rows begin, their dates, the running totals."""
    columns: tuple[list[IntArray], ...] = ([], [], [], [])  # key, week, statistic, change
    for of_key, of_week, of_statistic, by in events:
        counts = np.flatnonzero((of_key >= 0) & (of_week <= until) & (by != 0))
        key, when, change = _summed(of_key[counts], of_week[counts], by[counts])
        for column, values in zip(columns, (key, when, np.full(len(key), of_statistic), change), strict=True):
            column.append(values)
    key, when, statistic, change = (np.concatenate(column) for column in columns)
    order = np.lexsort((when, key))
    key, when, statistic, change = key[order], when[order], statistic[order], change[order]
    new = np.ones(len(key), np.bool_)
    new[1:] = (key[1:] != key[:-1]) | (when[1:] != when[:-1])
    row = np.cumsum(new) - 1
    rows = np.zeros((int(new.sum()), len(STATISTICS)), np.int64)
    np.add.at(rows, (row, statistic), change)
    first = np.searchsorted(key[new], np.arange(keys + 1)).astype(np.int64)
    total = np.cumsum(rows, axis=0)
    begin = np.repeat(first[:-1], np.diff(first))
    rows = total - np.where(begin[:, None] > 0, total[begin - 1], 0)
    return first, when[new], rows


def _summed(key: IntArray, when: IntArray, change: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """One event per key and week."""
    if not len(key):
        return key, when, change
    order = np.lexsort((when, key))
    key, when, change = key[order], when[order], change[order]
    new = np.ones(len(key), np.bool_)
    new[1:] = (key[1:] != key[:-1]) | (when[1:] != when[:-1])
    return key[new], when[new], np.add.reduceat(change, np.flatnonzero(new))


def _code(values: np.ndarray) -> IntArray:
    """Codes from float64; -1 for NaN."""
    return np.where(np.isnan(values), -1, np.nan_to_num(values)).astype(np.int64)


def _industry(history: History, snapshots: Snapshots) -> IntArray:
    account = history.opportunities.account[snapshots.entity]
    known = history.accounts.created_at[account] <= snapshots.as_of
    return np.where(known, history.accounts.industry[account], -1)
