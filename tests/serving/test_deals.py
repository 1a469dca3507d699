"""Deals kept as they were read: every answer is what the store itself would give at that watermark."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from features.errors import UnknownEntity
from serving import deals
from serving.deals import Deal, Deals
from serving.store.store import Store, Watermark
from tests.postgresql import Server
from tests.serving.stores import DEAL, KINDS, call, new_address, open_store, post


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path, postgresql_server: Server) -> Store:
    made = open_store(new_address(request.param, tmp_path, postgresql_server))
    post(made, {"opportunities": [DEAL, {**DEAL, "opportunity_id": "e"}, OTHER]})
    return made


OTHER = {**DEAL, "opportunity_id": "f", "account_id": "b", "rep_id": "s"}
ROOM = 1_000
AT = "2025-01-03T00:00:00Z"
LATER = {"recorded_at": "2025-01-05T00:00:00Z"}
# What may change the records around deal "d", each by another way; and what may not.
CHANGES: dict[str, dict[str, Any]] = {
    "its activity": {"activities": [call("1")]},
    "its account's activity": {"activities": [call("2", opportunity_id=None, account_id="a")]},
    "another deal's of its account": {"activities": [call("3", opportunity_id="e")]},
    "a stage": {"stage_changes": [{"opportunity_id": "d", "at": AT, "stage": "A"}]},
    "a field": {"field_changes": [{"opportunity_id": "d", "at": AT, "field": "amount", "value": "3"}]},
    "its row": {"opportunities": [{**DEAL, "product": "P"}]},
    "a new deal of its account": {"opportunities": [{**DEAL, "opportunity_id": "g"}]},
    "its account": {"accounts": [{"account_id": "a", "industry": "I"}]},
    "an order": {"orders": [{"order_id": "o", "account_id": "a", "at": AT, "amount": 5}]},
    "a contact": {"contacts": [{"contact_id": "c", "account_id": "a", "role": "user"}]},
    "a lead": {"leads": [{"lead_id": "l", "created_at": AT, "opportunity_id": "d"}]},
    "its rep": {"reps": [{"rep_id": "r", "team_id": "T"}]},
}


def seen(deal: Deal) -> dict[str, list[Any]]:
    return {name: sorted(rows, key=lambda row: row[-1]) for name, rows in deal.rows.items()}


def fresh(store: Store, name: str) -> dict[str, list[Any]]:
    mark = store.watermark()
    return seen(Deal(store.around(name, mark.seq), mark.seq))


@pytest.mark.parametrize("change", CHANGES)
def test_what_came_in_is_seen_by_the_next_who_asks(store: Store, change: str) -> None:
    kept = Deals(store, ROOM)
    _, before = kept.latest("d", store.watermark())
    post(store, CHANGES[change])
    mark, after = kept.latest("d", store.watermark())
    assert mark == store.watermark()
    assert seen(after) == fresh(store, "d") != seen(before)


def test_a_record_that_goes_to_another_deal_and_one_s_contact_and_owner_are_seen(store: Store) -> None:
    post(store, {"activities": [call("1", contact_id="c")]})
    owner = {"opportunity_id": "d", "at": AT, "field": "rep_id", "value": "s"}
    post(store, {"field_changes": [owner]})
    for change in (
        {"contacts": [{"contact_id": "c", "account_id": "b", "role": "user"}]},
        {"reps": [{"rep_id": "s", "team_id": "T"}]},
        {"activities": [call("1", opportunity_id="f", **LATER)]},
    ):
        kept = Deals(store, ROOM)
        _, before = kept.latest("d", store.watermark())
        assert post(store, change)["stored"] == 1
        _, after = kept.latest("d", store.watermark())
        assert seen(after) == fresh(store, "d") != seen(before)


def test_a_record_of_others_leaves_it_where_it_is(store: Store) -> None:
    kept = Deals(store, ROOM)
    _, before = kept.latest("d", store.watermark())
    post(store, {"activities": [call("9", opportunity_id="f")]})
    mark, after = kept.latest("d", store.watermark())
    assert after is before
    assert mark == store.watermark() != Watermark(before.seq, mark.received_at)


def test_any_order_of_questions_and_records_gives_what_the_store_gives(store: Store) -> None:
    rng, kept, changes = random.Random(5), Deals(store, most_rows=40), list(CHANGES.values())
    for i in range(60):
        if rng.random() < 0.5:
            post(
                store, {t: [{**row, **_again(t, i)} for row in its] for t, its in rng.choice(changes).items()}
            )
        name = rng.choice("def")
        _, found = kept.latest(name, store.watermark())
        assert seen(found) == fresh(store, name)


def _again(table: str, i: int) -> dict[str, Any]:
    """Another record of the same table."""
    keys = {"activities": "activity_id", "orders": "order_id", "leads": "lead_id", "contacts": "contact_id"}
    return {keys[table]: f"n{i}"} if table in keys else {}


def test_a_question_that_began_earlier_is_not_answered_with_what_came_later(store: Store) -> None:
    kept, early = Deals(store, ROOM), store.watermark()
    post(store, {"activities": [call("1")]})
    kept.latest("d", store.watermark())
    mark, deal = kept.latest("d", early)
    assert mark == store.watermark()
    assert seen(deal) == fresh(store, "d")


def test_what_was_read_before_others_saw_a_later_record_is_not_kept(store: Store) -> None:
    kept, early = Deals(store, ROOM), store.watermark()
    stale = Deal(store.around("d", early.seq), early.seq)
    post(store, {"activities": [call("1")]})
    kept.latest("f", store.watermark())
    kept._keep("d", stale)
    assert seen(kept.latest("d", store.watermark())[1]) == fresh(store, "d")


def test_after_many_records_everything_is_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deals, "FEW", 2)
    kept = Deals(store, ROOM)
    kept.latest("d", store.watermark())
    post(store, {"activities": [call(f"f{i}", opportunity_id="f") for i in range(5)]})
    kept.latest("f", store.watermark())
    assert len(kept) == 1


def test_no_more_rows_are_kept_than_there_is_room_for(store: Store) -> None:
    kept = Deals(store, most_rows=2)
    for name in ("d", "e", "f", "d"):
        kept.latest(name, store.watermark())
        assert len(kept) == 1


def test_a_deal_that_is_not_there_is_asked_for_again(store: Store) -> None:
    kept = Deals(store, ROOM)
    with pytest.raises(UnknownEntity):
        kept.latest("new", store.watermark())
    post(store, {"opportunities": [{**DEAL, "opportunity_id": "new"}]})
    assert kept.latest("new", store.watermark())[1].rows["opportunities"]
