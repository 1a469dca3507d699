"""All that is done with an account, whatever deal it belongs to, if any."""

from __future__ import annotations

import numpy as np

from features.clustering import room, slots
from features.compiled import compiled
from features.families import state as s
from features.families.values import days_since, ratio
from features.times import DAY, FloatArray, Int32Array, IntArray
from features.visibility import first_after, is_settled, is_visible

COLUMNS = (
    "activities_30d", "activities_90d", "activities_total", "activity_trend_30d", "appointments_90d",
    "inbound_share", "channels_90d", "days_since_last_activity", "days_since_last_inbound",
    "days_since_last_meeting", "contacts_reached_90d", "contacts_reached_total", "reps_involved",
)  # fmt: skip
OF_DEAL = (
    "account_activities_30d", "account_activities_total", "account_channels_90d",
    "days_since_account_activity",
)  # fmt: skip
_OF_DEAL = (0, 2, 6, 7)
_WIDTH = len(COLUMNS)
_EDGES = np.array([30, 60, 90], np.int64) * DAY


@compiled()
def _write(
    v: FloatArray,
    state: IntArray,
    totals: Int32Array,
    edge: IntArray,
    end: int,
    people: IntArray,
    reps: IntArray,
    as_of: int,
) -> None:
    now, month, two, quarter = totals[end], totals[edge[0]], totals[edge[1]], totals[edge[2]]
    v[0] = now[s.ALL] - month[s.ALL]
    v[1] = now[s.ALL] - quarter[s.ALL]
    v[2] = now[s.ALL]
    v[3] = (now[s.ALL] - month[s.ALL]) - (month[s.ALL] - two[s.ALL])
    v[4] = now[s.APPOINTMENTS] - quarter[s.APPOINTMENTS]
    v[5] = ratio(now[s.IN], now[s.IN] + now[s.OUT])
    channels = 0
    for kind in range(s.DEMO + 1):
        channels += now[kind] > quarter[kind]
    v[6] = channels
    v[7] = days_since(state[s.LAST], as_of)
    v[8] = days_since(state[s.LAST_OF_DIRECTION + 1 + s.INBOUND], as_of)
    of_kind = state[s.LAST_OF_KIND : s.GAP_LONGEST]
    v[9] = days_since(max(of_kind[s.MEETING], of_kind[s.VISIT], of_kind[s.DEMO]), as_of)
    recent = reached = involved = 0
    for i in range(len(people)):
        if people[i, s.P_COUNT] > 0:
            reached += 1
            recent += as_of - people[i, s.P_LAST] < 90 * DAY
    for count in reps:
        involved += count > 0
    v[10], v[11], v[12] = recent, reached, involved


@compiled(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int32[::1], int64[::1], int64[::1],"
    " int64[::1], int16[::1], int32[::1], int32[::1], int64[::1], int64[::1], float64[:, ::1])"
)
def account_work(
    order: IntArray,
    groups: IntArray,
    account: IntArray,
    as_of: IntArray,
    first: IntArray,
    rows: Int32Array,
    all_at: IntArray,
    all_known: IntArray,
    all_until: IntArray,
    all_tag: IntArray,
    all_contact: IntArray,
    all_rep: IntArray,
    place: IntArray,
    place_of_deal: IntArray,
    out: FloatArray,
) -> None:
    """The columns of `COLUMNS`, and those of `OF_DEAL`, of each snapshot's account.

    Args:
        first, rows: as in `History.account_activities`; the other columns lie by deal.
    """
    most = room(first)
    state, kept = np.empty(s.STATE, np.int64), np.empty(s.STATE, np.int64)
    totals = np.zeros((most + 1, s.TOTALS), np.int32)
    pairs = totals.view(np.int64)
    size = 2
    while size < 2 * most:
        size *= 2
    key, seat = np.empty(size, np.int64), np.empty(size, np.int64)
    person, colleague = np.empty(most, np.int64), np.empty(most, np.int64)
    crowd, kept_crowd = np.empty((most, s.PERSON), np.int64), np.empty((most, s.PERSON), np.int64)
    reps, kept_reps = np.empty(most, np.int64), np.empty(most, np.int64)
    edge = np.empty(3, np.int64)
    v = np.empty(_WIDTH, np.float64)
    for g in range(len(groups) - 1):
        a = account[order[groups[g]]]
        mine = rows[first[a] : first[a + 1]]
        at, known, until, tag = all_at[mine], all_known[mine], all_until[mine], all_tag[mine]
        high = len(mine)
        last_as_of = as_of[order[groups[g + 1] - 1]]
        n_people = slots(all_contact[mine], 0, high, key, seat, person)
        n_reps = slots(all_rep[mine], 0, high, key, seat, colleague)
        sizes = (s.STATE, n_people, s.PERSON, n_reps)
        s.clear(state, s.STATE)
        crowd[:n_people] = 0
        reps[:n_reps] = 0
        settled = 0
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
                step = s.STILL
                if is_visible(at[i], known[i], until[i], t):
                    direction = ((tag[i] >> 4) & 3) - 1
                    state[s.LAST_OF_DIRECTION + 1 + direction] = at[i]
                    s.add(state, at[i], tag[i])
                    step = s.step_of(tag[i], False, 0)
                    if person[i] >= 0:
                        s.add_person(crowd[person[i]], at[i], tag[i])
                    if colleague[i] >= 0:
                        reps[colleague[i]] += 1
                s.advance(pairs, i, step)
                i += 1
            for n in range(3):
                edge[n] = first_after(at, 0, i, t - _EDGES[n])
            _write(v, state, totals, edge, i, crowd[:n_people], reps[:n_reps], t)
            for c in range(_WIDTH):
                if place[c] >= 0:
                    out[row, place[c]] = v[c]
            for c in range(len(_OF_DEAL)):
                if place_of_deal[c] >= 0:
                    out[row, place_of_deal[c]] = v[_OF_DEAL[c]]
            if saved:
                s.put(kept, kept_crowd, kept_reps, state, crowd, reps, sizes)
            else:
                settled = i
