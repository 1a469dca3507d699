"""The forward test looks at whole deals drawn by lot where there are many, and at all where there are few."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from features.snapshots import Snapshots
from training import forward_sample as module
from training.card import model_card
from training.dataset import LabelledFrame, Source, labelled_frame
from training.forward_sample import forward_sample
from training.importance import importance
from training.run import Trained, train_frame
from training.splits import Split, forward_split


@pytest.fixture(scope="module")
def frame(source: Source) -> LabelledFrame:
    return labelled_frame(source, "stall")


@pytest.fixture(scope="module")
def split(source: Source, frame: LabelledFrame) -> Split:
    return forward_split("stall", source.history, frame.snapshots, source.cutoff, source.policy)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a small sample exceeds."""
    for name, limit in (("MOST_FITTED", 3_000), ("MOST_JUDGED", 800), ("LEAST_OF_EITHER", 100)):
        monkeypatch.setattr(module, name, limit)


def parts(split: Split) -> dict[str, np.ndarray]:
    names = ("train", "calibrate", "test", "before_test")
    return {name: getattr(split, name) for name in names}


def test_up_to_the_limits_everything_is_looked_at(split: Split, frame: LabelledFrame) -> None:
    forward = forward_sample(split, frame.snapshots.entity)
    assert dict(forward.shares) == {}
    for name, part in parts(forward.split).items():
        assert part is getattr(split, name)
    assert forward.typical is split.everything
    assert (forward.remembered == (split.train.rows | split.calibrate.rows | split.test.rows)).all()


@pytest.mark.usefixtures("few")
def test_a_deal_is_looked_at_with_all_its_snapshots_of_a_part_or_not_at_all(
    split: Split, frame: LabelledFrame
) -> None:
    entity = frame.snapshots.entity
    forward = forward_sample(split, entity)
    for name, part in parts(forward.split).items():
        before = getattr(split, name)
        drawn = np.isin(entity, entity[part.rows])
        assert 0 < part.rows.sum() < before.rows.sum()
        assert (part.rows == (before.rows & drawn)).all()
        kept = part.rows[before.rows]
        np.testing.assert_array_equal(part.labels.value, before.labels.value[kept])
        np.testing.assert_array_equal(part.labels.after, before.labels.after[kept])
    assert forward.split.everything is split.everything
    assert set(entity[forward.split.train.rows]) <= set(entity[forward.split.before_test.rows])


@pytest.mark.usefixtures("few")
def test_about_as_many_rows_are_looked_at_as_the_limits_say(split: Split, frame: LabelledFrame) -> None:
    drawn = forward_sample(split, frame.snapshots.entity).split
    assert drawn.before_test.known.sum() == pytest.approx(3_000, rel=0.15)
    assert drawn.calibrate.known.sum() == pytest.approx(800, rel=0.2)
    assert drawn.test.known.sum() == pytest.approx(800, rel=0.2)


def test_where_a_label_is_rare_more_deals_are_drawn(
    split: Split, frame: LabelledFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_JUDGED", 100)
    labels = split.test.labels
    value = np.where(
        labels.value == 1, np.where(np.arange(len(labels.value)) % 10 == 0, 1.0, 0.0), labels.value
    )
    rare = replace(split, test=replace(split.test, labels=replace(labels, value=value)))
    least = int(value.sum()) // 2
    monkeypatch.setattr(module, "LEAST_OF_EITHER", least)
    drawn = forward_sample(rare, frame.snapshots.entity).split.test
    assert drawn.labels.value[drawn.known].sum() == pytest.approx(least, rel=0.4)
    assert drawn.known.sum() > 200


@pytest.mark.usefixtures("few")
def test_the_lots_follow_the_seed_of_the_trees_and_nothing_else(split: Split, frame: LabelledFrame) -> None:
    first, again = (forward_sample(split, frame.snapshots.entity).split.test.rows for _ in range(2))
    other = forward_sample(split, frame.snapshots.entity, {"seed": 8}).split.test.rows
    assert (first == again).all()
    assert (first != other).any()


@pytest.fixture(scope="module")
def drawn(source: Source, frame: LabelledFrame, split: Split) -> tuple[Trained, Trained]:
    """The same trained twice, with limits that bite."""
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in (("MOST_FITTED", 3_000), ("MOST_JUDGED", 1_500), ("LEAST_OF_EITHER", 100)):
            patch.setattr(module, name, limit)
        first, again = (train_frame(source, frame, split) for _ in range(2))
    return first, again


def test_a_training_on_lots_gives_the_same_files_to_the_byte(
    drawn: tuple[Trained, Trained], tmp_path: Path
) -> None:
    for trained, name in zip(drawn, ("first", "again"), strict=True):
        trained.bundle.save(tmp_path / name)
    for file in sorted((tmp_path / "first").iterdir()):
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_the_manifest_the_profile_and_the_card_say_how_much_was_looked_at(
    drawn: tuple[Trained, Trained], split: Split
) -> None:
    trained = drawn[0]
    manifest, profile = trained.bundle.manifest, trained.bundle.profile
    assert profile is not None
    assert set(manifest["shares_by_part"]) == {"train", "calibrate", "test"}
    assert manifest["rows_by_part"]["test"] == trained.split.test.known.sum() < split.test.known.sum()
    assert profile.rows == pytest.approx(1_500, rel=0.2)
    card = model_card(trained, importance(trained.bundle), "a firm")
    share = manifest["shares_by_part"]["test"]
    assert f"drawn by lot: {manifest['shares_by_part']['train']:.0%} in the train part" in card
    assert f"{share:.0%} in the test part" in card


def test_more_trees_are_served_than_the_drawn_deals_carry(
    drawn: tuple[Trained, Trained], split: Split, frame: LabelledFrame
) -> None:
    trained = drawn[0]
    ratio = split.train.known.sum() / trained.split.train.known.sum()
    trees = trained.bundle.booster.num_trees()
    assert trees == round(trained.evaluation.rounds * min(ratio**0.25, 1.5)) > trained.evaluation.rounds
    assert trained.params()["rounds"] == trees
    assert trained.twin.booster.num_trees() == trained.evaluation.rounds
    assert forward_sample(split, frame.snapshots.entity).served(100) == 100


def test_a_training_on_all_says_nothing_of_lots(source: Source, frame: LabelledFrame, split: Split) -> None:
    trained = train_frame(source, frame, split, rounds=5)
    assert "shares_by_part" not in trained.bundle.manifest
    assert "by lot" not in model_card(trained, importance(trained.bundle), "a firm")
    assert trained.bundle.booster.num_trees() == trained.evaluation.rounds == 5


def test_the_served_trees_see_the_rows_that_no_lot_chose(
    drawn: tuple[Trained, Trained], split: Split
) -> None:
    own = lgb.Booster(model_str=drawn[0].bundle.booster.model_to_string())
    root = own.dump_model()["tree_info"][0]["tree_structure"]
    assert root["internal_count"] > drawn[0].split.before_test.known.sum() * 1.1
    assert root["internal_count"] <= split.everything.known.sum()


def test_snapshots_of_accounts_are_drawn_alike(source: Source) -> None:
    frame = labelled_frame(source, "churn")
    snapshots = frame.snapshots
    assert isinstance(snapshots, Snapshots)
    split = forward_split("churn", source.history, snapshots, source.cutoff, source.policy)
    assert dict(forward_sample(split, snapshots.entity).shares) == {}
