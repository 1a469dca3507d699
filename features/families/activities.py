"""One walk over each deal's activities: volume, dialogue, rhythm, people, CRM use, work in the stage."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from features.calendars import BASE_DAY, local_shift
from features.clustering import room
from features.compiled import compiled, uncounted
from features.families import dialogue, people, rhythm, volume
from features.families import state as s
from features.families import told as k_told
from features.families.values import days_since, hours, put_runs, ratio, runs_of
from features.times import DAY, NEVER, WEEK, FloatArray, Int32Array, IntArray, UInt64Array
from features.visibility import first_after, is_settled, is_visible

IN_STAGE = (
    "activities_in_stage", "outbound_in_stage", "inbound_in_stage", "appointments_in_stage",
    "activities_per_week_in_stage",
)  # fmt: skip
RECORDING = (
    "recorded_within_day_share", "mean_recording_delay_hours", "last_recording_delay_hours",
    "overdue_steps", "oldest_overdue_step_days",
)  # fmt: skip
COLUMNS = (*volume.COLUMNS, *dialogue.COLUMNS, *rhythm.COLUMNS, *people.COLUMNS, *IN_STAGE, *RECORDING)
_DIALOGUE = volume.WIDTH
_RHYTHM = _DIALOGUE + dialogue.WIDTH
_PEOPLE = _RHYTHM + rhythm.WIDTH
_IN_STAGE = _PEOPLE + people.WIDTH
_RECORDING = _IN_STAGE + len(IN_STAGE)
_WIDTH = len(COLUMNS)
CORE = frozenset((*volume.CORE, *dialogue.CORE, *rhythm.CORE, *people.CORE))
_EDGES = np.array([7, 14, 30, 60, 90], np.int64) * DAY
_STEPS = (s.TASK, s.CALL, s.MEETING, s.VISIT, s.DEMO)


@compiled()
def _claim(
    state: IntArray,
    row: int,
    low: int,
    as_of: int,
    at: IntArray,
    known: IntArray,
    until: IntArray,
    tag: IntArray,
) -> None:
    """A follow-up in `row` answers the meetings and proposals of the two days before it, as far back
    as to the follow-up before, which has answered the earlier ones."""
    state[s.PENDING] = 0
    for i in range(row - 1, low - 1, -1):
        if at[row] - at[i] > s.FOLLOW_UP:
            return
        if is_visible(at[i], known[i], until[i], as_of):
            wanted = s.wants_follow_up(tag[i])
            state[s.MEETINGS_FOLLOWED] += wanted == 1
            state[s.PROPOSALS_FOLLOWED] += wanted == 2
            if s.is_follow_up(tag[i]):
                return


@compiled()
def _follow(
    state: IntArray,
    row: int,
    low: int,
    as_of: int,
    at: IntArray,
    known: IntArray,
    until: IntArray,
    tag: IntArray,
) -> None:
    """What the activity in `row` follows up, and whether it is to be followed up itself."""
    if state[s.PENDING] > 0 and s.is_follow_up(tag[row]):
        _claim(state, row, low, as_of, at, known, until, tag)
    wanted = s.wants_follow_up(tag[row])
    state[s.MEETINGS_TO_FOLLOW] += wanted == 1
    state[s.PROPOSALS_TO_FOLLOW] += wanted == 2
    state[s.PENDING] += wanted > 0


@compiled()
def _pending(
    low: int, end: int, as_of: int, at: IntArray, known: IntArray, until: IntArray, tag: IntArray
) -> tuple[int, int]:
    """Meetings and proposals that may still be followed up in time: those behind the last follow-up."""
    meetings = proposals = 0
    for i in range(end - 1, low - 1, -1):
        if as_of - at[i] >= s.FOLLOW_UP:
            break
        if is_visible(at[i], known[i], until[i], as_of):
            wanted = s.wants_follow_up(tag[i])
            meetings += wanted == 1
            proposals += wanted == 2
            if s.is_follow_up(tag[i]):
                break
    return meetings, proposals


@compiled()
def _write_in_stage(
    v: FloatArray, c: int, totals: Int32Array, edge: int, end: int, since: float, as_of: int
) -> None:
    """The work since the stage began (NaN: no stage is known)."""
    if math.isnan(since):
        v[c : c + 4] = 0
        v[c + 4] = math.nan
        return
    now, then = totals[end], totals[edge]
    v[c] = now[s.ALL] - then[s.ALL]
    v[c + 1] = now[s.OUT] - then[s.OUT]
    v[c + 2] = now[s.IN] - then[s.IN]
    v[c + 3] = now[s.APPOINTMENTS] - then[s.APPOINTMENTS]
    v[c + 4] = v[c] / max(1.0, (as_of - since) / WEEK)


@compiled()
def _write_recording(
    v: FloatArray, c: int, state: IntArray, count: int, overdue: int, oldest: int, as_of: int
) -> None:
    v[c] = ratio(state[s.N_PROMPT], count)
    v[c + 1] = ratio(hours(state[s.DELAY]), count)
    v[c + 2] = hours(state[s.LAST_DELAY]) if count else math.nan
    v[c + 3] = overdue
    v[c + 4] = math.nan if oldest == NEVER else days_since(oldest, as_of)


@compiled()
def _ahead(
    ahead: IntArray, count: int, as_of: int, at: IntArray, known: IntArray, until: IntArray, tag: IntArray
) -> tuple[int, int, int, int]:
    """Of what was told ahead of its time: how many lie ahead, the next of them; how many steps came
    without an outcome, the oldest of them."""
    planned = overdue = 0
    next_at = oldest = NEVER
    for k in range(count):
        i = ahead[k]
        if known[i] <= as_of < until[i]:
            if at[i] > as_of:
                planned += 1
                next_at = min(next_at, at[i])
            elif (tag[i] & 15) == 0 and (tag[i] >> 6) in _STEPS:
                overdue += 1
                oldest = min(oldest, at[i])
    return planned, next_at, overdue, oldest


@compiled()
def _first_is_new_day(totals: Int32Array, edge: int, end: int) -> bool:
    """Whether the first activity from a row of totals on is the first of its day."""
    for k in range(edge, end):
        if totals[k + 1, s.ALL] > totals[k, s.ALL]:
            return bool(totals[k + 1, s.DAYS] > totals[k, s.DAYS])
    return True


class Scratch(NamedTuple):
    """The arrays in which one walk works, with room for the deal of the most activities."""

    state: IntArray
    kept: IntArray
    totals: Int32Array
    pairs: IntArray
    spent: IntArray
    crowd: IntArray
    kept_crowd: IntArray
    reps: IntArray
    kept_reps: IntArray
    role: IntArray
    since: IntArray
    ahead: IntArray
    edge: IntArray
    v: FloatArray
    source: UInt64Array
    goal: IntArray
    runs: IntArray


@compiled()
def _scratch(most: int, place: IntArray) -> Scratch:
    totals = np.zeros((most + 1, s.TOTALS), np.int32)
    source, goal, runs = runs_of(place)
    return Scratch(
        np.empty(s.STATE, np.int64), np.empty(s.STATE, np.int64),
        totals, totals.view(np.int64), np.zeros(most + 1, np.int64),
        np.empty((most, s.PERSON), np.int64), np.empty((most, s.PERSON), np.int64),
        np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64),
        np.empty(most, np.int64), np.empty(most, np.int64), np.empty(5, np.int64),
        np.empty(_WIDTH, np.float64), source, goal, runs,
    )  # fmt: skip


@uncounted
def _walk(
    order: IntArray,
    groups: IntArray,
    entity: IntArray,
    as_of: IntArray,
    first: IntArray,
    at: IntArray,
    known: IntArray,
    until: IntArray,
    tag: IntArray,
    seconds: IntArray,
    people_first: IntArray,
    contact: Int32Array,
    person: Int32Array,
    reps_first: IntArray,
    colleague: Int32Array,
    role_of: IntArray,
    since_of: IntArray,
    created_at: IntArray,
    told: FloatArray,
    zone_starts: IntArray,
    zone_shifts: IntArray,
    working_before: IntArray,
    deep: bool,
    out: FloatArray,
    scratch: Scratch,
) -> None:
    (
        state, kept, totals, pairs, spent, crowd, kept_crowd, reps, kept_reps, role, since, ahead, edge, v,
        source, goal, runs,
    ) = scratch  # fmt: skip
    width = s.STATE if deep else s.CORE
    zone = 0
    for g in range(len(groups) - 1):
        e = entity[order[groups[g]]]
        low, high = first[e], first[e + 1]
        last_as_of = as_of[order[groups[g + 1] - 1]]
        n_people, n_reps = people_first[e + 1] - people_first[e], reps_first[e + 1] - reps_first[e]
        n_ahead = 0
        if deep:
            for n in range(n_people):
                code = contact[people_first[e] + n]
                role[n], since[n] = role_of[code], since_of[code]
            for i in range(low, high):
                if known[i] < at[i]:
                    ahead[n_ahead] = i
                    n_ahead += 1
        sizes = (width, n_people, s.PERSON if deep else s.PERSON_CORE, n_reps if deep else 0)
        s.clear(state, width)
        crowd[:n_people] = 0
        reps[:n_reps] = 0
        edge[:] = 0
        settled = low
        for j in range(groups[g], groups[g + 1]):
            row = order[j]
            t = as_of[row]
            i = settled
            saved = False
            while i < high and at[i] <= t:
                if not saved and not is_settled(known[i], until[i], t, last_as_of):
                    saved = True
                    settled = i
                    s.put(state, crowd, reps, kept, kept_crowd, kept_reps, sizes)
                step, new_day = s.STILL, 0
                spent[i - low + 1] = spent[i - low]
                if is_visible(at[i], known[i], until[i], t):
                    slot = person[i]
                    if deep:
                        zone = local_shift(at[i], zone_starts, zone)
                        # No day comes back where clocks are set back over midnight.
                        day = max((at[i] + zone_shifts[zone]) // DAY, state[s.DAY_NOW])
                        d = min(max(day - BASE_DAY, 0), len(working_before) - 2)
                        works = working_before[d + 1] > working_before[d]
                        delay = max(known[i] - at[i], 0)
                        new_day = s.add_deeply(state, at[i], delay, tag[i], seconds[i], day, works)
                        _follow(state, i, low, t, at, known, until, tag)
                        state[s.N_WITH_CONTACT] += slot >= 0
                        if colleague[i] >= 0:
                            reps[colleague[i]] += 1
                        if slot >= 0:
                            s.add_person(crowd[slot], at[i], tag[i])
                    elif slot >= 0:
                        crowd[slot, s.P_COUNT] += 1
                        crowd[slot, s.P_LAST] = at[i]
                    s.add(state, at[i], tag[i])
                    step = s.step_of(tag[i], seconds[i] >= 0, new_day)
                    spent[i - low + 1] += max(seconds[i], 0)
                s.advance(pairs, i - low, step)
                i += 1
            end = i - low
            count = totals[end, s.ALL]
            for k in range(5):
                begin, limit = edge[k], t - _EDGES[k]
                while begin < end and at[low + begin] <= limit:
                    begin += 1
                edge[k] = begin
            volume.write(v, 0, totals, edge, end)
            dialogue.write(v, _DIALOGUE, totals, spent, edge, end)
            rhythm.write(v, _RHYTHM, state, count, t)
            people.write(v, _PEOPLE, state, crowd, role, since, n_people, reps[:n_reps], t, deep)
            if deep:
                told[row, k_told.REACHED] = v[_PEOPLE + 4]
                planned, next_at, overdue, oldest = _ahead(ahead, n_ahead, t, at, known, until, tag)
                zone = local_shift(t, zone_starts, zone)
                d = (t + zone_shifts[zone]) // DAY - BASE_DAY
                working = working_before[d + 1] - working_before[d - 29]
                month_begins = _first_is_new_day(totals, edge[2], end)
                meetings = proposals = 0
                if state[s.PENDING] > 0:
                    meetings, proposals = _pending(low, i, t, at, known, until, tag)
                volume.write_deeply(v, 0, state, totals, edge, end, t, working, month_begins, planned)
                dialogue.write_deeply(v, _DIALOGUE, state, totals, edge, end, meetings, proposals)
                dialogue.write_intensities(v, _DIALOGUE, low, i, t, at, known, until, tag)
                rhythm.write_deeply(v, _RHYTHM, state, count, t, created_at[e], next_at)
                begun = told[row, k_told.STAGE_SINCE]
                stage_edge = end
                if not math.isnan(begun):
                    stage_edge = first_after(at, low, i, int(begun) - 1) - low
                _write_in_stage(v, _IN_STAGE, totals, stage_edge, end, begun, t)
                _write_recording(v, _RECORDING, state, count, overdue, oldest, t)
            put_runs(v, source, goal, runs, out[row])
            if saved:
                s.put(kept, kept_crowd, kept_reps, state, crowd, reps, sizes)
            else:
                settled = i


@compiled(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int16[::1], int32[::1], int64[::1], int32[::1], int32[::1], int64[::1], int32[::1], int64[::1],"
    " int64[::1], int64[::1], float64[:, ::1], int64[::1], int64[::1], int64[::1], boolean, int64[::1],"
    " float64[:, ::1])"
)
def activities(
    order: IntArray,
    groups: IntArray,
    entity: IntArray,
    as_of: IntArray,
    first: IntArray,
    at: IntArray,
    known: IntArray,
    until: IntArray,
    tag: IntArray,
    seconds: IntArray,
    people_first: IntArray,
    contact: Int32Array,
    person: Int32Array,
    reps_first: IntArray,
    colleague: Int32Array,
    role_of: IntArray,
    since_of: IntArray,
    created_at: IntArray,
    told: FloatArray,
    zone_starts: IntArray,
    zone_shifts: IntArray,
    working_before: IntArray,
    deep: bool,
    place: IntArray,
    out: FloatArray,
) -> None:
    """The columns of `COLUMNS` of each snapshot, into the columns `place` of `out` (-1: left out).

    Args:
        order, groups: the snapshots' order and groups (`clustering.grouped`).
        people_first, contact, person: the contacts of each deal (`History.people`).
        reps_first, colleague: how many reps each deal has, and which of them each activity.
        deep: whether columns beyond `CORE` are wanted.
        told: when the present stage began, as `stages` found it; gets how many contacts were reached.
    """
    _walk(
        order, groups, entity, as_of, first, at, known, until, tag, seconds, people_first, contact, person,
        reps_first, colleague, role_of, since_of, created_at, told, zone_starts, zone_shifts, working_before,
        deep, out, _scratch(room(first), place),
    )  # fmt: skip
