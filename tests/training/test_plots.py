"""The plots show the run's own figures, the same bytes each time, and touch nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from training.evaluate import Judged
from training.explain import Explained
from training.labels import Target
from training.metrics import Bin
from training.plots import draw, lift_by_share, precision_recall, reliability, strongest
from training.run import EXPLAINED_ROWS, Trained

TEST = Judged(
    probability=np.array([0.9, 0.8, 0.3, 0.1]),
    label=np.array([1.0, 1.0, 0.0, 0.0]),
    weight=np.ones(4),
    entity=np.arange(4),
    rows=np.arange(4),
)


@pytest.fixture(scope="module")
def drawn(trained: Mapping[Target, Trained], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plots") / "win"
    folder.mkdir()
    for name, png in plots_of(trained["win"]).items():
        (folder / name).write_bytes(png)
    return folder


def plots_of(made: Trained) -> dict[str, bytes]:
    return draw(made.evaluation, made.explained, made.bundle.encoding)


def test_each_kind_is_drawn_and_the_strongest_features_have_one_of_their_own(
    drawn: Path, trained: Mapping[Target, Trained]
) -> None:
    names = trained["win"].bundle.encoding.names
    first = [names[place] for place in strongest(trained["win"].explained)[:3]]
    assert {path.name for path in drawn.iterdir()} == {
        "reliability.png", "precision_recall.png", "lift.png", "shap_beeswarm.png",
        *(f"shap_dependence_{name}.png" for name in first),
    }  # fmt: skip
    for path in drawn.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 5_000


def test_the_same_model_gives_the_same_plots_to_the_byte_and_leaves_the_generator_alone(
    drawn: Path, trained: Mapping[Target, Trained], tmp_path: Path
) -> None:
    np.random.seed(11)
    expected = np.random.RandomState(11).random(3).tolist()
    again = plots_of(trained["win"])
    assert np.random.random(3).tolist() == expected
    for path in drawn.iterdir():
        assert path.read_bytes() == again[path.name], path.name


@pytest.mark.parametrize("target", ["stall", "churn"])
def test_the_other_targets_are_drawn_too(
    trained: Mapping[Target, Trained], target: Target, tmp_path: Path
) -> None:
    assert {"lift.png", "shap_beeswarm.png"} <= set(plots_of(trained[target]))


def test_what_is_explained_is_of_the_test_part_and_adds_up_to_the_margin(
    trained: Mapping[Target, Trained],
) -> None:
    made = trained["win"]
    explained = made.explained
    assert 0 < len(explained.matrix) <= min(EXPLAINED_ROWS, made.evaluation.rows["test"])
    margin = made.twin.booster.margins(explained.matrix)
    np.testing.assert_allclose(explained.contributions.sum(axis=1), margin, atol=1e-9)


def test_the_reliability_plot_has_a_point_and_a_count_per_row() -> None:
    table = (Bin(0.1, 0.2, 0.15, 0.1, 40), Bin(0.6, 0.7, 0.64, 0.7, 1212))
    axes = reliability(Figure(), table).axes[0]
    assert axes.lines[1].get_xydata().tolist() == [[0.15, 0.1], [0.64, 0.7]]
    assert [text.get_text() for text in axes.texts] == ["n = 40", "n = 1,212"]


def test_a_perfect_ranking_has_a_precision_of_one_and_the_greatest_lift() -> None:
    curve = precision_recall(Figure(), TEST).axes[0].lines[0].get_xydata()
    assert curve[curve[:, 0] > 0, 1].max() == 1
    lifts = dict(lift_by_share(Figure(), TEST).axes[0].lines[0].get_xydata().round(6).tolist())
    assert lifts[0.02] == 2  # all of the first are positive, half of all are
    assert lifts[1.0] == 1


def test_the_strongest_speak_loudest_and_the_silent_are_left_out() -> None:
    contributions = np.array([[0.1, -0.5, 0.0, 9.0], [0.2, 0.4, 0.0, 9.0]])  # the last: expected margin
    assert strongest(Explained(np.zeros((2, 3)), contributions)) == [1, 0]
