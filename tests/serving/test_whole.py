"""A data set read whole from a store: what is caught up with is what is read anew, and a large store's pages
do not wait."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from features.errors import DataError
from features.tables import TABLES
from features.times import DAY, HOUR
from serving.app import create_app, open_service
from serving.settings import Settings
from serving.store.appending import Call
from serving.store.dataset import Tables, copy_into, load
from serving.store.errors import StoreAway
from serving.store.store import Store, Watermark
from serving.store.versions import StoredRow, counting
from serving.whole import Following, Whole
from tests.features.worlds import world
from tests.postgresql import Server
from tests.serving.conftest import Trained
from tests.serving.stores import DAY_1, DEAL, KINDS, call, kept, new_address, open_store, post
from tests.serving.test_store_parity import stored_row, told


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_tables_that_are_caught_up_with_are_those_read_anew(
    kind: str, seed: int, tmp_path: Path, postgresql_server: Server
) -> None:
    """Versions, corrected masters, further columns and repeats, in calls of any size."""
    store = open_store(new_address(kind, tmp_path, postgresql_server))
    rng = random.Random(seed)
    rows = [(t, stored_row(t, r)) for t, its in told(world(seed).rows).items() for r in its]
    store.append(Call(_by_table(rows, "opportunities"), lambda: DAY_1, backfill=True), lambda _: "")
    rng.shuffle(rows)
    followed = Tables(store)
    looks = 0
    while rows:
        count = rng.randrange(20, 200)
        some, rows = rows[:count], rows[count:]
        changed = [(t, _changed(t, row, rng)) for t, row in rng.sample(some, len(some) // 3)]
        store.append(Call(_by_table([*some, *changed]), lambda: DAY_1, backfill=True), lambda _: "")
        if rng.random() < 0.5 or not rows:
            seq = store.watermark().seq
            (mine, found), (anew, said) = followed.up_to(seq), load(store, seq)
            for name in TABLES:
                assert sorted(mine[name].rows(), key=repr) == sorted(anew[name].rows(), key=repr)
            assert (found.tables, found.notes) == (said.tables, said.notes)
            looks += 1
    assert looks > 1
    every = load(store)[0]
    for name, table in TABLES.items():
        counts = counting(name, kept(store, name))
        assert every[name].height <= len(counts)
        width = len(table.columns)
        if every[name].height == len(counts):  # nothing of it was quarantined
            read = every[name].select(table.column_names).with_columns(pl.col(pl.Datetime).to_physical())
            assert sorted(read.rows(), key=repr) == sorted((row[:width] for row in counts), key=repr)
    store.close()


def _by_table(rows: Sequence[tuple[str, StoredRow]], *only: str) -> Mapping[str, list[StoredRow]]:
    found: dict[str, list[StoredRow]] = {}
    for table, row in rows:
        if not only or table in only:
            found.setdefault(table, []).append(row)
    return found


def _changed(table: str, row: StoredRow, rng: random.Random) -> StoredRow:
    """A later version of a record, or another one of a master; also with another further column."""
    names = TABLES[table].column_names
    if not TABLES[table].has_two_clocks:
        return (*row[:-1], f'{{"x": {rng.randrange(3)}}}')
    at, recorded = names.index("at"), names.index("recorded_at")
    later = (row[at] if row[recorded] is None else row[recorded]) + rng.randrange(3) * DAY
    return (*row[:recorded], later, *row[recorded + 1 :])


def test_rows_come_in_portions_of_any_size_each_once(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    post(store, {"opportunities": [DEAL], "activities": [call(f"x{i}") for i in range(23)]})
    first = store.watermark().seq
    post(store, {"activities": [call(f"y{i}") for i in range(7)]})
    mark = store.watermark().seq
    every = [row for rows in store.portions("activities", mark) for row in rows]
    assert [row[0] for row in every] == [*(f"x{i}" for i in range(23)), *(f"y{i}" for i in range(7))]
    for size in (1, 5, 6, 30, 31):
        parts = [*store.portions("activities", mark, at_once=size)]
        assert [row for rows in parts for row in rows] == every
        assert {len(rows) for rows in parts[:-1]} <= {size}
    assert next(row[0] for rows in store.portions("activities", mark, first) for row in rows) == "y0"
    assert [*store.portions("activities", first, first)] == []


class Counted(Following):
    """That counts its readings, and may be told to wait, or to fail, in them."""

    def __init__(self, store: Store, large: int) -> None:
        super().__init__(store, large)
        self.readings, self.error = 0, False
        self.go_on = threading.Event()
        self.go_on.set()

    def _read(self, mark: Watermark) -> Whole:
        assert self.go_on.wait(30)
        self.readings += 1
        if self.error:
            raise StoreAway("it does not answer")
        return super()._read(mark)


def nothing(_: Whole) -> None: ...


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    post(store, {"opportunities": [DEAL]})
    return store


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The moment that it is, in microseconds, to be moved."""
    moment = [DAY_1]
    monkeypatch.setattr("serving.whole.now", lambda: moment[0])
    return moment


def test_a_small_store_is_always_up_to_date(store: Store) -> None:
    following = Counted(store, large=100)
    for i in range(5):
        assert following.latest(nothing).tables["activities"].height == i
        assert following.latest(nothing) is following.latest(nothing)
        post(store, {"activities": [call(f"x{i}")]})
    assert following.readings == 5


def test_a_large_store_is_read_beside_and_given_when_all_is_made(store: Store) -> None:
    following = Counted(store, large=1)
    first = following.latest(nothing)
    post(store, {"activities": [call("x0")]})
    following.go_on.clear()
    made: list[tuple[Whole, Whole]] = []

    def prepare(whole: Whole) -> None:
        made.append((whole, following.latest(nothing)))

    assert following.latest(prepare) is first  # though it is just being read
    assert following.latest(prepare) is first
    following.go_on.set()
    following.wait()
    second = following.latest(prepare)
    assert made == [(second, first)]
    assert second.tables["activities"].height == 1
    assert second.seq == store.watermark().seq
    assert following.readings == 2


def test_a_large_store_is_read_a_tenth_of_the_time_at_most(store: Store, clock: list[int]) -> None:
    following = Counted(store, large=1)
    following.latest(nothing).today("UTC")

    def takes_long(whole: Whole) -> None:
        whole.today("UTC")
        clock[0] += 7

    for i, moment in enumerate((0, 69, 70, 146, 147)):
        post(store, {"activities": [call(f"x{i}")]})
        clock[0] = DAY_1 + moment + 7 * (i > 0)
        following.keep_up(takes_long, "UTC")
        following.wait()
        assert following.readings == (2, 2, 3, 3, 4)[i]


def test_what_pages_need_is_made_when_a_day_begins(store: Store, clock: list[int]) -> None:
    following = Counted(store, large=1)
    whole = following.latest(nothing)
    first = whole.today("UTC")
    made: list[Whole] = []

    def prepare(whole: Whole) -> None:
        made.append(whole)
        whole.today("UTC")

    for hours, times in ((0, 0), (5, 0), (24, 1), (24, 1)):
        clock[0] = DAY_1 + hours * HOUR
        following.keep_up(prepare, "UTC")
        following.wait()
        assert len(made) == times
    assert set(made) == {whole}
    assert (first, whole.today("UTC")) == (DAY_1, DAY_1 + DAY)
    assert following.readings == 1


def test_what_was_read_stays_where_the_store_cannot_be_read(
    store: Store, clock: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    following = Counted(store, large=1)
    first = following.latest(nothing)
    post(store, {"activities": [call("x0")]})
    following.error = True
    with caplog.at_level(logging.ERROR, "dealcast.serving"):
        assert following.latest(nothing) is first
        following.wait()
    assert "what was read before is served" in caplog.text
    following.error = False
    clock[0] += DAY
    assert following.latest(nothing) is first
    following.wait()
    assert following.latest(nothing).tables["activities"].height == 1


def test_what_cannot_be_prepared_is_not_tried_again_at_once(
    store: Store, clock: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    following = Counted(store, large=1)
    first = following.latest(nothing)

    def fails(_: Whole) -> None:
        clock[0] += 7
        raise ArithmeticError("odd")

    post(store, {"activities": [call("x0")]})
    for _ in range(3):
        assert following.latest(fails) is first
        following.wait()
    assert following.readings == 2
    assert "what was read before is served" in caplog.text
    clock[0] += 70
    following.latest(nothing)
    following.wait()
    assert following.latest(nothing).tables["activities"].height == 1


def test_nothing_is_followed_before_somebody_has_asked_nor_of_a_small_store(store: Store) -> None:
    unasked, small = Counted(store, large=1), Counted(store, large=100)
    small.latest(nothing)
    post(store, {"activities": [call("x0")]})
    for following in (unasked, small):
        following.keep_up(nothing, "UTC")
        following.wait()
    assert (unasked.readings, small.readings) == (0, 1)


def test_a_store_without_a_deal_says_so_where_deals_are_needed(tmp_path: Path) -> None:
    whole = Following(open_store(f"sqlite:///{tmp_path / 'empty.db'}")).latest(nothing)
    with pytest.raises(DataError, match="holds no opportunity yet"):
        _ = whole.tables


def test_pages_of_a_large_store_show_a_record_when_it_was_read_and_a_score_at_once(
    trained: Trained, tmp_path: Path
) -> None:
    address = f"sqlite:///{tmp_path / 'store.db'}"
    store = open_store(address)
    copy_into(store, trained.data, lambda: DAY_1)
    service = open_service(Settings(trained.bundles, database=address))
    assert service.scores is not None
    following = Following(store, large=1)
    large = replace(service, scores=replace(service.scores, following=following))
    with TestClient(create_app(large)) as client:

        def ask(path: str, **params: Any) -> dict[str, Any]:
            answer = client.get(path, params=params)
            assert answer.status_code == 200
            return dict(answer.json())

        deals = ask("/v1/opportunities", limit=200)["opportunities"]
        before = ask("/v1/pipeline"), ask("/v1/forecast"), ask("/v1/alerts"), ask("/v1/priorities")
        new = {
            "opportunity_id": "brand new", "account_id": deals[0]["account_id"], "rep_id": "r",
            "created_at": "2025-01-01T00:00:00Z", "amount": 9.0,
        }  # fmt: skip
        assert client.post("/v1/records", json={"opportunities": [new]}).status_code == 200
        own = ask("/v1/opportunities/brand new/score")
        assert own["win"]["probability"] is not None
        assert ask("/v1/pipeline")["open"] - before[0]["open"] in (0, 1)  # which lets it be read
        following.wait()
        assert before[0]["open"] + 1 == ask("/v1/pipeline")["open"]
        again = ask("/v1/forecast"), ask("/v1/alerts"), ask("/v1/priorities")
        assert {each["as_of"] for each in again} == {ask("/v1/pipeline")["as_of"]}
        assert {each["as_of"] for each in before} == {before[0]["as_of"]} != {again[0]["as_of"]}
        assert ask("/v1/opportunities/brand new/similar")["opportunity_id"] == "brand new"
