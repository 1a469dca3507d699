"""Walk forward: what a user would have lived through who retrained at every step and acted on the scores.

At each step the whole recipe runs on what was known then: the conventions, the reference, the labels,
the trees, the calibration, the rung of the ladder. Its model scores the snapshots up to the next step,
and nothing else. All scores together are judged by what came of them, as it is known at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.build import build_features
from features.canonical import CanonicalData
from features.frame import FeatureFrame
from features.from_tables import history_from_tables
from features.snapshots import Snapshots
from features.times import WEEK, FloatArray, IntArray, iso
from training.baselines import MOST_ROWS, base_rate, crm_says, logistic, stage_rates
from training.bundle import Bundle
from training.censoring import censoring_weights, fitting_weights
from training.compare_slices import Slice, dimensions_of, slices_of
from training.dataset import Source, crm_feature, grid_of, open_source
from training.errors import TooLittleData
from training.gate import Rung
from training.labels import ENTITY, Target, eligible, label
from training.metrics import Bin, Chosen, chosen_at, forward_metrics, reliability_table
from training.models import Sample
from training.paired import Difference, Pair
from training.run import train_target
from training.splits import gap_of

Told = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """One retraining and what it scored.

    Attributes:
        at: microseconds: up to when it knew anything; it scored the snapshots after it, up to `until`.
        rung: what its probabilities were.
        rows: labelled snapshots that it scored.
        skipped: why there was no model yet; empty where there was.
    """

    at: int
    until: int
    rung: Rung | None
    rows: int
    skipped: str


@dataclass(frozen=True)
class Walk:
    """All steps judged together.

    Attributes:
        target: what was predicted.
        until: microseconds; labels are those known then.
        steps: in time's order.
        entities: distinct deals or accounts behind the rows.
        metrics: as in `training.metrics.forward_metrics`, of the model and of both baselines.
        against: per baseline the model's difference to it, by metric.
        reliability: what came true of what was said.
        slices: the model against the base rate, slice by slice.
        chosen: what visits to the highest scores of each week would have met; None if not asked for.
    """

    target: Target
    until: int
    steps: tuple[Step, ...]
    entities: int
    metrics: Mapping[str, float]
    against: Mapping[str, Mapping[str, Difference]]
    reliability: tuple[Bin, ...]
    slices: tuple[Slice, ...]
    chosen: Chosen | None = None

    @property
    def rows(self) -> int:
        """Labelled snapshots in all."""
        return sum(step.rows for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; times are ISO 8601."""
        return {
            "target": self.target,
            "until": iso(self.until),
            "rows": self.rows,
            "entities": self.entities,
            "steps": [
                {"at": iso(s.at), "until": iso(s.until), "rung": s.rung, "rows": s.rows, "skipped": s.skipped}
                for s in self.steps
            ],
            "metrics": dict(self.metrics),
            "against": {
                name: {metric: each.to_dict() for metric, each in found.items()}
                for name, found in self.against.items()
            },
            "reliability": [row.to_dict() for row in self.reliability],
            "slices": [each.to_dict() for each in self.slices],
            "chosen": None if self.chosen is None else self.chosen.to_dict(),
        }


@dataclass(frozen=True)
class _Scored:
    """The labelled snapshots of one step, and what was said of each."""

    snapshots: Snapshots
    label: FloatArray
    weight: FloatArray
    said: Mapping[str, FloatArray]
    dimensions: Mapping[str, Any]


def walk(
    data: CanonicalData, target: Target, until: int, *, steps: int, every: int, capacity: int | None = None,
    told: Told | None = None,
) -> Walk:  # fmt: skip
    """Retrain `steps` times, `every` microseconds apart, and judge all scores by what is known at `until`.

    The last step's scores end a gap before `until`: the horizon, or for a win the time within which four
    of five are decided.

    Args:
        capacity: visits a week, for what the highest scores would have met.

    Raises:
        TooLittleData: no step had enough to train on, or too few of what was scored has ended.
    """
    whole = open_source(data, until)
    end = until - gap_of(target, whole.history, grid_of(whole, target), until, whole.policy)
    found, scored = [], []
    for back in range(steps, 0, -1):
        at = end - back * every
        if told is not None:
            told(f"{iso(at)[:10]}, step {steps - back + 1} of {steps}")
        try:
            made = _step(whole, target, at, at + every, until)
        except TooLittleData as error:
            found.append(Step(at, at + every, None, 0, str(error)))
            continue
        rung, rows = made
        found.append(Step(at, at + every, rung, len(rows.label), ""))
        scored.append(rows)
    if not scored:
        raise TooLittleData(f"{target}: no step could be trained; the first: {found[0].skipped}")
    return _judged(target, until, tuple(found), scored, capacity)


def _step(whole: Source, target: Target, at: int, until: int, judged_at: int) -> tuple[Rung, _Scored]:
    """A model of what was known at `at`, and the snapshots up to `until` that it scored."""
    source = open_source(whole.data, at)
    bundle = train_target(source, target).bundle
    history = history_from_tables(whole.data, bundle.conventions)
    snapshots = grid_of(whole, target)
    snapshots = snapshots.take((snapshots.as_of > at) & (snapshots.as_of <= until))
    snapshots = snapshots.take(eligible(target, history, snapshots))
    labels = label(target, history, snapshots, judged_at, whole.policy)
    known = labels.known
    asked = snapshots.take(known)
    frame = build_features(history, asked, ENTITY[target], bundle.reference)
    said = {"model": bundle.probability(frame), **_baselines(source, bundle, frame)}
    return bundle.rung, _Scored(
        asked, labels.value[known], censoring_weights(labels)[known], said,
        dimensions_of(target, history, asked, frame),
    )  # fmt: skip


def _baselines(source: Source, bundle: Bundle, frame: FeatureFrame) -> dict[str, FloatArray]:
    """What the base rate, the stages' rates and a logistic regression, as of then, say of the same
    snapshots."""
    target = bundle.target
    snapshots = grid_of(source, target)
    labels = label(target, source.history, snapshots, source.cutoff, source.policy)
    rows = np.flatnonzero(labels.known)
    value, weight = labels.value[rows], censoring_weights(labels)[rows]
    found = {"base_rate": np.full(len(frame), base_rate(value, weight))}
    if ENTITY[target] == "opportunity":
        learnt = build_features(source.history, snapshots, only=("stage",))
        rates, other = stage_rates(learnt, rows, value, weight)
        found["stage_rate"] = np.array([rates.get(stage, other) for stage in frame.columns["stage"]])
    if crm := crm_feature(source, target):
        found["crm"] = crm_says(np.asarray(frame.columns[crm], np.float64), base_rate(value, weight))
    some = np.unique(np.linspace(0, len(rows) - 1, MOST_ROWS).astype(np.int64))
    before = build_features(source.history, snapshots.take(rows[some]), ENTITY[target], source.reference)
    seen = bundle.encoding.matrix(before)
    seen[:, [name in bundle.manifest["withheld"] for name in bundle.encoding.names]] = np.nan
    train = Sample(seen, value[some], fitting_weights(labels, snapshots.entity)[rows[some]])
    found["logistic"] = logistic(train, bundle.encoding.matrix(frame), bundle.encoding.category_positions)
    return found


def _judged(
    target: Target, until: int, steps: tuple[Step, ...], scored: Sequence[_Scored], capacity: int | None
) -> Walk:
    entity: IntArray = np.concatenate([each.snapshots.entity for each in scored])
    value, weight = (np.concatenate([getattr(s, name) for s in scored]) for name in ("label", "weight"))
    if len(np.unique(value)) < 2:
        raise TooLittleData(f"{target}: what was scored and has ended, ended alike; give a longer history")
    said = {name: np.concatenate([s.said[name] for s in scored]) for name in scored[0].said}
    model = said.pop("model")
    pairs = {name: Pair(theirs, model, value, weight, entity) for name, theirs in said.items()}
    metrics = forward_metrics(model, value, weight)
    for name, theirs in said.items():
        of_theirs = forward_metrics(theirs, value, weight)
        metrics |= {f"baseline_{name}_{metric}": figure for metric, figure in of_theirs.items()}
    week = np.concatenate([each.snapshots.as_of for each in scored]) // WEEK
    dimensions = {name: np.concatenate([s.dimensions[name] for s in scored]) for name in scored[0].dimensions}
    return Walk(
        target, until, steps, len(np.unique(entity)), metrics,
        against={name: pair.differences() for name, pair in pairs.items()},
        reliability=reliability_table(model, value, weight, entity),
        slices=slices_of(pairs["base_rate"], dimensions),
        chosen=None if capacity is None else chosen_at(capacity, week, model, value, weight),
    )  # fmt: skip
