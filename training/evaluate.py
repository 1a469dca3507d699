"""Fit on the past, calibrate later, judge later still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from features.times import FloatArray, IntArray
from training.baselines import base_rate, stage_rates
from training.calibration import Platt, fit_platt
from training.censoring import censoring_weights
from training.dataset import LabelledFrame
from training.metrics import Bin, forward_metrics, reliability_table
from training.models import Progress, Sample, fit, margins
from training.splits import Part, Split


@dataclass(frozen=True)
class Judged:
    """What was said of each row of the test part, and what came of it; one entry per labelled row.

    Attributes:
        probability: said by trees and a calibration that never saw the row, float64 in (0, 1).
        label: 0 or 1; weight: against censoring, >= 0.
        entity: the deal or account of each row, as the snapshots number them.
        rows: index of each row among all snapshots.
    """

    probability: FloatArray
    label: FloatArray
    weight: FloatArray
    entity: IntArray
    rows: IntArray


@dataclass(frozen=True)
class Evaluation:
    """What a recipe was worth on a stretch of time that neither trees nor calibration saw.

    Attributes:
        rounds: trees at which the log loss on the calibration part was least.
        metrics: of the model, of the base rate and of the stage's rate, as `name` or
            `baseline_base_rate_name`, `baseline_stage_rate_name`.
        reliability: what came true of what was said.
        rows: labelled snapshots per part.
        test: the test part row by row, for plots and intervals.
    """

    rounds: int
    metrics: Mapping[str, float]
    reliability: tuple[Bin, ...]
    rows: Mapping[str, int]
    test: Judged


@dataclass(frozen=True)
class Matrix:
    """The encoded frame with its labelled parts at hand."""

    frame: LabelledFrame
    values: FloatArray

    def sample(self, *parts: Part) -> Sample:
        """The labelled rows of some parts, each weighted against its censoring."""
        rows = np.concatenate([np.flatnonzero(part.rows)[part.known] for part in parts])
        labels = np.concatenate([part.labels.value[part.known] for part in parts])
        weights = np.concatenate([censoring_weights(part.labels)[part.known] for part in parts])
        return Sample(self.values[rows], labels, weights)


def matrix_of(frame: LabelledFrame) -> Matrix:
    """Encode a labelled frame once."""
    return Matrix(frame, frame.encoding.matrix(frame.frame))


def fit_and_calibrate(
    train: Sample, calibrate: Sample, frame: LabelledFrame, *, rounds: int | None = None,
    progress: Progress | None = None,
) -> tuple[lgb.Booster, Platt]:  # fmt: skip
    """Trees on the earlier rows, calibration on the later ones, which also stop the rounds."""
    if rounds is None:
        booster = fit(train, frame.encoding, later=calibrate, progress=progress)
    else:
        booster = fit(train, frame.encoding, rounds=rounds, progress=progress)
    platt = fit_platt(margins(booster, calibrate.matrix), calibrate.label, calibrate.weight)
    return booster, platt


def evaluate(matrix: Matrix, split: Split, progress: Progress | None = None) -> Evaluation:
    """The recipe on the split's three parts; the test part is looked at once, here."""
    train, calibrate, test = (matrix.sample(p) for p in (split.train, split.calibrate, split.test))
    booster, platt = fit_and_calibrate(train, calibrate, matrix.frame, progress=progress)
    probability = platt.probability(margins(booster, test.matrix))
    rows = np.flatnonzero(split.test.rows)[split.test.known]
    entity = matrix.frame.snapshots.entity[rows]
    return Evaluation(
        rounds=booster.current_iteration(),
        metrics=forward_metrics(probability, test.label, test.weight)
        | _baselines(matrix, split.train, train, test, rows),
        reliability=reliability_table(probability, test.label, test.weight, entity),
        rows={p.name: int(p.known.sum()) for p in (split.train, split.calibrate, split.test)},
        test=Judged(probability, test.label, test.weight, entity, rows),
    )


def _baselines(
    matrix: Matrix, train_part: Part, train: Sample, test: Sample, test_rows: IntArray
) -> dict[str, float]:
    """The same metrics of constant and of stage rates learnt on the training part."""
    constant = np.full(len(test.label), base_rate(train.label, train.weight))
    found = _named("base_rate", forward_metrics(constant, test.label, test.weight))
    frame = matrix.frame.frame
    if "stage" in frame.columns:
        train_rows = np.flatnonzero(train_part.rows)[train_part.known]
        rates, other = stage_rates(frame, train_rows, train.label, train.weight)
        of_stage = np.array([rates.get(stage, other) for stage in frame.columns["stage"][test_rows]])
        found |= _named("stage_rate", forward_metrics(of_stage, test.label, test.weight))
    return found


def _named(baseline: str, metrics: Mapping[str, float]) -> dict[str, float]:
    return {f"baseline_{baseline}_{name}": value for name, value in metrics.items()}
