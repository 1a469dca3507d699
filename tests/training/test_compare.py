"""Two models on the same later data: what is counted, how sure it is, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from features.canonical import CanonicalData
from features.errors import DataError
from features.history import text_array
from features.times import DAY, iso, parse_instant
from training.bundle import Bundle
from training.compare import Comparison, Contender, compare
from training.compare_slices import slices_of
from training.compare_words import judged_on, render, verdict
from training.dataset import open_source
from training.errors import TooLittleData
from training.labels import Target
from training.metrics import calibration_error
from training.paired import METRICS, Pair
from training.promotion import refusals
from training.run import Trained, train_target

EARLY = parse_instant("2024-06-03T00:00:00Z")
LATE = parse_instant("2024-12-02T00:00:00Z")


def pair(rows: int = 400, *, noise: float = 0.0, seed: int = 0) -> Pair:
    """The first model knows each row's true chance; the second errs by so much on the margin."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(size=rows)
    label = (rng.random(rows) < 1 / (1 + np.exp(-margin))).astype(np.float64)
    other = margin + noise * rng.normal(size=rows)
    weight = rng.uniform(1, 3, rows)
    return Pair(
        1 / (1 + np.exp(-margin)), 1 / (1 + np.exp(-other)), label, weight, np.arange(rows) // 4
    )  # fmt: skip


@pytest.fixture(scope="module")
def early(data: CanonicalData) -> Contender:
    return Contender("version 1", train_target(open_source(data, EARLY), "win").bundle)


@pytest.fixture(scope="module")
def late(data: CanonicalData) -> Contender:
    return Contender("version 2", train_target(open_source(data, LATE), "win").bundle)


@pytest.fixture(scope="module")
def compared(data: CanonicalData, early: Contender, late: Contender) -> Comparison:
    return compare(data, early, late, data.watermark())


def test_the_figures_are_those_of_the_field_s_own_functions() -> None:
    some = pair(noise=1.0)
    found = some.differences()
    for name, probability in (("first", some.first), ("second", some.second)):
        wanted = {
            "log_loss": log_loss(some.label, probability, sample_weight=some.weight),
            "roc_auc": roc_auc_score(some.label, probability, sample_weight=some.weight),
            "calibration_error": calibration_error(probability, some.label, some.weight),
        }
        assert {m: getattr(found[m], name) for m in METRICS} == pytest.approx(wanted)


def test_ties_count_half_in_the_roc_auc() -> None:
    label, weight = np.array([0.0, 1.0, 1.0, 0.0]), np.ones(4)
    tied = Pair(np.array([0.5, 0.5, 0.9, 0.9]), np.full(4, 0.5), label, weight, np.arange(4))
    found = tied.differences()["roc_auc"]
    assert (found.first, found.second) == (0.5, 0.5)


def test_a_model_that_errs_is_worse_in_nearly_all_draws_and_the_interval_says_so() -> None:
    loss = pair(noise=2.0).differences()["log_loss"]
    assert loss.worse > 0.99
    assert loss.better < 0.01
    assert 0 < loss.low < loss.change < loss.high
    assert loss.harm == loss.change
    assert loss.least_harm == loss.low


def test_worse_is_lower_where_higher_is_better() -> None:
    auc = pair(noise=2.0).differences()["roc_auc"]
    assert auc.change < 0 < auc.harm
    assert auc.worse > 0.99
    assert auc.least_harm == -auc.high


def test_equal_models_are_neither_better_nor_worse() -> None:
    for each in pair().differences().values():
        assert (each.change, each.low, each.high, each.better, each.worse) == (0, 0, 0, 0, 0)


def test_the_rows_of_a_deal_are_drawn_together() -> None:
    """Every row four times tells nothing new, and the interval must not shrink."""
    some = pair(noise=1.0)
    alone = replace(some, entity=np.arange(len(some)))
    rows = np.repeat(np.arange(len(some)), 4)
    once, fourfold = alone.differences()["log_loss"], alone.take(rows).differences()["log_loss"]
    assert (fourfold.low, fourfold.high) == pytest.approx((once.low, once.high))


def test_a_figure_that_is_not_defined_is_null_in_json() -> None:
    won = replace(pair(), label=np.ones(400))
    found = won.differences()["roc_auc"].to_dict()
    assert (found["first"], found["better"]) == (None, None)
    json.dumps(found, allow_nan=False)


def test_a_slice_needs_100_rows_and_20_of_each_label() -> None:
    some = replace(pair(400), label=np.tile([0.0, 1.0], 200))
    value = text_array(["a"] * 100 + ["b"] * 99 + [None] * 101 + ["c"] * 100)
    few = np.where(np.arange(400) >= 319, 0.0, some.label)  # "c" keeps some 9 of label 1
    found = slices_of(replace(some, label=few), {"stage": value})
    assert [(each.name, each.rows) for each in found] == [("stage = a", 100)]


def test_only_snapshots_after_both_cut_offs_are_judged(compared: Comparison, late: Contender) -> None:
    assert compared.begin == late.cutoff == LATE
    assert sum(compared.rows) > 500
    assert compared.entities < sum(compared.rows)
    assert compared.censored > 0
    assert compared.left_out == 0


def test_the_order_of_the_two_changes_the_sign_and_nothing_else(
    data: CanonicalData, early: Contender, late: Contender, compared: Comparison
) -> None:
    back = compare(data, late, early, data.watermark())
    assert (back.begin, back.rows, back.entities) == (compared.begin, compared.rows, compared.entities)
    for metric in METRICS:
        there, here = compared.figures[metric], back.figures[metric]
        assert here.change == pytest.approx(-there.change)
        assert (here.better, here.worse) == (there.worse, there.better)


def test_a_model_against_itself_differs_nowhere(data: CanonicalData, late: Contender) -> None:
    same = compare(data, late, replace(late, name="version 3"), data.watermark())
    assert all(each.change == 0 for each in same.figures.values())
    assert all(shift.change == 0 for shift in same.shifts)
    assert "version 2 and version 3 say the same" in verdict(same)
    assert refusals(same) == ()


def test_what_was_recorded_after_the_end_changes_nothing(
    data: CanonicalData, early: Contender, late: Contender
) -> None:
    end = data.watermark() - 45 * DAY
    whole = compare(data, early, late, end)
    assert whole == compare(data.known_at(end), early, late, end)
    assert whole.until == end


def test_a_model_that_says_the_reverse_is_worse_and_kept_out(data: CanonicalData, late: Contender) -> None:
    platt = late.bundle.platt
    reverse = replace(late.bundle, platt=replace(platt, slope=-platt.slope))
    found = compare(data, late, Contender("version 9", reverse), data.watermark())
    assert verdict(found).startswith("version 9 is worse than version 2: log loss ")
    assert "版本 9不如版本 2" in verdict(found, "zh-CN")
    assert {"log_loss", "slice"} <= {refusal.rule for refusal in refusals(found)}


def test_slices_name_stage_source_kind_team_and_age(compared: Comparison) -> None:
    assert {each.dimension for each in compared.slices} == {"stage", "source", "kind", "team", "age"}
    for each in compared.slices:
        assert each.rows >= 100
    worst = compared.worst_slice("roc_auc")
    assert worst is not None
    assert all(worst.figures["roc_auc"].harm >= each.figures["roc_auc"].harm for each in compared.slices)


def test_the_reasons_of_both_are_summed_by_behaviour(compared: Comparison, late: Contender) -> None:
    assert {shift.behaviour for shift in compared.shifts} == {f.behaviour for f in late.bundle.features}
    sizes = [abs(shift.change) for shift in compared.shifts]
    assert sizes == sorted(sizes, reverse=True)
    assert all(0 <= shift.second < 1 for shift in compared.shifts)


def test_too_little_later_data_is_said_with_both_counts(
    data: CanonicalData, early: Contender, late: Contender
) -> None:
    with pytest.raises(
        TooLittleData,
        match=r"between 2024-12-02T00:00:00Z, up to where version 2 has learnt, and .* there are \d+"
        r" snapshots with the known label 1 and \d+ with 0; at least 20 of each",
    ):
        compare(data, early, late, LATE + 5 * DAY)


def test_data_that_end_before_the_cut_off_have_nothing_to_judge(
    data: CanonicalData, early: Contender, late: Contender
) -> None:
    with pytest.raises(TooLittleData, match="are 0 snapshots with the known label 1 and 0 with 0"):
        compare(data, early, late, EARLY)


def test_models_of_two_targets_are_not_compared(
    data: CanonicalData, late: Contender, trained: Mapping[Target, Trained]
) -> None:
    stall = Contender("version 7", trained["stall"].bundle)
    with pytest.raises(DataError, match="version 2 predicts win and version 7 stall"):
        compare(data, late, stall, data.watermark())


def test_models_of_other_labels_or_another_firm_are_not_compared(
    data: CanonicalData, early: Contender, late: Contender
) -> None:
    def changed(**values: object) -> Contender:
        bundle: Bundle = replace(late.bundle, **values)  # type: ignore[arg-type]
        return Contender("version 8", bundle)

    longer = changed(policy=replace(late.bundle.policy, win_given_stage="Proposal"))
    with pytest.raises(DataError, match="were trained on different labels"):
        compare(data, early, longer, data.watermark())
    elsewhere = changed(conventions=replace(late.bundle.conventions, stages=("x", "y")))
    with pytest.raises(DataError, match=r"version 8 was trained on stages these data do not have \(x, y\)"):
        compare(data, early, elsewhere, data.watermark())


def test_churn_is_compared_over_accounts(data: CanonicalData, trained: Mapping[Target, Trained]) -> None:
    """The bundle is made to have learnt up to earlier, so that something later is left."""
    bundle = trained["churn"].bundle
    older = replace(bundle, manifest={**bundle.manifest, "cutoff": iso(EARLY)})
    found = compare(data, Contender("version 1", older), Contender("version 2", older), data.watermark())
    assert "accounts" in judged_on(found)
    assert {each.dimension for each in found.slices} <= {"industry", "region"}


def test_a_comparison_is_told_in_words_a_table_and_json(compared: Comparison) -> None:
    assert "version 2" in verdict(compared)
    assert "版本 2" in verdict(compared, "zh-CN")
    assert f"{sum(compared.rows):,} snapshots of {compared.entities:,} deals" in judged_on(compared)
    assert f"{sum(compared.rows):,} 个快照" in judged_on(compared, "zh-CN")
    table = render(compared)
    assert all(word in table for word in ("log loss", "ROC AUC", "calibration error", "worst slice by"))
    told = json.loads(json.dumps(compared.to_dict(), allow_nan=False))
    assert told["figures"]["log_loss"]["change"] == compared.figures["log_loss"].change
    assert len(told["slices"]) == len(compared.slices)
