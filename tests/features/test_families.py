"""Every feature in a small story: a value, a null, and a boundary at `as_of`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from features.build import Entity
from features.catalog import FEATURES, Feature
from tests.features.stories import (
    around,
    dialogue,
    people,
    purchases,
    reps,
    rhythm,
    stages,
    terms,
    volume,
)
from tests.features.stories.telling import Story, before

CHAPTERS = (volume, dialogue, rhythm, stages, people, terms, around, reps, purchases)
STORIES: tuple[Story, ...] = tuple(story for chapter in CHAPTERS for story in chapter.TOLD)
EVERY = [
    pytest.param(entity, feature, id=f"{entity}.{feature.name}")
    for entity in FEATURES
    for feature in FEATURES[entity]
]
TOLD = [
    pytest.param(story, name, id=f"{story.entity}.{name} in {story.name}")
    for story in STORIES
    for name in story.expected
]


@pytest.mark.parametrize(("story", "name"), TOLD)
def test_a_feature_has_its_values_by_the_story(story: Story, name: str) -> None:
    expected = story.expected[name]
    found = story.found(name, expected)
    if any(isinstance(cell, str) for cell in expected.values()):
        assert found == expected
    else:
        assert found == pytest.approx(dict(expected), abs=1e-6)


def told_of(entity: Entity, name: str) -> list[Mapping[float, Any]]:
    """What the stories expect of a feature."""
    return [story.expected[name] for story in STORIES if story.entity == entity and name in story.expected]


@pytest.mark.parametrize(("entity", "feature"), EVERY)
def test_the_stories_hold_a_value_a_null_and_a_boundary_of_every_feature(
    entity: Entity, feature: Feature
) -> None:
    told = told_of(entity, feature.name)
    cells = [cell for expected in told for cell in expected.values()]
    assert any(cells), "no value"
    assert any(values[a] != values[b] for values in told for a in values for b in values if a == before(b))
    if feature.null:
        assert None in cells
    else:
        assert None not in cells
        assert 0 in cells or feature.behaviour == "calendar", "never nothing"


def test_the_stories_tell_of_no_feature_that_there_is_not() -> None:
    known = {(entity, feature.name) for entity in FEATURES for feature in FEATURES[entity]}
    assert {(story.entity, name) for story in STORIES for name in story.expected} == known
