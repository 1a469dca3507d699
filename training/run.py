"""Training of one target from a source to a bundle."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from features.times import FloatArray, IntArray, iso
from training.beside import Beside
from training.bundle import GOLDEN_ROWS, Bundle
from training.code import code_sha256, inputs_sha256
from training.dataset import LabelledFrame, Source, labelled_frame
from training.errors import TooLittleData
from training.evaluate import Evaluation, Matrix, Model, evaluate, matrix_of
from training.explain import Explained, Features, centre_of, ledger
from training.forward_sample import Forward, forward_sample
from training.gate import Rung
from training.interval import VennAbers, fit_venn_abers
from training.labels import ENTITY, Target
from training.models import DEFAULTS, Progress, Sample, fit
from training.profile import Profile, Shown, profile_of
from training.splits import Split, forward_split
from training.stability import stability_of
from training.trees import Trees, contributions, margins

EXPLAINED_ROWS = 2_000  # enough for means
_SEEN: Mapping[Rung, tuple[str, ...]] = {"stage_rate": ("stage",), "base_rate": ()}
TIER_SHARES = (0.4, 0.8)  # of the test rows: below is "low", above "high"
GOOD_LABEL: Mapping[Target, int] = {"win": 1, "stall": 0, "churn": 0}


@dataclass(frozen=True)
class Trained:
    """A bundle and what is told about it in the tracking store.

    Attributes:
        bundle: what is registered and served: fitted to all that was known at the cut-off.
        twin: the same of the forward test: it knows nothing after the end of the calibration part.
        evaluation: what the twin was worth on the test part.
        split: its parts in time, as far as they were looked at; `everything` is all there is.
        source: what it was trained on.
        explained: by the twin.
        settings: of the trees, over the defaults.
        plots: of the forward test, PNG by file name; None where they were not drawn.
    """

    bundle: Bundle
    twin: Bundle
    evaluation: Evaluation
    split: Split
    source: Source
    explained: Explained
    settings: Mapping[str, Any] = field(default_factory=dict)
    plots: Mapping[str, bytes] | None = None

    def params(self) -> dict[str, Any]:
        """Parameters of the run: model, split, data."""
        return {
            **dict(DEFAULTS),
            **self.settings,
            **self.split.dates(),
            "rounds": self.bundle.booster.num_trees(),
            "cutoff": self.bundle.manifest["cutoff"],
            "features": len(self.bundle.encoding.names),
            "feature_hash": self.bundle.encoding.hash,
            "data_sha256": self.bundle.manifest["data_sha256"],
            "code_sha256": code_sha256(),
            "inputs_sha256": inputs_sha256(self.source, self.bundle.manifest["data_sha256"]),
            **{f"rows_{part}": rows for part, rows in self.evaluation.rows.items()},
        }


def train_target(
    source: Source,
    target: Target,
    progress: Progress | None = None,
    params: Mapping[str, Any] | None = None,
    *,
    plots: bool = False,
) -> Trained:
    """Evaluate the recipe forward in time, then fit it once more one step later.

    The figures are those of trees that saw nothing of the test part. The bundle's own trees are fitted
    to all that was known at the cut-off, with the calibration that the trees of both steps before
    needed on the parts that they had not seen. Where the forward test does not show that the model is
    better than the rates of the stages or the base rate (`training.gate`), the trees see the stage
    alone, or nothing.

    Args:
        progress: is told of the rounds of the first fit.
        params: of the trees, over the defaults.
        plots: whether to draw them while the served trees are fitted, where that can be done.

    Raises:
        TooLittleData: there is not enough to fit, calibrate and test.
    """
    _check_entities(source, target)
    frame = labelled_frame(source, target)
    split = forward_split(target, source.history, frame.snapshots, source.cutoff, source.policy)
    return train_frame(source, frame, split, progress, params=params, plots=plots)


def train_frame(
    source: Source,
    frame: LabelledFrame,
    split: Split,
    progress: Progress | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    rounds: int | None = None,
    plots: bool = False,
) -> Trained:
    """The same, the features and the labels being there.

    Args:
        rounds: how many trees, where the forward test is not to say.
    """
    forward = forward_sample(split, frame.snapshots.entity, params)
    drawn, matrix = forward.split, matrix_of(frame)

    def served(seen: Matrix, chosen: int) -> Trees:
        most = rounds or forward.served(chosen)
        return fit(seen.streamed(split.everything), frame.encoding, rounds=most, params=params)

    with Beside(int(split.everything.known.sum())) as beside:
        evaluation = evaluate(
            matrix, drawn, progress, params, rounds=rounds,
            chosen=lambda chosen: beside.begin(lambda: served(matrix, chosen)),
        )  # fmt: skip
        verdict = evaluation.verdict
        if verdict.rung != "model":
            matrix = matrix.seeing(*_SEEN[verdict.rung])
            evaluation = replace(
                evaluate(matrix, drawn, params=params, rounds=rounds, plain=True), verdict=verdict
            )
            beside.begin(lambda: served(matrix, evaluation.rounds))
        shared = _shared(source, matrix, forward, evaluation)
        explained = shared.explained(evaluation.model)
        twin = _bundle(shared, evaluation.model, evaluation.margin, explained)
        twin = replace(twin, manifest={**twin.manifest, "cutoff": iso(split.calibrate.end)})
        intervals, profile = _intervals(matrix, drawn, evaluation), _profile(twin, frame, forward)
        pictures = _drawn(evaluation, explained, frame) if plots else None
        refits = _refits(twin, explained, evaluation.early)
        trees = beside.result()
    model = Model(trees, evaluation.calibration)
    now = shared.explained(model)
    bundle = _bundle(shared, model, margins(trees, shared.later.matrix), now)
    served_points = ledger(
        bundle.features, now.contributions, margins(trees, now.matrix), bundle.platt, bundle.centre
    )
    stability = stability_of(served_points.behaviours, served_points.points, refits)
    bundle = replace(bundle, profile=profile, venn_abers=intervals, stability=stability)
    return Trained(bundle, twin, evaluation, drawn, source, explained, params or {}, pictures)


def _drawn(evaluation: Evaluation, explained: Explained, frame: LabelledFrame) -> Mapping[str, bytes] | None:
    """The plots; None where they fail, to be drawn and told of again when no model can be lost by it."""
    with suppress(Exception):
        from training.plots import draw

        return draw(evaluation, explained, frame.encoding)
    return None


@dataclass(frozen=True)
class _Shared:
    """What a bundle and its twin have in common: fields of theirs, the features, the rows that judge."""

    fields: Mapping[str, Any]
    features: Features
    later: Sample

    @property
    def some(self) -> IntArray:
        """Places of the rows that are explained."""
        return _spread(len(self.later.label), EXPLAINED_ROWS)

    def explained(self, model: Model) -> Explained:
        matrix = self.later.matrix[self.some]
        return Explained(matrix, contributions(model.trees, matrix))


def _shared(source: Source, matrix: Matrix, forward: Forward, evaluation: Evaluation) -> _Shared:
    split, frame = forward.split, matrix.frame
    calibrated = np.concatenate([matrix.entity(part) for part in (split.calibrate, split.test)])
    fields = {
        "target": frame.target,
        "encoding": frame.encoding,
        "conventions": source.conventions,
        "reference": source.reference,
        "policy": source.policy,
        "typical": _typical(frame, matrix.fitted(forward.typical)),
        "reliability": evaluation.reliability,
        "manifest": {
            **source.manifest(),
            "withheld": list(frame.withheld),
            "split": split.dates(),
            "rows_by_part": dict(evaluation.rows),
            **({"shares_by_part": dict(forward.shares)} if forward.shares else {}),
            "entities_calibrated": len(np.unique(calibrated)),
            "metrics": dict(evaluation.metrics),
            "gate": evaluation.verdict.to_dict(),
            "versions": _versions(),
        },
        "golden": matrix.rows(_spread(len(frame.frame), GOLDEN_ROWS)),
    }
    return _Shared(fields, frame.frame.features, matrix.judged(split.test))


def _bundle(shared: _Shared, model: Model, margin: FloatArray, explained: Explained) -> Bundle:
    """A bundle of a model, whose trees have this margin on the rows that judge."""
    medium, high = np.quantile(model.platt.probability(margin), TIER_SHARES)
    some = shared.some
    centre = centre_of(
        shared.features, explained.contributions, margin[some], model.platt, shared.later.weight[some]
    )
    tiers = (float(medium), float(high))
    return Bundle(booster=model.trees, platt=model.platt, centre=centre, tiers=tiers, **shared.fields)


def _intervals(matrix: Matrix, split: Split, evaluation: Evaluation) -> VennAbers:
    """How far what the bundle says can be trusted, from the rows and the trees its calibration is from.

    As the calibration does, it takes the bundle's own trees to err as those did that ended a step earlier.
    """
    shown = evaluation.calibration.probability(evaluation.margin)
    return fit_venn_abers(shown, *matrix.outcomes(split.test), matrix.entity(split.test))


def _profile(twin: Bundle, labelled: LabelledFrame, forward: Forward) -> Profile:
    """What the snapshots were like, labelled or not, and what is said of those the twin never saw."""
    entity = labelled.snapshots.entity
    every = np.flatnonzero(forward.remembered)
    tested = np.flatnonzero(forward.split.test.rows)
    some = tested[_spread(len(tested), EXPLAINED_ROWS)]
    shown = Shown(*twin.explained(labelled.frame.take(some)), entity[some])
    return profile_of(labelled.frame.take(every), entity[every], labelled.withheld, shown)


def _refits(twin: Bundle, explained: Explained, early: Trees) -> list[FloatArray]:
    """The points of the two sets of trees of the forward test, by which those of the served ones are held."""
    features, rows = twin.features, explained.matrix
    first, margin = contributions(early, rows), margins(early, rows)
    typical = centre_of(features, first, margin, twin.platt, np.ones(len(rows)))
    said = [
        ledger(features, explained.contributions, margins(twin.booster, rows), twin.platt, twin.centre),
        ledger(features, first, margin, twin.platt, typical),
    ]
    return [each.points for each in said]


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


def _spread(total: int, count: int) -> IntArray:
    """`count` positions spread evenly over `total` rows."""
    return np.unique(np.linspace(0, total - 1, count).astype(np.int64))


def _versions() -> dict[str, str]:
    names = ("dealcast", "lightgbm", "numpy", "polars", "scikit-learn", "venn-abers")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
