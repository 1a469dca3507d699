"""Offline and online are one computation: the same bits, however the records and questions come."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest

from features.agreed import conventions_of
from features.build import Entity, build_features, build_one
from features.from_rows import history_from_rows
from features.from_tables import history_from_tables
from features.history import History
from features.norms import reference_of
from features.reference import Reference
from features.sample import make_sample
from features.shown import shown_in, shown_of
from features.snapshots import Snapshots
from features.tables import TABLES
from tests.factories import Row, Rows, bits, data_of, day, features_at, rows_of, snapshots_of
from tests.features.worlds import ENTITIES, Pairs, World, ids_in, world

SEEDS = range(10)


def offline(made: World) -> tuple[History, Reference]:
    """The history of the whole world from tables, and its reference for all time."""
    history = history_from_tables(data_of(made.rows), made.conventions)
    return history, reference_of(history, day(50_000))


def request_of(rows: Rows, name: str) -> Rows:
    """What a request for one deal holds: its account with all deals, and what happened to this one."""
    deal = next(row for row in rows["opportunities"] if row["opportunity_id"] == name)
    of_account = part_of(rows, deal["account_id"])
    own = ("stage_changes", "field_changes", "leads")
    return {
        **of_account,
        **{table: [r for r in of_account[table] if r["opportunity_id"] == name] for table in own},
    }


def part_of(rows: Rows, account: str) -> Rows:
    """All that is told of one account: each record in all versions, if it ever was the account's."""
    deals = [row for row in rows["opportunities"] if row["account_id"] == account]
    names = {row["opportunity_id"] for row in deals}
    activities = _ever(
        rows, "activities", lambda r: r["account_id"] == account or r["opportunity_id"] in names
    )
    people = {row["contact_id"] for row in activities}
    reps = {row["rep_id"] for row in (*activities, *deals)} | {r["value"] for r in rows["field_changes"]}
    return {
        "opportunities": deals,
        "accounts": [row for row in rows["accounts"] if row["account_id"] == account],
        "contacts": [r for r in rows["contacts"] if r["account_id"] == account or r["contact_id"] in people],
        "reps": [row for row in rows["reps"] if row["rep_id"] in reps],
        "leads": [row for row in rows["leads"] if row["opportunity_id"] in names],
        "stage_changes": [row for row in rows["stage_changes"] if row["opportunity_id"] in names],
        "field_changes": [row for row in rows["field_changes"] if row["opportunity_id"] in names],
        "activities": activities,
        "orders": _ever(rows, "orders", lambda row: row["account_id"] == account),
    }


def _ever(rows: Rows, table: str, is_mine: Any) -> list[Row]:
    key = TABLES[table].key[0]
    mine = {row[key] for row in rows[table] if is_mine(row)}
    return [row for row in rows[table] if row[key] in mine]


def in_order(rows: Rows) -> dict[str, list[Any]]:
    """Each row as a tuple in the declared order, where its table has no further columns."""
    declared = {name: TABLES[name].column_names for name in rows}
    return {
        name: [tuple(row.get(column) for column in declared[name]) for row in its]
        if all(set(row) <= set(declared[name]) for row in its)
        else its
        for name, its in rows.items()
    }


def answers(
    history: History, pairs: Pairs, entity: Entity, reference: Reference
) -> dict[tuple[str, int], dict[str, Any]]:
    """Snapshot -> feature -> bits."""
    found = bits(features_at(history, pairs, entity, reference))
    return {pair: {name: column[i] for name, column in found.items()} for i, pair in enumerate(pairs)}


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_rows_and_tables_of_the_same_records_give_the_same_bits(seed: int, entity: Entity) -> None:
    made = world(seed)
    history, reference = offline(made)
    online = history_from_rows(made.rows, made.conventions)
    ordered = history_from_rows(in_order(made.rows), made.conventions)
    found = [bits(features_at(h, made.pairs[entity], entity, reference)) for h in (history, online, ordered)]
    assert found[0] == found[1] == found[2]
    assert reference_of(online, day(50_000)).hash == reference.hash


@pytest.mark.parametrize("seed", SEEDS)
def test_one_deal_cut_out_or_sent_alone_has_the_bits_it_has_among_all(seed: int) -> None:
    made = world(seed)
    history, reference = offline(made)
    whole = answers(history, made.pairs["opportunity"], "opportunity", reference)
    for name in ids_in(made.rows, "opportunity"):
        mine = [pair for pair in made.pairs["opportunity"] if pair[0] == name]
        expected = {pair: whole[pair] for pair in mine}
        one = history.of_opportunity(int(history.opportunity_codes([name])[0]))
        sent = history_from_rows(request_of(made.rows, name), made.conventions)
        assert answers(one, mine, "opportunity", reference) == expected
        assert answers(sent, mine, "opportunity", reference) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_a_deal_and_its_account_in_one_go_have_the_bits_they_have_each(seed: int) -> None:
    made = world(seed)
    history, reference = offline(made)
    for name, time in made.pairs["opportunity"]:
        one = history.of_opportunity(int(history.opportunity_codes([name])[0]))
        asked = Snapshots(np.zeros(1, np.int64), np.array([time]))
        for _ in range(2):  # what the first kept serves the second
            both = build_one(one, asked, reference)
            deal = build_features(one, asked, "opportunity", reference)
            account = build_features(one, asked, "account", reference)
            assert both.deal.values.tobytes() == deal.values.tobytes()
            assert both.account.values.tobytes() == account.values.tobytes()
            assert (both.deal.features, both.account.features) == (deal.features, account.features)
            shown, wanted = shown_in(one, 0, both.told), shown_of(one, asked)
            assert (shown.stage.tolist(), shown.rep.tolist()) == (wanted.stage.tolist(), wanted.rep.tolist())
            assert shown.amount.tobytes() == wanted.amount.tobytes()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_deal_cut_out_of_a_deal_cut_out_is_the_same_deal(seed: int) -> None:
    made = world(seed)
    history, reference = offline(made)
    name, time = made.pairs["opportunity"][0]
    once = history.of_opportunity(int(history.opportunity_codes([name])[0]))
    expected = bits(features_at(once, [(name, time)], "opportunity", reference))
    assert bits(features_at(once.of_opportunity(0), [(name, time)], "opportunity", reference)) == expected


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_an_account_alone_has_the_bits_it_has_among_all(seed: int, entity: Entity) -> None:
    made = world(seed)
    history, reference = offline(made)
    whole = answers(history, made.pairs[entity], entity, reference)
    deals = {row["opportunity_id"]: row["account_id"] for row in made.rows["opportunities"]}
    parts = {account: part_of(made.rows, account) for account in ids_in(made.rows, "account")}
    for account, rows in parts.items():
        mine = [
            p for p in made.pairs[entity] if (deals[p[0]] if entity == "opportunity" else p[0]) == account
        ]
        if mine:
            for part in (
                history_from_rows(rows, made.conventions),
                history_from_tables(data_of(rows), made.conventions),
            ):
                assert answers(part, mine, entity, reference) == {pair: whole[pair] for pair in mine}


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_a_tables_rows_changes_nothing(seed: int, entity: Entity) -> None:
    made = world(seed)
    history, reference = offline(made)
    pairs = made.pairs[entity]
    expected = bits(features_at(history, pairs, entity, reference))
    rng = random.Random(seed)
    shuffled = {name: rng.sample(table, len(table)) for name, table in made.rows.items()}
    for other in (
        history_from_tables(data_of(shuffled), made.conventions),
        history_from_rows(shuffled, made.conventions),
    ):
        assert bits(features_at(other, pairs, entity, reference)) == expected
        assert reference_of(other, day(50_000)).hash == reference.hash


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_each_snapshot_alone_has_the_bits_it_has_among_all_in_any_order(seed: int, entity: Entity) -> None:
    made = world(seed)
    history, reference = offline(made)
    pairs = made.pairs[entity]
    together = answers(history, pairs, entity, reference)
    assert answers(history, sorted(pairs), entity, reference) == together
    assert answers(history, sorted(pairs, key=lambda pair: -pair[1]), entity, reference) == together
    for pair in pairs:
        assert answers(history, [pair], entity, reference) == {pair: together[pair]}


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_some_features_alone_have_the_bits_they_have_among_all(seed: int, entity: Entity) -> None:
    made = world(seed)
    history, reference = offline(made)
    pairs = made.pairs[entity]
    everything = bits(features_at(history, pairs, entity, reference))
    names, rng = list(everything), random.Random(seed)
    some = [[name] for name in names[seed :: len(SEEDS)]]  # each of them alone in one of the worlds
    some += [rng.sample(names, count) for count in (2, 3, 5, 9, 20, len(names) - 1)]
    for only in some:
        found = bits(features_at(history, pairs, entity, reference, tuple(only)))
        assert found == {name: everything[name] for name in only}


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_number_of_threads_changes_nothing(
    seed: int, entity: Entity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.build.LEAST_PER_THREAD", 1)
    made = world(seed)
    history, reference = offline(made)
    snapshots = snapshots_of(history, made.pairs[entity], entity)
    expected = bits(build_features(history, snapshots, entity, reference, threads=1))
    for threads in (2, 4, 7, len(snapshots) + 1):
        assert bits(build_features(history, snapshots, entity, reference, threads=threads)) == expected
    few = Snapshots(np.repeat(snapshots.entity[:1], 9), snapshots.as_of[:9])  # of one entity alone
    expected = bits(build_features(history, few, entity, reference, threads=1))
    assert bits(build_features(history, few, entity, reference, threads=4)) == expected


def test_many_snapshots_are_spread_over_threads_and_few_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    honest = task_maker()

    def watched(*args: Any) -> Any:
        used.append(args[4])
        return honest(*args)

    monkeypatch.setattr("features.build.task_of", watched)
    history, _ = offline(world(0))
    for count in (1, 3_999, 4_000, 9_000):
        build_features(history, Snapshots(np.zeros(count, np.int64), np.zeros(count, np.int64)), threads=3)
    assert used == [1, 1, 2, 3]


def task_maker() -> Any:
    from features import build

    return build.task_of


@pytest.fixture(scope="module")
def sample() -> Mapping[str, Any]:
    data = make_sample(300, seed=6, dirt=False).data
    conventions = conventions_of(data)
    whole = history_from_tables(data, conventions)
    return {
        "rows": rows_of(data), "conventions": conventions, "whole": whole,
        "reference": reference_of(whole, day(50_000)),
    }  # fmt: skip


def test_a_made_up_crm_gives_the_same_bits_from_rows_and_on_threads(
    sample: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.build.LEAST_PER_THREAD", 1)
    rows, whole, reference = sample["rows"], sample["whole"], sample["reference"]
    pairs = _moments(rows)
    expected = bits(features_at(whole, pairs, "opportunity", reference))
    online = history_from_rows(rows, sample["conventions"])
    assert bits(features_at(online, pairs, "opportunity", reference)) == expected
    assert reference_of(online, day(50_000)).hash == reference.hash
    one = build_features(whole, snapshots_of(whole, pairs), reference=reference, threads=1)
    assert bits(one) == expected


def test_a_made_up_crm_gives_the_same_bits_deal_by_deal_from_rows(sample: Mapping[str, Any]) -> None:
    rows, whole, reference = sample["rows"], sample["whole"], sample["reference"]
    for deal in rows["opportunities"][::15]:
        name = deal["opportunity_id"]
        mine = [(name, deal["created_at"] + day(age)) for age in (0, 7, 45)]
        expected = bits(features_at(whole, mine, "opportunity", reference))
        one = whole.of_opportunity(int(whole.opportunity_codes([name])[0]))
        assert bits(features_at(one, mine, "opportunity", reference)) == expected
        sent = history_from_rows(request_of(rows, name), sample["conventions"])
        assert bits(features_at(sent, mine, "opportunity", reference)) == expected


def _moments(rows: Rows) -> list[tuple[str, int]]:
    moves: Iterable[Row] = rows["stage_changes"]
    return [(row["opportunity_id"], row["recorded_at"] or row["at"]) for row in moves]
