"""The made-up world whose true probabilities are known: how much of what can be known is learnt.

Each seed's world is cut off 200 days before its end. Models trained there score the open deals of
the Mondays after it. What they say is held against the true chances, simulated from the true state,
which has no noise of labels, and against the outcomes as far as they are known at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.models.futures import Truth, true_stalls, true_wins
from benchmarks.models.seen_state import LISTED, Moments, moments, seen_frame
from benchmarks.models.traps import read_by_one_clock, with_stronger_traps, without_traps
from benchmarks.report import Report
from features.build import build_features
from features.canonical import CanonicalData
from features.frame import FeatureFrame
from features.from_tables import history_from_tables
from features.history import History
from features.sample import Sample, make_sample
from features.sample.setting import END, START
from features.snapshots import Snapshots
from features.times import DAY, WEEK, BoolArray, FloatArray, IntArray
from training.baselines import base_rate, stage_rates
from training.bootstrap import Interval, interval
from training.calibration import fit_platt
from training.censoring import censoring_weights
from training.close import CloseBundle, hazards_of
from training.dataset import LabelledFrame, Source, labelled_frame, open_source
from training.encoding import learn_encoding
from training.evaluate import Model, evaluate, matrix_of
from training.grid import weekly_grid
from training.hazard import train_close
from training.labels import LabelPolicy, Labels, Target, label
from training.metrics import calibration_error
from training.models import fit
from training.run import Trained, train_target
from training.splits import forward_split

BEFORE_END = 200 * DAY
GAP = BEFORE_END // 3  # before the end, of the snapshots judged by outcomes: as `compare` leaves it for a win
PAIRS = (
    ("dealcast", "by hazards"),
    ("dealcast", "listed state"),
    ("dealcast", "seen state"),
    ("dealcast", "causes in the records"),
    ("causes in the records", "seen state"),
)
# The catalogue's own columns for the causes: what one would pick who knew them.
RECORDED_CAUSES = (
    "stage", "stage_position", "days_in_stage", "dwell_over_norm", "deal_age_days", "inbound_30d",
    "inbound_total", "outbound_30d", "held_total", "decision_maker_meetings", "days_since_last_inbound",
    "days_since_last_held", "contacts_reached_total", "close_date_pushes", "mean_response_hours",
    "days_to_quarter_end", "days_to_expected_close", "amount", "source", "product", "kind",
)  # fmt: skip
Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """How much of it: deals in each world, worlds, scores judged in each, futures behind each chance."""

    opportunities: int = 5_000
    seeds: Sequence[int] = (1, 2, 3)
    scores: int = 3_000
    draws: int = 200


@dataclass(frozen=True)
class Scored:
    """What was said of the same moments, and what holds of them.

    Attributes:
        said: probabilities by who said them.
        entity: the deal of each.
        truth: the true chances.
        labels: the outcomes as known at the end.
        judged: mask of the moments early enough to be judged by outcomes.
    """

    said: Mapping[str, FloatArray]
    entity: IntArray
    truth: Truth
    labels: Labels
    judged: BoolArray

    def row(self, world: str, who: str) -> list[str]:
        """One row of the table."""
        p, at_least = self.said[who], self.truth.own_log_loss()
        loss = at_least if who == "truth" else self.truth.log_loss_of(p)
        base = self.truth.log_loss_of(self.said["base rate"])
        share = (base.mean() - loss.mean()) / (base.mean() - at_least.mean())
        known, weight = self._known()
        label = self.labels.value[known]
        live = np.average(log_loss_rows(p[known], label), weights=weight)
        error = 0.0 if who == "truth" else calibration_error(p, self.truth.chance, np.ones(len(p)))
        shown = calibration_error(p[known], label, weight)
        excess = self.difference(who, "truth") if who != "truth" else ""
        chance = self.truth.chance
        said = f"{p.mean() - chance.mean():+.3f}", f"{_slope(p, chance):.2f}" if np.ptp(p) else ""
        cells = (
            f"{loss.mean():.4f}",
            excess,
            f"{share:.0%}",
            f"{error:.3f}",
            *said,
            f"{live:.4f}",
            f"{shown:.3f}",
        )
        return [world, who, *cells, f"{len(p):,}", f"{len(label):,}"]

    def difference(self, who: str, other: str) -> str:
        """The first's expected log loss over the other's, with the interval over deals."""
        low, high = (self.said[who], self.said[other])
        first = self.truth.log_loss_of(low)
        second = self.truth.own_log_loss() if other == "truth" else self.truth.log_loss_of(high)
        return signed((first - second).mean(), _interval_of_mean(first - second, self.entity))

    def live_difference(self, who: str, other: str) -> str:
        """The same by outcomes."""
        known, weight = self._known()
        label = self.labels.value[known]
        rows = log_loss_rows(self.said[who][known], label) - log_loss_rows(self.said[other][known], label)
        between = _interval_of_mean(rows, self.entity[known], weight)
        return signed(float(np.average(rows, weights=weight)), between)

    def _known(self) -> tuple[IntArray, FloatArray]:
        """Rows judged by outcomes and their weights against censoring."""
        mine = np.flatnonzero(self.judged)
        some = Labels(self.labels.value[mine], self.labels.after[mine], self.labels.counted[mine])
        weight = censoring_weights(some)
        return mine[some.known], weight[some.known]


def truth_reports(asked: Asked, facts: Mapping[str, str], say: Say) -> list[Report]:
    """Win, stall and churn beside the truth, and the traps."""
    wins: list[list[str]] = []
    against: list[list[str]] = []
    stalls: list[list[str]] = []
    churns: list[list[str]] = []
    traps: list[list[str]] = []
    for seed in asked.seeds:
        say(f"seed {seed}: making the world")
        sample = make_sample(asked.opportunities, seed, dirt=False)
        source = open_source(sample.data, END - BEFORE_END)
        chosen = _chosen(sample, source, asked.scores, seed)
        say(f"seed {seed}: win")
        scored = _wins(sample, source, chosen, asked, seed)
        world = f"seed {seed}"
        whos = (
            "dealcast", "by hazards", "causes in the records", "listed state", "seen state", "truth",
            "stage rate", "base rate",
        )  # fmt: skip
        wins += [scored.row(world, who) for who in whos]
        against += [
            [world, first, second, scored.difference(first, second), scored.live_difference(first, second)]
            for first, second in PAIRS
        ]
        say(f"seed {seed}: stall and churn")
        stall = _stalls(sample, source, chosen, asked, seed)
        stalls += [stall.row(world, who) for who in ("dealcast", "truth", "base rate")]
        churns.append(_churn_row(world, sample.data, source))
        say(f"seed {seed}: traps")
        traps += _traps(sample, chosen, scored, seed, world)
    header = (
        "world", "who", "expected log loss", "over the truth's [90%]", "of what can be known",
        "calibration error to truth", "said less true, mean", "slope", "log loss, outcomes",
        "calibration error, outcomes", "scores", "outcomes",
    )  # fmt: skip
    return [
        Report("Truth: win", facts, header, wins, texts=2),
        Report(
            "Truth: win, the first less the second, the same recipe throughout",
            {},
            ("world", "first", "second", "expected log loss [90%]", "log loss, outcomes [90%]"),
            against, texts=3,
        ),
        Report("Truth: stall within 30 days", {}, header, stalls, texts=2),
        Report(
            "Truth: churn within 90 days (the true chance is not measured: the world keeps no weekly state "
            "of accounts)",
            {}, ("world", "log loss", "base rate's", "calibration error", "scores", "accounts"), churns,
        ),
        Report(
            "Truth: traps, each model on the same moments as they were live",
            {},
            ("world", "trained with", "log loss it promised itself", "expected log loss",
             "less dealcast's [90%]", "by outcomes [90%]", "largest change of a score"),
            traps, texts=2,
        ),
    ]  # fmt: skip


def _chosen(sample: Sample, source: Source, scores: int, seed: int) -> IntArray:
    """Some states of the Mondays after the cut-off, at random."""
    week = sample.world.states.week
    later = np.flatnonzero(START + week * WEEK > source.cutoff)
    rng = np.random.default_rng([seed, 5])
    return np.sort(rng.choice(later, min(scores, len(later)), replace=False))


def _wins(sample: Sample, source: Source, rows: IntArray, asked: Asked, seed: int) -> Scored:
    trained = train_target(source, "win")
    history = history_from_tables(sample.data, source.conventions)
    mine = moments(sample, history, rows)
    truth = true_wins(sample.world, mine.rows, asked.draws, seed)
    said = {
        "dealcast": _said(trained, history, mine),
        "by hazards": _by_hazards(source, trained, history, mine),
        "causes in the records": _recorded(source, history, mine),
        "listed state": _seen_state(sample, source, mine, LISTED),
        "seen state": _seen_state(sample, source, mine),
        "truth": truth.sayable(),
        **_baselines(source, trained, history, mine),
    }
    return _scored("win", said, mine, truth, _outcomes("win", history, mine, source))


def _stalls(sample: Sample, source: Source, rows: IntArray, asked: Asked, seed: int) -> Scored:
    trained = train_target(source, "stall")
    history = history_from_tables(sample.data, source.conventions)
    mine = moments(sample, history, rows)
    truth = true_stalls(sample.world, mine.rows, asked.draws, seed, source.policy.stall_days)
    said = {
        "dealcast": _said(trained, history, mine),
        "truth": truth.sayable(),
        "base rate": _baselines(source, trained, history, mine)["base rate"],
    }
    return _scored("stall", said, mine, truth, _outcomes("stall", history, mine, source))


def _scored(
    target: Target, said: Mapping[str, FloatArray], mine: Moments, truth: Truth, labels: Labels
) -> Scored:
    gap = GAP if target == "win" else LabelPolicy().stall_days * DAY
    return Scored(said, mine.snapshots.entity, truth, labels, mine.snapshots.as_of <= END - gap)


def _outcomes(target: Target, history: History, mine: Moments, source: Source) -> Labels:
    return label(target, history, mine.snapshots, END, source.policy)


def _said(trained: Trained, history: History, mine: Moments) -> FloatArray:
    bundle = trained.bundle
    return bundle.probability(build_features(history, mine.snapshots, "opportunity", bundle.reference))


def _by_hazards(source: Source, trained: Trained, history: History, mine: Moments) -> FloatArray:
    """The other way to a win probability under censoring: each week's chance to be won and to be lost while
    open, by trees on opportunity-weeks, added up; calibrated as the win model is, on the part that trees
    ending a step earlier did not see."""
    made = train_close(source, trained)
    frame, part = labelled_frame(source, "win"), trained.split.test
    matrix = matrix_of(frame)
    platt = fit_platt(
        _won_of_ended(made.twin, matrix.fitted(part).matrix), *matrix.outcomes(part),
        len(np.unique(matrix.entity(part))),
    )  # fmt: skip
    later = build_features(history, mine.snapshots, "opportunity", source.reference)
    return platt.probability(_won_of_ended(made.bundle, frame.encoding.matrix(later)))


def _won_of_ended(close: CloseBundle, matrix: FloatArray) -> FloatArray:
    """The log odds of a win among the deals that have ended by the last week that the hazards reach."""
    won, lost = hazards_of(close.booster, close.offsets, matrix)
    still = np.cumprod(1 - won - lost, axis=1)
    before = np.column_stack([np.ones(len(still)), still[:, :-1]])
    chance = (before * won).sum(axis=1), (before * lost).sum(axis=1)
    return np.asarray(np.log(chance[0]) - np.log(chance[1]))


def _recorded(source: Source, history: History, mine: Moments) -> FloatArray:
    """The same recipe on the catalogue's columns of the causes alone."""
    before = weekly_grid("win", source.history, source.cutoff)
    frame = build_features(source.history, before, "opportunity", source.reference)
    later = build_features(history, mine.snapshots, "opportunity", source.reference)
    frame, later = _columns(frame, RECORDED_CAUSES), _columns(later, RECORDED_CAUSES)
    return _recipe(source, before, frame, later)


def _seen_state(
    sample: Sample, source: Source, mine: Moments, only: Sequence[str] | None = None
) -> FloatArray:
    """The same recipe given the true visible state, or some columns of it, before the cut-off."""
    week = sample.world.states.week
    before = moments(sample, source.history, np.flatnonzero(START + week * WEEK <= source.cutoff))
    frame, later = seen_frame(sample.world, before.rows), seen_frame(sample.world, mine.rows)
    if only is not None:
        frame, later = _columns(frame, only), _columns(later, only)
    return _recipe(source, before.snapshots, frame, later)


def _recipe(source: Source, before: Snapshots, frame: FeatureFrame, later: FeatureFrame) -> FloatArray:
    """What `train_target` does, step by step, with another frame; then the scores of a later one."""
    matrix = matrix_of(LabelledFrame("win", before, frame, learn_encoding(frame), ()))
    split = forward_split("win", source.history, before, source.cutoff, source.policy)
    found = evaluate(matrix, split)
    trees = fit(matrix.fitted(split.everything), matrix.frame.encoding, rounds=found.rounds)
    return Model(trees, found.calibration).probability(matrix.frame.encoding.matrix(later))


def _columns(frame: FeatureFrame, only: Sequence[str]) -> FeatureFrame:
    places = [i for i, feature in enumerate(frame.features) if feature.name in only]
    features = tuple(frame.features[i] for i in places)
    return FeatureFrame(features, np.ascontiguousarray(frame.values[:, places]), frame.names)


def _baselines(source: Source, trained: Trained, history: History, mine: Moments) -> dict[str, FloatArray]:
    """The base rate and each stage's rate among all that was known at the cut-off."""
    target = trained.bundle.target
    snapshots = weekly_grid(target, source.history, source.cutoff)
    labels = label(target, source.history, snapshots, source.cutoff, source.policy)
    known, weight = np.flatnonzero(labels.known), censoring_weights(labels)
    frame = build_features(source.history, snapshots.take(known), "opportunity", source.reference)
    rates, other = stage_rates(frame, np.arange(len(known)), labels.value[known], weight[known])
    now = build_features(history, mine.snapshots, "opportunity", source.reference).columns["stage"]
    rate = base_rate(labels.value[known], weight[known])
    return {
        "stage rate": np.array([rates.get(stage, other) for stage in now]),
        "base rate": np.full(len(now), rate),
    }


def _churn_row(world: str, data: CanonicalData, source: Source) -> list[str]:
    """Churn by outcomes alone, on the weekly snapshots after the cut-off."""
    trained = train_target(source, "churn")
    history = history_from_tables(data, source.conventions)
    grid = weekly_grid("churn", history, END - source.policy.churn_days * DAY)
    grid = grid.take(grid.as_of > source.cutoff)
    labels = label("churn", history, grid, END, source.policy)
    grid = grid.take(labels.known)
    value = labels.value[labels.known]
    p = trained.bundle.probability(build_features(history, grid, "account", trained.bundle.reference))
    before = weekly_grid("churn", source.history, source.cutoff)
    known = label("churn", source.history, before, source.cutoff, source.policy)
    rate = base_rate(known.value[known.known], censoring_weights(known)[known.known])
    constant = log_loss_rows(np.full(len(value), rate), value).mean()
    error = calibration_error(p, value, np.ones(len(p)))
    loss, accounts = log_loss_rows(p, value).mean(), len(np.unique(grid.entity))
    return [world, f"{loss:.4f}", f"{constant:.4f}", f"{error:.3f}", f"{len(p):,}", f"{accounts:,}"]


def _traps(sample: Sample, rows: IntArray, scored: Scored, seed: int, world: str) -> list[list[str]]:
    """Models of the same world with its traps taken out, made stronger, and read by one clock."""
    stronger = with_stronger_traps(sample.data, seed)
    variants: dict[str, tuple[CanonicalData, CanonicalData | None, dict[str, int]]] = {
        "the same, trees of another seed": (sample.data, None, {"seed": 8}),
        "no traps": (without_traps(sample.data), None, {}),
        "stronger traps": (stronger, None, {}),
        "stronger traps, one clock": (read_by_one_clock(stronger), sample.data, {}),
    }
    found = []
    for name, (data, live, params) in variants.items():
        source = open_source(data, END - BEFORE_END)
        trained = train_target(source, "win", params=params)
        history = history_from_tables(live or data, source.conventions)
        p = _said(trained, history, moments(sample, history, rows))
        both = Scored(
            {"dealcast": scored.said["dealcast"], name: p},
            scored.entity, scored.truth, scored.labels, scored.judged,
        )  # fmt: skip
        promised, expected = trained.evaluation.metrics["log_loss"], scored.truth.log_loss_of(p).mean()
        largest = float(np.abs(p - scored.said["dealcast"]).max())
        found.append(
            [world, name, f"{promised:.4f}", f"{expected:.4f}", both.difference(name, "dealcast"),
             both.live_difference(name, "dealcast"), f"{largest:.1g}"]
        )  # fmt: skip
    return found


def _slope(p: FloatArray, chance: FloatArray) -> float:
    """Of the true log odds on those said: below 1 where they are too sure, above where not sure enough."""
    return fit_platt(np.log(p / (1 - p)), chance, np.ones(len(p)), 10**9).slope


def log_loss_rows(probability: FloatArray, label: FloatArray) -> FloatArray:
    """The log loss of each probability in (0, 1)."""
    return -np.log(np.where(label > 0, probability, 1 - probability))


def signed(value: float, between: Interval) -> str:
    """A difference with its interval."""
    return f"{value:+.4f} [{between.low:+.4f}, {between.high:+.4f}]"


def _interval_of_mean(values: FloatArray, entity: IntArray, weight: FloatArray | None = None) -> Interval:
    mine = np.ones(len(values)) if weight is None else weight
    return interval(lambda times: float(np.average(values, weights=mine * times)), entity)
