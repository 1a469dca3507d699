"""What is said of each feature of a model whatever its value, put into words once."""

from __future__ import annotations

from dataclasses import dataclass

from features.catalog import Unit
from serving.scorer import Model
from serving.wording import Language, around_value
from training.labels import Target


@dataclass(frozen=True)
class Phrase:
    """A feature as a reason's evidence names it.

    Attributes:
        place: its column.
        typical: the median where things went well; None where there is none.
        before, after: what stands around the value.
    """

    place: int
    name: str
    unit: Unit
    actionable: bool
    typical: float | None
    before: str
    after: str


def phrases_of(model: Model, target: Target, language: Language) -> tuple[Phrase, ...]:
    """One per column of the model; kept with it."""
    known: tuple[Phrase, ...] | None = model.said.get((target, language))
    if known is None:
        known = model.said[target, language] = _made(model, target, language)
    return known


def _made(model: Model, target: Target, language: Language) -> tuple[Phrase, ...]:
    bundle = model.bundle
    found = []
    for place, feature in enumerate(bundle.features):
        typical = bundle.typical.get(feature.name)
        around = around_value(feature, typical, target, language)
        found.append(Phrase(place, feature.name, feature.unit, feature.actionable, typical, *around))
    return tuple(found)
