"""The profile: shares by bin with errors that know deals, and a text that comes back as it went."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from training.bundle import load_bundle
from training.errors import BundleError
from training.labels import TARGETS, Target
from training.profile import MOST_TEXTS, mean_of, profile_from_json, shares_of, spread_of
from training.run import Trained

NAN = float("nan")


def test_a_number_is_spread_between_its_tenths_and_the_last_bin_is_not_given() -> None:
    values = np.array([*range(1, 11), NAN, NAN], np.float64)
    spread = spread_of(values, np.arange(12))
    assert spread.edges == (1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert spread.shares == pytest.approx([1 / 12] * 10 + [2 / 12], abs=1e-6)
    bins = spread.bins(np.array([-5.0, 1.0, 1.5, 9.0, 99.0, NAN]))
    assert bins.tolist() == [0, 0, 1, 8, 9, 10]


def test_a_number_that_is_nearly_always_0_still_tells_0_from_more() -> None:
    values = np.array([0.0] * 95 + [3.0] * 5)
    spread = spread_of(values, np.arange(100))
    assert spread.edges == (0,)
    assert spread.shares == (0.95, 0.05, 0.0)


def test_a_column_never_given_has_one_bin_for_values_and_one_for_none() -> None:
    spread = spread_of(np.full(5, NAN), np.arange(5))
    assert (spread.edges, spread.shares) == ((), (0.0, 1.0))
    assert spread.bins(np.array([1.0, NAN])).tolist() == [0, 1]


def test_a_category_keeps_its_frequent_texts_by_their_words() -> None:
    spread = spread_of(np.array([0.0, 1.0, 1.0, NAN]), np.arange(4), ("partner", "event", "never"))
    assert spread.texts == ("event", "partner")
    assert spread.shares == (0.5, 0.25, 0.0, 0.25)
    assert spread.bins(np.array([0.0, 1.0, 2.0, NAN]), ("new", "event", "partner")).tolist() == [2, 0, 1, 3]


def test_rare_texts_are_counted_as_others() -> None:
    names = tuple(f"t{i:02d}" for i in range(MOST_TEXTS + 5))
    spread = spread_of(np.arange(len(names), dtype=np.float64), np.arange(len(names)), names)
    assert len(spread.texts) == MOST_TEXTS
    assert spread.shares[-2] == pytest.approx(5 / 25)


def test_ten_rows_of_each_deal_are_worth_one() -> None:
    rng = np.random.default_rng(0)
    once = rng.integers(0, 3, 300)
    _, single = shares_of(once, 3, np.arange(300))
    _, repeated = shares_of(np.repeat(once, 10), 3, np.repeat(np.arange(300), 10))
    np.testing.assert_allclose(single, repeated)
    share = np.mean(once == 0)
    assert single[0, 0] == pytest.approx(share * (1 - share) / 299)


def test_the_error_of_a_mean_is_that_of_deals_and_not_of_rows() -> None:
    value = np.random.default_rng(1).normal(size=200)
    assert mean_of(np.repeat(value, 7), np.repeat(np.arange(200), 7)).error == pytest.approx(
        value.std(ddof=1) / np.sqrt(200), rel=1e-5
    )


@pytest.mark.parametrize("target", TARGETS)
def test_a_bundle_remembers_what_it_was_trained_on(trained: Mapping[Target, Trained], target: Target) -> None:
    bundle = trained[target].bundle
    profile = bundle.profile
    assert profile is not None
    withheld = set(bundle.manifest["withheld"])
    assert set(profile.features) == set(bundle.encoding.names) - withheld
    assert set(profile.points) == set(bundle.centre.points)
    assert sum(profile.say.values()) == pytest.approx(1, abs=1e-3)
    for spread in (*profile.features.values(), profile.probability):
        assert sum(spread.shares) == pytest.approx(1, abs=1e-4)
        assert min(spread.errors) >= 0
    assert profile.rows >= sum(trained[target].evaluation.rows.values())
    assert profile.shown_rows >= trained[target].evaluation.rows["test"]
    assert profile.shown_entities <= profile.shown_rows
    assert len(profile.to_json()) < 200_000


def test_a_profile_comes_back_from_its_text(trained: Mapping[Target, Trained]) -> None:
    profile = trained["win"].bundle.profile
    assert profile is not None
    again = profile_from_json(profile.to_json())
    assert again == profile
    assert again.to_json() == profile.to_json()


@pytest.fixture
def saved(trained: Mapping[Target, Trained], tmp_path: Path) -> Path:
    trained["stall"].bundle.save(tmp_path)
    return tmp_path


def test_a_bundle_made_before_there_were_profiles_still_loads(saved: Path) -> None:
    described = json.loads((saved / "bundle.json").read_text("utf-8"))
    del described["profile_sha256"]
    (saved / "bundle.json").write_text(json.dumps(described), encoding="utf-8")
    (saved / "profile.json").unlink()
    assert load_bundle(saved).profile is None


def test_a_lost_profile_is_said(saved: Path) -> None:
    (saved / "profile.json").unlink()
    with pytest.raises(BundleError, match=r"profile\.json is missing"):
        load_bundle(saved)


def test_another_bundles_profile_is_refused(saved: Path, trained: Mapping[Target, Trained]) -> None:
    other = trained["win"].bundle.profile
    assert other is not None
    (saved / "profile.json").write_text(other.to_json(), encoding="utf-8")
    with pytest.raises(BundleError, match=r"profile\.json is not the one"):
        load_bundle(saved)
