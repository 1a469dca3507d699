"""In what two deals are alike and in what they differ, by what their behaviours add to the log-odds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.frame import FeatureFrame
from features.times import BoolArray, FloatArray
from serving.answers import value_of
from serving.phrases import Phrase, phrases_of
from serving.scorer import Model
from serving.wording import Language, Value, alike_text
from training.explain import grouping_of, strongest

NAMED: Final = 3  # behaviours in which two deals are alike
APART: Final = 0.2  # log-odds from which on a difference is named


@dataclass(frozen=True)
class Standing:
    """How a deal stood at a moment.

    Attributes:
        frame, row: its features.
        contributions: of each feature, on the model's margin.
        points: of each behaviour, in log-odds.
    """

    frame: FeatureFrame
    row: int
    contributions: FloatArray
    points: FloatArray


@dataclass(frozen=True)
class Pair:
    """Two deals as one model sees them, and the language to compare them in."""

    model: Model
    here: Standing
    there: Standing
    language: Language

    @property
    def distance(self) -> float:
        """The sum of the differences over the behaviours."""
        return float(np.abs(self.here.points - self.there.points).sum())

    def alike(self) -> list[dict[str, Any]]:
        """The behaviours that speak for both alike, the loudest first; at least the nearest to it."""
        here, there = self.here.points, self.there.points
        shared = _shared(here, there) - np.abs(here - there)
        order = np.argsort(-shared, kind="stable").tolist()
        chosen = [i for i in order if shared[i] > 0][:NAMED] or order[:1]
        loudness = np.where(
            self._named_otherwise(), 0.0, _shared(self.here.contributions, self.there.contributions)
        )
        said = [self._said(i, loudness, alike=True) for i in chosen]
        return [each for each in said if each is not None]

    def apart(self) -> dict[str, Any] | None:
        """The behaviour that differs most; None where that is little."""
        gap = np.abs(self.here.points - self.there.points)
        most = int(gap.argmax())
        if gap[most] <= APART:
            return None
        return self._said(most, self.here.contributions - self.there.contributions, alike=False)

    def _named_otherwise(self) -> BoolArray:
        """By feature, whether it has two names here and there: whatever these say, they are not alike."""
        phrases = phrases_of(self.model, "win", self.language)
        return np.array([p.unit == "category" and len({*self._values(p)}) > 1 for p in phrases])

    def _values(self, phrase: Phrase) -> tuple[Value, ...]:
        return tuple(value_of(each.frame, each.row, phrase) for each in (self.here, self.there))

    def _said(self, place: int, loudness: FloatArray, *, alike: bool) -> dict[str, Any] | None:
        """A behaviour with its loudest feature and both values of that; None where none speaks."""
        features = self.model.bundle.features
        behaviour = grouping_of(features).behaviours[place]
        speaks = strongest(features, behaviour, loudness, 1)
        if not speaks:
            return None
        feature = features[speaks[0]]
        phrase = phrases_of(self.model, "win", self.language)[speaks[0]]
        values = self._values(phrase)
        return {
            "behaviour": behaviour,
            "log_odds": [float(self.here.points[place]), float(self.there.points[place])],
            "feature": feature.name,
            "unit": feature.unit,
            "values": list(values),
            "text": alike_text(behaviour, feature, (values[0], values[1]), alike, self.language),
        }


def _shared(here: FloatArray, there: FloatArray) -> FloatArray:
    """How much both say in the same direction; 0 where they contradict each other."""
    same = np.sign(here) == np.sign(there)
    return np.where(same, np.minimum(np.abs(here), np.abs(there)), 0.0)
