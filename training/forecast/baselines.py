"""What a forecast has to beat: numbers that a firm has without any model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from features.build import build_features
from features.families.run import stage_of
from features.history import History
from features.shown import shown_of
from features.snapshots import Snapshots
from features.times import DAY, FloatArray
from training.censoring import censoring_weights
from training.forecast.ledger import Ledger, won_between
from training.grid import weekly_grid
from training.labels import LabelPolicy, eligible, label

NAMES = ("stage_weighted", "reps", "last_period", "seasonal_naive")
YEAR = 364 * DAY  # whole weeks, so that weekdays meet
DOUBT = 50.0  # snapshots by which a stage's rate is drawn towards all of them


def baselines(
    history: History, ledger: Ledger, as_of: int, end: int, policy: LabelPolicy
) -> Mapping[str, float]:
    """Bookings from `as_of` to `end` (microseconds), as each baseline says them.

    - `reps`: the shown amounts of the open deals whose expected close lies there; an overdue one counts as
      due now, one before the deal's own creation as not given;
    - `stage_weighted`: the same deals, each times the share of snapshots in its stage that were won;
    - `last_period`: what was booked in as long a time before `as_of`;
    - `seasonal_naive`: what was booked a year before; NaN where the data do not reach so far.
    """
    deals = history.opportunities
    everything = np.flatnonzero(ledger.counted)
    asked = Snapshots(everything, np.full(len(everything), as_of, np.int64))
    now = asked.take(eligible("win", history, asked))
    shown = shown_of(history, now)
    days = build_features(history, now, only=("days_to_expected_close",)).values[:, 0]
    age = (deals.created_at[now.entity] - as_of) / DAY
    given = ~np.isnan(days) & (days >= age)
    due = given & (np.maximum(days, 0.0) < (end - as_of) / DAY)
    amount = np.where(shown.amount > 0, shown.amount, 0.0) * due
    rate = _stage_rates(history, as_of, policy)[stage_of(history, now)]
    length = end - as_of
    seen = int(deals.closed_at.min()) if len(deals.closed_at) else as_of
    a_year = as_of - YEAR >= seen
    return {
        "reps": float(amount.sum()),
        "stage_weighted": float((amount * rate).sum()),
        "last_period": booked(history, ledger, as_of - length, as_of),
        "seasonal_naive": booked(history, ledger, as_of - YEAR, end - YEAR) if a_year else float("nan"),
    }


def booked(history: History, ledger: Ledger, begin: int, end: int) -> float:
    """What was won between two instants, begin inclusive, end exclusive."""
    return float(ledger.amount[won_between(history, ledger, begin, end)].sum())


def _stage_rates(history: History, as_of: int, policy: LabelPolicy) -> FloatArray:
    """The weighted share of wins among the weekly snapshots in each stage; the last entry for none."""
    grid = weekly_grid("win", history, as_of)
    labels = label("win", history, grid, as_of, policy)
    known, weight = labels.known, censoring_weights(labels)[labels.known]
    stage = stage_of(history, grid)[known]
    value = labels.value[known]
    overall = float(np.average(value, weights=weight)) if len(value) else 0.0
    rates = np.full(len(history.stage_names) + 1, overall)
    for place in np.unique(stage[stage >= 0]).tolist():
        mine = stage == place
        mass = weight[mine].sum()
        rates[place] = ((weight * value)[mine].sum() + DOUBT * overall) / (mass + DOUBT)
    return rates
