"""Where the deal stands, for how long, and how it came there."""

from __future__ import annotations

import math

import numpy as np

from features.compiled import compiled
from features.families import told as k
from features.families.values import days, days_since, ratio
from features.times import MISSING, FloatArray, IntArray
from features.visibility import is_settled, is_visible

COLUMNS = (
    "stage", "previous_stage", "stage_position", "stage_progress", "stages_below_peak", "days_in_stage",
    "days_to_reach_stage", "stage_moves_total", "forward_moves", "backward_moves", "skipped_stages",
    "times_in_stage", "deal_age_days", "days_per_stage_move", "stages_per_30d", "days_since_forward_move",
    "days_since_backward_move", "longest_dwell_days",
)  # fmt: skip
_WIDTH = len(COLUMNS)
_DWELL = COLUMNS.index("days_in_stage")

(
    _NOW, _BEFORE, _SINCE, _MOVES, _POSITION, _PEAK, _FORWARD, _BACKWARD, _SKIPPED, _LAST_FORWARD,
    _LAST_BACKWARD, _LONGEST,
) = range(12)  # fmt: skip
_STATE = 12


@compiled()
def _enter(state: IntArray, visits: IntArray, at: int, stage: int, listed: int) -> None:
    """One more stage change; one into the stage where the deal is already changes nothing."""
    if stage == state[_NOW]:
        return
    if state[_NOW] >= 0:
        state[_LONGEST] = max(state[_LONGEST], at - state[_SINCE])
    state[_BEFORE], state[_NOW], state[_SINCE] = state[_NOW], stage, at
    state[_MOVES] += 1
    visits[stage] += 1
    if stage >= listed:
        return
    position = state[_POSITION]
    if position >= 0:
        if stage > position:
            state[_FORWARD] += 1
            state[_SKIPPED] += stage - position - 1
            state[_LAST_FORWARD] = at
        elif stage < position:
            state[_BACKWARD] += 1
            state[_LAST_BACKWARD] = at
    state[_POSITION] = stage
    state[_PEAK] = max(state[_PEAK], stage)


@compiled()
def _write(
    v: FloatArray, state: IntArray, visits: IntArray, listed: int, created_at: int, as_of: int, deep: bool
) -> None:
    now, moves = state[_NOW], state[_MOVES]
    v[_DWELL] = days_since(state[_SINCE], as_of) if now >= 0 else math.nan
    if not deep:
        return
    dwell = v[_DWELL]
    v[:] = math.nan
    age = days_since(created_at, as_of) if created_at <= as_of else math.nan
    if now >= 0:
        v[0] = now
        v[17] = days(max(state[_LONGEST], as_of - state[_SINCE]))
    if state[_BEFORE] >= 0:
        v[1] = state[_BEFORE]
    if 0 <= now < listed:
        v[2] = now
        v[3] = now / (listed - 1) if listed > 1 else math.nan
        v[4] = state[_PEAK] - now
        v[14] = now / max(age, 1.0) * 30 if created_at <= as_of else math.nan
    v[_DWELL] = dwell
    v[6] = age - dwell
    v[7] = moves
    v[8], v[9], v[10] = state[_FORWARD], state[_BACKWARD], state[_SKIPPED]
    v[11] = visits[now] if now >= 0 else 0
    v[12] = age
    v[13] = ratio(age, moves)
    v[15] = days_since(state[_LAST_FORWARD], as_of)
    v[16] = days_since(state[_LAST_BACKWARD], as_of)


@compiled(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int32[::1], int64, int64, int64[::1], float64[:, ::1], int64[::1], float64[:, ::1])"
)
def stages(
    order: IntArray,
    groups: IntArray,
    entity: IntArray,
    as_of: IntArray,
    first: IntArray,
    at: IntArray,
    known: IntArray,
    until: IntArray,
    stage: IntArray,
    listed: int,
    names: int,
    created_at: IntArray,
    told: FloatArray,
    place: IntArray,
    out: FloatArray,
) -> None:
    """The columns of `COLUMNS` of each snapshot, and its stage, dwell and age into `told` unless it is empty.

    Args:
        listed: how many stages have a position; `names`: how many there are.
    """
    state, kept = np.empty(_STATE, np.int64), np.empty(_STATE, np.int64)
    visits, kept_visits = np.zeros(names, np.int64), np.zeros(names, np.int64)
    v = np.empty(_WIDTH, np.float64)
    source = np.flatnonzero(place >= 0)
    goal = place[source]
    deep = len(told) > 0 or len(source) > 1 or (len(source) == 1 and source[0] != _DWELL)
    for g in range(len(groups) - 1):
        e = entity[order[groups[g]]]
        high = first[e + 1]
        last_as_of = as_of[order[groups[g + 1] - 1]]
        state[:] = -1
        state[_MOVES] = state[_FORWARD] = state[_BACKWARD] = state[_SKIPPED] = state[_LONGEST] = 0
        state[_LAST_FORWARD] = state[_LAST_BACKWARD] = MISSING
        visits[:] = 0
        settled = first[e]
        for j in range(groups[g], groups[g + 1]):
            row = order[j]
            t = as_of[row]
            i = settled
            saved = False
            while i < high and at[i] <= t:
                if not saved and not is_settled(known[i], until[i], t, last_as_of):
                    saved = True
                    settled = i
                    kept[:], kept_visits[:] = state, visits
                if is_visible(at[i], known[i], until[i], t):
                    _enter(state, visits, at[i], stage[i], listed)
                i += 1
            _write(v, state, visits, listed, created_at[e], t, deep)
            if len(told):
                told[row, k.STAGE_SINCE] = state[_SINCE] if state[_NOW] >= 0 else math.nan
                told[row, k.STAGE], told[row, k.DAYS_IN_STAGE], told[row, k.AGE_DAYS] = v[0], v[5], v[12]
            for c in range(len(source)):
                out[row, goal[c]] = v[source[c]]
            if saved:
                state[:], visits[:] = kept, kept_visits
            else:
                settled = i
