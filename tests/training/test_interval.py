"""The interval of a score: it holds the truth as often as it says, and it narrows with more deals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from features.frame import FeatureFrame
from features.times import FloatArray, IntArray
from training.bundle import load_bundle
from training.errors import BundleError
from training.interval import VennAbers, fit_venn_abers, p0_and_p1, venn_abers_from
from training.labels import TARGETS, Target
from training.run import Trained

WORLDS = 10
STEPS = VennAbers((0.25, 0.5), (0.1, 0.2, 0.4), (0.3, 0.45, 0.8), 60, 41.5, 0.25)


class World:
    """Deals with 1 to 19 snapshots, whose chances are known, and a model that is a little too timid."""

    def __init__(self, deals: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        strength, snapshots = rng.normal(-0.6, 1.0, deals), rng.integers(1, 20, deals)
        self.entity: IntArray = np.repeat(np.arange(deals), snapshots)
        seen = strength[self.entity] + rng.normal(0, 0.3, len(self.entity))
        chance = 1 / (1 + np.exp(-0.9 * strength))
        self.shown: FloatArray = 1 / (1 + np.exp(-0.75 * seen))
        self.truth: FloatArray = chance[self.entity]
        self.label: FloatArray = (rng.random(deals) < chance).astype(np.float64)[self.entity]
        self.weight: FloatArray = 1 / np.sqrt(snapshots)[self.entity]

    def fitted(self) -> VennAbers:
        return fit_venn_abers(self.shown, self.label, self.weight, self.entity)


LATER = World(20_000, seed=99)


def held(low: FloatArray, high: FloatArray) -> list[bool]:
    """By tenth of the shown probability (1% of the rows at least): is the mean truth within the mean ends?"""
    tenth, found = np.minimum((LATER.shown * 10).astype(int), 9), []
    for k in range(10):
        inside = tenth == k
        if inside.mean() >= 0.01:
            weight = LATER.weight[inside]
            ends = np.average(np.stack([low, LATER.truth, high])[:, inside], axis=1, weights=weight)
            found.append(bool(ends[0] <= ends[1] <= ends[2]))
    return found


@pytest.mark.parametrize("deals", [200, 2_000])
def test_the_truth_lies_within_the_interval_in_at_least_nine_of_ten_bins(deals: int) -> None:
    bins = [k for seed in range(WORLDS) for k in held(*World(deals, seed).fitted().interval(LATER.shown))]
    assert len(bins) >= 8 * WORLDS
    assert np.mean(bins) >= 0.9


def test_without_draws_of_deals_it_would_not() -> None:
    """Why p0 and p1 of the deals as they are are not shown: they hold the truth in two of three bins."""
    bins: list[bool] = []
    for seed in range(WORLDS):
        world = World(2_000, seed)
        middle = np.searchsorted(world.entity, np.arange(2_000)) + np.bincount(world.entity) // 2
        edges = np.array(world.fitted().edges)
        low, high = p0_and_p1(np.searchsorted(edges, world.shown[middle], "right"), world.label[middle], 100)
        cell = np.searchsorted(edges, LATER.shown, "right")
        bins += held(np.minimum(low[cell], LATER.shown), np.maximum(high[cell], LATER.shown))
    assert 0.5 < np.mean(bins) < 0.85


def test_ten_times_the_deals_make_the_interval_less_than_half_as_wide() -> None:
    few, many = (np.median([World(n, s).fitted().median_width for s in range(5)]) for n in (200, 2_000))
    assert 0.2 < few < 0.3
    assert 0.09 < many < 0.14
    assert many < few / 2


def test_every_snapshot_four_times_tells_nothing_new() -> None:
    world = World(300, seed=3)
    rows = np.repeat(np.arange(len(world.shown)), 4)
    again = fit_venn_abers(world.shown[rows], world.label[rows], world.weight[rows], world.entity[rows])
    once = world.fitted()
    assert (again.entities, again.effective) == (once.entities, pytest.approx(once.effective))
    assert again.median_width == pytest.approx(once.median_width, rel=0.1)


def test_labels_of_which_half_are_not_known_yet_are_made_up_for_by_weights() -> None:
    """Half of the losses are unknown; the other half weigh double, and the truth is held all the same."""
    weighted: list[bool] = []
    plain: list[bool] = []
    for seed in range(WORLDS):
        world = World(2_000, seed)
        known = (world.label == 1) | (np.random.default_rng(seed).random(2_000) < 0.5)[world.entity]
        weight = np.where(world.label == 1, 1.0, 2.0) * world.weight
        rows = (world.shown[known], world.label[known])
        for bins, weights in ((weighted, weight), (plain, world.weight)):
            fitted = fit_venn_abers(*rows, weights[known], world.entity[known])
            bins.extend(held(*fitted.interval(LATER.shown)))
    assert np.mean(weighted) >= 0.9
    assert np.mean(plain) < 0.7


@pytest.mark.parametrize("seed", range(20))
def test_p0_and_p1_are_isotonic_regressions_with_one_deal_more(seed: int) -> None:
    rng = np.random.default_rng(seed)
    deals, cells = int(rng.integers(1, 60)), int(rng.integers(1, 12))
    cell, label = rng.integers(cells, size=deals), (rng.random(deals) < rng.random()).astype(np.float64)
    found = p0_and_p1(cell, label, cells)
    for k in range(cells):
        for came in (0, 1):
            one_more = IsotonicRegression().fit(np.append(cell, k), np.append(label, came))
            assert found[came, k] == pytest.approx(one_more.predict([k])[0], abs=1e-9)


def test_it_leaves_numpy_s_error_state_as_it_was() -> None:
    before = np.geterr()
    p0_and_p1(np.array([0, 1]), np.array([0.0, 1.0]), 2)
    assert np.geterr() == before


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_few_deals_that_all_ended_alike_leave_the_other_end_open(label: float) -> None:
    shown = np.linspace(0.4, 0.6, 6)
    found = fit_venn_abers(shown, np.full(6, label), np.ones(6), np.arange(6))
    low, high = found.interval(np.array([0.5]))
    expected = (0, 0.5) if label == 0 else (0.5, 1)
    assert (low[0], high[0]) == pytest.approx(expected)  # 1 of 7, widened to what is shown


def test_rows_that_weigh_nothing_and_shared_probabilities_do_no_harm() -> None:
    shown, label = np.full(60, 0.3), np.arange(60) % 3 == 0
    one = fit_venn_abers(shown, label.astype(np.float64), np.ones(60), np.arange(60))
    assert (one.edges, len(one.lows)) == ((), 1)
    more = (np.append(shown, 0.9), np.append(label, 1.0), np.append(np.ones(60), 0.0), np.arange(61))
    assert fit_venn_abers(*more) == one


def test_a_cell_begins_at_its_edge_and_the_shown_number_is_held() -> None:
    shown = np.array([0.0, 0.2499, 0.25, 0.48, 0.5, 0.9, np.nan])
    low, high = STEPS.interval(shown)
    np.testing.assert_array_equal(low, [0.0, 0.1, 0.2, 0.2, 0.4, 0.4, np.nan])
    np.testing.assert_array_equal(high, [0.3, 0.3, 0.45, 0.48, 0.8, 0.9, np.nan])


def test_one_row_and_many_have_the_same_interval() -> None:
    found, shown = World(300, seed=1).fitted(), LATER.shown[:500]
    each = [tuple(end[0] for end in found.interval(shown[k : k + 1])) for k in range(500)]
    assert each == list(zip(*found.interval(shown), strict=True))


def test_it_survives_json_to_the_bit_and_the_same_rows_give_the_same() -> None:
    found = World(300, seed=2).fitted()
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert venn_abers_from(json.loads(text)) == found == World(300, seed=2).fitted()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("edges", [0.25], "1 edges, 3 lows and 3 highs do not fit"),
        ("edges", [0.5, 0.5], "the edges do not increase"),
        ("lows", [0.1, 0.05, 0.4], "no rising intervals"),
        ("lows", [0.1, 0.2, 0.9], "no rising intervals"),
        ("lows", [0.1, 0.2, None], "float"),
        ("lows", [float("nan"), 0.2, 0.4], "no rising intervals"),
        ("highs", [0.3, 0.45, 1.5], "no rising intervals"),
    ],
)
def test_steps_that_are_none_are_refused(name: str, value: object, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        venn_abers_from({**STEPS.to_dict(), name: value})


@pytest.mark.parametrize("target", TARGETS)
def test_a_bundle_keeps_its_intervals_and_each_holds_its_probability(
    trained: Mapping[Target, Trained], frames: Mapping[Target, FeatureFrame], target: Target, tmp_path: Path
) -> None:
    bundle = trained[target].bundle
    bundle.save(tmp_path)
    loaded = load_bundle(tmp_path)
    assert loaded.venn_abers == bundle.venn_abers
    shown = loaded.probability(frames[target])
    low, high = loaded.interval(shown)
    assert ((low >= 0) & (low <= shown) & (shown <= high) & (high <= 1)).all()
    assert (high > low).all()
    assert loaded.venn_abers is not None
    assert loaded.venn_abers.entities == len(np.unique(trained[target].evaluation.test.entity))
    assert loaded.venn_abers.entities < loaded.manifest["entities_calibrated"]


def test_the_twin_of_the_forward_test_has_no_interval(trained: Mapping[Target, Trained]) -> None:
    """It must know nothing of the part on which it is held against the champion."""
    assert trained["win"].twin.venn_abers is None


def test_a_bundle_from_before_loads_and_has_none(trained: Mapping[Target, Trained], tmp_path: Path) -> None:
    trained["win"].bundle.save(tmp_path)
    described = json.loads((tmp_path / "bundle.json").read_text())
    del described["venn_abers"]
    (tmp_path / "bundle.json").write_text(json.dumps(described))
    loaded = load_bundle(tmp_path)
    assert np.isnan(loaded.interval(np.array([0.5]))).all()
    assert replace(trained["win"].bundle, venn_abers=None).venn_abers == loaded.venn_abers


def test_damaged_intervals_are_refused(trained: Mapping[Target, Trained], tmp_path: Path) -> None:
    trained["win"].bundle.save(tmp_path)
    described = json.loads((tmp_path / "bundle.json").read_text())
    described["venn_abers"]["lows"].pop()
    (tmp_path / "bundle.json").write_text(json.dumps(described))
    with pytest.raises(BundleError, match=r"damaged \(ValueError\)"):
        load_bundle(tmp_path)
