"""Drift: chance is not called drift, a shift is, and the figures promised before labels come about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from features.canonical import CanonicalData
from features.errors import DataError
from features.frame import FeatureFrame
from features.sample import make_sample
from features.snapshots import Snapshots
from features.times import DAY, BoolArray, FloatArray, IntArray
from training.dataset import LabelledFrame, labelled_frame, open_source
from training.drift import LEAST_INDEX, Shift, benjamini_hochberg, judged, shift_of, shift_of_mean
from training.errors import BundleError
from training.expected import calibration_check, expected
from training.labels import Target
from training.metrics import forward_metrics
from training.profile import Mean, Profile, spread_of
from training.run import Trained, train_target
from training.watch import DriftReport, feature_shifts, watch


@pytest.fixture(scope="module")
def labelled(trained: Mapping[Target, Trained]) -> LabelledFrame:
    return labelled_frame(trained["win"].source, "win")


def halves(labelled: LabelledFrame, share: float, seed: int) -> tuple[BoolArray, BoolArray]:
    """Masks of the rows of a random share of the deals, and of the others: no drift between them."""
    entity = labelled.snapshots.entity
    deals = np.random.default_rng(seed).permutation(np.unique(entity))
    chosen = np.isin(entity, deals[: int(share * len(deals))])
    return chosen, ~chosen


def profile_over(profile: Profile, labelled: LabelledFrame, rows: BoolArray) -> Profile:
    entity = labelled.snapshots.entity[rows]
    frame = labelled.frame.take(rows)
    spreads = {
        feature.name: spread_of(frame.values[:, i], entity, frame.names.get(feature.name))
        for i, feature in enumerate(frame.features)
    }
    return replace(profile, features=spreads, rows=len(entity), entities=len(np.unique(entity)))


def compared(profile: Profile | None, labelled: LabelledFrame, share: float, seed: int) -> tuple[Shift, ...]:
    assert profile is not None
    now, then = halves(labelled, share, seed)
    learnt = profile_over(profile, labelled, then)
    return feature_shifts(learnt, labelled.frame.take(now), labelled.snapshots.take(now))


def test_without_drift_about_a_twentieth_seems_unlikely_and_next_to_nothing_is_called_drifted(
    trained: Mapping[Target, Trained], labelled: LabelledFrame
) -> None:
    """Features are correlated, so that one draw tells little: eight draws of 20% of the deals."""
    draws = [compared(trained["win"].bundle.profile, labelled, 0.2, seed) for seed in range(8)]
    unlikely = np.mean([shift.p_value <= 0.05 for shifts in draws for shift in shifts])
    assert 0.01 <= unlikely <= 0.07
    assert np.mean([shift.drifted for shifts in draws for shift in shifts]) <= 0.01
    assert sum(any(shift.drifted for shift in shifts) for shifts in draws) <= 1


def test_of_few_deals_the_customary_limit_calls_chance_drift_and_this_one_does_not(
    trained: Mapping[Target, Trained], labelled: LabelledFrame
) -> None:
    draws = [compared(trained["win"].bundle.profile, labelled, 0.07, seed) for seed in range(8)]
    customary = np.mean([shift.index > LEAST_INDEX for shifts in draws for shift in shifts])
    assert customary > 0.1
    assert np.mean([shift.drifted for shifts in draws for shift in shifts]) <= 0.05


def test_the_index_to_expect_by_chance_is_the_mean_index_without_drift(
    trained: Mapping[Target, Trained], labelled: LabelledFrame
) -> None:
    draws = [compared(trained["win"].bundle.profile, labelled, 0.3, seed) for seed in range(8)]
    found = np.mean([shift.index for shifts in draws for shift in shifts])
    said = np.mean([shift.by_chance for shifts in draws for shift in shifts])
    assert 0.8 <= said / found <= 1.4  # rare bins are given too much rather than too little


def test_rows_as_if_they_were_independent_would_call_nearly_everything_drifted(
    trained: Mapping[Target, Trained], labelled: LabelledFrame
) -> None:
    now, then = halves(labelled, 0.2, 0)
    profile = trained["win"].bundle.profile
    assert profile is not None
    each = Snapshots(np.arange(len(labelled.snapshots)), labelled.snapshots.as_of)
    naive = replace(labelled, snapshots=each)
    learnt = profile_over(profile, naive, then)
    shifts = feature_shifts(learnt, naive.frame.take(now), naive.snapshots.take(now))
    assert np.mean([shift.beyond_chance for shift in shifts]) > 0.3


def test_a_planted_shift_is_found_and_said_in_words(
    trained: Mapping[Target, Trained], labelled: LabelledFrame
) -> None:
    profile = trained["win"].bundle.profile
    assert profile is not None
    now, then = halves(labelled, 0.3, 1)
    frame = labelled.frame.take(now)
    names = [feature.name for feature in frame.features]
    values = frame.values.copy()
    values[:, names.index("activities_30d")] *= 2
    lost = np.random.default_rng(0).random(len(values)) < 0.4
    values[lost, names.index("days_in_stage")] = np.nan
    moved = FeatureFrame(frame.features, values, frame.names)
    learnt = profile_over(profile, labelled, then)
    found = {s.name: s for s in feature_shifts(learnt, moved, labelled.snapshots.take(now))}
    assert found["activities_30d"].drifted
    assert found["days_in_stage"].drifted
    assert found["days_in_stage"].moved == "not given"
    assert found["days_in_stage"].after - found["days_in_stage"].before == pytest.approx(0.4, abs=0.05)
    others = [s for s in found.values() if s.name not in {"activities_30d", "days_in_stage"}]
    assert sum(s.drifted for s in others) <= 0.05 * len(others)


def test_a_text_that_takes_over_is_found_by_its_word() -> None:
    rng = np.random.default_rng(0)
    deals = np.arange(500)
    then = spread_of(rng.integers(0, 2, 500).astype(float), deals, ("inbound", "partner"))
    now = then.bins((rng.random(500) < 0.8).astype(float), ("inbound", "campaign"))
    (shift,) = judged([shift_of("source", then, 500, now, deals, say=0.1)], LEAST_INDEX)
    assert shift.drifted
    assert shift.moved == "other texts"


def test_what_never_varied_and_does_not_now_has_not_drifted() -> None:
    then = spread_of(np.zeros(100), np.arange(100))
    still = shift_of("x", then, 100, then.bins(np.zeros(50)), np.arange(50), say=0)
    other = shift_of("x", then, 100, then.bins(np.ones(50)), np.arange(50), say=0)
    assert still.p_value == 1
    assert still.index == 0
    assert other.p_value < 1e-6


def test_a_little_but_certain_shift_is_beyond_chance_and_no_drift() -> None:
    rng = np.random.default_rng(3)
    deals = np.arange(100_000)
    then = spread_of(rng.normal(size=len(deals)), deals)
    now = then.bins(rng.normal(0.05, 1, size=len(deals)))
    (shift,) = judged([shift_of("x", then, len(deals), now, deals, say=0)], LEAST_INDEX)
    assert shift.beyond_chance
    assert not shift.drifted


def test_a_reason_that_grows_by_more_than_its_errors_is_unlikely_by_chance() -> None:
    same = shift_of_mean("stage", Mean(0.10, 0.01), Mean(0.11, 0.01))
    more = shift_of_mean("stage", Mean(0.10, 0.01), Mean(0.16, 0.01))
    assert same.p_value == pytest.approx(0.4795, abs=1e-3)
    assert more.p_value < 1e-4


def test_the_correction_is_that_of_benjamini_and_hochberg() -> None:
    """The 15 p-values of their paper (1995, section 3.3), of which the first four are rejected at 5%."""
    p = np.array(
        [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
         0.6528, 0.7590, 1.0]
    )  # fmt: skip
    shuffled = np.random.default_rng(0).permutation(len(p))
    adjusted = benjamini_hochberg(p[shuffled])
    assert sorted(p[shuffled][adjusted <= 0.05]) == [0.0001, 0.0004, 0.0019, 0.0095]


def world(deals: int, seed: int) -> tuple[FloatArray, FloatArray, IntArray]:
    """True probabilities, what came of them, and whose: five snapshots a deal, one fate for all of them."""
    rng = np.random.default_rng(seed)
    of_deal = np.repeat(rng.normal(size=deals), 5)
    probability = 1 / (1 + np.exp(-(of_deal + 0.3 * rng.normal(size=deals * 5))))
    fate = np.repeat(rng.random(deals), 5)
    return probability, (fate < probability).astype(float), np.repeat(np.arange(deals), 5)


def test_the_figures_promised_without_labels_are_those_that_come_about_where_probabilities_are_true() -> None:
    probability, label, entity = world(4000, 0)
    promised = expected(probability, entity)
    found = forward_metrics(probability, label, np.ones(len(label)))
    assert promised.log_loss.value == pytest.approx(found["log_loss"], abs=0.01)
    assert promised.roc_auc.value == pytest.approx(found["roc_auc"], abs=0.01)
    right = np.mean((probability >= 0.5) == (label == 1))
    assert promised.accuracy.value == pytest.approx(right, abs=0.015)
    assert promised.log_loss.interval.low <= promised.log_loss.value <= promised.log_loss.interval.high


def test_a_constant_probability_promises_to_tell_nothing_apart() -> None:
    promised = expected(np.full(50, 0.3), np.arange(50))
    assert promised.roc_auc.value == pytest.approx(0.5)
    assert promised.accuracy.value == pytest.approx(0.7)
    assert promised.log_loss.value == pytest.approx(-0.3 * np.log(0.3) - 0.7 * np.log(0.7))


def test_true_probabilities_are_called_off_no_more_often_than_one_time_in_twenty_or_so() -> None:
    off = 0
    for seed in range(40):
        probability, label, entity = world(80, seed)
        off += calibration_check(probability, label, np.ones(len(label)), entity, seed).off
    assert off <= 5


def test_probabilities_that_promise_too_much_are_called_off() -> None:
    probability, label, entity = world(300, 1)
    odds = probability / (1 - probability) * 3
    check = calibration_check(odds / (1 + odds), label, np.ones(len(label)), entity)
    assert check.off
    assert check.error > 2 * check.by_chance
    assert check.entities == 300


@pytest.fixture(scope="module")
def report() -> DriftReport:
    """A model of eight months ago, and the 90 days up to now."""
    data = make_sample(2_000, seed=1, dirt=False).data
    bundle = train_target(open_source(data, data.watermark() - 240 * DAY), "win").bundle
    return watch(bundle, data, data.watermark(), 90)


def test_the_promised_figures_are_near_those_of_the_sample_once_its_labels_are_due(
    report: DriftReport,
) -> None:
    assert report.calibration is not None
    assert report.expected.log_loss.value == pytest.approx(report.calibration.log_loss, abs=0.06)
    assert report.expected.roc_auc.value == pytest.approx(report.calibration.roc_auc, abs=0.08)


def test_a_report_counts_deals_and_is_plain_json(report: DriftReport) -> None:
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert told["entities"] == report.entities < report.rows == told["rows"]
    assert told["overlap"] == 0
    assert told["verdict"] in {"holds", "watch", "retrain"}
    assert told["line"].startswith(f"win: {sum(s.drifted for s in report.features)} of ")
    assert len(told["features"]) == len(report.features)
    assert sum(b["n"] for b in told["calibration"]["reliability"]) >= told["calibration"]["entities"]


def test_what_grows_with_the_firm_is_seen(report: DriftReport) -> None:
    assert "rep_closed_deals" in {shift.name for shift in report.features if shift.drifted}


def test_the_verdict_follows_calibration_probabilities_and_the_say_of_what_drifted(
    report: DriftReport,
) -> None:
    calm = replace(
        report,
        features=tuple(replace(s, drifted=False) for s in report.features),
        reasons=tuple(replace(s, drifted=False) for s in report.reasons),
        probability=replace(report.probability, drifted=False),
        calibration=None,
        overlap=0.4,
    )
    assert calm.verdict == "holds"
    assert calm.drifted == ()
    assert "calibration not known yet: holds" in calm.line()
    one = replace(calm.features[0], drifted=True, say=0.1)
    assert replace(calm, features=(one,)).verdict == "watch"
    assert replace(calm, features=(replace(one, say=0.3),)).verdict == "retrain"
    other = replace(calm, probability=replace(calm.probability, drifted=True))
    assert other.verdict == "retrain"
    assert replace(other, overlap=0.5).verdict == "watch", "what it was trained on is nothing new"
    assert report.calibration is not None
    assert (
        replace(calm, overlap=1.0, calibration=replace(report.calibration, p_value=0.001)).verdict
        == "retrain"
    )


def test_a_model_just_trained_is_told_that_its_own_snapshots_are_looked_at(
    trained: Mapping[Target, Trained], data: CanonicalData
) -> None:
    found = watch(trained["win"].bundle, data, data.watermark(), 90)
    assert found.overlap == 1
    assert found.calibration is None


def test_too_few_deals_and_bundles_without_a_profile_are_said(
    trained: Mapping[Target, Trained], data: CanonicalData
) -> None:
    bundle = trained["win"].bundle
    first = int(data["opportunities"]["created_at"].min().timestamp() * 1_000_000)  # type: ignore[union-attr]
    with pytest.raises(DataError, match=r"only \d+ deals in the 7 days before .* give more --days"):
        watch(bundle, data, first + 21 * DAY, 7)
    with pytest.raises(BundleError, match="before profiles were kept; train it again"):
        watch(replace(bundle, profile=None), data, data.watermark(), 90)
