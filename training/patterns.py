"""Which behaviours go with winning, and what the best do differently: associations, not causes.

Closed deals are compared at the same ages (`landmarks`), each with the others of its rep and under the same
case mix (`habits`), in one logistic regression of all behaviours at once, so that what only comes along with
another behaviour is not named for it. Errors are clustered by deal and rep (`clustered`). The effects are
drawn together towards none as far as the data call for it (empirical Bayes; Morris 1983,
10.1080/01621459.1983.10477920). A behaviour is named where its q-value (Benjamini and Hochberg 1995) is at
most `FALSE_SHARE` and its interval does not hold "none".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.canonical import CanonicalData
from features.times import FloatArray, iso
from training.best import Best, best_of
from training.clustered import Rows, fit_logistic
from training.dataset import Source, open_source
from training.habits import FEATURES, Design, design_of, plain
from training.landmarks import Landmarks, landmarks_of
from training.patterns_words import NOTICE, too_little, words_of

FALSE_SHARE: Final = 0.05  # of what is named, at most so much is expected to be named by chance
LEAST_DEALS: Final = 80  # won, and as many lost, below which nothing is said
PULL: Final = 1.0  # of each coefficient towards 0, as if one more row said so
_95: Final = 0.975


@dataclass(frozen=True)
class Effects:
    """One per behaviour, on the log-odds of a standard deviation.

    Attributes:
        raw, error, degrees: as fitted.
        shrunk, low, high: drawn towards 0, with a 95% interval.
        q: false-discovery rates of `raw`.
    """

    raw: FloatArray
    error: FloatArray
    degrees: FloatArray
    shrunk: FloatArray
    low: FloatArray
    high: FloatArray
    q: FloatArray


def patterns(data: CanonicalData, as_of: int) -> dict[str, Any]:
    """What goes with winning in a data set as it was known at `as_of` (microseconds); JSON-ready.

    `behaviours` holds one entry each, the surest first: its name, unit, wording, `from` and `to` (values one
    standard deviation apart), `odds_ratio` and its 95% `interval`, `points` (of probability, at the average
    deal), `q`, `named`, `unadjusted` (without case mix, reps and the other behaviours), `n_deals`, `n_reps`,
    and `best`: the means of the best reps' deals and of the others', null where groups are too small.
    `abstained` says why where too little has closed.
    """
    source = open_source(data, as_of)
    landmarks = landmarks_of(source, FEATURES)
    answer = _about(source, landmarks)
    few = min(landmarks.deals(True), landmarks.deals(False))
    if few < LEAST_DEALS:
        why = too_little(few, LEAST_DEALS)
        return answer | {"abstained": why, "behaviours": [], "unmeasured": [], "best_group": None}
    design = design_of(landmarks)
    effects, linear = _adjusted(landmarks, design)
    found = _Found(landmarks, design, effects, linear, _unadjusted(landmarks, design))
    best = best_of(landmarks, design)
    entries = [_entry(i, found, best) for i in range(len(design.habits))]
    entries.sort(key=lambda entry: (entry["q"], -abs(entry["points"])))
    return answer | {
        "abstained": None,
        "behaviours": entries,
        "unmeasured": list(design.unmeasured),
        "best_group": best.described(),
    }


def effects_of(raw: FloatArray, error: FloatArray, degrees: FloatArray) -> Effects:
    """Fitted coefficients drawn together towards 0, their intervals and false-discovery rates."""
    from scipy import stats

    q = stats.false_discovery_control(2 * stats.t.sf(np.abs(raw / error), degrees), method="bh")
    between = _between(raw, error)
    count = len(raw)
    pull = max(count - 2, 1) / count * error**2 / (error**2 + between)
    variance = error**2 * (1 - pull) + 2 / max(count - 2, 1) * pull**2 * raw**2
    shrunk = raw * (1 - pull)
    wide = stats.t.ppf(_95, degrees) * np.sqrt(variance)
    return Effects(raw, error, degrees, shrunk, shrunk - wide, shrunk + wide, np.asarray(q))


def _between(raw: FloatArray, error: FloatArray) -> float:
    """The variance of the true effects around 0, by maximum likelihood."""
    from scipy.optimize import minimize_scalar

    def unlikely(log_variance: float) -> float:
        total = error**2 + np.exp(log_variance)
        return float((np.log(total) + raw**2 / total).sum())

    found = minimize_scalar(unlikely, bounds=(-16.0, 4.0), method="bounded")
    return float(np.exp(found.x))


def _adjusted(landmarks: Landmarks, design: Design) -> tuple[Effects, FloatArray]:
    count = len(design.habits)
    columns = np.column_stack([*(habit.within for habit in design.habits), design.mix])
    penalty = np.full(columns.shape[1], PULL)
    penalty[count] = 0.0  # the intercept
    rows = Rows(columns, landmarks.won, landmarks.weight, landmarks.deal, landmarks.rep)
    fit = fit_logistic(rows, penalty, count)
    return effects_of(fit.beta[:count], fit.error, fit.degrees), fit.linear


def _unadjusted(landmarks: Landmarks, design: Design) -> Effects:
    """Each behaviour alone, compared with all deals of the same age, deals taken for independent."""
    found, nobody = [], np.zeros(len(landmarks.deal), np.int64)
    for habit in design.habits:
        ages = [landmarks.landmark == i for i in range(len(landmarks.days))]
        columns = np.column_stack([plain(habit, landmarks), *ages]).astype(np.float64)
        penalty = np.array([PULL, *[1e-6] * len(ages)])
        rows = Rows(columns, landmarks.won, landmarks.weight, landmarks.deal, nobody)
        fit = fit_logistic(rows, penalty, 1)
        found.append((fit.beta[0], fit.error[0], fit.degrees[0]))
    return effects_of(*np.array(found).T)


@dataclass(frozen=True)
class _Found:
    landmarks: Landmarks
    design: Design
    effects: Effects
    linear: FloatArray
    alone: Effects

    def points(self, i: int) -> float:
        """What the shrunk effect of one standard deviation comes to, on the mean over the deals."""
        rest = self.linear - self.effects.raw[i] * self.design.habits[i].within
        half = self.effects.shrunk[i] / 2
        return float(np.average(_chance(rest + half) - _chance(rest - half), weights=self.landmarks.weight))


def _entry(i: int, found: _Found, best: Best) -> dict[str, Any]:
    habit, landmarks, effects, alone = found.design.habits[i], found.landmarks, found.effects, found.alone
    given = ~np.isnan(habit.raw)
    entry: dict[str, Any] = {
        "feature": habit.feature.name,
        "behaviour": habit.feature.behaviour,
        "unit": habit.feature.unit,
        "label": {"en": habit.feature.en, "zh-CN": habit.feature.zh},
        "from": habit.low,
        "to": habit.high,
        "odds_ratio": float(np.exp(effects.shrunk[i])),
        "interval": [float(np.exp(effects.low[i])), float(np.exp(effects.high[i]))],
        "points": found.points(i),
        "q": float(effects.q[i]),
        "named": bool(effects.q[i] <= FALSE_SHARE and effects.low[i] * effects.high[i] > 0),
        "unadjusted": {
            "odds_ratio": float(np.exp(alone.raw[i])),
            "q": float(alone.q[i]),
            "named": bool(alone.q[i] <= FALSE_SHARE),
        },
        "n_deals": len(np.unique(landmarks.deal[given])),
        "n_reps": len(np.unique(landmarks.rep[given])),
        "best": best.means(i),
    }
    return entry | {"text": words_of(entry)}


def _chance(linear: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * linear)))


def _about(source: Source, landmarks: Landmarks) -> dict[str, Any]:
    won = landmarks.won == 1
    return {
        "as_of": iso(source.cutoff),
        "landmark_days": list(landmarks.days),
        "n_deals": len(np.unique(landmarks.deal)),
        "n_won": len(np.unique(landmarks.deal[won])),
        "n_reps": len(landmarks.reps),
        "false_discovery_rate": FALSE_SHARE,
        "notice": dict(NOTICE),
    }
