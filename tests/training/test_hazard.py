"""The model of when: its rows, its calibration, its bundle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.build import build_features
from features.snapshots import Snapshots
from features.times import DAY, NEVER, WEEK
from training.close import LOST, OPEN, WON, load_close_bundle
from training.dataset import Source, open_source
from training.errors import BundleError, TooLittleData
from training.hazard import TrainedClose, calibrated, train_close
from training.labels import LabelPolicy, Target, eligible
from training.run import Trained
from training.timing import WEEKS, dates_of, shifted, timing_of
from training.weeks_ahead import Ends, ends_of, offsets_of, weeks_ahead

POLICY = LabelPolicy(dead_days=0)


@pytest.fixture(scope="module")
def close(source: Source, trained: Mapping[Target, Trained]) -> TrainedClose:
    return train_close(source, trained["win"])


def rows(tell: Any, closed: float | None, outcome: str | None, cutoff: float) -> list[tuple[int, int]]:
    """(end of the bucket in weeks, what came) of one snapshot on day 7 of a deal created on day 0."""
    history = tell({"d": (0, closed, outcome)})
    ends = ends_of(history, Snapshots(np.array([0]), np.array([7 * DAY])), round(cutoff * DAY), POLICY)
    found = weeks_ahead(ends)
    return [(WEEKS[b], e) for b, e in zip(found.bucket.tolist(), found.label.tolist(), strict=True)]


def test_a_deal_is_met_in_every_bucket_until_it_ends(tell: Any) -> None:
    assert rows(tell, 7 + 25, "won", 400) == [(1, OPEN), (2, OPEN), (3, OPEN), (4, WON)]
    assert rows(tell, 7 + 8, "lost", 400) == [(1, OPEN), (2, LOST)]


def test_an_end_on_the_edge_of_a_bucket_belongs_to_it(tell: Any) -> None:
    assert rows(tell, 7 + 14, "won", 400) == [(1, OPEN), (2, WON)]


def test_a_bucket_that_was_not_over_by_the_cutoff_is_left_out_whatever_came_in_it(tell: Any) -> None:
    assert rows(tell, 7 + 25, "won", 7 + 26) == [(1, OPEN), (2, OPEN), (3, OPEN)]
    assert rows(tell, None, None, 7 + 26) == [(1, OPEN), (2, OPEN), (3, OPEN)]


def test_offsets_are_the_rates_of_the_buckets(tell: Any) -> None:
    ends = Ends(
        np.full(1_000, 3 * DAY), np.array([WON] * 300 + [LOST] * 200 + [OPEN] * 500),
        np.full(1_000, 8 * DAY), np.ones(1_000, np.bool_),
    )  # fmt: skip
    ends = Ends(np.where(ends.end == OPEN, 8 * DAY, ends.after), ends.end, ends.seen, ends.counted)
    found = np.exp(offsets_of(weeks_ahead(ends))[0])
    assert found == pytest.approx([0.5, 0.3, 0.2], abs=0.02)


def test_the_calibration_says_as_many_wins_as_came_where_there_are_many() -> None:
    rng = np.random.default_rng(0)
    n, hazard = 60_000, np.full((60_000, len(WEEKS)), 0.08)
    said = timing_of(hazard, hazard, np.zeros(len(WEEKS)))
    true = shifted(said.cumulative, np.full(len(WEEKS), 0.6))
    bucket = (rng.random(n)[:, None] > true).sum(axis=1)
    win = np.full(n, 0.5)
    won = (rng.random(n) < win) & (bucket < len(WEEKS))
    after = np.array([*WEEKS, 80])[bucket] * WEEK
    ends = Ends(after, np.where(won, WON, OPEN), np.full(n, 100 * WEEK), np.ones(n, np.bool_))
    shifts = calibrated(said, win, ends, np.arange(n))
    assert shifts[:9] == pytest.approx(np.full(9, 0.6), abs=0.15)


def test_a_few_wins_move_the_calibration_little() -> None:
    n = 40
    hazard = np.full((n, len(WEEKS)), 0.08)
    ends = Ends(
        np.full(n, DAY), np.full(n, WON), np.full(n, 100 * WEEK), np.ones(n, np.bool_)
    )  # all won at once
    said = timing_of(hazard, hazard, np.zeros(len(WEEKS)))
    assert abs(calibrated(said, np.full(n, 0.5), ends, np.arange(n))).max() < 0.2


def test_each_deals_curve_ends_at_the_win_probability_shown(
    source: Source, trained: Mapping[Target, Trained], close: TrainedClose
) -> None:
    win, snapshots = trained["win"].bundle, open_now(source)
    frame = build_features(source.history, snapshots, "opportunity", win.reference)
    shown = win.probability(frame)
    curve = close.bundle.timing(frame).curve(shown)
    assert np.abs(curve[:, -1] - shown).max() <= 1e-9
    assert (np.diff(curve, axis=1) >= 0).all()


def test_expected_closes_are_in_order_and_after_the_instant(source: Source, close: TrainedClose) -> None:
    snapshots = open_now(source)
    frame = build_features(source.history, snapshots, "opportunity", close.bundle.reference)
    dates = close.bundle.expected_close(frame, snapshots.as_of)
    assert (dates[:, 0] >= snapshots.as_of).all()
    assert (np.diff(dates, axis=1) >= 0).all()
    assert ((dates - snapshots.as_of[:, None]) % DAY == 0).all()
    assert dates.max() < NEVER
    step_by_step = dates_of(snapshots.as_of, close.bundle.timing(frame).quantiles())
    assert dates.tobytes() == step_by_step.tobytes()


def test_the_model_beats_the_base_rate_within_a_quarter(close: TrainedClose) -> None:
    assert close.metrics["brier_13_weeks"] < close.metrics["baseline_base_rate_brier_13_weeks"]


def test_a_saved_bundle_says_the_same(source: Source, close: TrainedClose, tmp_path: Path) -> None:
    close.bundle.save(tmp_path / "close")
    again = load_close_bundle(tmp_path / "close")
    frame = build_features(source.history, open_now(source), "opportunity", again.reference)
    assert (again.timing(frame).cumulative == close.bundle.timing(frame).cumulative).all()
    assert again.shock == close.bundle.shock
    assert again.manifest["cutoff"] == close.bundle.manifest["cutoff"]
    assert {path.suffix for path in (tmp_path / "close").iterdir()} == {".txt", ".json", ".npz"}


def test_a_damaged_bundle_is_refused(close: TrainedClose, tmp_path: Path) -> None:
    close.bundle.save(tmp_path)
    described = json.loads((tmp_path / "bundle.json").read_text())
    described["offsets"][0][0] += 1.0
    (tmp_path / "bundle.json").write_text(json.dumps(described))
    with pytest.raises(BundleError, match="golden rows are off"):
        load_close_bundle(tmp_path)
    (tmp_path / "model.txt").write_text("no trees")
    with pytest.raises(BundleError, match=r"model\.txt"):
        load_close_bundle(tmp_path)


def test_too_short_a_past_is_an_error_that_says_so(source: Source, trained: Mapping[Target, Trained]) -> None:
    early = open_source(source.data, int(source.history.opportunities.created_at.min()) + 30 * DAY)
    with pytest.raises(TooLittleData, match="longer history"):
        train_close(early, trained["win"])


def open_now(source: Source) -> Snapshots:
    """The deals open at the cut-off."""
    everything = np.arange(len(source.history.opportunities.ids))
    asked = Snapshots(everything, np.full(len(everything), source.cutoff))
    return asked.take(eligible("win", source.history, asked))
