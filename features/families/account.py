"""Orders and tenure of accounts, seen from an opportunity or from the account itself."""

from __future__ import annotations

import numpy as np

from features.families import Values
from features.history import CENT, History
from features.snapshots import Seen, Snapshots, age_days, days_since, share, texts_where


def account_of_deal(history: History, snapshots: Snapshots) -> Values:
    """What the deal's account has bought so far, and who it is."""
    account = Snapshots(history.opportunities.account[snapshots.entity], snapshots.as_of)
    orders = Seen(history.orders, account)
    return {
        "account_orders_total": orders.count().astype(np.float64),
        "account_orders_365d": orders.count(365).astype(np.float64),
        "account_order_value_365d": orders.total(orders.records["cents"], 365) / CENT,
        "days_since_account_order": days_since(orders.last_at(), account.as_of),
        **_who(history, account),
    }


def orders(history: History, snapshots: Snapshots) -> Values:
    """Recency, frequency and value of an account's orders, and its own rhythm."""
    seen = Seen(history.orders, snapshots)
    cents = seen.records["cents"]
    count, quarter, half_year = seen.count(), seen.count(90), seen.count(180)
    since_last = days_since(seen.last_at(), snapshots.as_of)
    gap = seen.mean_gap_days()
    return {
        "orders_total": count.astype(np.float64),
        "orders_30d": seen.count(30).astype(np.float64),
        "orders_90d": quarter.astype(np.float64),
        "orders_365d": seen.count(365).astype(np.float64),
        "order_trend_90d": (quarter - (half_year - quarter)).astype(np.float64),
        "order_value_total": seen.total(cents) / CENT,
        "order_value_90d": seen.total(cents, 90) / CENT,
        "mean_order_value": share(seen.total(cents) / CENT, count),
        "days_since_last_order": since_last,
        "days_since_first_order": days_since(seen.first_at(), snapshots.as_of),
        "mean_order_gap_days": gap,
        "silence_over_gap": share(since_last, np.nan_to_num(gap)),
        "account_contacts_known": Seen(history.contacts, snapshots).count().astype(np.float64),
    }


def who(history: History, snapshots: Snapshots) -> Values:
    """Who the account is, for snapshots of accounts."""
    return _who(history, snapshots)


def _who(history: History, account: Snapshots) -> Values:
    """The account's own facts, not known before it was created; known always where that is not given."""
    created_at = history.accounts.created_at[account.entity]
    known = created_at <= account.as_of
    return {
        "account_tenure_days": age_days(created_at, account.as_of),
        "industry": texts_where(known, history.accounts.texts["industry"][account.entity]),
        "region": texts_where(known, history.accounts.texts["region"][account.entity]),
    }
