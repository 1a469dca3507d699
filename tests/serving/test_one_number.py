"""One number everywhere, and reasons that add up to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mlflow
import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from features.build import build_features
from features.from_rows import history_from_rows
from features.snapshots import Snapshots
from features.times import from_micros, parse_instant
from serving.app import create_app, open_service
from serving.schemas import ScoreRequest, rows_of
from serving.settings import Settings
from tests.serving.conftest import T, Trained, bundle_in, posted, run_command
from training.bundle import load_bundle
from training.explain import percent
from training.labels import TARGETS

SOME = 40


@pytest.fixture(scope="module")
def scores(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    out = tmp_path_factory.mktemp("scores") / "scores.parquet"
    words = ["score", trained.crm, "--as-of", T, "--out", out, "--explain", "--tracking-uri", trained.uri]
    assert run_command(*words) == 0
    return pl.read_parquet(out)


def test_file_post_and_get_give_the_same_bits(
    trained: Trained, client: TestClient, scores: pl.DataFrame
) -> None:
    for row in scores.sample(SOME, seed=1).iter_rows(named=True):
        one = row["opportunity_id"]
        body = {"as_of": T, "opportunities": [posted(trained.data, one)]}
        by_post = client.post("/v1/scores", json=body).json()["scores"][0]
        by_get = client.get(f"/v1/opportunities/{one}/score", params={"as_of": T}).json()
        assert by_post | {"data_as_of": None} == by_get | {"data_as_of": None}
        for target in TARGETS:
            assert by_get[target]["probability"] == row[f"{target}_probability"]
            ends = [row[f"{target}_interval_{end}"] for end in ("low", "high")]
            assert (by_get[target]["interval"] or [None, None]) == ends
            assert (by_get[target]["reasons"] or []) == json.loads(row["reasons"]).get(target, [])


def test_features_of_a_post_are_those_of_the_feature_file_to_the_bit(
    trained: Trained, scores: pl.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "features.parquet"
    store = ("--for", "win", "--tracking-uri", trained.uri)
    assert run_command("features", trained.crm, "--as-of", T, "--out", out, *store) == 0
    table = pl.read_parquet(out)
    bundle = load_bundle(trained.bundle("win"))
    for one in scores["opportunity_id"].sample(SOME, seed=2):
        request = ScoreRequest.model_validate({"opportunities": [posted(trained.data, one)]})
        history = history_from_rows(rows_of(request.opportunities[0]), bundle.conventions)
        snapshot = Snapshots(history.opportunity_codes([one]), np.array([parse_instant(T)]))
        online = build_features(history, snapshot, "opportunity", bundle.reference).to_polars()
        offline = table.filter(pl.col("opportunity_id") == one).drop("opportunity_id", "as_of")
        assert online.equals(offline)


def test_base_rate_and_reasons_make_the_probability_and_the_printed_percents(scores: pl.DataFrame) -> None:
    checked = 0
    for row in scores.iter_rows(named=True):
        for target, reasons in json.loads(row["reasons"]).items():
            shown = row[f"{target}_probability"]
            assert sum(r["percent_points"] for r in reasons) == reasons_in_percent(shown, reasons)
            checked += 1
    assert checked > 300


def test_each_probability_lies_within_its_interval_and_without_one_there_is_none(
    scores: pl.DataFrame,
) -> None:
    assert scores.columns[-6:] == [f"{t}_interval_{end}" for t in TARGETS for end in ("low", "high")]
    for target in TARGETS:
        low, shown, high = (
            scores[f"{target}_{name}"] for name in ("interval_low", "probability", "interval_high")
        )
        assert (low.is_null() == shown.is_null()).all()
        assert (high.is_null() == shown.is_null()).all()
        assert ((low >= 0) & (low <= shown) & (shown <= high) & (high <= 1)).all()
        assert (high > low).all()


def test_the_printed_table_has_the_interval_of_the_answer(
    trained: Trained,
    client: TestClient,
    scores: pl.DataFrame,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    words = ["score", trained.crm, "--as-of", T, "--out", tmp_path / "s.csv", "--top", "1"]
    capsys.readouterr()
    assert run_command(*words, "--tracking-uri", trained.uri) == 0
    printed = capsys.readouterr().out
    for target in ("win", "stall"):
        first = scores.sort(f"{target}_probability", descending=True)["opportunity_id"][0]
        part = client.get(f"/v1/opportunities/{first}/score", params={"as_of": T}).json()[target]
        low, high = (percent(end) for end in part["interval"])
        assert low <= part["percent"] <= high
        assert f"{part['percent']}% ({low}-{high})" in printed


def test_a_model_from_before_there_were_intervals_scores_the_same_and_gives_null(
    trained: Trained, client: TestClient, scores: pl.DataFrame, tmp_path: Path
) -> None:
    bundles = Path(shutil.copytree(trained.bundles, tmp_path / "bundles"))
    described = json.loads((bundle_in(bundles, "win") / "bundle.json").read_text(encoding="utf-8"))
    del described["venn_abers"]
    (bundle_in(bundles, "win") / "bundle.json").write_text(json.dumps(described), encoding="utf-8")
    path = f"/v1/opportunities/{scores['opportunity_id'][0]}/score"
    with TestClient(create_app(open_service(Settings(bundles=bundles, data=trained.crm)))) as older:
        then, now = (one.get(path, params={"as_of": T}).json() for one in (older, client))
    assert now["win"]["interval"] is not None
    assert then == now | {"win": now["win"] | {"interval": None}}


def reasons_in_percent(shown: float, reasons: list[dict[str, float]]) -> int:
    """What the whole points must come to: the shown percent less the base's."""
    base = shown - sum(r["points"] for r in reasons)
    return int(np.floor(shown * 100 + 0.5)) - int(np.floor(round(base, 12) * 100 + 0.5))


def test_the_ledger_of_an_answer_adds_up(client: TestClient, scores: pl.DataFrame) -> None:
    for one in scores["opportunity_id"].sample(SOME, seed=3):
        answer = client.get(f"/v1/opportunities/{one}/score", params={"as_of": T}).json()
        for target in TARGETS:
            part = answer[target]
            if part["probability"] is None:
                assert part["abstained"]
                continue
            total = part["base_rate"] + sum(r["points"] for r in part["reasons"])
            assert abs(total - part["probability"]) < 1e-9
            whole = part["base_percent"] + sum(r["percent_points"] for r in part["reasons"])
            assert whole == part["percent"]


def test_the_registered_model_predicts_the_services_probabilities(
    trained: Trained, scores: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "features.parquet"
    store = ("--for", "win", "--tracking-uri", trained.uri)
    assert run_command("features", trained.crm, "--as-of", T, "--out", out, *store) == 0
    table = pl.read_parquet(out).to_pandas()
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(trained.uri)
    for target in ("win", "stall"):
        model = mlflow.pyfunc.load_model(f"models:/dealcast-{target}@champion")
        assert (model.predict(table) == scores[f"{target}_probability"].to_numpy()).all()


def test_a_frame_for_a_model_is_what_it_sees_though_a_stage_is_new(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = Path(shutil.copytree(trained.crm, tmp_path / "crm"))
    (crm / "pipeline.toml").unlink()
    moves = pl.read_csv(crm / "stage_changes.csv", infer_schema=False)
    renamed = pl.when(pl.col("at") > "2025-02-01", pl.col("stage") == "Demo").then(pl.lit("A new demo"))
    moves.with_columns(renamed.otherwise("stage").alias("stage")).write_csv(crm / "stage_changes.csv")
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    store = ("--tracking-uri", uri)
    assert run_command("train", crm, "--as-of", "2025-02-01", "--target", "win", *store) == 0
    frame, out = tmp_path / "f.parquet", tmp_path / "s.parquet"
    assert run_command("features", crm, "--as-of", T, "--for", "win", "--out", frame, *store) == 0
    assert run_command("score", crm, "--as-of", T, "--out", out, *store) == 0
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(uri)
    model = mlflow.pyfunc.load_model("models:/dealcast-win@champion")
    shown = pl.read_parquet(out)["win_probability"].to_numpy()
    assert (model.predict(pl.read_parquet(frame).to_pandas()) == shown).all()
    assert run_command("features", crm, "--as-of", T, "--out", frame) == 0
    assert (model.predict(pl.read_parquet(frame).to_pandas()) != shown).any()


def test_scores_at_t_are_those_of_data_that_end_at_t(
    trained: Trained, scores: pl.DataFrame, tmp_path: Path
) -> None:
    trained.data.known_at(parse_instant(T)).write(tmp_path / "cut")
    out = tmp_path / "scores.parquet"
    words = [
        "score",
        tmp_path / "cut",
        "--as-of",
        T,
        "--out",
        out,
        "--explain",
        "--tracking-uri",
        trained.uri,
    ]
    assert run_command(*words) == 0
    assert pl.read_parquet(out).equals(scores)


def test_listed_pairs_are_scored_in_their_order_and_abstain_with_a_reason(
    trained: Trained, tmp_path: Path
) -> None:
    deals = trained.data["opportunities"].sort("opportunity_id")
    closed = deals.filter(pl.col("closed_at") < from_micros(parse_instant("2025-01-01")))[0]
    pairs = pl.DataFrame(
        {
            "opportunity_id": [closed["opportunity_id"][0], deals["opportunity_id"][0]],
            "as_of": [T, "2001-01-01 00:00:00+00:00"],
            "extra": [1, 2],
        }
    )
    pairs.write_csv(tmp_path / "pairs.csv")
    words = ["score", trained.crm, "--snapshots", tmp_path / "pairs.csv", "--out", tmp_path / "s.csv"]
    assert run_command(*words, "--tracking-uri", trained.uri) == 0
    found = pl.read_csv(tmp_path / "s.csv")
    assert found["opportunity_id"].to_list() == pairs["opportunity_id"].to_list()
    assert found["win_probability"].null_count() == 2
    assert "win, stall: the opportunity is closed" in found["abstained"][0]
    assert "win, stall: the opportunity does not exist yet" in found["abstained"][1]
