"""Training of one target from a source to a bundle."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from features.times import FloatArray, IntArray
from training.bundle import GOLDEN_ROWS, Bundle
from training.dataset import LabelledFrame, Source, labelled_frame
from training.errors import TooLittleData
from training.evaluate import Evaluation, Matrix, evaluate, fit_and_calibrate, matrix_of
from training.explain import centre_of
from training.labels import ENTITY, Target
from training.models import DEFAULTS, Progress, Sample, contributions, fitted_with, margins
from training.splits import Split, forward_split

TIER_SHARES = (0.4, 0.8)  # of the calibration rows: below is "low", above "high"
GOOD_LABEL: Mapping[Target, int] = {"win": 1, "stall": 0, "churn": 0}
EXPLAINED_ROWS = 1000


@dataclass(frozen=True)
class Explained:
    """Rows of the test part, which the bundle's trees never saw, and what each feature says of them.

    Attributes:
        matrix: encoded rows x features, at most `EXPLAINED_ROWS`, spread over the part.
        contributions: SHAP values on the margin, rows x (features + 1), the last one expected margin.
    """

    matrix: FloatArray
    contributions: FloatArray


@dataclass(frozen=True)
class Trained:
    """A bundle and what is told about it in the tracking store."""

    bundle: Bundle
    evaluation: Evaluation
    split: Split
    source: Source
    explained: Explained
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the trees, over the defaults

    def params(self) -> dict[str, Any]:
        """Parameters of the run: model, split, data."""
        return {
            **dict(DEFAULTS),
            **self.settings,
            **self.split.dates(),
            "rounds": self.evaluation.rounds,
            "cutoff": self.bundle.manifest["cutoff"],
            "features": len(self.bundle.encoding.names),
            "feature_hash": self.bundle.encoding.hash,
            "data_sha256": self.bundle.manifest["data_sha256"],
            **{f"rows_{part}": rows for part, rows in self.evaluation.rows.items()},
        }


def train_target(
    source: Source,
    target: Target,
    progress: Progress | None = None,
    params: Mapping[str, Any] | None = None,
) -> Trained:
    """Evaluate the recipe forward in time, then fit it once more one step later.

    The figures are those of trees that ended before the calibration part, which ended before the
    test part. The bundle's own trees end where that calibration part ended, and its calibration
    was fitted on what had been the test part: later data than its trees saw.

    Args:
        progress: is told of the rounds of the first fit.
        params: of the trees, over the defaults.

    Raises:
        TooLittleData: there is not enough to fit, calibrate and test.
    """
    _check_entities(source, target)
    frame = labelled_frame(source, target)
    split = forward_split(target, source.history, frame.snapshots, source.cutoff, source.policy)
    matrix = matrix_of(frame)
    with fitted_with(params or {}):
        evaluation = evaluate(matrix, split, progress)
        bundle, explained = _bundle(source, matrix, split, evaluation)
    return Trained(bundle, evaluation, split, source, explained, params or {})


def _bundle(source: Source, matrix: Matrix, split: Split, evaluation: Evaluation) -> tuple[Bundle, Explained]:
    frame = matrix.frame
    fitted, later = matrix.sample(split.train, split.calibrate), matrix.sample(split.test)
    booster, platt = fit_and_calibrate(fitted, later, frame, rounds=evaluation.rounds)
    margin = margins(booster, later.matrix)
    shown = platt.probability(margin)
    why = contributions(booster, later.matrix)
    medium, high = np.quantile(shown, TIER_SHARES)
    some = _spread(len(why), EXPLAINED_ROWS)
    bundle = Bundle(
        target=frame.target,
        booster=booster,
        encoding=frame.encoding,
        platt=platt,
        centre=centre_of(frame.frame.features, why, margin, platt, later.weight),
        conventions=source.conventions,
        reference=source.reference,
        policy=source.policy,
        tiers=(float(medium), float(high)),
        typical=_typical(frame, fitted),
        reliability=evaluation.reliability,
        manifest={
            **source.manifest(),
            "withheld": list(frame.withheld),
            "split": split.dates(),
            "rows_by_part": dict(evaluation.rows),
            "entities_calibrated": _entities(frame, split),
            "metrics": dict(evaluation.metrics),
            "versions": _versions(),
        },
        golden=matrix.values[_spread(len(matrix.values), GOLDEN_ROWS)],
    )
    return bundle, Explained(later.matrix[some], why[some])


def _check_entities(source: Source, target: Target) -> None:
    """A clear word when a target cannot be trained for want of a whole table."""
    if ENTITY[target] == "account" and not len(source.history.orders):
        raise TooLittleData(f"{target}: the data set has no orders, without which churn cannot be learnt")


def _typical(frame: LabelledFrame, sample: Sample) -> dict[str, float]:
    """The median of each numeric feature among the rows for which things went well."""
    good = sample.matrix[sample.label == GOOD_LABEL[frame.target]]
    found = {}
    for i, feature in enumerate(frame.frame.features):
        values = good[:, i][~np.isnan(good[:, i])]
        if not feature.is_category and len(values):
            found[feature.name] = float(np.median(values))
    return found


def _entities(frame: LabelledFrame, split: Split) -> int:
    """Distinct deals or accounts behind the bundle's calibration."""
    rows = np.flatnonzero(split.test.rows)[split.test.known]
    return len(np.unique(frame.snapshots.entity[rows]))


def _spread(total: int, count: int) -> IntArray:
    """`count` positions spread evenly over `total` rows."""
    return np.unique(np.linspace(0, total - 1, count).astype(np.int64))


def _versions() -> dict[str, str]:
    names = ("dealcast", "lightgbm", "numpy", "polars", "scikit-learn")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
