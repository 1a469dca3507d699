"""What the dated reference says of the deal's rep, team, stage and kind: rates and norms before its week."""

from __future__ import annotations

import math

import numpy as np

from features.compiled import compiled
from features.families import told as k
from features.families.statistics import (
    AMOUNTS,
    CENTS,
    CLOSED,
    OPEN,
    PROMPT,
    RECORDS,
    REPS,
    SECONDS,
    WON,
)
from features.families.values import days_since, ratio
from features.times import BoolArray, FloatArray, IntArray
from features.visibility import first_after

COLUMNS = (
    "rep_win_rate", "team_win_rate", "rep_cycle_days", "rep_closed_deals", "rep_open_deals",
    "rep_tenure_days", "rep_prompt_recording_share", "team_open_deals_per_rep", "stage_win_rate",
    "source_win_rate", "product_win_rate", "kind_win_rate", "industry_win_rate", "dwell_over_norm",
    "age_over_norm", "amount_over_typical",
)  # fmt: skip
_WIDTH = len(COLUMNS)
DEALS_OF_DOUBT = 20  # a group's win rate is drawn towards the whole's as by so many deals of the whole
WINS_OF_DOUBT = 5  # and its usual cycle by so many wins
_DAY_S = 86_400


@compiled()
def _row(first: IntArray, date: IntArray, key: int, as_of: int) -> int:
    """The row of a key that holds at an instant; -1 where there is none."""
    if key < 0:
        return -1
    row = first_after(date, first[key], first[key + 1], as_of) - 1
    return row if row >= first[key] else -1


@compiled()
def _rate(rows: IntArray, row: int, whole: float) -> float:
    """A group's win rate, drawn towards that of the whole; the whole's without any deal."""
    if row < 0:
        return whole
    return float((rows[row, WON] + DEALS_OF_DOUBT * whole) / (rows[row, CLOSED] + DEALS_OF_DOUBT))


@compiled()
def _cycle(rows: IntArray, row: int, whole: float) -> float:
    """A group's mean seconds from creation to a win, drawn towards that of the whole."""
    if row < 0:
        return whole
    return float((rows[row, SECONDS] + WINS_OF_DOUBT * whole) / (rows[row, WON] + WINS_OF_DOUBT))


@compiled()
def _write_rep(
    v: FloatArray, rows: IntArray, rep: int, team: int, has_team: bool, overall: float, cycle: float
) -> None:
    """The rep's and the team's columns; `rep` and `team` are rows, -1 where nothing has happened yet."""
    team_rate, team_cycle = overall, cycle
    if has_team:
        team_rate, team_cycle = _rate(rows, team, overall), _cycle(rows, team, cycle)
        v[1] = team_rate
        if team >= 0:
            v[7] = ratio(rows[team, OPEN], rows[team, REPS])
    v[0] = _rate(rows, rep, team_rate)
    v[2] = _cycle(rows, rep, team_cycle) / _DAY_S
    v[3] = rows[rep, CLOSED] if rep >= 0 else 0
    v[4] = rows[rep, OPEN] if rep >= 0 else 0
    if rep >= 0:
        v[6] = ratio(rows[rep, PROMPT], rows[rep, RECORDS])


@compiled(
    "void(int64[::1], float64[:, ::1], int64[::1], int64[::1], int64[:, ::1], int64, int64[::1], int64[::1],"
    " int64[::1], boolean[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int64[::1], float64[:, ::1])"
)
def rates(
    as_of: IntArray,
    told: FloatArray,
    first: IntArray,
    date: IntArray,
    rows: IntArray,
    everything: int,
    rep_place: IntArray,
    rep_key: IntArray,
    team_key: IntArray,
    has_team: BoolArray,
    hired_at: IntArray,
    stage_key: IntArray,
    source_key: IntArray,
    product_key: IntArray,
    kind_key: IntArray,
    industry_key: IntArray,
    place: IntArray,
    out: FloatArray,
) -> None:
    """The columns of `COLUMNS` of each snapshot.

    Args:
        first, date, rows: of the reference (`reference.Reference`); `everything`: its key for all.
        rep_place: per rep code of the history the place among the reference's reps; its last for unknown.
        rep_key, team_key, has_team, hired_at: per such place the keys, -1 where nothing is known yet,
            whether there is a team at all, and the hiring.
        stage_key, ...: per code of the history the key, -1 for none.
    """
    v = np.empty(_WIDTH, np.float64)
    segments = (stage_key, source_key, product_key, kind_key, industry_key)
    for row in range(len(as_of)):
        t = as_of[row]
        v[:] = math.nan
        whole = _row(first, date, everything, t)
        overall = cycle = typical = math.nan
        if whole >= 0:
            overall = ratio(rows[whole, WON], rows[whole, CLOSED])
            cycle = ratio(rows[whole, SECONDS], rows[whole, WON])
            typical = ratio(rows[whole, CENTS] / 100, rows[whole, AMOUNTS])
        if not math.isnan(told[row, k.REP]):
            seat = rep_place[int(told[row, k.REP])]
            rep, team = _row(first, date, rep_key[seat], t), _row(first, date, team_key[seat], t)
            _write_rep(v, rows, rep, team, has_team[seat], overall, cycle)
            if hired_at[seat] <= t:
                v[5] = days_since(hired_at[seat], t)
        codes = (
            told[row, k.STAGE], told[row, k.SOURCE], told[row, k.PRODUCT], told[row, k.KIND],
            told[row, k.INDUSTRY],
        )  # fmt: skip
        for i in range(5):
            if not math.isnan(codes[i]):
                v[8 + i] = _rate(rows, _row(first, date, segments[i][int(codes[i])], t), overall)
        if not math.isnan(codes[0]):
            norm = _row(first, date, stage_key[int(codes[0])], t)
            if norm >= 0 and rows[norm, WON] > 0:
                v[13] = ratio(told[row, k.DAYS_IN_STAGE], rows[norm, SECONDS] / rows[norm, WON] / _DAY_S)
        v[14] = ratio(told[row, k.AGE_DAYS], cycle / _DAY_S)
        v[15] = ratio(told[row, k.AMOUNT], typical)
        for c in range(_WIDTH):
            if place[c] >= 0:
                out[row, place[c]] = v[c]
