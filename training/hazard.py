"""Training of `close`: trees on opportunity-weeks with competing ends, calibrated on later data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np

from features.times import FloatArray, IntArray, iso
from training.bundle import GOLDEN_ROWS
from training.close import CloseBundle, hazards_of
from training.code import inputs_sha256
from training.dataset import LabelledFrame, Source, labelled_frame
from training.encoding import Encoding
from training.errors import TooLittleData
from training.models import DEFAULTS, worked
from training.run import Trained, train_target
from training.shock import learnt_shock
from training.timing import WEEKS, Timing, shifted, timing_of
from training.trees import Trees, margins
from training.weeks_ahead import Ahead, Ends, ends_of, offsets_of, weeks_ahead

MOST_ROWS = 60_000  # opportunity-weeks behind the trees
MOST_SNAPSHOTS = 10_000  # that calibrate
MOST_ROUNDS, PATIENCE = 400, 25
DOUBT = 1_000.0  # wins by which a calibration is drawn towards what the trees say
HORIZONS = (4, 13, 26)  # weeks, for the figures
SHOCK_WEEKS = 13
LEAST_WINS = 10
_FARTHEST = 3.0
PARAMS: Mapping[str, Any] = {
    **DEFAULTS,
    "objective": "multiclass",
    "num_class": 3,
    "learning_rate": 0.08,
    "feature_fraction": 0.25,
    "max_bin": 63,
    "boost_from_average": False,
}


@dataclass(frozen=True)
class TrainedClose:
    """A close bundle, its uncalibrated twin that ended before the later data, and its worth there."""

    bundle: CloseBundle
    twin: CloseBundle
    metrics: Mapping[str, float]
    rows: Mapping[str, int]


@dataclass(frozen=True)
class _Fitted:
    """Trees and the rates they add to."""

    booster: Trees
    offsets: FloatArray

    def timing(self, matrix: FloatArray, shifts: FloatArray | None = None) -> Timing:
        nothing = np.zeros(len(WEEKS)) if shifts is None else shifts
        return timing_of(*hazards_of(self.booster, self.offsets, matrix), nothing)


@dataclass(frozen=True)
class _Later:
    """Later snapshots than the twin saw: what was said of them and what came."""

    timing: Timing
    win: FloatArray
    ends: Ends
    entity: IntArray
    as_of: IntArray


def train_close(source: Source, win: Trained | None = None) -> TrainedClose:
    """The model of when, fitted to all that was known; calibrated under the win probabilities it will meet.

    Args:
        win: trained on the same source; it is trained here where it is not given.

    Raises:
        TooLittleData: there is not enough to fit and calibrate.
    """
    made = win or train_target(source, "win")
    frame = labelled_frame(source, "win")
    split = made.split
    rounds = _rounds(source, frame, split.train.end, split.calibrate.end)
    twin = _fit(source, frame, split.calibrate.end, rounds)
    later = _later(source, frame, made, twin)
    shifts = calibrated(later.timing, later.win, later.ends, later.entity)
    served = _fit(source, frame, source.cutoff, rounds)
    metrics = _figures(later)
    rows = {"snapshots": len(frame.snapshots), "calibrate": len(later.win)}
    golden = np.unique(np.linspace(0, len(frame.frame) - 1, GOLDEN_ROWS).astype(np.int64))
    bundle = CloseBundle(
        booster=served.booster,
        encoding=frame.encoding,
        offsets=served.offsets,
        shifts=shifts,
        shock=_shock(later, shifts),
        conventions=source.conventions,
        reference=source.reference,
        policy=source.policy,
        manifest={
            **source.manifest(),
            "inputs_sha256": inputs_sha256(source, source.manifest()["data_sha256"]),
            "withheld": list(frame.withheld),
            "calibrated_from": iso(split.calibrate.end),
            "rounds": rounds,
            "rows_by_part": rows,
            "metrics": metrics,
        },
        golden=_matrix(frame, golden),
    )
    earlier = replace(
        bundle, booster=twin.booster, offsets=twin.offsets, shifts=np.zeros(len(WEEKS)),
        manifest={**bundle.manifest, "cutoff": iso(split.calibrate.end)},
    )  # fmt: skip
    return TrainedClose(bundle, earlier, metrics, rows)


def calibrated(timing: Timing, win: FloatArray, ends: Ends, entity: IntArray) -> FloatArray:
    """Per bucket a shift of the log odds, so that as many wins are said to come in it as came.

    Only snapshots for which the weeks are over count, whatever came of them, so that no censoring bends
    it. From the first bucket on, each is found with those before it in place; all are then drawn towards none
    by `DOUBT` wins; where fewer than `LEAST_WINS` deals were won, it is the one before.

    Args:
        win: the win probabilities under which the curve is shown.
    """
    cumulative = timing.cumulative
    before = np.column_stack([np.zeros(len(win)), cumulative[:, :-1]])
    chance = np.clip((cumulative - before) / np.maximum(1 - before, 1e-9), 1e-9, 1 - 1e-9)
    odds = chance / (1 - chance)
    left, roots, trust = np.ones(len(win)), np.zeros(len(WEEKS)), np.zeros(len(WEEKS))
    before_it = np.zeros(len(win), np.bool_)
    for bucket, weeks in enumerate(WEEKS):
        over, came = ends.over(weeks), ends.won_within(weeks)
        wins = len(np.unique(entity[over & came]))
        trust[bucket] = wins / (wins + DOUBT)
        if wins >= LEAST_WINS:
            inside = int((over & came & ~before_it).sum())
            roots[bucket] = _root(odds[over, bucket], win[over] * left[over], inside)
        elif bucket:
            roots[bucket], trust[bucket] = roots[bucket - 1], trust[bucket - 1]
        left = left / (1 + odds[:, bucket] * np.exp(roots[bucket]))
        before_it = came
    return roots * trust


def _root(odds: FloatArray, chance: FloatArray, came: int) -> float:
    """The shift by which as many wins are said of a bucket as came in it; within `_FARTHEST`.

    Args:
        odds: of each row's win in the bucket, given that it comes and not before.
        chance: of a win that does not come before.
    """
    low, high = -_FARTHEST, _FARTHEST
    for _ in range(50):
        middle = (low + high) / 2
        said = float((chance * (1 - 1 / (1 + odds * np.exp(middle)))).sum())
        low, high = (middle, high) if said < came else (low, middle)
    return (low + high) / 2


def _rounds(source: Source, frame: LabelledFrame, first: int, second: int) -> int:
    """How many rounds are best for what came between two dates, of trees that end at the first."""
    data, _ = _dataset(source, frame, first, MOST_ROWS)
    offsets = _offsets(source, frame, first)
    later, _ = _dataset(source, frame, second, MOST_ROWS // 3, since=first, offsets=offsets, reference=data)
    stop = lgb.early_stopping(PATIENCE, verbose=False)
    booster = lgb.train(_settings(data), data, MOST_ROUNDS, valid_sets=[later], callbacks=[stop])
    return max(booster.best_iteration, 1)


def _fit(source: Source, frame: LabelledFrame, until: int, rounds: int) -> _Fitted:
    data, offsets = _dataset(source, frame, until, MOST_ROWS)
    booster = lgb.train(_settings(data), data, rounds)
    return _Fitted(Trees(booster.model_to_string()), offsets)


def _settings(data: lgb.Dataset) -> dict[str, Any]:
    return worked(PARAMS, *data.data.shape)  # type: ignore[union-attr]


def _rows(source: Source, frame: LabelledFrame, until: int, since: int) -> Ahead:
    """Opportunity-weeks of the snapshots after one date as known at another.

    Each counts once: were those of a long-lived deal to count less, every hazard would be too high.
    """
    snapshots = frame.snapshots
    some = np.flatnonzero((snapshots.as_of > since) & (snapshots.as_of <= until))
    ends = ends_of(source.history, snapshots.take(some), until, source.policy)
    ahead = weeks_ahead(ends)
    return Ahead(some[ahead.snapshot], ahead.bucket, ahead.label)


def _offsets(source: Source, frame: LabelledFrame, until: int) -> FloatArray:
    return offsets_of(_rows(source, frame, until, -1 << 62))


def _dataset(
    source: Source, frame: LabelledFrame, until: int, most: int, *, since: int = -1 << 62,
    offsets: FloatArray | None = None, reference: lgb.Dataset | None = None,
) -> tuple[lgb.Dataset, FloatArray]:  # fmt: skip
    ahead = _rows(source, frame, until, since)
    for end, name in ((1, "won"), (2, "lost")):
        found = int((ahead.label == end).sum())
        if found < LEAST_WINS:
            raise TooLittleData(
                f"close: only {found} opportunity-weeks were {name} by {iso(until)}; give a longer history"
            )
    rates = offsets_of(ahead) if offsets is None else offsets
    if len(ahead.label) > most:
        some = np.sort(np.random.default_rng(7).choice(len(ahead.label), most, replace=False))
        ahead = ahead.take(some)
    matrix = np.column_stack([_matrix(frame, ahead.snapshot), ahead.bucket.astype(np.float64)])
    encoding: Encoding = frame.encoding
    data = lgb.Dataset(
        matrix, label=ahead.label, init_score=rates[ahead.bucket].flatten("F"),
        feature_name=[*encoding.names, "bucket_ahead"],
        categorical_feature=list(encoding.category_positions), reference=reference, free_raw_data=True,
    )  # fmt: skip
    return data, rates


def _matrix(frame: LabelledFrame, rows: IntArray) -> FloatArray:
    return frame.encoding.matrix(frame.frame, rows)


def _later_rows(frame: LabelledFrame, made: Trained) -> IntArray:
    """Snapshots after the twin's last, at most `MOST_SNAPSHOTS` by lot."""
    rows = np.flatnonzero(frame.snapshots.as_of > made.split.calibrate.end)
    if len(rows) > MOST_SNAPSHOTS:
        rows = np.sort(np.random.default_rng(7).choice(rows, MOST_SNAPSHOTS, replace=False))
    return rows


def _later(source: Source, frame: LabelledFrame, made: Trained, twin: _Fitted) -> _Later:
    rows = _later_rows(frame, made)
    snapshots = frame.snapshots.take(rows)
    matrix = _matrix(frame, rows)
    win = made.bundle.platt.probability(margins(made.twin.booster, matrix))
    ends = ends_of(source.history, snapshots, source.cutoff, source.policy)
    return _Later(twin.timing(matrix), win, ends, snapshots.entity, snapshots.as_of)


def _shock(later: _Later, shifts: FloatArray) -> float:
    """How far the deals of later weeks erred together, under the calibration."""
    weeks = float(SHOCK_WEEKS)
    timing = replace(later.timing, cumulative=shifted(later.timing.cumulative, shifts))
    chance = later.win * timing.by(np.array([weeks]))[:, 0]
    return learnt_shock(chance, later.ends.won_within(weeks), later.as_of, later.ends.over(weeks))


def _figures(later: _Later) -> dict[str, float]:
    """Per horizon: the mean said and come, before any shift, and the Brier score beside a constant's."""
    found: dict[str, float] = {}
    for weeks in HORIZONS:
        over = later.ends.over(weeks)
        came = later.ends.won_within(weeks)[over].astype(np.float64)
        if len(came) == 0:
            continue
        said = (later.win[:, None] * later.timing.by(np.array([float(weeks)])))[over, 0]
        found |= {
            f"said_{weeks}_weeks": float(said.mean()),
            f"came_{weeks}_weeks": float(came.mean()),
            f"brier_{weeks}_weeks": float(((said - came) ** 2).mean()),
            f"baseline_base_rate_brier_{weeks}_weeks": float(came.var()),
        }
    return found
