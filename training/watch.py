"""A model and the present: drift, the figures to expect, and whether its probabilities still come true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from features.build import build_features
from features.canonical import CanonicalData
from features.errors import DataError
from features.frame import FeatureFrame
from features.from_tables import history_from_tables
from features.snapshots import Snapshots
from features.times import DAY, iso, parse_instant
from training.bundle import Bundle
from training.censoring import censoring_weights
from training.dataset import Source, grid_of
from training.drift import LEAST_INDEX, LEAST_POINTS, Shift, judged, shift_of, shift_of_mean
from training.errors import BundleError
from training.expected import CalibrationCheck, Expected, calibration_check, expected
from training.labels import ENTITY, label
from training.profile import Profile, Shown, mean_of
from training.splits import LEAST_POSITIVE

LEAST_ENTITIES = 30
MOST_OVERLAP = 0.5  # of the snapshots may have trained the model where it is to learn anew
RETRAIN_SAY = 0.25  # features that carry so much of the reasons have drifted: the model reads other data


@dataclass(frozen=True)
class DriftReport:
    """The snapshots of some days held against what a model was trained on.

    Attributes:
        target: what the model predicts.
        begin, end: ISO 8601; begin < as_of <= end.
        rows, entities: snapshots, and the deals or accounts behind them.
        overlap: the share of the rows that lie before the model's cut-off, and may have trained it.
        features, reasons: each held against the profile, in the model's order.
        probability: the shown probabilities held against those of the last part.
        expected: what the probabilities promise.
        forward: the forward test's `log_loss` and `roc_auc`, at training.
        calibration: on the latest snapshots after the cut-off whose labels are due; None where
            fewer than 20 of either label are known.
    """

    target: str
    begin: str
    end: str
    rows: int
    entities: int
    overlap: float
    features: tuple[Shift, ...]
    reasons: tuple[Shift, ...]
    probability: Shift
    expected: Expected
    forward: Mapping[str, float]
    calibration: CalibrationCheck | None

    @property
    def drifted(self) -> tuple[Shift, ...]:
        """All that drifted: features by how far beyond chance, then reasons, then the probabilities."""
        features = sorted((s for s in self.features if s.drifted), key=lambda s: s.by_chance - s.index)
        return (*features, *(s for s in (*self.reasons, self.probability) if s.drifted))

    @property
    def verdict(self) -> str:
        """ "retrain", "watch" or "holds".

        Retrain: the probabilities no longer come true, or their distribution drifted, or a quarter of the
        model's reasons rests on features that drifted; for drift alone only where most of the snapshots lie
        behind the model's cut-off, as of those before it there is nothing new to learn. Watch: anything
        else drifted.
        """
        if self.calibration is not None and self.calibration.off:
            return "retrain"
        say = sum(shift.say for shift in self.features if shift.drifted)
        other = self.probability.drifted or say >= RETRAIN_SAY
        if other and self.overlap < MOST_OVERLAP:
            return "retrain"
        return "watch" if self.drifted else "holds"

    def line(self) -> str:
        """The verdict in a line."""
        drifted = sum(shift.drifted for shift in self.features)
        loss = self.expected.log_loss
        said = (
            f"{self.target}: {drifted} of {len(self.features)} features drifted;"
            f" expected log loss {loss.value:.3f} ({loss.interval.low:.3f} to {loss.interval.high:.3f}),"
            f" at training {self.forward['log_loss']:.3f}"
        )
        check = self.calibration
        if check is None:
            said += "; calibration not known yet"
        else:
            said += f"; calibration error {check.error:.3f}, by chance {check.by_chance:.3f}"
        return f"{said}: {self.verdict}"

    def short(self, most: int) -> dict[str, Any]:
        """What a page shows of it, as plain values for JSON: of what drifted at most so many, what matters
        most to the model first."""
        kinds = {shift.name: "behaviour" for shift in self.reasons} | {self.probability.name: "probability"}
        told = ("name", "place", "index", "by_chance", "before", "after", "say")
        drifted = sorted(self.drifted, key=lambda shift: (shift.name not in kinds, -shift.say))
        loss, check = self.expected.log_loss, self.calibration
        checked = ("error", "by_chance", "p_value", "rows", "entities")
        found: dict[str, Any] = {
            "begin": self.begin,
            "end": self.end,
            "rows": self.rows,
            "entities": self.entities,
            "overlap": self.overlap,
            "verdict": self.verdict,
            "features": len(self.features),
            "features_drifted": sum(shift.drifted for shift in self.features),
            "log_loss": {
                "expected": loss.value,
                "low": loss.interval.low,
                "high": loss.interval.high,
                "at_training": self.forward["log_loss"],
            },
            "calibration": check and {name: getattr(check, name) for name in checked},
            "drifted": [
                {"kind": kinds.get(shift.name, "feature")} | {name: getattr(shift, name) for name in told}
                for shift in drifted[:most]
            ],
        }
        return dict(_plain(found))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON; a figure that is not known is null."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain | {"verdict": self.verdict, "line": self.line()}


def watch(bundle: Bundle, data: CanonicalData, as_of: int, days: int = 90) -> DriftReport:
    """Hold the snapshots of the last `days` before `as_of` (microseconds) against a model's profile.

    Raises:
        BundleError: the bundle has no profile.
        DataError: fewer than 30 deals or accounts were seen.
    """
    if bundle.profile is None:
        raise BundleError(f"the {bundle.target} model was made before profiles were kept; train it again")
    source = _source(bundle, data, as_of)
    grid = grid_of(source, bundle.target)
    snapshots = grid.take(grid.as_of > as_of - days * DAY)
    entities = len(np.unique(snapshots.entity))
    if entities < LEAST_ENTITIES:
        whose = "deals" if ENTITY[bundle.target] == "opportunity" else "accounts"
        raise DataError(
            f"{bundle.target}: only {entities} {whose} in the {days} days before {iso(as_of)}, and nothing"
            f" can be said of fewer than {LEAST_ENTITIES}; give more --days or later data"
        )
    frame = _frame(bundle, source, snapshots)
    shown = Shown(*bundle.explained(frame), snapshots.entity)
    return DriftReport(
        target=bundle.target,
        begin=iso(as_of - days * DAY),
        end=iso(as_of),
        rows=len(snapshots),
        entities=entities,
        overlap=float(np.mean(snapshots.as_of <= _cutoff(bundle))),
        features=feature_shifts(bundle.profile, frame, snapshots),
        reasons=_reasons(bundle.profile, shown),
        probability=_probability(bundle.profile, shown),
        expected=expected(shown.probability, shown.entity),
        forward={name: bundle.manifest["metrics"][name] for name in ("log_loss", "roc_auc")},
        calibration=_calibration(bundle, source, grid, days),
    )


def feature_shifts(profile: Profile, frame: FeatureFrame, snapshots: Snapshots) -> tuple[Shift, ...]:
    """Each feature of a frame held against a profile, judged together."""
    found = []
    for i, feature in enumerate(frame.features):
        then = profile.features.get(feature.name)
        if then is not None:
            bins = then.bins(frame.values[:, i], frame.names.get(feature.name, ()))
            say = profile.say.get(feature.name, 0.0)
            found.append(shift_of(feature.name, then, profile.entities, bins, snapshots.entity, say=say))
    return judged(found, LEAST_INDEX)


def _reasons(profile: Profile, shown: Shown) -> tuple[Shift, ...]:
    found = []
    for name, points in zip(shown.why.behaviours, np.abs(shown.why.points).T, strict=True):
        found.append(shift_of_mean(name, profile.points[name], mean_of(points, shown.entity)))
    return judged(found, LEAST_POINTS)


def _probability(profile: Profile, shown: Shown) -> Shift:
    then = profile.probability
    bins = then.bins(shown.probability)
    shift = shift_of("probability", then, profile.shown_entities, bins, shown.entity, say=1.0)
    return judged([shift], LEAST_INDEX)[0]


def _calibration(bundle: Bundle, source: Source, grid: Snapshots, days: int) -> CalibrationCheck | None:
    """On the latest `days` of snapshots whose labels are due: as far back as training's own gap."""
    due = source.cutoff - round(float(bundle.manifest["split"]["gap_days"]) * DAY)
    begin = max(due - days * DAY, _cutoff(bundle))
    snapshots = grid.take((grid.as_of > begin) & (grid.as_of <= due))
    labels = label(bundle.target, source.history, snapshots, source.cutoff, source.policy)
    known = labels.known
    if min((labels.value[known] == value).sum() for value in (0, 1)) < LEAST_POSITIVE:
        return None
    decided = snapshots.take(known)
    probability = bundle.probability(_frame(bundle, source, decided))
    weight = censoring_weights(labels)[known]
    return calibration_check(probability, labels.value[known], weight, decided.entity)


def _source(bundle: Bundle, data: CanonicalData, as_of: int) -> Source:
    """The data as the model reads them, and as they were known at `as_of`."""
    known = data.known_at(as_of)
    history = history_from_tables(known, bundle.conventions)
    return Source(known, as_of, bundle.conventions, history, bundle.reference, bundle.policy)


def _frame(bundle: Bundle, source: Source, snapshots: Snapshots) -> FeatureFrame:
    return build_features(source.history, snapshots, ENTITY[bundle.target], bundle.reference)


def _cutoff(bundle: Bundle) -> int:
    return parse_instant(bundle.manifest["cutoff"])


def _plain(value: Any) -> Any:
    """The same with None for NaN, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
