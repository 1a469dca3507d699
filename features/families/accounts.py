"""Who the account is, its deals and its people, and all that is done with it."""

from __future__ import annotations

import math

import numpy as np

from features.compiled import compiled
from features.families import told as k
from features.families.people import DECISION_MAKER
from features.families.values import days_since, ratio
from features.times import DAY, MISSING, FloatArray, IntArray

COLUMNS = (
    "open_deals", "deals_won", "deals_lost", "deal_win_share", "days_since_last_win", "days_since_last_loss",
    "days_since_last_deal", "deals_365d", "account_contacts_known", "decision_makers_known",
    "new_contacts_known_90d", "account_tenure_days", "industry", "region",
)  # fmt: skip
OF_DEAL = (
    "other_open_deals", "past_wins", "past_losses", "past_win_share", "days_since_past_win",
    "days_since_past_loss", "contacts_known", "decision_makers_known", "account_tenure_days", "industry",
    "region", "contacts_reached_share",
)  # fmt: skip
_OF_DEAL = (0, 1, 2, 3, 4, 5, 8, 9, 11, 12, 13)
_WIDTH = len(COLUMNS)


@compiled()
def _write_deals(
    v: FloatArray, low: int, high: int, created: IntArray, closed: IntArray, won: IntArray, as_of: int
) -> None:
    still_open = wins = losses = recent = 0
    last_win = last_loss = last = MISSING
    for i in range(low, high):
        if created[i] > as_of:
            break
        last = created[i]
        recent += as_of - created[i] < 365 * DAY
        if closed[i] > as_of:
            still_open += 1
        elif won[i]:
            wins += 1
            last_win = max(last_win, closed[i])
        else:
            losses += 1
            last_loss = max(last_loss, closed[i])
    v[0], v[1], v[2] = still_open, wins, losses
    v[3] = ratio(wins, wins + losses)
    v[4], v[5], v[6] = days_since(last_win, as_of), days_since(last_loss, as_of), days_since(last, as_of)
    v[7] = recent


@compiled()
def _write_contacts(
    v: FloatArray, low: int, high: int, created: IntArray, role: IntArray, as_of: int
) -> None:
    known = deciding = new = 0
    for i in range(low, high):
        if created[i] > as_of:
            break
        known += 1
        deciding += role[i] == DECISION_MAKER
        new += created[i] != MISSING and as_of - created[i] < 90 * DAY
    v[8], v[9], v[10] = known, deciding, new


@compiled(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], float64[:, ::1],"
    " int64[::1], int64[::1], float64[:, ::1])"
)
def accounts(
    account: IntArray,
    as_of: IntArray,
    deal: IntArray,
    deal_first: IntArray,
    deal_created: IntArray,
    deal_closed: IntArray,
    deal_won: IntArray,
    contact_first: IntArray,
    contact_created: IntArray,
    contact_role: IntArray,
    created_at: IntArray,
    industry: IntArray,
    region: IntArray,
    own_created: IntArray,
    own_closed: IntArray,
    told: FloatArray,
    place: IntArray,
    place_of_deal: IntArray,
    out: FloatArray,
) -> None:
    """The columns of `COLUMNS`, and those of `OF_DEAL`, of each snapshot's account.

    Args:
        deal: each snapshot's deal, which is none of the *other* open deals; -1 for an account's own.
        own_created, own_closed: of the deals, by code.
        told: how many contacts the deal has reached; gets the industry.
    """
    v = np.empty(_WIDTH, np.float64)
    for row in range(len(account)):
        a, t, d = account[row], as_of[row], deal[row]
        _write_deals(v, deal_first[a], deal_first[a + 1], deal_created, deal_closed, deal_won, t)
        _write_contacts(v, contact_first[a], contact_first[a + 1], contact_created, contact_role, t)
        v[11:14] = math.nan
        if created_at[a] <= t:
            v[11] = days_since(created_at[a], t)
            v[12] = industry[a] if industry[a] >= 0 else math.nan
            v[13] = region[a] if region[a] >= 0 else math.nan
        for c in range(_WIDTH):
            if place[c] >= 0:
                out[row, place[c]] = v[c]
        if d < 0:
            continue
        told[row, k.INDUSTRY] = v[12]
        v[0] -= own_created[d] <= t < own_closed[d]
        for c in range(len(_OF_DEAL)):
            if place_of_deal[c] >= 0:
                out[row, place_of_deal[c]] = v[_OF_DEAL[c]]
        if place_of_deal[11] >= 0:
            out[row, place_of_deal[11]] = ratio(told[row, k.REACHED], v[8])
