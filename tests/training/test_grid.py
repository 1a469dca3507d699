"""The snapshots to learn from: weekly, eligible, staggered by id, none after `until`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.agreed import conventions_of
from features.canonical import CanonicalData
from features.from_tables import history_from_tables
from features.history import History
from features.times import DAY, HOUR, WEEK, parse_instant
from training.grid import moments_of_records, weekly_grid
from training.labels import TARGETS, Target, eligible

Tell = Callable[..., History]
SPAN = st.tuples(st.floats(0, 400), st.none() | st.floats(0, 200))


def deals(spans: Sequence[tuple[float, float | None]]) -> dict[str, tuple[float, float | None, str | None]]:
    return {
        f"d{i:02}": (begin, None if length is None else begin + length, None if length is None else "won")
        for i, (begin, length) in enumerate(spans)
    }


@given(spans=st.lists(SPAN, min_size=1, max_size=6), until=st.floats(0, 700))
def test_a_deal_has_one_snapshot_in_each_whole_week_of_its_life_up_to_until(
    tell: Tell, spans: list[tuple[float, float | None]], until: float
) -> None:
    history, last = tell(deals(spans)), round(until * DAY)
    grid = weekly_grid("win", history, last)
    assert (grid.as_of <= last).all()
    for entity in range(len(spans)):
        begin = int(history.opportunities.created_at[entity])
        end = min(int(history.opportunities.closed_at[entity]), last + 1)
        mine = grid.as_of[grid.entity == entity]
        assert ((begin <= mine) & (mine < end)).all()
        assert (np.diff(mine) == WEEK).all()
        assert len(mine) in {max(end - begin, 0) // WEEK, max(end - begin, 0) // WEEK + 1}


@given(spans=st.lists(st.tuples(st.floats(0, 300), st.none() | st.floats(0, 100)), max_size=5))
def test_an_account_has_snapshots_from_its_first_recorded_order_until_it_leaves(
    tell: Tell, spans: list[tuple[float, float | None]]
) -> None:
    orders = {f"a{i}": [(begin - 3, begin), (begin + 9, begin + 9)] for i, (begin, _) in enumerate(spans)}
    churned = {f"a{i}": begin + length for i, (begin, length) in enumerate(spans) if length is not None}
    history = tell(orders=orders | {"none": []}, churned=churned | {"none": 350.0})
    grid = weekly_grid("churn", history, 400 * DAY)
    names = history.accounts.ids[grid.entity]
    assert "none" not in names
    for i, (begin, length) in enumerate(spans):
        mine = grid.as_of[names == f"a{i}"]
        first, last = round(begin * DAY), 400 * DAY + 1 if length is None else round((begin + length) * DAY)
        assert ((first <= mine) & (mine < last)).all()
        assert len(mine) >= (last - first) // WEEK


@pytest.mark.parametrize("until", [0, 1, 10])
def test_a_grid_before_everything_is_empty(tell: Tell, until: int) -> None:
    history = tell({"d": (20, None, None)}, orders=[30])
    assert [len(weekly_grid(target, history, until * DAY)) for target in TARGETS] == [0, 0, 0]
    assert len(moments_of_records(history, until * DAY)) == 0


def test_a_snapshot_at_until_itself_is_in_the_grid(tell: Tell) -> None:
    history = tell({"d": (0, None, None)})
    last = int(weekly_grid("win", history, 100 * DAY).as_of[-1])
    assert weekly_grid("win", history, last).as_of[-1] == last
    assert weekly_grid("win", history, last - 1).as_of[-1] == last - WEEK


def test_the_hour_of_the_week_hangs_on_the_id_alone(tell: Tell) -> None:
    alone = weekly_grid("win", tell({"k": (3, None, None)}), 90 * DAY)
    among = tell({"a": (1, None, None), "k": (0, 80, "won"), "z": (5, None, None)})
    grid = weekly_grid("win", among, 70 * DAY)
    assert set(alone.as_of % WEEK) == set(grid.as_of[grid.entity == 1] % WEEK)
    assert len(set(grid.as_of % WEEK)) == 3


def test_the_grid_meets_all_hours_and_weekdays_alike(tell: Tell) -> None:
    grid = weekly_grid("win", tell({f"O{i:06}": (0, 14, "won") for i in range(2000)}), 99 * DAY)
    assert len(grid) == 4000
    weekdays = np.bincount(grid.as_of % WEEK // DAY, minlength=7) / len(grid)
    hours = np.bincount(grid.as_of % DAY // HOUR, minlength=24) / len(grid)
    assert np.abs(weekdays * 7 - 1).max() < 0.15
    assert np.abs(hours * 24 - 1).max() < 0.3


@pytest.mark.parametrize("target", TARGETS)
def test_every_snapshot_of_a_grid_is_eligible(data: CanonicalData, target: Target) -> None:
    history = history_from_tables(data, conventions_of(data))
    grid = weekly_grid(target, history, data.watermark())
    assert len(grid) > 1000
    assert eligible(target, history, grid).all()


@pytest.mark.parametrize("target", TARGETS)
def test_a_later_until_only_adds_to_the_grid(data: CanonicalData, target: Target) -> None:
    history, until = history_from_tables(data, conventions_of(data)), parse_instant("2024-05-17T08:30:00Z")
    early, late = (weekly_grid(target, history, u) for u in (until, until + 40 * DAY))
    kept = late.take(late.as_of <= until)
    np.testing.assert_array_equal(kept.entity, early.entity)
    np.testing.assert_array_equal(kept.as_of, early.as_of)
    assert len(late) > len(early)


def test_the_moments_of_records_are_when_they_became_known_while_the_deal_was_open(tell: Tell) -> None:
    moves = [
        ("d", 0, "lead"),
        ("d", 4, "demo", 6),  # at 4, known at 6
        ("d", 6, "lead"),  # the same moment again
        ("d", 30, "won"),  # at the close: no longer open
        ("e", 2, "lead", 1),  # planned before the deal was created
        ("e", 7, "demo", 6),
        ("e", 8, "offer", 50),  # known after `until`
    ]
    history = tell({"d": (0, 30, "won"), "e": (3, None, None)}, moves)
    found = moments_of_records(history, 40 * DAY)
    pairs = sorted(zip(found.entity.tolist(), (found.as_of / DAY).tolist(), strict=True))
    assert pairs == [(0, 0), (0, 6), (1, 6)]
