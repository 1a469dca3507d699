"""What an account has ordered: recency, frequency, value, and its own rhythm."""

from __future__ import annotations

import math

from tests.features.stories.telling import Story, before, history_of, order

ORDERS = Story(
    "orders",
    "account",
    history_of(
        orders=[
            order("o1", 10, 20.0, product="x"),
            order("o2", 20, 30.5, product="y", recorded_at=22),
            order("o3", 50, 10.0, product="x"),
            order("o3", 50, 12.0, product="x", recorded_at=60),
            order("o4", 70, -2.5),
        ]
    ),
    {
        "orders_30d": {before(10): 0, 10: 1, before(22): 1, 22: 2, before(40): 2, 40: 1},
        "orders_90d": {before(10): 0, 10: 1, before(100): 4, 100: 3},
        "orders_365d": {before(10): 0, 10: 1, before(375): 4, 375: 3},
        "orders_total": {before(10): 0, 10: 1, before(22): 1, 22: 2, 50: 3, 70: 4, 600: 4},
        "order_trend_90d": {before(10): 0, before(100): 4, 100: 3 - 1, 150: 1 - 3},
        "order_value_90d": {before(10): 0, before(60): 60.5, 60: 62.5, before(100): 60, 100: 40},
        "order_value_365d": {before(10): 0, before(60): 60.5, 60: 62.5, before(375): 60, 375: 40},
        "order_value_total": {before(10): 0, before(60): 60.5, 60: 62.5, 70: 60, 600: 60},
        "order_value_trend_90d": {before(10): 0, before(100): 60, 100: 40 - 20, 150: -2.5 - 62.5},
        "mean_order_value": {before(10): None, 10: 20, before(22): 20, 22: 25.25, 70: 15},
        "last_order_value": {
            before(10): None, 10: 20, before(22): 20, 22: 30.5, before(60): 10, 60: 12, 70: -2.5,
        },
        "largest_order_value": {before(10): None, 10: 20, before(22): 20, 22: 30.5, 70: 30.5},
        "last_order_over_mean": {before(10): None, 10: 1, before(22): 1, 22: 30.5 / 25.25, 70: -2.5 / 15},
        "days_since_last_order": {before(10): None, 10: 0, before(22): 12, 22: 2},
        "days_since_first_order": {before(10): None, 10: 0, 25: 15, 80: 70},
        "mean_order_gap_days": {before(22): None, 22: 10, before(50): 10, 50: 20, 70: 20},
        "last_order_gap_days": {before(22): None, 22: 10, before(50): 10, 50: 30, 70: 20},
        "longest_order_silence_days": {
            before(10): None, 10: 0, before(22): 12, 22: 10, before(50): 30, 50: 30, 70: 30, 110: 40,
        },
        "order_gap_variation": {before(50): None, 50: 1 / 2, 70: math.sqrt(1 / 6)},  # 10, 30; 10, 30, 20
        "silence_over_gap": {before(22): None, 22: 1 / 5, before(50): 3, 50: 0},
        "silence_over_longest_gap": {before(22): None, 22: 1 / 5, before(50): 3, 50: 0, 60: 1 / 3},
        "orders_per_year": {before(10): None, 10: 1, before(22): 1, 22: 2, 740: 2},
        "products_bought": {before(10): 0, 10: 1, before(22): 1, 22: 2, 50: 2, 70: 2},
        "refunds_total": {before(70): 0, 70: 1},
    },
)  # fmt: skip

ONLY_REFUNDS = Story(
    "an account that has only sent back",
    "account",
    history_of(orders=[order("o1", 10, -5.0)]),
    {
        "mean_order_value": {before(10): None, 10: -5},
        "largest_order_value": {before(10): None, 10: -5},
        "last_order_over_mean": {10: None},
        "order_value_total": {10: -5},
    },
)

AT_ONCE = Story(
    "orders of one moment",
    "account",
    history_of(orders=[order(f"o{i}", 10, 5.0) for i in range(3)]),
    {
        "mean_order_gap_days": {before(10): None, 10: 0},
        "order_gap_variation": {12: None},
        "silence_over_gap": {12: None},
        "silence_over_longest_gap": {12: None},
        "longest_order_silence_days": {12: 2},
    },
)

TOLD = (ORDERS, ONLY_REFUNDS, AT_ONCE)
