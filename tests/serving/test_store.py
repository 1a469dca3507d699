"""The store: what is kept, what is refused, and that nothing kept ever changes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from features.errors import UnknownEntity
from features.tables import TABLES
from features.times import DAY, HOUR
from serving.problems import Problem
from serving.store import migrate
from serving.store.appending import Call
from serving.store.connections import Connections, engine_of
from serving.store.errors import KeyReused, StoreAway, StoreError, StoreFull, StoreMismatch
from serving.store.schema import RECORDS, metadata
from serving.store.statements import Statements
from serving.store.store import Store
from tests.postgresql import Server
from tests.serving.stores import DAY_1, DEAL, KINDS, call, kept, new_address, open_store, post, statuses

SECRET = "Zhang Wei, private"
RECORDED = list(TABLES["activities"].column_names).index("recorded_at")


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest, tmp_path: Path, postgresql_server: Server) -> str:
    return new_address(request.param, tmp_path, postgresql_server)


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    store = open_store(address)
    yield store
    store.close()


def rows_of(store: Store, table: str, opportunity: str = "d") -> list[tuple[Any, ...]]:
    """The rows that count now in an opportunity's history, without their numbers."""
    return sorted(row[:-2] for row in store.around(opportunity, store.watermark().seq)[table])


def test_what_is_sent_is_read_as_it_was_sent(store: Store) -> None:
    records = {
        "opportunities": [DEAL | {"amount": 0.1, "segment": "b2b", "seats": 12}],
        "stage_changes": [{"opportunity_id": "d", "at": "2025-01-01T08:00:00+08:00", "stage": "演示"}],
        "accounts": [{"account_id": "a", "employees": 3}],
    }
    answer = post(store, records)
    assert (answer["stored"], answer["repeats"], answer["refused"]) == (3, 0, 0)
    read = store.around("d", answer["watermark"])
    assert read["stage_changes"][0][:4] == ("d", DAY_1, "演示", DAY_1)
    assert read["opportunities"][0][:4] == ("d", "a", "r", DAY_1)
    assert read["opportunities"][0][8] == 0.1
    assert json.loads(read["opportunities"][0][-2]) == {"seats": 12, "segment": "b2b"}
    assert read["accounts"][0][4] == 3.0


def test_a_repeat_is_harmless_with_and_without_the_second_clock(store: Store) -> None:
    post(store, {"opportunities": [DEAL]})
    told = {"activities": [call("x"), call("y", recorded_at="2025-01-03T00:00:00Z")]}
    assert statuses(post(store, told, DAY_1 + DAY), "activities") == ["stored", "stored"]
    before = kept(store, "activities")
    assert statuses(post(store, told, DAY_1 + 9 * DAY), "activities") == ["repeat", "repeat"]
    assert statuses(post(store, {"opportunities": [DEAL]}, DAY_1 + DAY), "opportunities") == ["repeat"]
    assert kept(store, "activities") == before


def test_a_record_without_recorded_at_became_known_when_it_came_in_or_in_a_backfill_when_it_happened(
    store: Store,
) -> None:
    post(store, {"opportunities": [DEAL]})
    post(store, {"activities": [call("live")]}, DAY_1 + 5 * DAY)
    post(store, {"activities": [call("old")], "backfill": True}, DAY_1 + 5 * DAY)
    found = {row[0]: row[RECORDED] for row in kept(store, "activities")}
    assert found == {"live": DAY_1 + 5 * DAY, "old": None}


def test_a_correction_is_a_further_version_and_what_was_known_before_stays(store: Store) -> None:
    post(store, {"opportunities": [DEAL]})
    first = post(store, {"activities": [call("x")]}, DAY_1 + DAY)["watermark"]
    second = post(store, {"activities": [call("x", outcome="no_answer")]}, DAY_1 + 2 * DAY)["watermark"]
    assert [row[8] for row in store.around("d", first)["activities"]] == [None]
    assert sorted(str(row[8]) for row in store.around("d", second)["activities"]) == ["None", "no_answer"]


def test_a_record_that_goes_to_another_deal_is_still_read_with_the_first_in_both_versions(
    store: Store,
) -> None:
    other = {**DEAL, "opportunity_id": "e", "account_id": "b"}
    post(store, {"opportunities": [DEAL, other], "activities": [call("x", account_id="a")]})
    moved = call("x", opportunity_id="e", account_id="b")
    post(store, {"activities": [moved]}, DAY_1 + 2 * DAY)
    assert [row[3] for row in rows_of(store, "activities", "d")] == ["d", "e"]
    assert [row[3] for row in rows_of(store, "activities", "e")] == ["d", "e"]


def test_of_an_opportunity_the_row_that_came_last_counts_though_it_says_less(store: Store) -> None:
    closed = DEAL | {"amount": 9, "closed_at": "2025-02-01T00:00:00Z", "outcome": "lost"}
    for deal in (DEAL, closed, DEAL | {"amount": 5}):
        post(store, {"opportunities": [deal]})
    assert [row[8:12] for row in rows_of(store, "opportunities")] == [(5.0, None, None, None)]


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_contents_of_one_key_and_time_the_greater_counts_whichever_came_first(
    store: Store, turned: bool
) -> None:
    post(store, {"opportunities": [DEAL]})
    both = [call("x", recorded_at="2025-01-03", kind=kind) for kind in ("email", "call")]
    answers = [post(store, {"activities": [one]}) for one in (both[::-1] if turned else both)]
    assert [statuses(answer, "activities") for answer in answers] == (
        [["stored"], ["stored"]] if turned else [["stored"], ["refused"]]
    )
    assert [row[2] for row in rows_of(store, "activities")] == ["email"]


@pytest.mark.parametrize(
    ("table", "record", "column", "rule"),
    [
        ("activities", call("x", at="yesterday"), "at", "not_a_time"),
        ("activities", call("x", kind=SECRET), "kind", "not_allowed"),
        ("activities", call("x", duration_s=-1), "duration_s", "below_minimum"),
        ("activities", call("x", opportunity_id="nobody"), "opportunity_id", "unknown_reference"),
        ("activities", {"activity_id": "x", "kind": "call"}, "at", "missing_value"),
        ("activities", call("nul\0"), "activity_id", "not_text"),
        ("activities", SECRET, "", "not_a_record"),
        ("orders", {"order_id": "o", "account_id": "a", "at": "2025-01-01", "amount": SECRET}, "amount",
         "not_a_number"),
        ("opportunities", DEAL | {"outcome": "won"}, "closed_at", "outcome_without_close"),
        ("opportunities", DEAL | {"closed_at": "2025-02-01"}, "outcome", "closed_without_outcome"),
        ("opportunities", DEAL | {"closed_at": "2024-02-01", "outcome": "won"}, "closed_at",
         "closed_before_created"),
        ("contacts", {"contact_id": "c"}, "account_id", "missing_value"),
    ],
)  # fmt: skip
def test_a_refused_record_is_told_where_and_why_and_the_others_are_kept(
    store: Store, table: str, record: Any, column: str, rule: str
) -> None:
    answer = post(store, {"reps": [{"rep_id": "r"}], "opportunities": [], table: [record]})
    verdict = answer["records"][table][0]
    assert (verdict["status"], verdict["at"], verdict["rule"]) == ("refused", column, rule)
    assert verdict["message"]
    assert SECRET not in json.dumps(answer)
    assert statuses(answer, "reps") == ["stored"]
    assert kept(store, table) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"reps": [{"rep_id": "\xff"}]}', 400),
        (b'{"reps": [{"rep_id": "\\ud800"}]}', 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"reps": []}', 422),
        (b'{"reps": {}}', 422),
        (b'{"people": [{}]}', 422),
        (b'{"backfill": 1, "reps": [{"rep_id": "r"}]}', 422),
        (json.dumps({"reps": [{"rep_id": "r"}] * 10_001}).encode(), 422),
    ],
)
def test_a_body_of_another_shape_is_refused_as_a_whole(store: Store, body: bytes, status: int) -> None:
    from serving.records import keep

    with pytest.raises(Problem) as caught:
        keep(store, body, None, lambda: DAY_1, "UTC")
    assert caught.value.status == status


def test_a_key_makes_a_call_happen_once_and_belongs_to_one_body(store: Store) -> None:
    records = {"opportunities": [DEAL], "activities": [call("x")]}
    first = post(store, records, DAY_1, key="k")
    assert post(store, records, DAY_1 + DAY, key="k") == first
    assert first["stored"] == 2
    with pytest.raises(KeyReused, match="another body"):
        post(store, {"opportunities": [DEAL | {"amount": 1}]}, DAY_1, key="k")


def test_many_threads_posting_the_same_records_keep_each_once(store: Store) -> None:
    post(store, {"opportunities": [DEAL]})
    batches = [{"activities": [call(f"x{i}") for i in range(k, k + 40)]} for k in (0, 20, 40, 60)] * 3
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda batch: post(store, batch, DAY_1 + HOUR), batches))
    assert sum(answer["stored"] for answer in answers) == 100
    rows = kept(store, "activities")
    assert sorted(row[0] for row in rows) == sorted(f"x{i}" for i in range(100))
    assert len({row[-1] for row in rows}) == 100


def test_numbers_grow_in_the_order_of_the_commits(store: Store) -> None:
    """Whoever reads up to a watermark never finds more behind it later."""
    post(store, {"opportunities": [DEAL]})

    def write(name: str) -> None:
        post(store, {"activities": [call(f"{name}{i}") for i in range(5)]})

    def look() -> tuple[int, list[str]]:
        seq = store.watermark().seq
        return seq, sorted(row[0] for rows in store.portions("activities", seq) for row in rows)

    with ThreadPoolExecutor(6) as pool:
        written = [pool.submit(write, f"w{i}-") for i in range(20)]
        seen = [pool.submit(look).result() for _ in range(30)]
        for each in written:
            each.result()
    for seq, names in seen:
        assert sorted(row[0] for rows in store.portions("activities", seq) for row in rows) == names


def test_no_tenant_sees_or_touches_another_s_records(address: str) -> None:
    here = open_store(address)
    engine = engine_of(address)
    with engine.begin() as connection:
        connection.execute(metadata.tables["dealcast_tenants"].insert(), {"id": 2, "name": "other"})
    there = Store(address, tenant=2)
    for store, stage in ((here, "demo"), (there, "offer")):
        move = {"opportunity_id": "d", "at": "2025-01-02", "stage": stage}
        records = {
            "opportunities": [DEAL | {"product": stage}], "stage_changes": [move],
            "activities": [call("x", outcome="sent" if stage == "demo" else "held", contact_id="c")],
            "accounts": [{"account_id": "a", "name": stage}], "reps": [{"rep_id": "r", "team_id": stage}],
            "contacts": [{"contact_id": "c", "account_id": "a", "role": "user"}],
            "orders": [{"order_id": stage, "account_id": "a", "at": "2025-01-02", "amount": 1}],
            "leads": [{"lead_id": stage, "opportunity_id": "d"}],
        }  # fmt: skip
        assert post(store, records, key="same")["stored"] == 8
    everything = here.watermark().seq, there.watermark().seq
    for store, stage in ((here, "demo"), (there, "offer")):
        read = store.around("d", max(everything))
        assert [row[6] for row in read["opportunities"]] == [stage]
        assert {table: len(rows) for table, rows in read.items()} == {
            **dict.fromkeys(TABLES, 1), "field_changes": 0,
        }  # fmt: skip
        assert {row[0] for row in (*read["orders"], *read["leads"])} == {stage}
    assert {row[2] for row in kept(here, "stage_changes")} == {"demo"}
    with pytest.raises(UnknownEntity):
        Store(address, tenant=3).around("d", max(everything))


def test_every_statement_asks_for_one_tenant_as_often_as_it_names_a_table_of_records() -> None:
    statements = Statements(engine_of("sqlite:///nowhere.db").dialect)
    texts = {**statements.around, **statements.versions, **statements.portions, **statements.other}
    del texts["next_seq"]  # the numbers are the whole store's
    for text in texts.values():
        named = text.count(".tenant = :tenant") + text.count(".tenant) = :tenant")
        assert text.count("FROM dealcast_") == named


def test_reading_an_opportunity_scans_no_table(tmp_path: Path, postgresql_server: Server) -> None:
    store = open_store(new_address("sqlite", tmp_path, postgresql_server))
    connections, statements = Connections(store.shown), Statements(engine_of(store.shown).dialect)
    names = ("opportunity", "account", "deals", "contacts", "reps", "ids", "prediction", "limit")
    asked = {"tenant": 1, "watermark": 1, "idempotency_key": "", **dict.fromkeys(names, "[]")}
    asked |= {"before_as_of": 1, "before_seq": 1, "limit": 1, "after": 1}
    kinds = ("around", "versions", "naming", "portions", "other")
    for text in (text for kind in kinds for text in getattr(statements, kind).values()):
        plan = connections.read(lambda run, text=text: run("EXPLAIN QUERY PLAN " + text, asked).fetchall())
        steps = [row[-1] for row in plan]
        assert any("dealcast_" in step for step in steps)
        assert [step for step in steps if step.startswith("SCAN") and "VIRTUAL TABLE" not in step] == []
        # An index is entered by more than the tenant, whose all rows these would be.
        assert [
            s for s in steps if "dealcast_" in s and s.endswith("(tenant=?)") and "batches" not in s
        ] == []


def test_an_upgrade_makes_the_declared_tables_from_nothing_and_a_second_one_does_nothing(
    address: str,
) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    store = Store(address)
    assert [store.upgrade(), store.upgrade()] == [True, False]
    store.check()
    with engine_of(address).connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrate.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_several_processes_upgrade_one_store_at_the_same_time(address: str) -> None:
    code = f"from serving.store.store import Store; print(Store({address!r}).upgrade())"
    command = [sys.executable, "-c", code]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    ended = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * 4, ended
    assert sorted(printed.strip() for printed, _ in ended) == ["False", "False", "False", "True"]


def test_a_store_of_a_later_version_is_refused(address: str) -> None:
    store = open_store(address)
    with engine_of(address).begin() as connection:
        connection.execute(sa.text(f"UPDATE {migrate.VERSION_TABLE} SET version_num = '99'"))
    with pytest.raises(StoreMismatch, match="of a later version of dealcast"):
        store.upgrade()
    with pytest.raises(StoreMismatch, match="update dealcast"):
        store.check()


def test_every_table_of_records_has_a_tenant_a_number_and_a_time_of_receipt() -> None:
    assert set(RECORDS) == set(TABLES)
    for name, table in metadata.tables.items():
        if name != "dealcast_tenants":
            assert {"tenant", "seq", "received_at"} <= set(table.columns.keys())


def test_an_address_of_no_store_is_one_clear_error_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="mysql is no store that is known here"):
        Store("mysql://u:secret@h/db")
    with pytest.raises(StoreError, match="needs a file"):
        Store("sqlite://")
    away = Store("postgresql://u:secret@127.0.0.1:9/db")
    with pytest.raises(StoreAway, match=r"postgresql://u:\*\*\*@127.0.0.1:9/db: the store does not") as error:
        away.upgrade()
    assert "secret" not in str(error.value)
    with pytest.raises(StoreAway, match="does not answer"):
        away.watermark()
    missing = Store(f"sqlite:///{tmp_path / 'none.db'}")
    with pytest.raises(StoreMismatch, match="there is no such file"):
        missing.check()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_as_such_and_keeps_nothing_of_the_call(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'full.db'}")
    post(store, {"opportunities": [DEAL]})
    connections = store._connections
    with connections.appending() as run:
        run("PRAGMA max_page_count=1").fetchall()
    many = {"activities": [call(f"x{i}") for i in range(5_000)]}
    with pytest.raises(StoreFull, match="no room left"):
        post(store, many)
    connections.drop_all()
    assert kept(store, "activities") == []
    assert post(store, many)["stored"] == 5_000


def test_what_appends_to_sqlite_maps_no_file_into_memory_and_what_reads_does(tmp_path: Path) -> None:
    connections = Connections(f"sqlite:///{tmp_path / 'mapped.db'}")
    with connections.appending() as run:
        run("CREATE TABLE some (a INTEGER)")
        assert run("PRAGMA mmap_size").fetchone() == (0,)
    with connections.appending() as run:  # the same connection again
        assert run("PRAGMA mmap_size").fetchone() == (0,)
    assert connections.read(lambda run: run("PRAGMA mmap_size").fetchone()) > (0,)
    connections.drop_all()


def test_a_writer_that_finds_another_one_at_work_waits_a_while_and_is_then_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.store.connections.BUSY_SECONDS", 1)
    store = open_store(address)
    post(store, {"opportunities": [DEAL]})
    with Connections(address).appending():
        with pytest.raises(StoreAway, match="does not answer"):
            post(store, {"activities": [call("x")]})
        assert rows_of(store, "activities") == []
    assert post(store, {"activities": [call("x")]})["stored"] == 1


def test_the_time_of_receipt_is_taken_when_no_other_writer_is_at_work_any_more(address: str) -> None:
    store = open_store(address)
    free: list[bool] = []
    at_work = True

    def clock() -> int:
        free.append(not at_work)
        return DAY_1

    def send() -> None:
        store.append(Call({"reps": [("r", None, None, None, None)]}, clock, backfill=True), lambda _: "")

    sender = threading.Thread(target=send)
    with Connections(address).appending():
        sender.start()
        sender.join(0.3)
        at_work = False
    sender.join()
    assert free == [True]


@pytest.mark.parametrize(
    "record",
    [
        call("x", duration_s=10**400),
        call("x", duration_s="1e400"),
        call("x", at="2025-02-30"),
        call("x", at="9999-12-31T23:59:59-12:00"),
        call("x", at=1.5),
        call("x" * 10_001),
        call(""),
        call("x", contact_id=["c"]),
        call("x", kind={"a": 1}),
        call("x", recorded_at="soon"),
        call("x", **{"\0": "a name of no column"}),
    ],
)
def test_no_cell_however_odd_breaks_a_call(address: str, record: Any) -> None:
    store = open_store(address)
    post(store, {"opportunities": [DEAL]})
    answer = post(store, {"activities": [record, call("good")]})
    assert statuses(answer, "activities") == ["refused", "stored"]
    store.close()


def test_odd_but_true_cells_are_kept_as_they_are(address: str) -> None:
    store = open_store(address)
    deal = DEAL | {"opportunity_id": "小'\"%s\n :x", "amount": 1e308, "created_at": "1900-01-01T00:00:00Z"}
    more = {"Größe": [1, {"a": None}], "seq": 7, "tenant": "other", "note": "😀"}
    assert post(store, {"opportunities": [deal | more]})["stored"] == 1
    row = store.around(deal["opportunity_id"], store.watermark().seq)["opportunities"][0]
    assert (row[0], row[8]) == (deal["opportunity_id"], 1e308)
    assert json.loads(row[-2]) == more
    store.close()


def test_a_store_that_comes_back_is_used_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = Server(tmp_path_factory.mktemp("restarted"), tmp_path_factory.getbasetemp().parent)
    server.start()
    store = open_store(server.address())
    post(store, {"opportunities": [DEAL]})
    server.stop()
    with pytest.raises(StoreAway):
        post(store, {"activities": [call("x")]})
    with pytest.raises(StoreAway):
        store.watermark()
    server.start()
    assert post(store, {"activities": [call("x")]})["stored"] == 1
    server.stop()
    server.start()
    assert len(rows_of(store, "activities")) == 1
    server.stop()
