"""What a bundle remembers of what it was trained on: enough to see drift, too little to see a deal.

Shares of rows by bin, each with its standard error over entities, because the snapshots of a deal are
not independent. Features are remembered over all snapshots of the split's parts, labelled or not: a
label is known first where a deal ends quickly, and to hold all present snapshots against those alone
would call every model drifted on its first day. What the model said is remembered of the last part,
which its trees never saw.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from features.frame import FeatureFrame
from features.times import FloatArray, IntArray
from training.explain import Ledger
from training.places import places_of

TENTHS = tuple(i / 10 for i in range(1, 10))
MOST_TEXTS = 20


@dataclass(frozen=True)
class Spread:
    """How the rows of one column fall into bins.

    Attributes:
        edges: of a number, increasing; bin i holds edges[i-1] < value <= edges[i], open at both ends.
        texts: of a category, its most frequent ones; one more bin is for all others.
        shares: of the rows by bin; the last bin is "not given"; they sum to 1.
        errors: the standard error of each share, over entities.
    """

    edges: tuple[float, ...]
    texts: tuple[str, ...]
    shares: tuple[float, ...]
    errors: tuple[float, ...]

    def bins(self, values: FloatArray, names: Sequence[str] = ()) -> IntArray:
        """The bin of each row; `names` are the texts that a category's values are places of."""
        return _bins(values, self.edges, self.texts, names)

    def bin_text(self, place: int, *, chinese: bool = False) -> str:
        """One bin in words.

        >>> numbers = Spread((0.0, 7.0), (), (0.5, 0.3, 0.1, 0.1), (0.0,) * 4)
        >>> [numbers.bin_text(i) for i in range(4)]
        ['0 or less', 'above 0, to 7', 'above 7', 'not given']
        >>> numbers.bin_text(1, chinese=True)
        '大于 0，至 7'
        """
        if place == len(self.shares) - 1:
            return ("not given", "未知")[chinese]
        if self.texts:
            others = ("other texts", "其他")[chinese]
            return self.texts[place] if place < len(self.texts) else others
        edges = [f"{edge:,.0f}" if abs(edge) >= 1000 else f"{edge:.4g}" for edge in self.edges]
        if not edges:
            return ("given", "已知")[chinese]
        if place == 0:
            return edges[0] + (" or less", " 及以下")[chinese]
        above = ("above ", "大于 ")[chinese] + edges[place - 1]
        return above + ((", to ", "，至 ")[chinese] + edges[place] if place < len(edges) else "")


@dataclass(frozen=True)
class Mean:
    """A mean over rows, and its standard error over entities."""

    mean: float
    error: float


@dataclass(frozen=True)
class Profile:
    """What the snapshots were like that a model was fitted and calibrated on.

    Attributes:
        features: by name, without those withheld from the trees.
        say: by name, the feature's share of all mean absolute contributions; they sum to 1.
        rows, entities: behind `features`.
        probability: the shown probabilities of the last part.
        points: by behaviour group, the mean absolute points (1 is 100%) on the last part.
        shown_rows, shown_entities: behind `say`, `probability` and `points`.
    """

    features: Mapping[str, Spread]
    say: Mapping[str, float]
    rows: int
    entities: int
    probability: Spread
    points: Mapping[str, Mean]
    shown_rows: int
    shown_entities: int

    def to_json(self) -> str:
        """Always the same text for the same profile."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True)
class Shown:
    """What a model said of some snapshots: probabilities, reasons, and whose they are."""

    probability: FloatArray
    why: Ledger
    entity: IntArray


def profile_of(frame: FeatureFrame, entity: IntArray, withheld: Sequence[str], shown: Shown) -> Profile:
    """The profile of a model.

    Args:
        frame: the features of the snapshots to remember, `entity` their deals or accounts.
        withheld: names that are left out.
        shown: what the model said of the last part's snapshots.
    """
    names = [feature.name for feature in frame.features]
    loud = np.abs(shown.why.contributions).mean(axis=0)
    means = zip(shown.why.behaviours, np.abs(shown.why.points).T, strict=True)
    return Profile(
        features={
            feature.name: spread_of(frame.values[:, i], entity, frame.names.get(feature.name))
            for i, feature in enumerate(frame.features)
            if feature.name not in withheld
        },
        say={name: _short(value) for name, value in zip(names, loud / max(loud.sum(), 1e-300), strict=True)},
        rows=len(entity),
        entities=len(np.unique(entity)),
        probability=spread_of(shown.probability, shown.entity),
        points={name: mean_of(values, shown.entity) for name, values in means},
        shown_rows=len(shown.entity),
        shown_entities=len(np.unique(shown.entity)),
    )


def profile_from_json(text: str) -> Profile:
    """A profile from its text.

    Raises:
        ValueError, KeyError, TypeError: the text is none of a profile.
    """
    told: dict[str, Any] = json.loads(text)
    told["features"] = {name: _spread(value) for name, value in told["features"].items()}
    told["probability"] = _spread(told["probability"])
    told["points"] = {name: Mean(**value) for name, value in told["points"].items()}
    return Profile(**told)


def spread_of(values: FloatArray, entity: IntArray, names: Sequence[str] | None = None) -> Spread:
    """How a column is spread: over the bins between its tenths, or over its texts if it has `names`."""
    given = values[~np.isnan(values)]
    edges: tuple[float, ...] = ()
    texts: tuple[str, ...] = ()
    if names is None:
        edges = tuple(np.unique(np.quantile(given, TENTHS, method="lower")).tolist()) if len(given) else ()
    else:
        counts = np.bincount(given.astype(np.int64), minlength=len(names))
        frequent = sorted(range(len(names)), key=lambda i: (-counts[i], names[i]))[:MOST_TEXTS]
        texts = tuple(names[i] for i in frequent if counts[i])
    bins = _bins(values, edges, texts, names or ())
    shares, covariance = shares_of(bins, count_of(edges, texts), entity)
    errors = np.sqrt(np.diag(covariance))
    return Spread(edges, texts, tuple(map(_short, shares)), tuple(map(_short, errors)))


def mean_of(values: FloatArray, entity: IntArray) -> Mean:
    """The mean of some rows and its standard error over entities."""
    place, _ = places_of(entity)
    mean = float(values.mean())
    off = np.bincount(place, values - mean)
    return Mean(_short(mean), _short(np.sqrt(_small(len(off)) * np.sum(off**2)) / len(values)))


def shares_of(bins: IntArray, count: int, entity: IntArray) -> tuple[FloatArray, FloatArray]:
    """The share of rows in each bin, and the covariance of these shares over entities.

    A share is a ratio of two sums over entities, so its covariance is m / (m - 1) * sum(e e') / rows²
    over the m entities, where e = (the entity's rows by bin) - shares * (its rows): the linearised
    ratio of cluster sampling (Cochran 1977, section 9A; Rao and Scott 1981).
    """
    place, entities = places_of(entity)
    table = np.bincount(place * count + bins, minlength=entities * count).reshape(entities, count)
    rows = table.sum(axis=1, keepdims=True)
    shares = table.sum(axis=0) / len(bins)
    off = table - rows * shares
    return shares, _small(entities) * (off.T @ off) / len(bins) ** 2


def count_of(edges: Sequence[float], texts: Sequence[str]) -> int:
    """How many bins there are, with the one of rows that are not given."""
    return (len(texts) if texts else len(edges)) + 2


def _bins(values: FloatArray, edges: Sequence[float], texts: Sequence[str], names: Sequence[str]) -> IntArray:
    given = ~np.isnan(values)
    bins = np.full(len(values), count_of(edges, texts) - 1, np.int64)
    if texts:
        place = {text: i for i, text in enumerate(texts)}
        table = np.array([place.get(name, len(texts)) for name in names], np.int64)
        bins[given] = table[values[given].astype(np.int64)]
    else:
        bins[given] = np.searchsorted(np.array(edges), values[given], side="left")
    return bins


def _small(entities: int) -> float:
    """m / (m - 1): a variance out of few is too small without it."""
    return entities / max(entities - 1, 1)


def _short(value: float) -> float:
    """Six digits: a profile travels with every bundle, and its own errors are larger."""
    return float(f"{value:.6g}")


def _spread(value: Mapping[str, Any]) -> Spread:
    return Spread(**{name: tuple(value[name]) for name in ("edges", "texts", "shares", "errors")})
