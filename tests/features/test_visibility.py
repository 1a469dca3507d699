"""The pieces of the kernel against their meaning in plain Python.

No test has a deadline: some of what is called is compiled at its first call.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from features.clustering import are_clustered, cluster, grouped, offsets, room, slots
from features.lookups import any_visible, next_at
from features.records import clustered
from features.snapshots import Snapshots
from features.times import MISSING, NEVER, IntArray
from features.visibility import first_after, is_visible

# Few entities and instants, so that ties, empty groups and superseded versions are common.
ENTITIES = 4
SMALL = st.integers(0, 3)
INSTANTS = st.integers(-2, 6) | st.sampled_from([MISSING, NEVER])
Row = tuple[int, int, int, int, int]  # entity, at, known, two ties
ROWS = st.lists(st.tuples(st.integers(-1, ENTITIES - 1), SMALL, SMALL, SMALL, SMALL), max_size=40)


def array(values: Sequence[int]) -> IntArray:
    return np.array(values, np.int64)


def columns(rows: Sequence[Row]) -> list[IntArray]:
    return [array([row[i] for row in rows]) for i in range(5)]


@settings(deadline=None)
@given(at=st.lists(INSTANTS, max_size=12), instant=INSTANTS, data=st.data())
@example(at=[], instant=0, data=None)
def test_first_after_is_the_first_of_a_part_that_is_greater(
    at: list[int], instant: int, data: st.DataObject | None
) -> None:
    low, high = sorted(data.draw(st.tuples(*[st.integers(0, len(at))] * 2))) if data else (0, 0)
    part = sorted(at[low:high])
    found = first_after(array([*at[:low], *part, *at[high:]]), low, high, instant)
    assert found == low + sum(value <= instant for value in part)


@settings(deadline=None)
@given(at=INSTANTS, known=INSTANTS, until=INSTANTS, as_of=st.integers(-3, 7))
def test_a_record_is_visible_once_it_has_happened_and_is_known_until_it_is_corrected(
    at: int, known: int, until: int, as_of: int
) -> None:
    assert is_visible(at, known, until, as_of) == (max(at, known) <= as_of < until)


@settings(deadline=None)
@given(rows=ROWS)
@example(rows=[])
@example(rows=[(-1, 0, 0, 0, 0)])
@example(rows=[(0, 3 - i // 9, i % 3, i % 2, 0) for i in range(36)])  # long runs, falling
def test_cluster_sorts_by_all_it_is_given_and_leaves_out_the_unknown(rows: list[Row]) -> None:
    entity, *order = columns(rows)
    found = cluster(entity, ENTITIES, *order).tolist()
    assert sorted(found) == [i for i, row in enumerate(rows) if row[0] >= 0]
    assert [rows[i] for i in found] == sorted(row for row in rows if row[0] >= 0)
    assert found == sorted(found, key=lambda i: rows[i])  # stable


@settings(deadline=None)
@given(rows=ROWS, put_in_order=st.booleans())
def test_rows_are_clustered_exactly_if_cluster_would_leave_them_as_they_are(
    rows: list[Row], put_in_order: bool
) -> None:
    rows = sorted(rows) if put_in_order else rows
    entity, *order = columns(rows)
    assert are_clustered(entity, *order) == (rows == sorted(row for row in rows if row[0] >= 0))


@settings(deadline=None)
@given(entity=st.lists(st.integers(0, ENTITIES - 1), max_size=12))
def test_offsets_tell_where_each_entity_begins(entity: list[int]) -> None:
    entity.sort()
    first = offsets(array(entity), ENTITIES)
    assert first.tolist() == [sum(code < e for code in entity) for e in range(ENTITIES + 1)]
    assert room(first) == max(entity.count(e) for e in range(ENTITIES))


@settings(deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, ENTITIES - 1), st.integers(-2, 3)), max_size=12),
    put_in_order=st.booleans(),
)
@example(pairs=[], put_in_order=False)
@example(pairs=[(0, 1), (1, 0), (1, 2), (0, 0)], put_in_order=False)
def test_snapshots_are_grouped_by_entity_and_in_order_within(
    pairs: list[tuple[int, int]], put_in_order: bool
) -> None:
    pairs = sorted(pairs) if put_in_order else pairs
    entity, as_of = (array([pair[i] for pair in pairs]) for i in range(2))
    order, first = grouped(entity, as_of, ENTITIES)
    assert order.tolist() == sorted(range(len(pairs)), key=lambda i: pairs[i])
    named = [pairs[i][0] for i in order]
    begins = [i for i, code in enumerate(named) if i == 0 or code != named[i - 1]]
    assert first.tolist() == [*begins, len(pairs)]


@settings(deadline=None)
@given(codes=st.lists(st.integers(-1, 5) | st.integers(2**31 - 3, 2**31 - 1), max_size=24), data=st.data())
def test_slots_number_the_distinct_codes_of_a_part_as_they_come(
    codes: list[int], data: st.DataObject
) -> None:
    low, high = sorted(data.draw(st.tuples(*[st.integers(0, len(codes))] * 2)))
    size = 2
    while size < 2 * len(codes):
        size *= 2
    key, seat, slot = (np.full(size, 99, np.int64) for _ in range(3))  # what is left of an entity before
    found = slots(np.array(codes, np.int32), low, high, key, seat, slot)
    distinct = list(dict.fromkeys(code for code in codes[low:high] if code >= 0))
    assert found == len(distinct)
    expected = [distinct.index(code) if code >= 0 else -1 for code in codes[low:high]]
    assert slot[: high - low].tolist() == expected


Version = tuple[int, int, int, int]  # entity, at, known, until
VERSIONS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(0, 6), st.integers(0, 6) | st.just(NEVER)),
    max_size=12,
)
ASKED = [(entity, as_of) for as_of in range(-1, 8) for entity in range(3)]


@settings(deadline=None)
@given(versions=VERSIONS)
def test_lookups_say_what_a_look_at_every_record_says(versions: list[Version]) -> None:
    entity, at, known, until = (array([version[i] for version in versions]) for i in range(4))
    records = clustered(entity, 3, at, known, until, {})
    snapshots = Snapshots(*(array(column) for column in zip(*ASKED, strict=True)))
    seen = any_visible(records, snapshots).tolist()
    ahead = next_at(records, snapshots).tolist()
    for (of, as_of), any_seen, following in zip(ASKED, seen, ahead, strict=True):
        mine = [version for version in versions if version[0] == of]
        assert any_seen == any(max(a, k) <= as_of < u for _, a, k, u in mine)
        assert following == min((a for _, a, _, _ in mine if a > as_of), default=NEVER)


@settings(deadline=None)
@given(rows=ROWS)
def test_records_of_one_entity_and_of_a_mask_are_those_rows(rows: list[Row]) -> None:
    rows = [row for row in rows if row[0] >= 0]
    entity, at, known, tie, _ = columns(rows)
    records = clustered(entity, ENTITIES, at, known, at + 9, {"tie": tie}, (tie, tie))
    whole = sorted((e, a, k, t) for e, a, k, t, _ in rows)
    assert list(zip(records.entity, records.at, records.known, records["tie"], strict=True)) == whole
    assert records.start.tolist() == [max(a, k) for _, a, k, _ in whole]
    assert records.until.tolist() == [a + 9 for _, a, _, _ in whole]
    some = records.where(records["tie"] > 1)
    assert list(zip(some.entity, some.at, some["tie"], strict=True)) == [
        (e, a, t) for e, a, _, t in whole if t > 1
    ]
    for code in range(ENTITIES):
        one = records.of(code)
        assert one.first.tolist() == [0, len(one)]
        assert list(zip(one.at, one.known, one["tie"], strict=True)) == [
            row[1:] for row in whole if row[0] == code
        ]
