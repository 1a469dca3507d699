"""A bundle on disk: the same bits back, any damage said plainly, nothing in it that could run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.frame import FeatureFrame
from training.bundle import GOLDEN_ROWS, Bundle, load_bundle
from training.errors import BundleError, FrameMismatch
from training.labels import TARGETS, Target
from training.run import Trained

FILES = {"model.txt", "bundle.json", "golden.json", "profile.json", "reference.npz"}


@pytest.fixture(scope="module")
def saved(trained: Mapping[Target, Trained], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundles of all targets, each in its folder."""
    folder = tmp_path_factory.mktemp("bundles")
    for target, made in trained.items():
        made.bundle.save(folder / target)
    return folder


@pytest.fixture
def win(saved: Path, tmp_path: Path) -> Path:
    """A bundle's folder to be spoilt."""
    return Path(shutil.copytree(saved / "win", tmp_path / "bundle"))


def edit(path: Path, change: Callable[[Any], None]) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def values_of(bundle: Bundle) -> dict[str, Any]:
    """Everything but the trees and the golden rows."""
    return {
        k: v
        for k, v in vars(bundle).items()
        if k not in {"booster", "golden", "manifest", "conventions", "reference"}
    } | {"reference": bundle.reference.hash}


@pytest.mark.parametrize("target", TARGETS)
def test_a_loaded_bundle_says_the_same_to_the_bit(
    trained: Mapping[Target, Trained], frames: Mapping[Target, FeatureFrame], saved: Path, target: Target
) -> None:
    made, bundle, frame = trained[target].bundle, load_bundle(saved / target), frames[target]
    assert bundle.probability(frame).tobytes() == made.probability(frame).tobytes()
    (before, why_before), (after, why_after) = made.explained(frame), bundle.explained(frame)
    assert before.tobytes() == after.tobytes() == made.probability(frame).tobytes()
    assert why_before.points.tobytes() == why_after.points.tobytes()
    assert why_before.base_rate == why_after.base_rate


@pytest.mark.parametrize("target", TARGETS)
def test_a_loaded_bundle_has_everything_it_was_saved_with(
    trained: Mapping[Target, Trained], saved: Path, target: Target
) -> None:
    made, bundle = trained[target].bundle, load_bundle(saved / target)
    assert values_of(bundle) == values_of(made)
    assert bundle.conventions == made.conventions
    assert bundle.manifest == json.loads(json.dumps(dict(made.manifest)))
    np.testing.assert_array_equal(bundle.golden, made.golden)
    assert bundle.golden.shape == (GOLDEN_ROWS, len(bundle.encoding.names))


def test_a_bundle_saved_again_has_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    load_bundle(saved / "win").save(tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (saved / "win" / name).read_bytes(), name


@pytest.mark.parametrize("target", TARGETS)
def test_a_bundle_is_text_and_tables_and_no_pickle(saved: Path, target: Target) -> None:
    assert {path.name for path in (saved / target).iterdir()} == FILES
    for path in (saved / target).iterdir():
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as read:
                assert len(read["rows"])
        else:
            path.read_text(encoding="utf-8")
    assert (saved / target / "model.txt").read_text().startswith("tree\n")


@pytest.mark.parametrize("name", ["bundle.json", "golden.json"])
@pytest.mark.parametrize("target", TARGETS)
def test_the_json_is_json_without_nan_or_infinity(saved: Path, target: Target, name: str) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads((saved / target / name).read_text(encoding="utf-8"), parse_constant=refuse)


def test_a_number_that_json_does_not_have_is_not_written(
    trained: Mapping[Target, Trained], tmp_path: Path
) -> None:
    spoilt = Bundle(**{**vars(trained["win"].bundle), "manifest": {"metrics": {"roc_auc": float("nan")}}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        spoilt.save(tmp_path)
    assert not (tmp_path / "bundle.json").exists()


def test_missing_values_among_the_golden_rows_come_back_missing(win: Path) -> None:
    rows = json.loads((win / "golden.json").read_text())["rows"]
    assert any(value is None for row in rows for value in row)
    assert np.isnan(load_bundle(win).golden).sum() == sum(value is None for row in rows for value in row)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_flipped_byte_in_the_trees_is_refused(win: Path, place: float) -> None:
    path = win / "model.txt"
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.txt is not the one the bundle was made with"):
        load_bundle(win)


def test_a_byte_that_is_no_text_is_refused(win: Path) -> None:
    path = win / "model.txt"
    path.write_bytes(b"\xff" + path.read_bytes()[1:])
    with pytest.raises(BundleError, match=r"not readable .*; fetch the bundle again"):
        load_bundle(win)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file_is_named(win: Path, name: str) -> None:
    (win / name).unlink()
    with pytest.raises(BundleError, match=f"bundle: {name} is missing; fetch the bundle again"):
        load_bundle(win)


def test_trees_without_their_digest_are_refused(win: Path) -> None:
    edit(win / "bundle.json", lambda value: value.pop("model_sha256"))
    with pytest.raises(BundleError, match=r"model\.txt is not the one the bundle was made with"):
        load_bundle(win)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nowhere: bundle.json is missing"):
        load_bundle(tmp_path / "nowhere")


def test_half_a_reference_is_refused(win: Path) -> None:
    content = (win / "reference.npz").read_bytes()
    (win / "reference.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match=r"the reference is not readable; fetch the bundle again"):
        load_bundle(win)


def test_a_reference_of_another_bundle_is_refused(win: Path) -> None:
    edit(win / "bundle.json", lambda value: value.update(reference_hash="0"))
    with pytest.raises(BundleError, match=r"the reference is not the one the bundle was made with"):
        load_bundle(win)


@pytest.mark.parametrize("name", ["bundle.json", "golden.json"])
def test_half_a_file_is_refused(win: Path, name: str) -> None:
    content = (win / name).read_bytes()
    (win / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match=r"not readable .*; fetch the bundle again"):
        load_bundle(win)


@pytest.mark.parametrize("found", [0, 1, "1", None])
def test_another_format_is_refused_with_both_numbers(win: Path, found: object) -> None:
    edit(win / "bundle.json", lambda value: value.update(format=found))
    with pytest.raises(BundleError, match=f"format {found}, this version reads 3; train again"):
        load_bundle(win)


@pytest.mark.parametrize(
    "key",
    ["target", "encoding", "platt", "centre", "conventions", "policy", "tiers", "typical", "reliability",
     "manifest"],
)  # fmt: skip
def test_a_bundle_that_lacks_a_part_is_damaged(win: Path, key: str) -> None:
    edit(win / "bundle.json", lambda value: value.pop(key))
    with pytest.raises(BundleError, match=r"bundle.json or golden.json is damaged \(KeyError\)"):
        load_bundle(win)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda golden: golden.pop("probability"), id="no probabilities"),
        pytest.param(lambda golden: golden["probability"].pop(), id="one too few"),
        pytest.param(lambda golden: golden["rows"][0].pop(), id="a short row"),
        pytest.param(lambda golden: golden.update(rows="none"), id="no rows"),
    ],
)
def test_golden_rows_that_do_not_fit_are_damage(win: Path, change: Callable[[Any], None]) -> None:
    edit(win / "golden.json", change)
    with pytest.raises(BundleError, match="damaged"):
        load_bundle(win)


def test_json_of_another_shape_is_damage(win: Path) -> None:
    (win / "bundle.json").write_text("[1, 2]")
    with pytest.raises(BundleError, match="damaged"):
        load_bundle(win)


def test_golden_rows_with_other_probabilities_than_then_are_refused(win: Path) -> None:
    def shift(golden: dict[str, list[float]]) -> None:
        golden["probability"][3] += 2e-9

    edit(win / "golden.json", shift)
    with pytest.raises(BundleError, match=r"the golden rows are off by 2e-09; this machine cannot serve it"):
        load_bundle(win)


def test_another_calibration_than_then_is_refused(win: Path) -> None:
    edit(
        win / "bundle.json", lambda value: value["platt"].update(intercept=value["platt"]["intercept"] + 0.1)
    )
    with pytest.raises(BundleError, match=r"the golden rows are off by 0\.0"):
        load_bundle(win)


def test_a_frame_of_another_entity_is_refused(
    trained: Mapping[Target, Trained], frames: Mapping[Target, FeatureFrame]
) -> None:
    with pytest.raises(FrameMismatch, match=r"missing: activities_7d.*; unexpected: orders_30d"):
        trained["win"].bundle.probability(frames["churn"])


@pytest.mark.parametrize(
    ("probability", "tier"), [(0.0, "low"), (0.2999, "low"), (0.3, "medium"), (0.6, "high"), (1.0, "high")]
)
def test_a_tier_begins_at_its_bound(trained: Mapping[Target, Trained], probability: float, tier: str) -> None:
    bundle = trained["win"].bundle
    tiered = Bundle(**{**vars(bundle), "tiers": (0.3, 0.6)})
    assert tiered.tier(probability) == tier
