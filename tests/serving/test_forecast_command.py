"""Expected closes in files and answers; `dealcast forecast` and `dealcast backtest`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from fastapi.testclient import TestClient

from serving.bundles import record_of
from serving.commands.follow import Follower
from tests.serving.conftest import Ran, T, Trained, posted
from tests.serving.test_forecast import RECORD
from training.tracking import Tracking

Dealcast = Callable[..., Ran]
CLOSES = [f"expected_close_{p}" for p in ("p10", "p50", "p90")]


@pytest.fixture(scope="module")
def scores(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    from tests.serving.conftest import run_command

    to = tmp_path_factory.mktemp("scores") / "scores.parquet"
    words = ("score", trained.crm, "--as-of", T, "--out", to, "--top", "0", "--tracking-uri", trained.uri)
    assert run_command(*words) == 0
    return pl.read_parquet(to)


def test_the_score_file_has_the_expected_close_of_every_open_deal(scores: pl.DataFrame) -> None:
    assert scores.select(CLOSES).null_count().row(0) == (0, 0, 0)
    assert (scores["expected_close_p10"] <= scores["expected_close_p50"]).all()
    assert (scores["expected_close_p50"] <= scores["expected_close_p90"]).all()
    assert (scores["expected_close_p10"] >= scores["as_of"]).all()
    assert set(scores["model_close"]) == {"1"}


def test_the_api_says_the_same_of_a_stored_and_of_a_posted_deal(
    client: TestClient, trained: Trained, scores: pl.DataFrame
) -> None:
    for name, *dates in scores.select("opportunity_id", *CLOSES).head(5).rows():
        stored = client.get(f"/v1/opportunities/{name}/score", params={"as_of": T, "explain": "false"}).json()
        body = {"as_of": T, "opportunities": [posted(trained.data.known_at(_micros()), name)]}
        sent = client.post("/v1/scores", json=body).json()["scores"][0]
        found = [datetime.fromisoformat(stored["expected_close"][p]) for p in ("p10", "p50", "p90")]
        assert found == dates
        assert sent["expected_close"] == stored["expected_close"]
        assert stored["model"]["close"] == "1"


def _micros() -> int:
    from features.times import parse_instant

    return parse_instant(T)


def test_a_closed_deal_has_no_expected_close(client: TestClient, trained: Trained) -> None:
    deals = trained.data["opportunities"].filter(pl.col("outcome") == "won")
    name = deals.sort("closed_at")["opportunity_id"][0]
    answer = client.get(f"/v1/opportunities/{name}/score", params={"as_of": T}).json()
    assert answer["expected_close"] == {"p10": None, "p50": None, "p90": None}


def test_the_forecast_file_adds_up_and_the_deals_file_to_it(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    to, deals = tmp_path / "f.parquet", tmp_path / "d.csv"
    words = ("--as-of", T, "--horizon", "60", "--by", "team_id", "--deals", deals, "--draws", "300")
    ran = dealcast("forecast", trained.crm, *words, "--out", to, "--tracking-uri", trained.uri)
    assert ran.code == 0, ran.err
    frame = pl.read_parquet(to)
    assert set(frame["period"]) == {"week", "month", "quarter", "horizon"}
    whole = frame.filter(team_id="(all)", period="horizon").row(0, named=True)
    teams = frame.filter(pl.col("team_id") != "(all)", period="horizon")
    assert teams["mean"].sum() == pytest.approx(whole["mean"])
    assert pl.read_csv(deals)["mean"].sum() == pytest.approx(whole["open"])
    assert f"{whole['p50']:,.0f}" in ran.out


def test_targets_and_what_changed_are_printed(dealcast: Dealcast, trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "targets.csv").write_text("team_id,quarter,amount\n(all),2025-Q1,1\n", encoding="utf-8")
    words = ("--as-of", "2025-03-01", "--horizon", "60", "--by", "team_id", "--since", "2025-02-01")
    more = ("--targets", tmp_path / "targets.csv", "--out", tmp_path / "f.csv", "--draws", "200")
    ran = dealcast("forecast", trained.crm, *words, *more, "--tracking-uri", trained.uri)
    assert ran.code == 0, ran.err
    assert "100%" in ran.out
    assert "pulled in" in ran.out


def test_a_column_that_no_forecast_has_is_one_clear_line(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    words = ("--as-of", T, "--by", "colour", "--out", tmp_path / "f.csv", "--tracking-uri", trained.uri)
    ran = dealcast("forecast", trained.crm, *words)
    assert ran.code == 1
    assert "no such column" in ran.err.splitlines()[-1]


def test_a_store_without_a_close_model_says_how_to_train_one(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert dealcast("train", trained.crm, "--as-of", T, "--target", "win", "--tracking-uri", uri).code == 0
    ran = dealcast("forecast", trained.crm, "--as-of", T, "--out", tmp_path / "f.csv", "--tracking-uri", uri)
    assert ran.code == 1
    assert "dealcast train DATA --target close" in ran.err


def test_the_command_widens_by_the_latest_backtest_unless_told_otherwise(
    dealcast: Dealcast, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tracking, "forecast_record", lambda _: RECORD)
    words = ("--as-of", T, "--draws", "200", "--tracking-uri", trained.uri)
    wide = dealcast("forecast", trained.crm, *words, "--out", tmp_path / "wide.csv")
    assert wide.code == 0, wide.err
    assert "1.50 times as wide" in wide.err
    plain = dealcast("forecast", trained.crm, *words, "--widening", "1", "--out", tmp_path / "plain.csv")
    assert "times as wide" not in plain.err
    one, two = (
        pl.read_csv(tmp_path / name).filter(period="horizon").row(0, named=True)
        for name in ("plain.csv", "wide.csv")
    )
    assert two["p90"] - two["p50"] == pytest.approx(1.5 * (one["p90"] - one["p50"]))


def test_targets_that_lie_beside_the_tables_are_told_without_being_named(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    crm = shutil.copytree(trained.crm, tmp_path / "crm")
    (crm / "targets.csv").write_text("team_id,quarter,amount\n(all),2025-Q1,1\nT-1,2025-Q1,5\n")
    words = ("--as-of", T, "--draws", "200", "--tracking-uri", trained.uri, "--out", tmp_path / "f.csv")
    ran = dealcast("forecast", crm, *words)
    assert ran.code == 0, ran.err
    assert "Targets" in ran.out
    assert "100%" in ran.out
    assert "1 targets are of teams: ask for the forecast by team_id" in ran.err
    assert "was not read" not in ran.err


def test_a_backtest_is_printed_kept_and_logged(dealcast: Dealcast, trained: Trained, tmp_path: Path) -> None:
    import mlflow

    to = tmp_path / "b.json"
    words = ("--steps", "2", "--every", "28", "--horizon", "28", "--out", to, "--tracking-uri", trained.uri)
    ran = dealcast("backtest", trained.crm, *words)
    assert ran.code == 0, ran.err
    told = json.loads(to.read_text("utf-8"))
    assert len(told["windows"]) == 2
    client = mlflow.MlflowClient(trained.uri)
    experiment = client.get_experiment_by_name("dealcast/forecast")
    run = client.search_runs([experiment.experiment_id])[0]
    assert run.data.metrics["wape"] == pytest.approx(told["metrics"]["wape"])
    assert "WAPE" in ran.out
    record = Tracking(trained.uri).forecast_record()
    assert record is not None
    assert (record.run_id, record.windows, record.days) == (run.info.run_id, 2, 28)
    assert record.wape == run.data.metrics["wape"]
    assert record.baseline_wape == min(
        value for name, value in run.data.metrics.items() if name.startswith("baseline_")
    )
    assert dealcast("pull", tmp_path / "bundles", "--tracking-uri", trained.uri).code == 0
    assert record_of(tmp_path / "bundles") == record
    Follower(Tracking(trained.uri), "champion", tmp_path / "followed").look()
    assert record_of(tmp_path / "followed") == record


def test_the_registered_close_model_loads_as_a_pyfunc_model(trained: Trained, scores: pl.DataFrame) -> None:
    import mlflow
    import numpy as np

    from features.build import build_features
    from features.from_tables import history_from_tables
    from features.snapshots import Snapshots
    from training.close import load_close_bundle

    mlflow.set_tracking_uri(trained.uri)
    model = mlflow.pyfunc.load_model("models:/dealcast-close@champion")
    bundle = load_close_bundle(trained.bundle("close"))
    history = history_from_tables(trained.data, bundle.conventions)
    codes = history.opportunity_codes(scores["opportunity_id"].head(5).to_list())
    snapshots = Snapshots(codes, np.full(5, _micros()))
    frame = build_features(history, snapshots, "opportunity", bundle.reference)
    said = model.predict(frame.to_polars().to_pandas())
    assert np.allclose(said.to_numpy(), bundle.timing(frame).quantiles())
