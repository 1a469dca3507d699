"""What is told later, corrected or put elsewhere changes no snapshot before it was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from features.build import Entity
from features.history import History
from features.norms import reference_of
from tests.factories import Row, bits, day, deal, features_at
from tests.features.stories.telling import activity, before, change, history_of, move, order

TOLD = 11  # the day on which the later records become known
ENTITIES: Mapping[Entity, Sequence[str]] = {"opportunity": ("d", "e", "x"), "account": ("a", "b")}
BASE: Mapping[str, Sequence[Row]] = {
    "accounts": [{"account_id": name, "created_at": 0, "industry": "steel"} for name in "ab"],
    "opportunities": [
        deal("d"), deal("e", created_at=1),
        deal("x", "b", closed_at=6, outcome="won", kind="new"),
    ],
    "stage_changes": [move(1, "lead"), move(4, "offer"), {**move(2, "lead"), "opportunity_id": "e"}],
    "field_changes": [
        change(1, "amount", "100"), change(3, "rep_id", "r"), change(4, "expected_close_at", "1970-03-01"),
    ],
    "activities": [
        activity("x1", 2, "call", "outbound", outcome="connected", contact_id="p", rep_id="r"),
        activity("x2", 5, "email", "inbound", contact_id="q"),
        activity("x3", 6, "meeting", "outbound", outcome="held", duration_s=900.0),
        activity("x4", 7, "visit", opportunity_id="e", rep_id="s"),
        activity("x5", 30, "demo", recorded_at=8),
    ],
    "orders": [order("o1", 2, 10.0, product="x"), order("o2", 5, 20.0, account_id="b")],
}  # fmt: skip
LATER: Mapping[str, Mapping[str, Sequence[Row]]] = {
    "a late activity": {"activities": [activity("late", 3, "call", "inbound", recorded_at=TOLD)]},
    "a late order": {"orders": [order("late", 3, 7.0, recorded_at=TOLD)]},
    "a late stage": {"stage_changes": [move(2, "demo", recorded_at=TOLD)]},
    "a late change": {"field_changes": [change(2, "amount", "70", recorded_at=TOLD)]},
    "another time of an activity": {"activities": [activity("x1", 9, "call", "outbound", recorded_at=TOLD)]},
    "another kind of an activity": {"activities": [activity("x3", 6, "task", recorded_at=TOLD)]},
    "an activity put off": {"activities": [activity("x5", 40, "demo", recorded_at=TOLD)]},
    "an activity planned": {"activities": [activity("new", 20, "call", recorded_at=TOLD)]},
    "an activity of another deal": {
        "activities": [activity("x2", 5, "email", "inbound", opportunity_id="e", recorded_at=TOLD)]
    },
    "an activity of another account's deal": {
        "activities": [activity("x2", 5, "email", "inbound", opportunity_id="x", recorded_at=TOLD)]
    },
    "an activity of another account": {
        "activities": [activity("x4", 7, "visit", opportunity_id="e", account_id="b", recorded_at=TOLD)]
    },
    "an activity of no deal": {
        "activities": [activity("x1", 2, "call", opportunity_id=None, recorded_at=TOLD)]
    },
    "an order of another account": {"orders": [order("o2", 5, 20.0, recorded_at=TOLD)]},
    "an order sent back": {"orders": [order("o1", 2, -10.0, recorded_at=TOLD)]},
    "a stage corrected": {"stage_changes": [move(4, "demo", recorded_at=TOLD)]},
    "an amount corrected": {"field_changes": [change(1, "amount", "90", recorded_at=TOLD)]},
    "an owner corrected": {"field_changes": [change(3, "rep_id", "s", recorded_at=TOLD)]},
    "a deal opened": {"opportunities": [deal("new", created_at=TOLD)]},
    "two deals merged": {
        "activities": [
            activity("x1", 2, "call", "outbound", opportunity_id="e", recorded_at=TOLD),
            activity("x2", 5, "email", "inbound", opportunity_id="e", recorded_at=TOLD),
        ],
        "stage_changes": [{**move(4, "offer", recorded_at=TOLD), "opportunity_id": "e"}],
    },
    "two accounts merged": {
        "activities": [activity("x4", 7, "visit", opportunity_id="e", account_id="b", recorded_at=TOLD)],
        "orders": [order("o1", 2, 10.0, account_id="b", recorded_at=TOLD)],
    },
}


def with_later(later: Mapping[str, Sequence[Row]]) -> History:
    return history_of(**{name: [*rows, *later.get(name, ())] for name, rows in BASE.items()})


def seen(history: History, days: Sequence[float]) -> dict[str, dict[str, list[Any]]]:
    """The bits of all features of both entities at some days, each with the reference of the last of them."""
    reference = reference_of(history, day(days[-1]))
    return {
        entity: bits(features_at(history, [(n, day(t)) for t in days for n in names], entity, reference))
        for entity, names in ENTITIES.items()
    }


@pytest.mark.parametrize("later", LATER.values(), ids=LATER)
def test_what_is_told_later_changes_no_earlier_snapshot_and_shows_when_it_is_told(
    later: Mapping[str, Sequence[Row]],
) -> None:
    base, history = with_later({}), with_later(later)
    earlier = [*range(TOLD), before(TOLD)]
    assert seen(history, earlier) == seen(base, earlier)
    assert seen(history, [TOLD]) != seen(base, [TOLD])


@pytest.mark.parametrize("days", [(3, before(TOLD), TOLD, 20, 31, 45), (3, TOLD)], ids=["on", "up to it"])
@pytest.mark.parametrize("later", LATER.values(), ids=LATER)
def test_snapshots_before_and_after_it_is_told_are_the_same_together_as_apart(
    later: Mapping[str, Sequence[Row]], days: Sequence[float]
) -> None:
    history = with_later(later)
    together = seen(history, days)
    reference = reference_of(history, day(days[-1]))
    for entity, names in ENTITIES.items():
        for number, pair in enumerate((name, day(t)) for t in days for name in names):
            alone = bits(features_at(history, [pair], entity, reference))
            assert alone == {name: [cells[number]] for name, cells in together[entity].items()}
