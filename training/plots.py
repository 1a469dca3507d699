"""Plots of a trained model: how true, how sharp, how useful, and what speaks in it.

Needs the `explain` extra (matplotlib and shap). Nothing is fitted, predicted or explained here: the
test part's predictions come with the evaluation, the SHAP values with the bundle's making.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from training.encoding import Encoding
from training.evaluate import Evaluation, Judged
from training.explain import Explained
from training.metrics import Bin, lifts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE, DPI = (7.0, 5.0), 100
STRONGEST = 3  # features with a dependence plot of their own
SWARM = 15  # rows of the beeswarm, the last one for all other features
_BLUE, _GREY = "#1f5fa8", "#888888"


def draw(evaluation: Evaluation, explained: Explained, encoding: Encoding) -> dict[str, bytes]:
    """The plots of a forward test as PNG, by file name.

    Raises:
        ModuleNotFoundError: matplotlib or shap is not installed.
    """
    from matplotlib.figure import Figure

    shap, test = _library(), evaluation.test
    found = {
        "reliability.png": _png(reliability(Figure(SIZE), evaluation.reliability)),
        "precision_recall.png": _png(precision_recall(Figure(SIZE), test)),
        "lift.png": _png(lift_by_share(Figure(SIZE), test)),
    }
    explanation = _explanation(shap, explained, encoding.names)
    with _as_a_guest():
        found["shap_beeswarm.png"] = _png(_beeswarm(Figure((9.0, 7.0)), shap, explanation))
        for place in strongest(explained)[:STRONGEST]:
            name = encoding.names[place]
            figure = _dependence(Figure(SIZE), shap, explanation, place, encoding.vocabularies.get(name, ()))
            found[f"shap_dependence_{name}.png"] = _png(figure)
    return found


def _png(figure: Figure) -> bytes:
    """Without the version of the library, so that the same model gives the same file."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    return file.getvalue()


def strongest(explained: Explained) -> list[int]:
    """Positions of the features that say anything, by their mean absolute SHAP value, largest first."""
    mean = np.abs(explained.contributions[:, :-1]).mean(axis=0)
    order = np.argsort(-mean, kind="stable")
    return [int(place) for place in order if mean[place] > 0]


def _library() -> Any:
    """The shap library, whose import calls what matplotlib is about to take away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    return shap


@contextmanager
def _as_a_guest() -> Iterator[None]:
    """The library warns of its own calls, and scatters points by the global generator."""
    before = np.random.get_state()
    np.random.seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(before)


def reliability(figure: Figure, table: Sequence[Bin]) -> Figure:
    """What came true over what was said, each point with its count of distinct entities."""
    axes = figure.subplots()
    said, came = [row.mean for row in table], [row.observed for row in table]
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", label="said = came true")
    axes.plot(said, came, color=_BLUE, marker="o", label="forward test")
    for row in table:
        axes.annotate(f"n = {row.n:,}", (row.mean, row.observed), xytext=(6, -12), textcoords="offset points")
    _named(axes, "Reliability, n = distinct deals or accounts", "probability said", "share that came true")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    return figure


def precision_recall(figure: Figure, test: Judged) -> Figure:
    """How many of the chosen are positive, by the share of all positives that is found; weighted."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(test.label, test.probability, sample_weight=test.weight)
    rate = float(np.average(test.label, weights=test.weight))
    axes = figure.subplots()
    axes.plot(recall, precision, color=_BLUE, label="forward test")
    axes.axhline(rate, color=_GREY, linestyle="--", label=f"base rate {rate:.0%}")
    _named(
        axes, "Precision and recall", "share of all positives found", "share of the chosen that are positive"
    )
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    return figure


def lift_by_share(figure: Figure, test: Judged) -> Figure:
    """The rate among those visited over the rate among all, by the share that is visited; weighted."""
    shares = np.linspace(0.02, 1, 50)
    found = lifts(test.probability, test.label, test.weight, shares.tolist())
    axes = figure.subplots()
    axes.plot(shares, found, color=_BLUE, label="forward test")
    axes.axhline(1, color=_GREY, linestyle="--", label="no model")
    _named(
        axes,
        "Lift by share visited",
        "share visited, the highest probability first",
        "lift over the base rate",
    )
    axes.set(xlim=(0, 1), ylim=(0, None))
    return figure


def _explanation(shap: Any, explained: Explained, names: Sequence[str]) -> Any:
    values = explained.contributions
    return shap.Explanation(
        values=values[:, :-1], base_values=values[:, -1], data=explained.matrix, feature_names=list(names)
    )


def _beeswarm(figure: Figure, shap: Any, explanation: Any) -> Figure:
    axes = figure.subplots()
    shap.plots.beeswarm(explanation, max_display=SWARM, ax=axes, show=False, plot_size=None)
    axes.set_xlabel("SHAP value on the margin")
    return figure


def _dependence(figure: Figure, shap: Any, explanation: Any, place: int, texts: Sequence[str]) -> Figure:
    axes = figure.subplots()
    shap.plots.scatter(explanation[:, place], color=_BLUE, x_jitter=0, ax=axes, show=False)
    if texts:
        axes.set_xticks(range(len(texts)), texts, rotation=45, ha="right")
    axes.set_ylabel("SHAP value on the margin")
    return figure


def _named(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    axes.legend(loc="best", frameon=False)
