"""The ladder: a model is shown only where the forward test says surely that it is better than less."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest

from features.canonical import CanonicalData
from features.times import FloatArray
from training.bundle import load_bundle
from training.dataset import labelled_frame, open_source
from training.gate import SURE, Verdict, verdict_of
from training.run import Trained, train_target

ROWS = 600
ENTITY = np.arange(ROWS) // 3
EVERY = np.ones(ROWS)


def drawn(seed: int = 0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """True probabilities in three levels, labels drawn from them, and a noise of the same scale."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(rng.choice([0.1, 0.5, 0.9], ROWS // 3), 3)
    return truth, (rng.random(ROWS) < truth).astype(np.float64), rng.choice([0.3, 0.5, 0.7], ROWS)


def judged(model: FloatArray, stage: FloatArray | None, label: FloatArray) -> Verdict:
    baselines = {"base_rate": np.full(ROWS, 0.5)}
    return verdict_of(
        model, baselines | ({} if stage is None else {"stage_rate": stage}), label, EVERY, ENTITY
    )


def test_a_model_that_knows_is_shown() -> None:
    truth, label, noise = drawn()
    found = judged(truth, noise, label)
    assert (found.rung, found.words()) == ("model", "")
    assert found.over_base_rate == found.over_stage_rate == 1
    assert 0.5 < found.low < found.high < 1


def test_where_the_stages_know_as_much_the_stages_rates_are_shown_and_why() -> None:
    truth, label, _ = drawn()
    found = judged(truth, truth, label)
    assert found.rung == "stage_rate"
    assert found.words().startswith(
        "the model is better than the rates of the stages in 0 of 100 draws, 95 are"
    )
    assert found.words(chinese=True).startswith("模型仅在 100 次抽样中的 0 次优于各阶段的比率")


@pytest.mark.parametrize("with_stages", [True, False])
def test_where_nothing_is_known_all_get_the_base_rate_and_why(with_stages: bool) -> None:
    _, label, noise = drawn()
    found = judged(noise, noise[::-1] if with_stages else None, label)
    assert found.rung == "base_rate"
    assert f"of 100 draws, {SURE:.0%}"[:-1] in found.words()
    assert found.words().endswith("so that all get the base rate")
    assert found.words(chinese=True).endswith("因此一律显示基准率")


def test_stages_that_know_nothing_are_no_bar_to_a_model_that_does() -> None:
    truth, label, noise = drawn(1)
    assert judged(truth, noise, label).rung == "model"


@pytest.fixture(scope="module")
def null(data: CanonicalData) -> Trained:
    """A model of the same histories, whose outcomes were drawn by lot."""
    deals = data["opportunities"]
    lots = pl.Series(np.random.default_rng(3).random(len(deals)) < 0.4)
    outcome = pl.when(pl.col("closed_at").is_not_null()).then(
        pl.when(lots).then(pl.lit("won")).otherwise(pl.lit("lost"))
    )
    deals = deals.with_columns(outcome=outcome.cast(deals["outcome"].dtype))
    drawn = replace(data, tables=MappingProxyType({**data.tables, "opportunities": deals}))
    return train_target(open_source(drawn, drawn.watermark()), "win")


def test_on_outcomes_drawn_by_lot_all_get_the_base_rate_without_reasons(
    null: Trained, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert null.evaluation.verdict.rung == "base_rate"
    folder = tmp_path_factory.mktemp("null")
    null.bundle.save(folder)
    bundle = load_bundle(folder)
    assert bundle.rung == "base_rate"
    labelled = labelled_frame(null.source, "win").frame
    frame = labelled.take(np.arange(0, len(labelled), 50))
    shown, why = bundle.explained(frame)
    assert np.ptp(shown) == 0
    assert shown[0] == pytest.approx(0.4, abs=0.06)
    assert why.base_rate == pytest.approx(shown[0], abs=1e-12)
    assert np.abs(why.points).max() < 1e-12
    assert null.bundle.manifest["gate"]["rung"] == "base_rate"
