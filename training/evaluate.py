"""Fit on the past, calibrate later, judge later still."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.times import FloatArray, IntArray
from training.baselines import base_rate, crm_says, logistic, stage_rates
from training.calibration import AS_SAID, Platt, fit_platt
from training.censoring import censoring_weights, fitting_weights
from training.dataset import LabelledFrame
from training.gate import Verdict, verdict_of
from training.metrics import Bin, forward_metrics, reliability_table
from training.models import MOST_ROUNDS, Progress, Sample, Streamed, fit
from training.places import places_of
from training.splits import Part, Split
from training.stream import Stream
from training.trees import Trees, margins

MOST_COPIED = 500_000  # rows; beyond it a second matrix costs more than encoding them by and by


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
class Model:
    """Trees and their calibration."""

    trees: Trees
    platt: Platt

    def probability(self, matrix: FloatArray) -> FloatArray:
        """The calibrated probability of encoded rows."""
        return self.platt.probability(margins(self.trees, matrix))


@dataclass(frozen=True)
class Evaluation:
    """What a recipe was worth on a stretch of time that neither trees nor calibration saw.

    Attributes:
        rounds: trees at which the log loss on the calibration part was least.
        metrics: of the model, of the base rate and of the stage's rate, as `name` or
            `baseline_base_rate_name`, `baseline_stage_rate_name`, `baseline_logistic_name`, and where the CRM
            has a probability of its own, `baseline_crm_name`.
        reliability: what came true of what was said.
        rows: labelled snapshots per part.
        test: the test part row by row, for plots and intervals.
        margin: of the judged trees on the same rows, before any calibration.
        verdict: whether the model has earned its place.
        model: the judged one.
        calibration: for trees fitted one step later: what the trees of both steps before needed on the parts
            that followed them.
    """

    rounds: int
    metrics: Mapping[str, float]
    reliability: tuple[Bin, ...]
    rows: Mapping[str, int]
    test: Judged
    margin: FloatArray
    verdict: Verdict
    model: Model
    calibration: Platt


@dataclass(frozen=True)
class Matrix:
    """The frame as trees see it: rows are encoded when they are asked for, so that it lies in memory once.

    Attributes:
        frame: as it was built.
        hidden: positions of the features that are missing to the trees.
    """

    frame: LabelledFrame
    hidden: tuple[int, ...] = ()

    @property
    def values(self) -> FloatArray:
        """All rows x features, encoded anew each time."""
        return self.rows(np.arange(len(self.frame.frame)))

    def rows(self, places: IntArray) -> FloatArray:
        """Some rows x features, encoded."""
        values = self.frame.encoding.matrix(self.frame.frame, places)
        if self.hidden:
            values[:, list(self.hidden)] = np.nan
        return values

    def seeing(self, *names: str) -> Matrix:
        """The same with nothing but some features: what a lower rung of the ladder may know."""
        hidden = [i for i, name in enumerate(self.frame.encoding.names) if name not in names]
        return Matrix(self.frame, tuple(hidden))

    def judged(self, part: Part) -> Sample:
        """The labelled rows of a part as a model is judged on them: each weighted against its censoring."""
        weight = censoring_weights(part.labels)[part.known]
        return Sample(self.rows(self._labelled(part)), part.labels.value[part.known], weight)

    def fitted(self, part: Part) -> Sample:
        """The same rows as trees and calibrations are fitted to them."""
        return Sample(self.rows(self._labelled(part)), *self.outcomes(part))

    def streamed(self, part: Part) -> Sample | Streamed:
        """The same for trees; where the rows are many, they are encoded as the trees read them."""
        rows = self._labelled(part)
        if len(rows) <= MOST_COPIED:
            return self.fitted(part)
        return Streamed(Stream(lambda some: self.rows(rows[some]), len(rows)), *self.outcomes(part))

    def outcomes(self, part: Part) -> tuple[FloatArray, FloatArray]:
        """The label of each of the same rows, and its weight in a fit."""
        weight = fitting_weights(part.labels, self.frame.snapshots.entity[part.rows])
        return part.labels.value[part.known], weight[part.known]

    def entity(self, part: Part) -> IntArray:
        """The deal or account of each of the same rows."""
        return self.frame.snapshots.entity[part.rows][part.known]

    def _labelled(self, part: Part) -> IntArray:
        rows: IntArray = np.flatnonzero(part.rows)[part.known]
        return rows


def matrix_of(frame: LabelledFrame) -> Matrix:
    """What trees see of a labelled frame."""
    return Matrix(frame)


def evaluate(
    matrix: Matrix,
    split: Split,
    progress: Progress | None = None,
    params: Mapping[str, Any] | None = None,
    *,
    rounds: int | None = None,
    plain: bool = False,
    chosen: Callable[[int], None] | None = None,
) -> Evaluation:
    """The recipe forward in time; the test part is looked at once, here.

    Trees on the first part say on the second how many trees are best, and how the margin of trees
    is to be calibrated on later rows. Trees on all that was known when the second ended are judged
    by the third, under that calibration.

    Args:
        params: of the trees, over the defaults.
        rounds: how many trees, where the second part is not to say.
        plain: rates are shown as they are, without a calibration.
        chosen: is told how many trees are best as soon as that is known.
    """
    if rounds is not None and chosen is not None:
        chosen(rounds)
    encoding, later = matrix.frame.encoding, matrix.fitted(split.calibrate)
    early = fit(
        matrix.fitted(split.train), encoding, later=None if rounds else later, rounds=rounds or MOST_ROUNDS,
        progress=progress, params=params,
    )  # fmt: skip
    if rounds is None and chosen is not None:
        chosen(early.num_trees())
    rounds = early.num_trees()
    before = matrix.fitted(split.before_test)
    trees = fit(before, encoding, rounds=rounds, params=params)
    first = (split.calibrate, margins(early, later.matrix))
    model = Model(trees, AS_SAID if plain else calibrated(matrix, first))
    test, entity = matrix.judged(split.test), matrix.entity(split.test)
    margin = margins(trees, test.matrix)
    probability = model.platt.probability(margin)
    rows = np.flatnonzero(split.test.rows)[split.test.known]
    said = _baselines(matrix, split.before_test, rows)
    if not plain:
        said["logistic"] = logistic(before, test.matrix, encoding.category_positions)
    return Evaluation(
        rounds=rounds,
        metrics=_metrics(probability, said, test),
        reliability=reliability_table(probability, test.label, test.weight, entity),
        rows={p.name: int(p.known.sum()) for p in (split.train, split.calibrate, split.test)},
        test=Judged(probability, test.label, test.weight, entity, rows),
        margin=margin,
        verdict=verdict_of(probability, said, test.label, test.weight, entity),
        model=model,
        calibration=AS_SAID if plain else calibrated(matrix, first, (split.test, margin)),
    )


def calibrated(matrix: Matrix, *judged: tuple[Part, FloatArray]) -> Platt:
    """The calibration that trees needed on parts which they did not see.

    Args:
        judged: each part with the margin that trees ending before it have on its labelled rows.
    """
    outcomes = [matrix.outcomes(part) for part, _ in judged]
    label, weight = (np.concatenate(values) for values in zip(*outcomes, strict=True))
    _, entities = places_of(np.concatenate([matrix.entity(part) for part, _ in judged]))
    return fit_platt(np.concatenate([margin for _, margin in judged]), label, weight, entities)


def _metrics(probability: FloatArray, baselines: Mapping[str, FloatArray], test: Sample) -> dict[str, float]:
    """The metrics of the model, and the same of each baseline."""
    found = forward_metrics(probability, test.label, test.weight)
    for name, said in baselines.items():
        theirs = forward_metrics(said, test.label, test.weight)
        found |= {f"baseline_{name}_{metric}": value for metric, value in theirs.items()}
    return found


def _baselines(matrix: Matrix, part: Part, test_rows: IntArray) -> dict[str, FloatArray]:
    """What a constant and the stages' rates, learnt on a part, say of the test rows."""
    frame = matrix.frame.frame
    label, weight = part.labels.value[part.known], censoring_weights(part.labels)[part.known]
    found = {"base_rate": np.full(len(test_rows), base_rate(label, weight))}
    if "stage" in frame.columns:
        train_rows = np.flatnonzero(part.rows)[part.known]
        rates, other = stage_rates(frame, train_rows, label, weight)
        found["stage_rate"] = np.array([rates.get(stage, other) for stage in frame.texts("stage", test_rows)])
    if matrix.frame.crm:
        given = np.asarray(frame.columns[matrix.frame.crm], np.float64)[test_rows]
        found["crm"] = crm_says(given, base_rate(label, weight))
    return found
