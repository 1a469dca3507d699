"""Amount, expected close, categories and owner of the deal, each as it was known; edits."""

from __future__ import annotations

import math

import numpy as np

from features.calendars import local_shift
from features.compiled import compiled
from features.families import told as k
from features.families.months import month_of, month_start
from features.families.values import days_since, ratio
from features.times import DAY, MISSING, FloatArray, IntArray
from features.visibility import is_settled, is_visible

COLUMNS = (
    "amount", "amount_changes", "amount_cuts", "amount_change_share", "last_amount_change_share",
    "days_since_amount_change", "days_to_expected_close", "overdue_days", "close_date_changes",
    "close_date_pushes", "close_date_pulls", "pushed_days_total", "close_date_shift_days",
    "days_since_close_date_change", "planned_cycle_days", "plan_elapsed_share", "close_in_quarter", "kind",
    "source", "product", "rep_changes", "days_with_rep", "edits_total", "edits_30d", "days_since_last_edit",
    "fields_filled_share",
)  # fmt: skip
_OWN = len(COLUMNS)  # the further columns of the configuration follow

AMOUNT, CLOSE, KIND, SOURCE, PRODUCT, REP = range(6)  # as in `Conventions.fields`
_FILLED = 5  # amount, expected close, kind, source, product
_FIRST, _PREVIOUS, _NOW, _COUNT, _UPS, _DOWNS, _PUSHED, _SINCE = range(8)
_FIELD = 8


@compiled()
def _change(field: FloatArray, at: int, value: float) -> None:
    """One more value of a field, the latest so far."""
    if field[_COUNT] == 0:
        field[_FIRST] = value
    else:
        field[_UPS] += value > field[_NOW]
        field[_DOWNS] += value < field[_NOW]
        if value > field[_NOW]:
            field[_PUSHED] += value - field[_NOW]
    field[_PREVIOUS] = field[_NOW]
    field[_NOW] = value
    field[_SINCE] = at
    field[_COUNT] += 1


@compiled()
def _changed_share(now: float, then: float) -> float:
    return ratio(now - then, then)


@compiled()
def _write_amount(v: FloatArray, amount: FloatArray, as_of: int) -> None:
    several = amount[_COUNT] > 1
    v[0] = amount[_NOW]
    v[1] = max(amount[_COUNT] - 1, 0.0)
    v[2] = amount[_DOWNS]
    v[3] = _changed_share(amount[_NOW], amount[_FIRST])
    v[4] = _changed_share(amount[_NOW], amount[_PREVIOUS]) if several else math.nan
    v[5] = days_since(int(amount[_SINCE]), as_of) if several else math.nan


@compiled()
def _write_close(
    v: FloatArray,
    close: FloatArray,
    as_of: int,
    created_at: int,
    quarter_end: int,
    zone_starts: IntArray,
    zone_shifts: IntArray,
) -> None:
    v[6:17] = math.nan
    ahead = close[_NOW] - as_of
    several = close[_COUNT] > 1
    if not math.isnan(ahead):
        v[6] = ahead / DAY
        v[7] = max(0.0, -ahead / DAY)
        day = int(close[_NOW])
        v[16] = day + zone_shifts[local_shift(day, zone_starts, 0)] < quarter_end
    v[8] = max(close[_COUNT] - 1, 0.0)
    v[9], v[10] = close[_UPS], close[_DOWNS]
    v[11] = close[_PUSHED] / DAY
    v[12] = (close[_NOW] - close[_FIRST]) / DAY if close[_COUNT] > 0 else math.nan
    v[13] = days_since(int(close[_SINCE]), as_of) if several else math.nan
    if close[_COUNT] > 0 and created_at <= as_of:
        planned = close[_FIRST] - created_at
        v[14] = planned / DAY
        v[15] = (as_of - created_at) / planned if planned > 0 else math.nan


@compiled()
def _quarter_end(local: int) -> int:
    """The local wall time at which the quarter of a local wall time ends."""
    return month_start(month_of(local) // 3 * 3 + 3)


@compiled()
def _clear(state: FloatArray) -> None:
    """No value of any field."""
    for f in range(len(state)):
        state[f, :_COUNT] = math.nan
        state[f, _COUNT:] = 0


@compiled()
def _read(field: FloatArray, value: float, since: int, as_of: int) -> None:
    """A fixed field: its one value, once it is known."""
    known = since <= as_of
    field[:_COUNT] = value if known else math.nan
    field[_COUNT] = known
    field[_SINCE] = since


@compiled()
def _recent(low: int, end: int, as_of: int, at: IntArray, known: IntArray, until: IntArray) -> int:
    """Edits in 30 days, counted backwards."""
    count = 0
    for i in range(end - 1, low - 1, -1):
        if as_of - at[i] >= 30 * DAY:
            break
        count += is_visible(at[i], known[i], until[i], as_of)
    return count


@compiled(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int32[::1], float64[::1], int64[::1], float64[:, ::1], int64[:, ::1], int64[::1], int64[::1],"
    " int64[::1], float64[:, ::1], int64[::1], float64[:, ::1])"
)
def terms(
    order: IntArray,
    groups: IntArray,
    entity: IntArray,
    as_of: IntArray,
    first: IntArray,
    at: IntArray,
    known: IntArray,
    until: IntArray,
    field: IntArray,
    value: FloatArray,
    fixed: IntArray,
    fixed_value: FloatArray,
    fixed_since: IntArray,
    created_at: IntArray,
    zone_starts: IntArray,
    zone_shifts: IntArray,
    told: FloatArray,
    place: IntArray,
    out: FloatArray,
) -> None:
    """The columns of `COLUMNS`, then the further columns' values, of each snapshot.

    Args:
        fixed, fixed_value, fixed_since: as in `history.Fields`.
        told: gets amount, categories and owner.
        place: longer than `COLUMNS` by the further columns.
    """
    count = len(fixed)
    state, kept = np.empty((count, _FIELD), np.float64), np.empty((count, _FIELD), np.float64)
    width = len(place)
    v = np.empty(width, np.float64)
    zone = 0
    for g in range(len(groups) - 1):
        e = entity[order[groups[g]]]
        low, high = first[e], first[e + 1]
        last_as_of = as_of[order[groups[g + 1] - 1]]
        _clear(state)
        edits = kept_edits = 0
        edited = kept_edited = MISSING
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
                    kept[:], kept_edits, kept_edited = state, edits, edited
                if is_visible(at[i], known[i], until[i], t):
                    edits += 1
                    edited = at[i]
                    if field[i] >= 0 and fixed[field[i]] == 0:
                        _change(state[field[i]], at[i], value[i])
                i += 1
            for f in range(count):
                if fixed[f] != 0:
                    _read(state[f], fixed_value[f, e], fixed_since[f, e], t)
            zone = local_shift(t, zone_starts, zone)
            quarter_end = _quarter_end(t + zone_shifts[zone])
            _write_amount(v, state[AMOUNT], t)
            _write_close(v, state[CLOSE], t, created_at[e], quarter_end, zone_starts, zone_shifts)
            v[17], v[18], v[19] = state[KIND, _NOW], state[SOURCE, _NOW], state[PRODUCT, _NOW]
            v[20] = max(state[REP, _COUNT] - 1, 0.0)
            v[21] = math.nan if math.isnan(state[REP, _NOW]) else days_since(int(state[REP, _SINCE]), t)
            v[22] = edits
            v[23] = _recent(low, i, t, at, known, until)
            v[24] = days_since(edited, t)
            filled = 0
            for f in range(_FILLED):
                filled += not math.isnan(state[f, _NOW])
            v[25] = filled / _FILLED
            for f in range(REP + 1, count):
                v[_OWN + f - REP - 1] = state[f, _NOW]
            if len(told):
                told[row, k.AMOUNT] = v[0]
                told[row, k.KIND], told[row, k.SOURCE], told[row, k.PRODUCT] = v[17], v[18], v[19]
                told[row, k.REP] = state[REP, _NOW]
            for c in range(width):
                if place[c] >= 0:
                    out[row, place[c]] = v[c]
            if saved:
                state[:], edits, edited = kept, kept_edits, kept_edited
            else:
                settled = i
