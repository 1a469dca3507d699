"""Scores from the store: the folder's bits, receipts, replays, two clocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from features.canonical import TIME, CanonicalData
from serving.app import create_app, open_service
from serving.scorer import Scorer
from serving.service import Service
from serving.settings import Settings
from serving.store.dataset import copy_into, load
from serving.store.errors import StoreAway
from serving.store.receipt_writer import ReceiptWriter
from serving.store.receipts import Receipt
from serving.store.store import Store
from tests.postgresql import Server
from tests.serving.conftest import Ran, T, Trained, run_command
from tests.serving.stores import DAY_1, DEAL, KINDS, call, new_address, open_store, post
from training.labels import TARGETS

SOME = 40
EARLIER = "2025-01-15T12:34:56.789012Z"


@pytest.fixture(scope="module", params=KINDS)
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql_server: Server,
    trained: Trained,
) -> str:  # fmt: skip
    """A store that holds the trained world."""
    made = new_address(request.param, tmp_path_factory.mktemp("store"), postgresql_server)
    store = open_store(made)
    rows = copy_into(store, trained.data, lambda: DAY_1)
    assert rows == sum(frame.height for frame in trained.data.tables.values())
    store.close()
    return made


@pytest.fixture
def service(address: str, trained: Trained) -> Service:
    return open_service(Settings(bundles=trained.bundles, database=address))


@pytest.fixture
def stored(service: Service) -> Iterator[TestClient]:
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        yield client


def some_deals(trained: Trained) -> list[str]:
    return list(trained.data["opportunities"]["opportunity_id"].sort().sample(SOME, seed=5))


def asked(client: TestClient, one: str, as_of: str = T, **more: Any) -> dict[str, Any]:
    answer = client.get(f"/v1/opportunities/{one}/score", params={"as_of": as_of, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("as_of", [T, EARLIER])
def test_a_score_from_the_store_is_the_folder_s_to_the_bit_with_its_reasons(
    client: TestClient, stored: TestClient, trained: Trained, as_of: str
) -> None:
    for one in some_deals(trained):
        by_store, by_folder = asked(stored, one, as_of), asked(client, one, as_of)
        assert by_store | {"data_as_of": None} == by_folder | {"data_as_of": None}


def test_the_data_set_of_a_store_is_the_folder_s(address: str, trained: Trained) -> None:
    store = Store(address)
    data, report = load(store)
    store.close()
    assert data.config == trained.data.config
    assert len(report.quarantine) == 0
    for name, frame in trained.data.tables.items():
        columns = frame.columns
        assert data[name].select(columns).sort(columns).equals(frame.sort(columns))


def test_records_posted_one_table_after_the_other_give_the_folder_s_bits(
    client: TestClient, trained: Trained, tmp_path: Path, postgresql_server: Server
) -> None:
    service = open_service(
        Settings(trained.bundles, database=new_address("sqlite", tmp_path, postgresql_server))
    )
    deals = some_deals(trained)[:10]
    with TestClient(create_app(service)) as stored:
        for body in bodies(trained.data, deals):
            answer = stored.post("/v1/records", json=body)
            assert answer.json()["refused"] == 0, answer.text[:500]
        for one in deals:
            by_store, by_folder = asked(stored, one), asked(client, one)
            assert by_store | {"data_as_of": None} == by_folder | {"data_as_of": None}


def bodies(data: CanonicalData, deals: list[str]) -> Iterator[dict[str, Any]]:
    """All records of some deals' accounts as a backfill's bodies."""
    frame = data["opportunities"]
    accounts = frame.filter(pl.col("opportunity_id").is_in(deals))["account_id"].unique()
    of_account = pl.col("account_id").is_in(accounts.implode())
    all_deals = frame.filter(of_account)["opportunity_id"]
    of_deal = pl.col("opportunity_id").is_in(all_deals.implode())
    chosen = {
        "opportunities": of_account, "accounts": of_account, "contacts": of_account, "orders": of_account,
        "reps": pl.lit(True), "leads": of_deal, "stage_changes": of_deal, "field_changes": of_deal,
        "activities": of_deal | of_account,
    }  # fmt: skip
    for name, mine in chosen.items():
        part = data[name].filter(mine.fill_null(False))
        texts = part.with_columns(pl.col(TIME).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
        for rows in texts.iter_slices(5_000):
            yield {name: rows.to_dicts(), "backfill": True}


def test_a_record_that_comes_in_late_changes_no_score_of_the_time_before(
    stored: TestClient, trained: Trained
) -> None:
    one = open_deal(stored, trained)
    before = asked(stored, one)
    late = {"opportunity_id": one, "kind": "meeting", "outcome": "held", "at": "2025-03-20T10:00:00Z"}
    answer = stored.post("/v1/records", json={"activities": [late | {"activity_id": f"late {one}"}]})
    assert answer.json()["stored"] == 1
    after = asked(stored, one)
    assert after | {"data_as_of": None} == before | {"data_as_of": None}
    known = late | {"activity_id": f"known {one}", "recorded_at": "2025-03-20T11:00:00Z"}
    assert stored.post("/v1/records", json={"activities": [known]}).json()["stored"] == 1
    assert asked(stored, one)["prediction_id"] != before["prediction_id"]


def test_a_receipt_tells_what_was_said_and_is_replayed_to_the_bit_though_more_is_known_now(
    stored: TestClient, trained: Trained
) -> None:
    one = open_deal(stored, trained)
    score = asked(stored, one)
    receipt = stored.get(f"/v1/predictions/{score['prediction_id']}").json()
    assert receipt["probabilities"] == {t: score[t]["probability"] for t in TARGETS}
    assert (receipt["opportunity_id"], receipt["as_of"], receipt["models"]) == (one, T, score["model"])
    told = {"opportunity_id": one, "at": "2025-03-21T10:00:00Z", "recorded_at": "2025-03-21T10:00:00Z"}
    more = {"activities": [told | {"activity_id": f"more {one}", "kind": "meeting", "outcome": "held"}]}
    assert stored.post("/v1/records", json=more).json()["stored"] == 1
    assert asked(stored, one)["prediction_id"] != score["prediction_id"]
    replayed = stored.post(f"/v1/predictions/{score['prediction_id']}/replay").json()
    assert replayed["same"] is True
    assert replayed["receipt"] == receipt
    assert replayed["score"] | {"data_as_of": None} == score | {"data_as_of": None}


def test_a_replay_with_a_model_that_is_gone_says_so(service: Service, trained: Trained) -> None:
    with TestClient(create_app(service)) as first:
        score = asked(first, open_deal(first, trained))
    win = service.scorer.models["win"]
    other = Scorer({**service.scorer.models, "win": replace(win, version="2")})
    with TestClient(create_app(replace(service, scorer=other))) as later:
        answer = later.post(f"/v1/predictions/{score['prediction_id']}/replay")
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:dealcast:problem:model-gone"
    assert "win 1" in answer.json()["detail"]


def test_the_history_of_scores_comes_in_pages_the_latest_first(stored: TestClient, trained: Trained) -> None:
    one = some_deals(trained)[7]
    days = [f"2025-02-{day:02}T00:00:00Z" for day in (3, 1, 5, 2, 4)]
    given = {day: asked(stored, one, day)["prediction_id"] for day in days}
    asked(stored, one, days[0])  # the same question again is the same prediction
    seen: list[str] = []
    cursor = None
    for _ in range(10):
        where = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = stored.get(f"/v1/opportunities/{one}/scores", params=where).json()
        seen += [score["prediction_id"] for score in page["scores"] if score["as_of"] in given]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [given[day] for day in sorted(days, reverse=True)]


def test_a_wrong_question_to_the_store_gets_one_clear_problem(stored: TestClient, client: TestClient) -> None:
    for path, status, name in (
        ("/v1/opportunities/nobody/score", 404, "unknown-opportunity"),
        ("/v1/predictions/nothing", 404, "unknown-prediction"),
        ("/v1/opportunities/x/scores?cursor=soon", 422, "invalid-request"),
        ("/v1/opportunities/x/scores?limit=0", 422, "invalid-request"),
    ):
        answer = stored.get(path)
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:dealcast:problem:{name}")
    without = client.post("/v1/records", json={"reps": [{"rep_id": "r"}]})
    assert (without.status_code, without.json()["type"]) == (404, "urn:dealcast:problem:no-store")
    keyless = stored.post(
        "/v1/records", json={"reps": [{"rep_id": "r"}]}, headers={"Idempotency-Key": "x" * 256}
    )
    assert keyless.status_code == 422


def test_the_document_shows_the_records_and_the_answers(stored: TestClient) -> None:
    document = stored.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert set(schemas["ActivitiesRecord"]["required"]) == {"activity_id", "at", "kind"}
    assert set(schemas["RecordsRequest"]["properties"]) >= {"activities", "opportunities", "backfill"}
    references = {line.split("/")[-1] for line in json.dumps(document).split('"') if line.startswith("#/")}
    assert references <= set(schemas)
    body = {"opportunities": [DEAL | {"opportunity_id": "shape"}], "reps": [{}]}
    from serving.records import RecordsAnswer

    answer = stored.post("/v1/records", json=body)
    assert RecordsAnswer.model_validate_json(answer.text).refused == 1


def test_further_columns_are_features_from_the_store_as_from_a_folder(
    tmp_path: Path, postgresql_server: Server
) -> None:
    from features.agreed import conventions_of
    from features.config import PipelineConfig
    from features.from_rows import history_from_rows
    from features.from_tables import history_from_tables
    from features.norms import reference_of
    from features.quality import clean
    from serving.store.reading import under
    from tests.factories import bits, features_at

    store = open_store(new_address("sqlite", tmp_path, postgresql_server))
    config = PipelineConfig(
        extra_categories=("segment", "accounts.tier"), extra_numbers=("seats",),
        fixed_fields=("segment", "accounts.tier", "seats"),
    )  # fmt: skip
    deal = DEAL | {"segment": "b2b", "seats": 12.5}
    records = {
        "opportunities": [deal], "accounts": [{"account_id": "a", "tier": "7"}],
        "stage_changes": [{"opportunity_id": "d", "at": "2025-01-02T00:00:00Z", "stage": "demo"}],
    }  # fmt: skip
    post(store, {**records, "backfill": True})
    data, _ = clean({name: pl.DataFrame(rows) for name, rows in records.items()}, config)
    conventions = conventions_of(data)
    offline = history_from_tables(data, conventions)
    rows = store.around("d", store.watermark().seq)
    online = history_from_rows(under(rows, conventions), conventions)
    reference = reference_of(offline, DAY_1)
    pairs = [("d", DAY_1 + 10**12)]
    found = [bits(features_at(h, pairs, "opportunity", reference)) for h in (offline, online)]
    assert found[0] == found[1]
    assert {"custom_segment", "custom_seats"} <= set(found[0])


def test_a_full_or_absent_store_is_a_clear_problem_while_the_server_lives(
    trained: Trained, tmp_path: Path
) -> None:
    service = open_service(Settings(trained.bundles, database=f"sqlite:///{tmp_path / 'full.db'}"))
    assert service.scores is not None
    store = service.scores.store
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        assert client.post("/v1/records", json={"opportunities": [DEAL]}).status_code == 200
        many: dict[str, Any] = {"activities": [call(f"x{i}") for i in range(2_000)]}
        with store._connections.appending() as run:
            run("PRAGMA max_page_count=1").fetchall()
        full = client.post("/v1/records", json=many)
        assert (full.status_code, full.json()["type"]) == (507, "urn:dealcast:problem:store-full")
        store.close()
        (tmp_path / "full.db").rename(tmp_path / "away.db")
        (tmp_path / "full.db").mkdir()
        away = client.post("/v1/records", json=many)
        assert (away.status_code, away.json()["type"]) == (503, "urn:dealcast:problem:store-away")
        assert client.get("/v1/opportunities/d/score").status_code == 503
        assert client.get("/health/live").status_code == 200
        (tmp_path / "full.db").rmdir()
        (tmp_path / "away.db").rename(tmp_path / "full.db")
        assert client.post("/v1/records", json=many).json()["stored"] == 2_000


def receipt(name: str) -> Receipt:
    none = dict.fromkeys(TARGETS)
    return Receipt(name, "d", DAY_1, DAY_1, 1, none, none, none, none)


def test_receipts_wait_for_a_store_that_is_away_and_are_refused_where_too_many_wait() -> None:
    written: list[str] = []
    away = [True]

    def write(receipts: Any) -> None:
        if away[0]:
            raise StoreAway("gone")
        written.extend(each.prediction_id for each in receipts)

    writer = ReceiptWriter(write, room=2)
    writer.put(receipt("a"))
    writer.put(receipt("a"))
    writer.put(receipt("b"))
    with pytest.raises(StoreAway, match="gone"):
        writer.flush()
    with pytest.raises(StoreAway, match="receipts cannot be written"):
        writer.put(receipt("c"))
    away[0] = False
    writer.close()
    assert written == ["a", "b"]


def test_commands_take_a_store_where_they_take_a_folder(
    trained: Trained, address: str, tmp_path: Path, dealcast: Any
) -> None:
    ran: Ran = dealcast("store", "load", trained.crm, f"sqlite:///{tmp_path / 's.db'}")
    assert ran.code == 0, ran.err
    assert "rows were new" in ran.out
    again: Ran = dealcast("store", "load", trained.crm, f"sqlite:///{tmp_path / 's.db'}")
    assert "0 of" in again.out
    files = []
    for data in (trained.crm, f"sqlite:///{tmp_path / 's.db'}"):
        out = tmp_path / f"scores{len(files)}.parquet"
        words = ["score", data, "--as-of", T, "--out", out, "--explain", "--tracking-uri", trained.uri]
        assert run_command(*words) == 0
        files.append(pl.read_parquet(out))
    assert files[0].equals(files[1])
    assert dealcast("store", "check", address).code == 0
    assert "already" in dealcast("store", "upgrade", address).out
    assert dealcast("check", f"sqlite:///{tmp_path / 'none.db'}").code == 1


def open_deal(client: TestClient, trained: Trained) -> str:
    """An opportunity that is open at T and has no records of these tests' own yet."""
    for one in trained.data["opportunities"].sort("created_at", descending=True)["opportunity_id"]:
        if one not in _TAKEN:
            answer = asked(client, one, explain=False)
            if answer["win"]["probability"] is not None and answer["stage"] is not None:
                _TAKEN.add(one)
                return str(one)
    raise AssertionError("no open deal")


_TAKEN: set[str] = set()
