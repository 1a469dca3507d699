"""What an account has ordered: recency, frequency, value, and its own rhythm.

One walk serves the account's own features and, seen from a deal, those of its account.
"""

from __future__ import annotations

import math

import numpy as np

from features.clustering import room, slots
from features.compiled import compiled
from features.families import told as k
from features.families.state import LONGEST_GAP_S
from features.families.values import days, days_since, ratio, variation
from features.times import DAY, MISSING, SECOND, FloatArray, IntArray
from features.visibility import first_after, is_settled, is_visible

COLUMNS = (
    "orders_30d", "orders_90d", "orders_365d", "orders_total", "order_trend_90d", "order_value_90d",
    "order_value_365d", "order_value_total", "order_value_trend_90d", "mean_order_value",
    "last_order_value", "largest_order_value", "last_order_over_mean", "days_since_last_order",
    "days_since_first_order", "mean_order_gap_days", "last_order_gap_days", "longest_order_silence_days",
    "order_gap_variation", "silence_over_gap", "silence_over_longest_gap", "orders_per_year",
    "products_bought", "refunds_total",
)  # fmt: skip
OF_DEAL = (
    "account_orders_365d", "account_orders_total", "account_order_value_365d", "account_order_value_total",
    "account_mean_order_value", "days_since_account_order", "account_order_gap_days",
    "account_silence_over_gap", "amount_over_mean_order",
)  # fmt: skip
_OF_DEAL = (2, 3, 6, 7, 9, 13, 15, 19)  # the places in `COLUMNS` of all but the last
_WIDTH = len(COLUMNS)
_EDGES = np.array([30, 90, 180, 365], np.int64) * DAY
_CENT = 100

(
    _FIRST, _LAST, _GAP, _LONGEST, _GAP_SECONDS, _GAP_SQUARES, _LAST_CENTS, _LARGEST, _REFUNDS,
) = range(9)  # fmt: skip
_STATE = 9


@compiled()
def _add(state: IntArray, before: int, at: int, cents: int) -> None:
    """One more order, the latest so far."""
    if before > 0:
        gap = at - state[_LAST]
        state[_GAP] = gap
        state[_LONGEST] = max(state[_LONGEST], gap)
        seconds = min(gap // SECOND, LONGEST_GAP_S)
        state[_GAP_SECONDS] += seconds
        state[_GAP_SQUARES] += seconds * seconds
        state[_LARGEST] = max(state[_LARGEST], cents)
    else:
        state[_FIRST] = at
        state[_LARGEST] = cents
    state[_LAST] = at
    state[_LAST_CENTS] = cents
    state[_REFUNDS] += cents < 0


@compiled()
def _write(
    v: FloatArray, state: IntArray, totals: IntArray, edge: IntArray, end: int, products: int, as_of: int
) -> None:
    count, cents = totals[end, 0], totals[end, 1]
    quarter, half = totals[edge[1]], totals[edge[2]]
    v[:] = math.nan
    v[0] = count - totals[edge[0], 0]
    v[1] = count - quarter[0]
    v[2] = count - totals[edge[3], 0]
    v[3] = count
    v[4] = (count - quarter[0]) - (quarter[0] - half[0])
    v[5] = (cents - quarter[1]) / _CENT
    v[6] = (cents - totals[edge[3], 1]) / _CENT
    v[7] = cents / _CENT
    v[8] = ((cents - quarter[1]) - (quarter[1] - half[1])) / _CENT
    v[22] = products
    v[23] = state[_REFUNDS]
    if count == 0:
        return
    mean = ratio(cents / _CENT, count)
    silence = as_of - state[_LAST]
    v[9] = mean
    v[10] = state[_LAST_CENTS] / _CENT
    v[11] = state[_LARGEST] / _CENT
    v[12] = v[10] / mean if mean > 0 else math.nan
    v[13] = days_since(state[_LAST], as_of)
    v[14] = days_since(state[_FIRST], as_of)
    v[17] = days(max(state[_LONGEST], silence))
    v[21] = count / max(1.0, v[14] / 365)
    if count > 1:
        v[15] = days(state[_LAST] - state[_FIRST]) / (count - 1)
        v[16] = days(state[_GAP])
        v[18] = variation(count - 1, state[_GAP_SECONDS], state[_GAP_SQUARES])
        v[19] = ratio(days(silence), v[15])
        v[20] = ratio(silence, state[_LONGEST])


@compiled(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int64[::1], int64[::1], float64[:, ::1], int64[::1], int64[::1], float64[:, ::1])"
)
def purchases(
    order: IntArray,
    groups: IntArray,
    account: IntArray,
    as_of: IntArray,
    first: IntArray,
    at: IntArray,
    known: IntArray,
    until: IntArray,
    cents: IntArray,
    product: IntArray,
    told: FloatArray,
    place: IntArray,
    place_of_deal: IntArray,
    out: FloatArray,
) -> None:
    """The columns of `COLUMNS`, and those of `OF_DEAL`, of each snapshot's account.

    Args:
        told: the deal's amount; of no rows where accounts are asked for.
        place, place_of_deal: where the columns go; all -1 where they are not wanted.
    """
    most = room(first)
    state, kept = np.empty(_STATE, np.int64), np.empty(_STATE, np.int64)
    totals = np.zeros((most + 1, 2), np.int64)
    size = 2
    while size < 2 * most:
        size *= 2
    key, seat, kind = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(most, np.int64)
    bought, kept_bought = np.empty(most, np.int64), np.empty(most, np.int64)
    edge = np.empty(4, np.int64)
    v = np.empty(_WIDTH, np.float64)
    for g in range(len(groups) - 1):
        a = account[order[groups[g]]]
        low, high = first[a], first[a + 1]
        last_as_of = as_of[order[groups[g + 1] - 1]]
        n_products = slots(product, low, high, key, seat, kind)
        bought[:n_products] = 0
        state[:] = 0
        state[_FIRST] = state[_LAST] = MISSING
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
                    kept[:] = state
                    kept_bought[:n_products] = bought[:n_products]
                total = totals[i - low + 1]
                total[:] = totals[i - low]
                if is_visible(at[i], known[i], until[i], t):
                    _add(state, total[0], at[i], cents[i])
                    total[0] += 1
                    total[1] += cents[i]
                    if kind[i - low] >= 0:
                        bought[kind[i - low]] += 1
                i += 1
            for n in range(4):
                edge[n] = first_after(at, low, i, t - _EDGES[n]) - low
            products = 0
            for n in range(n_products):
                products += bought[n] > 0
            _write(v, state, totals, edge, i - low, products, t)
            for c in range(_WIDTH):
                if place[c] >= 0:
                    out[row, place[c]] = v[c]
            for c in range(len(_OF_DEAL)):
                if place_of_deal[c] >= 0:
                    out[row, place_of_deal[c]] = v[_OF_DEAL[c]]
            if place_of_deal[8] >= 0:
                out[row, place_of_deal[8]] = told[row, k.AMOUNT] / v[9] if v[9] > 0 else math.nan
            if saved:
                state[:] = kept
                bought[:n_products] = kept_bought[:n_products]
            else:
                settled = i
