"""Tables kept beside a model are those that are worked out of it; whatever is wrong with them, these are."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from training import prepared
from training.bundle import Bundle, load_bundle
from training.labels import TARGETS, Target
from training.prepared import FILE, prepared_in
from training.run import Trained
from training.trees import Trees, contributions, ready_to_explain
from training.treeshap.checked import Tried, checked


@pytest.fixture(scope="module")
def saved(trained: Mapping[Target, Trained], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundles of all targets with their tables, each in its folder."""
    folder = tmp_path_factory.mktemp("bundles")
    for target, made in trained.items():
        made.bundle.save(folder / target)
        load_bundle(folder / target).booster.keep_tables(folder / target / FILE)
    return folder


@pytest.fixture
def win(saved: Path, tmp_path: Path) -> Path:
    """A bundle's folder to be spoilt."""
    return Path(shutil.copytree(saved / "win", tmp_path / "bundle"))


def same(one: Bundle, other: Bundle) -> bool:
    rows = np.concatenate([one.golden] * 4)
    margins = one.booster.margins(rows).tobytes() == other.booster.margins(rows).tobytes()
    said = contributions(one.booster, rows).tobytes() == contributions(other.booster, rows).tobytes()
    return margins and said


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_kept_says_the_same_to_the_bit(
    trained: Mapping[Target, Trained], saved: Path, target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = load_bundle(saved / target)
    assert found.booster.prepared is not None
    assert same(found, trained[target].bundle)
    assert not caplog.records


def test_tables_of_another_model_or_of_other_code_are_not_used(
    trained: Mapping[Target, Trained], saved: Path, win: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(saved / "churn" / FILE, win / FILE)
    found = load_bundle(win)
    assert found.booster.prepared is None
    assert same(found, trained["win"].bundle)
    monkeypatch.setattr(prepared, "_code", lambda: b"another version")
    assert load_bundle(saved / "win").booster.prepared is None


@pytest.mark.parametrize("spoil", ["cut", "empty", "text", "flipped"])
def test_damaged_tables_are_worked_out_anew(trained: Mapping[Target, Trained], win: Path, spoil: str) -> None:
    whole = bytearray((win / FILE).read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    cut = whole[: len(whole) // 3]
    texts = {"cut": bytes(cut), "empty": b"", "text": b"no tables", "flipped": bytes(whole)}
    (win / FILE).write_bytes(texts[spoil])
    found = load_bundle(win)
    assert found.booster.prepared is None
    assert same(found, trained["win"].bundle)


def test_who_loads_kept_tables_holds_them_against_lightgbm_without_loading_it(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Trees) -> None:
        raise AssertionError("LightGBM is loaded")

    monkeypatch.setattr(Trees, "library", property(refuse))
    found = load_bundle(saved / "win").booster
    kept = found.prepared
    assert kept is not None
    assert kept.reasons is not None
    assert kept.tried is not None
    assert len(kept.tried.rows) > 2
    other = Trees(found.model_to_string(), saved / "win" / FILE)
    with pytest.raises(AssertionError, match="LightGBM is loaded"):
        ready_to_explain(other, kept.tried.rows[:1])  # of other rows it is asked
    wrong = np.where(np.arange(kept.tried.values.shape[1]), kept.tried.values, 1.0)
    assert (
        "are off by"
        in checked(found, kept.tried.rows[:-2], kept.reasons, Tried(kept.tried.rows, wrong)).why_slow
    )


def test_what_cannot_be_written_leaves_nothing_behind(saved: Path, tmp_path: Path) -> None:
    trees = Trees((saved / "win" / "model.txt").read_text(encoding="utf-8"))
    with pytest.raises(OSError, match="No such file"):
        trees.keep_tables(tmp_path / "not there" / FILE)
    trees.keep_tables(tmp_path / FILE)  # never explained yet: its way down the trees alone
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    found = prepared_in(tmp_path / FILE, trees.model_to_string())
    assert found is not None
    assert found.reasons is None
    again = Trees(trees.model_to_string(), tmp_path / FILE)
    rows = load_bundle(saved / "win").golden
    assert contributions(again, rows).tobytes() == contributions(trees, rows).tobytes()
