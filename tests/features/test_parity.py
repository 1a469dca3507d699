"""Offline and online are one computation: the same bits, however the records and questions come."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from features.build import Entity
from features.conventions import Conventions, conventions_of
from features.from_rows import history_from_rows
from features.from_tables import history_from_tables
from features.sample import make_sample
from features.tables import TABLES
from tests.factories import (
    Row,
    Rows,
    bits,
    conventions_for,
    data_of,
    day,
    features_at,
    random_instants,
    random_rows,
    rows_of,
)

SEEDS = range(12)
DEALS = ("d0", "d1", "d2", "d3")
ENTITIES: dict[Entity, Sequence[str]] = {"opportunity": DEALS, "account": ("a0", "a1")}
Pairs = list[tuple[str, int]]


def world(seed: int, entity: Entity = "opportunity") -> tuple[Rows, Conventions, Pairs]:
    """Rows, how to read them, and snapshots of all that is in them, in no order."""
    rows = random_rows(seed)
    pairs = [(name, time) for name in ENTITIES[entity] for time in random_instants(rows, seed, 8)]
    return rows, conventions_for(seed), random.Random(seed).sample(pairs, len(pairs))


def request_of(rows: Rows, name: str) -> Rows:
    """What a request for one deal holds: all versions of every record that ever belonged to it."""
    deal = next(row for row in rows["opportunities"] if row["opportunity_id"] == name)
    account = deal["account_id"]
    activities = _that_ever_had(rows, "activities", "opportunity_id", name)
    named = {row["contact_id"] for row in activities}
    return {
        "opportunities": [deal],
        "accounts": [row for row in rows["accounts"] if row["account_id"] == account],
        "contacts": [r for r in rows["contacts"] if r["account_id"] == account or r["contact_id"] in named],
        "stage_changes": [row for row in rows["stage_changes"] if row["opportunity_id"] == name],
        "field_changes": [row for row in rows["field_changes"] if row["opportunity_id"] == name],
        "activities": activities,
        "orders": _that_ever_had(rows, "orders", "account_id", account),
    }


def _that_ever_had(rows: Rows, table: str, column: str, value: str) -> list[Row]:
    key = TABLES[table].key[0]
    mine = {row[key] for row in rows[table] if row[column] == value}
    return [row for row in rows[table] if row[key] in mine]


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_rows_and_tables_of_the_same_records_give_the_same_bits(seed: int, entity: Entity) -> None:
    rows, conventions, pairs = world(seed, entity)
    offline = features_at(history_from_tables(data_of(rows), conventions), pairs, entity)
    online = features_at(history_from_rows(rows, conventions), pairs, entity)
    assert bits(online) == bits(offline)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_deal_cut_out_or_sent_alone_has_the_bits_it_has_among_all(seed: int) -> None:
    rows, conventions, pairs = world(seed)
    whole = history_from_tables(data_of(rows), conventions)
    for name in DEALS:
        mine = [pair for pair in pairs if pair[0] == name]
        expected = bits(features_at(whole, mine))
        code = int(whole.opportunity_codes([name])[0])
        assert bits(features_at(whole.of_opportunity(code), mine)) == expected
        assert bits(features_at(history_from_rows(request_of(rows, name), conventions), mine)) == expected


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_a_tables_rows_changes_nothing(seed: int, entity: Entity) -> None:
    rows, conventions, pairs = world(seed, entity)
    expected = bits(features_at(history_from_tables(data_of(rows), conventions), pairs, entity))
    rng = random.Random(seed)
    shuffled = {name: rng.sample(table, len(table)) for name, table in rows.items()}
    assert bits(features_at(history_from_tables(data_of(shuffled), conventions), pairs, entity)) == expected
    assert bits(features_at(history_from_rows(shuffled, conventions), pairs, entity)) == expected


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_each_snapshot_alone_has_the_bits_it_has_among_all(seed: int, entity: Entity) -> None:
    rows, conventions, pairs = world(seed, entity)
    history = history_from_rows(rows, conventions)
    together = bits(features_at(history, pairs, entity))
    alone = [bits(features_at(history, [pair], entity)) for pair in pairs]
    assert {name: [row[name][0] for row in alone] for name in together} == together


def test_a_made_up_crm_gives_the_same_bits_deal_by_deal_from_rows() -> None:
    data = make_sample(300, seed=6, dirt=False).data
    conventions, rows = conventions_of(data), rows_of(data)
    whole = history_from_tables(data, conventions)
    assert bits(features_at(history_from_rows(rows, conventions), _moments(rows))) == bits(
        features_at(whole, _moments(rows))
    )
    for deal in rows["opportunities"][::15]:
        name = deal["opportunity_id"]
        mine = [(name, deal["created_at"] + day(age)) for age in (0, 7, 45)]
        expected = bits(features_at(whole, mine))
        code = int(whole.opportunity_codes([name])[0])
        assert bits(features_at(whole.of_opportunity(code), mine)) == expected
        assert bits(features_at(history_from_rows(request_of(rows, name), conventions), mine)) == expected


def _moments(rows: Rows) -> Pairs:
    moves = rows["stage_changes"]
    return [(row["opportunity_id"], row["recorded_at"] or row["at"]) for row in moves]
