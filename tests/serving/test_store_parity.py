"""Random worlds, told record by record: what the store gives of one deal has the bits of the whole."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from features.from_rows import history_from_rows
from features.from_tables import history_from_tables
from features.norms import reference_of
from features.tables import TABLES
from serving.store.appending import Call
from serving.store.reading import under
from serving.store.store import Store
from serving.store.verdicts import BELONG_TO_OPPORTUNITIES
from serving.store.versions import StoredRow
from tests.factories import Rows, bits, data_of, day, features_at
from tests.features.worlds import ids_in, world
from tests.postgresql import Server
from tests.serving.stores import DAY_1, KINDS, new_address, open_store


def told(rows: Rows) -> Rows:
    """The rows without those that say something of a deal that is not there."""
    deals = set(ids_in(rows, "opportunity"))
    return {
        table: [
            row
            for row in its
            if table not in BELONG_TO_OPPORTUNITIES or row.get("opportunity_id") in {*deals, None}
        ]
        for table, its in rows.items()
    }


def stored_row(table: str, row: Mapping[str, Any]) -> StoredRow:
    declared = TABLES[table].column_names
    extra = {name: value for name, value in row.items() if name not in declared and value is not None}
    return (*(row.get(name) for name in declared), json.dumps(extra) if extra else None)


def tell(store: Store, rows: Rows, seed: int) -> None:
    """The deals first, then all else in any order, in calls of any size, some of it twice."""
    rest = [(table, stored_row(table, row)) for table, its in rows.items() for row in its]
    rng = random.Random(seed)
    rng.shuffle(rest)
    deals = [row for table, row in rest if table == "opportunities"]
    store.append(Call({"opportunities": deals}, lambda: DAY_1, backfill=True), lambda _: "")
    while rest:
        count = rng.randrange(1, 40)
        some, rest = rest[:count], rest[count:]
        records: dict[str, list[StoredRow]] = {}
        for table, row in (*some, *rng.sample(some, len(some) // 3)):
            records.setdefault(table, []).append(row)
        store.append(Call(records, lambda: DAY_1, backfill=True), lambda _: "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_one_deal_read_from_the_store_has_the_bits_it_has_among_all(
    kind: str, seed: int, tmp_path: Path, postgresql_server: Server
) -> None:
    made = world(seed)
    rows = told(made.rows)
    history = history_from_tables(data_of(rows), made.conventions)
    reference = reference_of(history, day(50_000))
    store = open_store(new_address(kind, tmp_path, postgresql_server))
    tell(store, rows, seed)
    moved = 0
    for name in ids_in(rows, "opportunity"):
        pairs = [pair for pair in made.pairs["opportunity"] if pair[0] == name]
        _, read = store.latest(name)
        moved += any(row[3] != name for row in read["activities"])
        online = history_from_rows(under(read, made.conventions), made.conventions)
        expected = bits(features_at(history, pairs, "opportunity", reference))
        assert bits(features_at(online, pairs, "opportunity", reference)) == expected
        account = str(online.accounts.ids[online.opportunities.account[0]])
        of_account = [pair for pair in made.pairs["account"] if pair[0] == account]
        expected = bits(features_at(history, of_account, "account", reference))
        assert bits(features_at(online, of_account, "account", reference)) == expected
    assert moved
    store.close()
