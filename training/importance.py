"""Which features and behaviours the trees lean on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from features.catalog import BEHAVIOURS
from training.bundle import Bundle


@dataclass(frozen=True)
class Weight:
    """A feature's part in the trees.

    Attributes:
        feature, behaviour: their names.
        gain_share: of all the loss that the splits took off, what this feature's took; 0 to 1.
        splits: how many of the trees' splits ask for it.
    """

    feature: str
    behaviour: str
    gain_share: float
    splits: int


def importance(bundle: Bundle) -> tuple[Weight, ...]:
    """Every feature of a bundle, the strongest by gain first; the shares add up to 1.

    Trees without a split have no gain: all shares are then 0.
    """
    gain = bundle.booster.feature_importance("gain")
    splits = bundle.booster.feature_importance("split")
    total = float(gain.sum()) or 1.0
    found = [
        Weight(feature.name, feature.behaviour, float(of_gain) / total, int(count))
        for feature, of_gain, count in zip(bundle.features, gain, splits, strict=True)
    ]
    return tuple(sorted(found, key=lambda weight: (-weight.gain_share, weight.feature)))


def by_behaviour(weights: tuple[Weight, ...]) -> list[tuple[str, float]]:
    """Each behaviour's English wording and its share of the gain, the strongest first."""
    shares: defaultdict[str, float] = defaultdict(float)
    for weight in weights:
        shares[weight.behaviour] += weight.gain_share
    ordered = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(BEHAVIOURS[name].en, share) for name, share in ordered]
