"""The model card: the run's own figures, what it must not be used for, and nobody's data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl
import pytest

from features.canonical import CanonicalData
from training.card import model_card, predicts, summary
from training.importance import importance
from training.labels import TARGETS, LabelPolicy, Target
from training.run import Trained


@pytest.fixture(scope="module")
def cards(trained: Mapping[Target, Trained]) -> Mapping[Target, str]:
    return {t: model_card(made, importance(made.bundle), "crm") for t, made in trained.items()}


def row(card: str, first: str) -> list[str]:
    """The cells of the table row that begins with a text."""
    line = next(line for line in card.splitlines() if line.startswith(f"| {first} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("target", TARGETS)
def test_the_figures_stand_beside_those_of_the_baselines(
    cards: Mapping[Target, str], trained: Mapping[Target, Trained], target: Target
) -> None:
    metrics = trained[target].evaluation.metrics
    stage = metrics.get("baseline_stage_rate_log_loss")
    assert row(cards[target], "log loss")[1:] == [
        f"{metrics['log_loss']:.4f}",
        f"{metrics['baseline_base_rate_log_loss']:.4f}",
        f"{stage:.4f}" if stage else "",
        f"{metrics['baseline_logistic_log_loss']:.4f}",
        "",
    ]


def test_each_row_of_the_reliability_table_has_its_count(
    cards: Mapping[Target, str], trained: Mapping[Target, Trained]
) -> None:
    for each in trained["win"].evaluation.reliability:
        cells = row(cards["win"], f"{each.low:.0%} to {each.high:.0%}")
        assert cells[1:] == [f"{each.mean:.1%}", f"{each.observed:.1%}", f"{each.n:,}"]


@pytest.mark.parametrize("target", TARGETS)
def test_the_width_of_the_intervals_has_its_count(
    cards: Mapping[Target, str], trained: Mapping[Target, Trained], target: Target
) -> None:
    bundle = trained[target].bundle
    assert bundle.venn_abers is not None
    said = (
        f"test part is {bundle.venn_abers.median_width:.1%}, learnt from {bundle.venn_abers.entities:,} deals"
    )
    assert said in cards[target]
    bare = replace(trained[target], bundle=replace(bundle, venn_abers=None))
    assert "Interval of a score" not in model_card(bare, importance(bundle), "crm")


@pytest.mark.parametrize("target", TARGETS)
def test_it_says_data_dates_rows_versions_and_what_it_must_not_be_used_for(
    cards: Mapping[Target, str], trained: Mapping[Target, Trained], target: Target
) -> None:
    card, made = cards[target], trained[target]
    manifest = made.bundle.manifest
    for said in (manifest["data_sha256"], manifest["cutoff"], *made.split.dates().values()):
        assert said in card
    for rows in made.evaluation.rows.values():
        assert f"{rows:,} " in card
    assert f"lightgbm {manifest['versions']['lightgbm']}" in card
    assert "For coaching" in card
    assert "Never for punishing" in card


def test_nothing_of_a_record_is_on_it(cards: Mapping[Target, str], data: CanonicalData) -> None:
    words = {word.strip("`.,|:") for card in cards.values() for word in card.split()}
    for name, table in data.tables.items():
        ids = [c for c in table.columns if c.endswith("_id")]
        values = set(pl.concat([table[column].drop_nulls().cast(pl.String) for column in ids]))
        assert values, name
        assert not values & words


def test_the_strongest_features_are_named_with_their_behaviours(
    cards: Mapping[Target, str], trained: Mapping[Target, Trained]
) -> None:
    strongest = importance(trained["win"].bundle)[0]
    assert row(cards["win"], f"`{strongest.feature}`")[1:] == [
        f"{strongest.gain_share:.1%}", f"{strongest.splits:,}",
    ]  # fmt: skip
    assert row(cards["win"], "people reached")[1].endswith("%")


def test_withheld_features_are_told(trained: Mapping[Target, Trained]) -> None:
    made = trained["win"]
    manifest = {**made.bundle.manifest, "withheld": ["month_of_quarter"]}
    held = replace(made, bundle=replace(made.bundle, manifest=manifest))
    assert "Withheld" not in model_card(made, importance(made.bundle), "crm")
    assert "less than a year: `month_of_quarter`." in model_card(held, importance(made.bundle), "crm")


def test_what_is_predicted_follows_the_policy_of_the_labels() -> None:
    policy = LabelPolicy(stall_days=14, churn_days=60, win_given_stage="Proposal")
    assert predicts("win", policy).endswith("closes as won, given that it reaches the stage Proposal.")
    assert "within 14 days" in predicts("stall", policy)
    assert "within 60 days" in predicts("churn", policy)


@pytest.mark.parametrize("target", TARGETS)
def test_the_summary_fits_a_registry_s_description(trained: Mapping[Target, Trained], target: Target) -> None:
    said = summary(trained[target])
    assert len(said) < 1000
    assert f"log loss {trained[target].evaluation.metrics['log_loss']:.4f}" in said
