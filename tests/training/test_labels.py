"""What came of a snapshot, as it was known at a cut-off. Times are days; most snapshots are of day 10.

Both ends count: what is decided at the cut-off itself is known, and what happens exactly at
`as_of + horizon` lies within the horizon. What happens exactly at `as_of` is part of the present.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan

import numpy as np
import pytest

from features.agreed import conventions_of
from features.canonical import CanonicalData
from features.errors import DataError
from features.from_tables import history_from_tables
from features.history import History
from features.snapshots import Snapshots
from features.times import DAY, parse_instant
from training.grid import weekly_grid
from training.labels import ENTITY, TARGETS, LabelPolicy, Target, eligible, label

Tell = Callable[..., History]
INSTANT = 1 / DAY  # a microsecond, in days
UNKNOWN = float("nan")
LEAD = ("d", 0, "lead")


def at(day: float) -> Snapshots:
    """The first deal (or account) at a day."""
    return Snapshots(np.zeros(1, np.int64), np.array([round(day * DAY)], np.int64))


def ask(
    target: Target, history: History, cutoff: float, as_of: float = 10, policy: LabelPolicy | None = None
) -> tuple[float, float]:
    """The label of the first entity, and after how many days it was decided."""
    labels = label(target, history, at(as_of), round(cutoff * DAY), policy or LabelPolicy())
    assert labels.counted.all()
    assert bool(labels.known[0]) is not bool(labels.censored[0])
    return float(labels.value[0]), labels.after[0] / DAY


def agree(found: tuple[float, float], value: float, after: float) -> bool:
    same = isnan(found[0]) if isnan(value) else found[0] == value
    return same and abs(found[1] - after) < INSTANT / 2


@pytest.mark.parametrize(
    ("closed", "outcome", "cutoff", "value", "after"),
    [
        (20, "won", 50, 1, 10),
        (20, "lost", 50, 0, 10),
        (50, "won", 50, 1, 40),
        (50 + INSTANT, "won", 50, UNKNOWN, 40),
        (50 + INSTANT, "lost", 50, UNKNOWN, 40),
        (None, None, 50, UNKNOWN, 40),
        (900, "won", 1000, 1, 890),
    ],
)
def test_a_win_is_known_once_the_deal_closed_by_the_cutoff_and_has_no_horizon(
    tell: Tell, closed: float | None, outcome: str | None, cutoff: float, value: float, after: float
) -> None:
    assert agree(ask("win", tell({"d": (0, closed, outcome)}), cutoff), value, after)


@pytest.mark.parametrize(
    ("moves", "cutoff", "value", "after"),
    [
        pytest.param([LEAD, ("d", 20, "demo")], 100, 0, 10, id="moved on"),
        pytest.param([LEAD, ("d", 20, "offer")], 100, 0, 10, id="a stage skipped"),
        pytest.param([LEAD, ("d", 40, "demo")], 100, 0, 30, id="at the horizon: within"),
        pytest.param([LEAD, ("d", 40 + INSTANT, "demo")], 100, 1, 30, id="after the horizon"),
        pytest.param([LEAD, ("d", 10, "demo")], 100, 1, 30, id="at as_of: the present stage"),
        pytest.param([LEAD, ("d", 10 + INSTANT, "demo")], 100, 0, INSTANT, id="just after as_of"),
        pytest.param([LEAD, ("d", 5, "demo"), ("d", 20, "lead")], 100, 1, 30, id="backward"),
        pytest.param(
            [LEAD, ("d", 5, "demo"), ("d", 20, "lead"), ("d", 25, "demo")], 100, 1, 30, id="back and forth"
        ),
        pytest.param(
            [LEAD, ("d", 5, "demo"), ("d", 20, "lead"), ("d", 30, "offer")], 100, 0, 20, id="back, then past"
        ),
        pytest.param([LEAD, ("d", 20, "Closed Lost")], 100, 1, 30, id="to a closing stage"),
        pytest.param([LEAD], 40, 1, 30, id="horizon over at the cut-off"),
        pytest.param([LEAD], 40 - INSTANT, UNKNOWN, 30 - INSTANT, id="horizon not over"),
        pytest.param([LEAD, ("d", 20, "demo")], 20, 0, 10, id="moved at the cut-off"),
        pytest.param([LEAD, ("d", 20, "demo")], 20 - INSTANT, UNKNOWN, 10 - INSTANT, id="moves later"),
        pytest.param([LEAD, ("d", 20, "demo", 60)], 59, 1, 30, id="not recorded by the cut-off"),
        pytest.param([LEAD, ("d", 20, "demo", 60)], 60, 0, 10, id="recorded at the cut-off"),
        pytest.param([LEAD, ("d", 5, "demo", 15), ("d", 20, "demo")], 100, 0, 10, id="seen as lead still"),
        pytest.param([("d", 0, "limbo"), ("d", 20, "lead")], 100, 0, 10, id="from an unlisted stage"),
        pytest.param([("d", 20, "lead")], 100, 0, 10, id="from no stage"),
        pytest.param([("d", 0, "limbo")], 100, 1, 30, id="for ever in an unlisted stage"),
    ],
)
def test_a_deal_stalls_unless_it_moves_to_a_later_open_stage_within_the_horizon(
    tell: Tell, moves: list[tuple[object, ...]], cutoff: float, value: float, after: float
) -> None:
    assert agree(ask("stall", tell({"d": (0, None, None)}, moves), cutoff), value, after)


@pytest.mark.parametrize(
    ("closed", "outcome", "cutoff", "value", "after"),
    [
        pytest.param(35, "won", 100, 0, 25, id="won within the horizon"),
        pytest.param(40, "won", 100, 0, 30, id="won at the horizon"),
        pytest.param(40 + INSTANT, "won", 100, 1, 30, id="won after it"),
        pytest.param(35, "won", 35, 0, 25, id="won at the cut-off"),
        pytest.param(35, "won", 34, UNKNOWN, 24, id="won after the cut-off"),
        pytest.param(15, "lost", 100, 1, 30, id="lost: never moves on, decided when the horizon is over"),
        pytest.param(15, "lost", 39, UNKNOWN, 29, id="lost, the horizon not over yet"),
    ],
)
def test_a_win_relieves_a_stall_and_a_loss_does_not(
    tell: Tell, closed: float, outcome: str, cutoff: float, value: float, after: float
) -> None:
    assert agree(ask("stall", tell({"d": (0, closed, outcome)}, [LEAD]), cutoff), value, after)


@pytest.mark.parametrize(
    ("orders", "churned", "cutoff", "value", "after"),
    [
        pytest.param([5, 50], None, 300, 0, 40, id="ordered again"),
        pytest.param([5, 100], None, 300, 0, 90, id="at the horizon: within"),
        pytest.param([5, 100 + INSTANT], None, 300, 1, 90, id="after the horizon"),
        pytest.param([5, 10], None, 300, 1, 90, id="an order at as_of is of the past"),
        pytest.param([5], None, 100, 1, 90, id="horizon over at the cut-off"),
        pytest.param([5], None, 100 - INSTANT, UNKNOWN, 90 - INSTANT, id="horizon not over"),
        pytest.param([5, 50], None, 50, 0, 40, id="ordered at the cut-off"),
        pytest.param([5, (50, 120)], None, 119, 1, 90, id="order not recorded by the cut-off"),
        pytest.param([5, (50, 120)], None, 120, 0, 40, id="order recorded at the cut-off"),
        pytest.param([5], 60, 70, 1, 50, id="left: known before the horizon is over"),
        pytest.param([5], 60, 60, 1, 50, id="left at the cut-off"),
        pytest.param([5], 60, 60 - INSTANT, UNKNOWN, 50 - INSTANT, id="left after the cut-off"),
        pytest.param([5], 100, 300, 1, 90, id="left at the horizon"),
        pytest.param([5, 50], 100 + INSTANT, 300, 0, 40, id="ordered, and left after the horizon"),
        pytest.param([5, 30], 60, 300, 1, 50, id="ordered and then left: decided by leaving"),
    ],
)
def test_an_account_churns_by_leaving_or_by_not_ordering_within_the_horizon(
    tell: Tell, orders: list[object], churned: float | None, cutoff: float, value: float, after: float
) -> None:
    history = tell(orders=orders, churned={} if churned is None else {"a": churned})
    assert agree(ask("churn", history, cutoff), value, after)


def test_the_horizons_are_those_of_the_policy(tell: Tell) -> None:
    policy = LabelPolicy(stall_days=5, churn_days=7)
    assert [policy.horizon_days(target) for target in TARGETS] == [None, 5, 7]
    moves = [LEAD, ("d", 16, "demo")]
    assert agree(ask("stall", tell({"d": (0, None, None)}, moves), 99, policy=policy), 1, 5)
    assert agree(ask("churn", tell(orders=[5, 17 + INSTANT]), 99, policy=policy), 1, 7)
    assert agree(ask("churn", tell(orders=[5, 17]), 99, policy=policy), 0, 7)


@pytest.mark.parametrize(
    ("stages", "closed", "outcome", "cutoff", "counted", "value"),
    [
        pytest.param(["lead", "offer"], 30, "won", 99, True, 1, id="reached it and won"),
        pytest.param(["lead", "offer"], 30, "lost", 99, True, 0, id="reached it and lost"),
        pytest.param(["lead"], 30, "lost", 99, False, 0, id="lost before it teaches nothing"),
        pytest.param(["lead"], 30, "won", 99, False, 1, id="won without it is not asked about"),
        pytest.param(["lead"], 30, "lost", 29, True, UNKNOWN, id="may still reach it"),
        pytest.param(["lead"], None, None, 99, True, UNKNOWN, id="open for ever"),
        pytest.param(["lead", "offer"], 30, "lost", 30, True, 0, id="closed at the cut-off"),
    ],
)
def test_win_given_stage_counts_the_deals_that_reach_it_or_still_may(
    tell: Tell, stages: list[str], closed: float | None, outcome: str | None, cutoff: float,
    counted: bool, value: float,
) -> None:  # fmt: skip
    moves = [("d", 12 * i, stage) for i, stage in enumerate(stages)] + [("other", 1, "offer")]
    history = tell({"d": (0, closed, outcome), "other": (0, None, None)}, moves)
    labels = label("win", history, at(10), round(cutoff * DAY), LabelPolicy(win_given_stage="offer"))
    assert labels.counted.tolist() == [counted]
    np.testing.assert_array_equal(labels.value, [value])
    assert (labels.known[0], labels.censored[0]) == (
        counted and not isnan(value), counted and isnan(value),
    )  # fmt: skip


def test_a_stage_reached_but_not_recorded_by_the_cutoff_is_not_reached(tell: Tell) -> None:
    history = tell({"d": (0, 30, "won")}, [LEAD, ("d", 20, "offer", 60)])
    policy = LabelPolicy(win_given_stage="offer")
    assert not label("win", history, at(10), 59 * DAY, policy).counted[0]
    assert label("win", history, at(10), 60 * DAY, policy).counted[0]


@pytest.mark.parametrize(
    ("dead_days", "cutoff", "value", "after"),
    [
        (100, 129, UNKNOWN, 119),
        (100, 130, 0, 120),
        (100, 500, 0, 120),
        (365, 394, UNKNOWN, 384),
        (365, 395, 0, 385),
        (0, 5000, UNKNOWN, 4990),
    ],
)
def test_a_deal_of_which_nothing_is_recorded_any_more_counts_as_lost(
    tell: Tell, dead_days: int, cutoff: float, value: float, after: float
) -> None:
    history = tell({"d": (0, None, None)}, [LEAD, ("d", 30, "demo")])
    found = ask("win", history, cutoff, policy=LabelPolicy(dead_days=dead_days))
    assert agree(found, value, after)


def test_a_dead_deal_is_not_learnt_from_any_more_and_a_close_that_came_late_counts(tell: Tell) -> None:
    moves = [LEAD, ("d", 30, "demo")]
    policy = LabelPolicy(dead_days=100)
    silent = tell({"d": (0, None, None)}, moves)
    assert not label("win", silent, at(131), 500 * DAY, policy).counted[0]
    won_late = tell({"d": (0, 300, "won")}, moves)
    assert agree(ask("win", won_late, 500, policy=policy), 1, 290)
    assert agree(ask("win", won_late, 299, policy=policy), 0, 120)


@pytest.mark.parametrize(("closed", "counted"), [(0.9, False), (1, True)])
def test_deals_closed_within_a_day_can_be_left_out_of_wins(tell: Tell, closed: float, counted: bool) -> None:
    history = tell({"d": (0, closed, "won")}, [LEAD])
    assert label("win", history, at(0.5), 50 * DAY, LabelPolicy()).counted[0]
    left_out = LabelPolicy(same_day_deals="leave_out")
    assert bool(label("win", history, at(0.5), 50 * DAY, left_out).counted[0]) is counted


def test_win_given_an_unknown_stage_is_refused_with_those_there_are(tell: Tell) -> None:
    history = tell({"d": (0, 30, "won")}, [LEAD])
    with pytest.raises(DataError, match="win_given_stage is 'ofer', which is none of lead, demo, offer"):
        label("win", history, at(10), 50 * DAY, LabelPolicy(win_given_stage="ofer"))


@pytest.mark.parametrize(
    ("as_of", "can"), [(5 - INSTANT, False), (5, True), (30 - INSTANT, True), (30, False)]
)
@pytest.mark.parametrize("target", ["win", "stall"])
def test_a_deal_can_be_asked_about_from_its_creation_until_just_before_its_close(
    tell: Tell, target: Target, as_of: float, can: bool
) -> None:
    assert eligible(target, tell({"d": (5, 30, "won")}), at(as_of)).tolist() == [can]


@pytest.mark.parametrize(
    ("as_of", "can"), [(8 - INSTANT, False), (8, True), (30 - INSTANT, True), (30, False)]
)
def test_an_account_can_be_asked_about_from_its_first_recorded_order_until_it_leaves(
    tell: Tell, as_of: float, can: bool
) -> None:
    history = tell(orders=[(5, 8)], churned={"a": 30})
    assert eligible("churn", history, at(as_of)).tolist() == [can]


def test_each_snapshot_is_labelled_by_its_own_entity_and_present_stage(tell: Tell) -> None:
    moves = [
        ("x", 0, "lead"), ("x", 20, "demo"), ("x", 50, "offer"),
        ("y", 0, "demo"), ("y", 20, "demo"), ("y", 70, "offer"),
    ]  # fmt: skip
    history = tell({"x": (0, None, None), "y": (0, None, None)}, moves)
    entity, day = np.array([1, 0, 0, 1, 0]), np.array([10, 10, 25, 45, 60])
    labels = label("stall", history, Snapshots(entity, day * DAY), 200 * DAY, LabelPolicy())
    assert labels.value.tolist() == [1, 0, 0, 0, 1]
    assert (labels.after // DAY).tolist() == [30, 10, 25, 25, 30]


@pytest.mark.parametrize("when", ["2023-08-01", "2024-06-15", "2025-03-31T09:00:00Z"])
@pytest.mark.parametrize("target", TARGETS)
def test_what_was_recorded_after_the_cutoff_changes_no_label(
    data: CanonicalData, target: Target, when: str
) -> None:
    cutoff = parse_instant(when)
    conventions = conventions_of(data, cutoff)
    whole, known = (history_from_tables(d, conventions) for d in (data, data.known_at(cutoff)))
    snapshots = weekly_grid(target, known, cutoff)
    ids, codes = (
        (known.opportunities.ids, whole.opportunity_codes)
        if ENTITY[target] == "opportunity"
        else (known.accounts.ids, whole.account_codes)
    )
    same = Snapshots(codes(ids.tolist())[snapshots.entity], snapshots.as_of)
    then = label(target, known, snapshots, cutoff, LabelPolicy())
    now = label(target, whole, same, cutoff, LabelPolicy())
    assert 0 < then.known.sum() < len(snapshots)
    np.testing.assert_array_equal(then.value, now.value)
    np.testing.assert_array_equal(then.after, now.after)
