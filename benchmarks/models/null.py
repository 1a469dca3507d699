"""The null CRM: deals of which nothing known before the close tells won from lost.

A trap lies in it: `close_value` is 0 for lost deals and above for won ones. It is given as `amount`, as a
careless import would; training without it must give the same numbers to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.report import Report
from features.canonical import TIME, CanonicalData, empty_table
from features.config import PipelineConfig
from features.tables import TABLES
from features.times import FloatArray
from training.baselines import base_rate
from training.bootstrap import interval
from training.censoring import censoring_weights
from training.dataset import open_source
from training.run import Trained, train_target

NO_ACCOUNT = "(none given)"


def null_reports(folder: Path, facts: Mapping[str, str]) -> list[Report]:
    """The forward figures with their intervals, and whether the trap changes any number."""
    data = null_data(folder, with_close_value=True)
    until = data.watermark()
    trained = train_target(open_source(data, until), "win")
    bare = train_target(open_source(null_data(folder, with_close_value=False), until), "win")
    metrics, test = trained.evaluation.metrics, trained.evaluation.test
    verdict = trained.evaluation.verdict
    same = np.array_equal(test.probability, bare.evaluation.test.probability)
    rows = [
        ["ROC AUC of the model", "", _between((verdict.low, verdict.high)), "0.5000"],
        [
            "log loss", f"{metrics['log_loss']:.4f}", "", f"{metrics['baseline_base_rate_log_loss']:.4f}",
        ],
        ["log loss over the base rate's", *_over_base_rate(trained), "0"],
        ["calibration error", f"{metrics['calibration_error']:.4f}", "",
         f"{metrics['baseline_base_rate_calibration_error']:.4f}"],
    ]  # fmt: skip
    notes = [
        f"Test part: {len(test.label):,} snapshots of {len(np.unique(test.entity)):,} deals; "
        f"{dict(trained.evaluation.rows)}; {trained.evaluation.rounds} trees.",
        f"Shown: {verdict.rung}. {verdict.words() or 'the model'}.",
        f"Said of them: {test.probability.min():.3f} to {test.probability.max():.3f}; "
        f"won: {np.average(test.label, weights=test.weight):.3f}.",
        "close_value given as amount or not given: the test part's probabilities are "
        + ("the same to the bit." if same else "DIFFERENT."),
        f"What moves the margin most (mean absolute SHAP value, forward test): {_heaviest(trained)}.",
    ]
    return [Report("Null CRM: win", facts, ("figure", "dealcast", "[90%]", "base rate"), rows, notes)]


def null_data(folder: Path, *, with_close_value: bool) -> CanonicalData:
    """The export as canonical tables.

    A deal begins when it is engaged; one that is only prospected has no date and is left out. The export
    has no history: of a stage it is known that the deal was engaged, and when it closed.
    """
    deals = pl.read_csv(folder / "sales_pipeline.csv").filter(pl.col("engage_date").is_not_null())
    begin, end = _time("engage_date"), _time("close_date")
    outcome = pl.col("deal_stage").replace_strict({"Won": "won", "Lost": "lost"}, default=None)
    opportunities = deals.select(
        "opportunity_id", "product",
        account_id=pl.col("account").fill_null(NO_ACCOUNT), rep_id="sales_agent",
        created_at=begin, closed_at=end, outcome=outcome,
        amount=pl.col("close_value").cast(pl.Float64) if with_close_value else pl.lit(None, pl.Float64),
    )  # fmt: skip
    moves = deals.select("opportunity_id", at=begin, stage=pl.lit("Engaging"))
    closed = deals.filter(pl.col("close_date").is_not_null())
    moves = pl.concat([moves, closed.select("opportunity_id", at=end, stage="deal_stage")])
    accounts = pl.read_csv(folder / "accounts.csv").select(
        account_id="account", industry="sector", region="office_location",
        employees=pl.col("employees").cast(pl.Float64),
    )  # fmt: skip
    reps = pl.read_csv(folder / "sales_teams.csv").select(
        rep_id="sales_agent", team_id="manager", region="regional_office"
    )
    given = {"opportunities": opportunities, "stage_changes": moves, "accounts": accounts, "reps": reps}
    tables = {
        name: pl.concat([empty_table(table), *([given[name]] if name in given else [])], how="diagonal")
        for name, table in TABLES.items()
    }
    return CanonicalData(tables, PipelineConfig(stages=("Engaging",), currency="USD"))


def _time(column: str) -> pl.Expr:
    return pl.col(column).str.to_datetime("%m/%d/%Y", time_unit="us").dt.replace_time_zone("UTC").cast(TIME)


def _over_base_rate(trained: Trained) -> tuple[str, str]:
    """The log loss over that of the base rate known when the test part began, and its interval."""
    test, before = trained.evaluation.test, trained.split.before_test
    known, weight = before.known, censoring_weights(before.labels)
    rate = np.full(len(test.label), base_rate(before.labels.value[known], weight[known]))
    losses = _losses(test.probability, test.label) - _losses(rate, test.label)
    found = interval(lambda times: float(np.average(losses, weights=test.weight * times)), test.entity)
    return f"{np.average(losses, weights=test.weight):+.4f}", _between((found.low, found.high), sign="+")


def _losses(p: FloatArray, label: FloatArray) -> FloatArray:
    return -np.log(np.where(label > 0, p, 1.0 - p))


def _between(ends: tuple[float, float], sign: str = "") -> str:
    return f"[{ends[0]:{sign}.4f}, {ends[1]:{sign}.4f}]"


def _heaviest(trained: Trained) -> str:
    """The features by which the trees' margins move most, and how far."""
    moved = np.abs(trained.explained.contributions[:, :-1]).mean(axis=0)
    names = trained.bundle.encoding.names
    most = np.argsort(-moved, kind="stable")[:6]
    return ", ".join(f"{names[i]} {moved[i]:.3f}" for i in most if moved[i] > 0) or "none"
