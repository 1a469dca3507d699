"""The kernel against its meaning: at each instant, what a loop over all intervals finds open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.history import Records
from features.snapshots import Seen, Snapshots
from features.times import DAY, MISSING, NEVER, IntArray
from features.visibility import Steps, distinct_count, last_position, running_max, running_sum, window_end


class Interval(NamedTuple):
    """A record: visible for start <= as_of < end."""

    group: int
    start: int
    end: int
    value: int
    member: int


Build = Callable[[Sequence[Interval]], Steps]
Expect = Callable[[Sequence[Interval]], int]

# Few groups and instants, so that ties, empty intervals, overlaps and superseded versions are common.
INSTANTS = st.integers(0, 9)
INTERVALS = st.lists(
    st.builds(
        Interval,
        group=st.integers(0, 2),
        start=INSTANTS | st.just(MISSING),
        end=INSTANTS | st.just(NEVER),
        value=st.integers(-3, 3),
        member=st.integers(0, 2),
    ),
    max_size=12,
)
QUERIES = [(group, as_of) for group in range(4) for as_of in (MISSING, *range(-1, 11), NEVER - 1)]


def array(values: Sequence[int]) -> IntArray:
    return np.array(values, np.int64)


def columns(intervals: Sequence[Interval]) -> list[IntArray]:
    return [array([getattr(interval, name) for interval in intervals]) for name in Interval._fields]


def sums(intervals: Sequence[Interval]) -> Steps:
    group, start, end, value, _ = columns(intervals)
    return running_sum(group, start, end, value)


def counts(intervals: Sequence[Interval]) -> Steps:
    group, start, end, _, _ = columns(intervals)
    return running_sum(group, start, end)


def maxima(intervals: Sequence[Interval]) -> Steps:
    group, start, end, value, _ = columns(intervals)
    return running_max(group, start, end, value)


def distincts(intervals: Sequence[Interval]) -> Steps:
    group, start, end, _, member = columns(intervals)
    return distinct_count(group, member, start, end)


STEPS: dict[str, tuple[Build, Expect]] = {
    "sum": (sums, lambda seen: sum(i.value for i in seen)),
    "count": (counts, len),
    "max": (maxima, lambda seen: max((i.value for i in seen), default=MISSING)),
    "distinct": (distincts, lambda seen: len({i.member for i in seen})),
}


@pytest.mark.parametrize("name", STEPS)
@given(intervals=INTERVALS)
@example(intervals=[])
@example(intervals=[Interval(0, 1, 5, 3, 0), Interval(0, 2, NEVER, 1, 0)])  # the greatest value ends
@example(intervals=[Interval(0, 1, 5, 3, 0), Interval(0, 5, NEVER, 3, 0)])  # as great a value stays
@example(intervals=[Interval(0, 1, 9, 1, 0), Interval(0, 2, 3, 1, 0)])  # one within another
def test_each_step_function_is_what_a_loop_over_all_records_finds_visible(
    name: str, intervals: list[Interval]
) -> None:
    build, expect = STEPS[name]
    found = build(intervals).at(*(array(column) for column in zip(*QUERIES, strict=True)))
    assert found.dtype == np.int64
    for (group, as_of), value in zip(QUERIES, found.tolist(), strict=True):
        seen = [i for i in intervals if i.group == group and i.start <= as_of < i.end]
        assert value == expect(seen), (group, as_of)


@pytest.mark.parametrize("name", STEPS)
@given(intervals=INTERVALS, data=st.data())
def test_neither_order_nor_other_groups_nor_later_records_change_a_value(
    name: str, intervals: list[Interval], data: st.DataObject
) -> None:
    as_of, group = data.draw(INSTANTS), data.draw(st.integers(0, 2))
    mine = [i for i in intervals if i.group == group and i.start <= as_of]
    shuffled = data.draw(st.permutations(intervals))
    build, _ = STEPS[name]
    answers = {int(build(some).at(array([group]), array([as_of]))[0]) for some in (intervals, shuffled, mine)}
    assert len(answers) == 1


def test_a_sum_is_exact_where_other_groups_overflow() -> None:
    huge = Interval(0, 0, NEVER, 2**62, 0)
    steps = sums([huge, huge, huge, Interval(1, 0, NEVER, 7, 0)])
    assert steps.at(array([1]), array([0])).tolist() == [7]


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 5)), max_size=20),
    queries=st.lists(st.tuples(st.integers(-1, 4), st.integers(-4, 6)), max_size=8),
)
def test_last_position_is_the_last_row_not_after_the_query(
    rows: list[tuple[int, int]], queries: list[tuple[int, int]]
) -> None:
    rows.sort()
    pairs = np.array(rows, np.int64).reshape(-1, 2)
    wanted = np.array(queries, np.int64).reshape(-1, 2)
    found = last_position(pairs[:, 0], pairs[:, 1], wanted[:, 0], wanted[:, 1])
    assert found.tolist() == [sum(row <= query for row in rows) - 1 for query in queries]


@given(at=INSTANTS, known=INSTANTS, until=INSTANTS | st.just(NEVER), window=st.integers(0, 6) | st.none())
def test_a_window_holds_what_is_known_has_happened_is_not_corrected_and_is_young_enough(
    at: int, known: int, until: int, window: int | None
) -> None:
    start = max(known, at)
    end = int(window_end(array([start]), array([at]), array([until]), window)[0])
    for as_of in range(20):
        young = window is None or as_of - at < window
        assert (start <= as_of < end) == (known <= as_of and at <= as_of < until and young)


def seen(as_of: Sequence[int], *, at: int, known: int, until: int = NEVER) -> Seen:
    """One record of entity 0, seen at some instants."""
    records = Records(array([0]), array([at]), array([known]), array([until]), {})
    return Seen(records, Snapshots(np.zeros(len(as_of), np.int64), array(as_of)))


def test_a_record_is_visible_from_the_very_instant_at_which_it_was_recorded() -> None:
    assert seen([4, 5, 6], at=2, known=5).count().tolist() == [0, 1, 1]


def test_a_record_leaves_a_window_at_the_very_instant_at_which_it_is_that_old() -> None:
    ends = 2 + 7 * DAY
    assert seen([ends - 1, ends], at=2, known=5).count(7).tolist() == [1, 0]
    assert seen([ends - 1, ends], at=2, known=5).count().tolist() == [1, 1]


def test_a_record_told_later_than_a_window_is_long_is_never_in_it() -> None:
    told = 7 * DAY
    assert seen([0, told - 1, told, told + 1], at=0, known=told).count(7).tolist() == [0, 0, 0, 0]


def test_a_corrected_version_gives_way_at_the_very_instant_of_the_correction() -> None:
    assert seen([8, 9], at=2, known=5, until=9).count().tolist() == [1, 0]


def test_a_planned_record_counts_as_planned_until_its_time_comes_and_as_done_from_then_on() -> None:
    instants = [2, 3, 7, 8]
    assert seen(instants, at=8, known=3).planned().tolist() == [0, 1, 1, 0]
    assert seen(instants, at=8, known=3).count().tolist() == [0, 0, 0, 1]


def test_a_plan_that_is_corrected_before_its_time_never_counts_as_done() -> None:
    instants = [3, 4, 5, 8]
    assert seen(instants, at=8, known=3, until=5).planned().tolist() == [1, 1, 0, 0]
    assert seen(instants, at=8, known=3, until=5).count().tolist() == [0, 0, 0, 0]


def test_of_two_records_at_one_instant_the_one_recorded_later_is_the_last() -> None:
    records = Records(array([0, 0]), array([3, 3]), array([3, 6]), array([NEVER, NEVER]), {})
    snapshots = Snapshots(array([0, 0, 0]), array([2, 3, 6]))
    assert Seen(records, snapshots).last_row().tolist() == [-1, 0, 1]
    assert Seen(records, snapshots).first_row().tolist() == [-1, 0, 0]
