"""The catalogue says what the families compute, no more and no less, in two languages."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from features.build import FAMILIES, Entity
from features.catalog import BEHAVIOURS, FEATURES, LANGUAGES, SEASONAL, Feature, feature_hash
from features.conventions import Conventions
from features.history import history_from_rows
from features.snapshots import Snapshots

ENTITIES: tuple[Entity, ...] = ("opportunity", "account")
EVERY = [feature for features in FEATURES.values() for feature in features]


@pytest.mark.parametrize("entity", ENTITIES)
def test_the_catalogue_names_what_the_families_compute_and_nothing_else(entity: Entity) -> None:
    history = history_from_rows({}, Conventions(("lead",)))
    none = Snapshots(np.zeros(0, np.int64), np.zeros(0, np.int64))
    computed = [name for family in FAMILIES[entity] for name in family(history, none)]
    assert sorted(computed) == sorted(feature.name for feature in FEATURES[entity])


@pytest.mark.parametrize("entity", ENTITIES)
def test_no_name_stands_twice_in_an_entitys_catalogue(entity: Entity) -> None:
    names = [feature.name for feature in FEATURES[entity]]
    assert len(set(names)) == len(names)


def test_every_feature_belongs_to_a_known_behaviour_and_every_behaviour_has_features() -> None:
    assert {feature.behaviour for feature in EVERY} == set(BEHAVIOURS)
    assert all(name == behaviour.name for name, behaviour in BEHAVIOURS.items())


@pytest.mark.parametrize("said", [*EVERY, *BEHAVIOURS.values()], ids=lambda said: said.name)
def test_every_wording_is_there_in_both_languages_and_not_the_same(said: Feature) -> None:
    en, zh = (said.wording(language) for language in LANGUAGES)
    assert en.isascii()
    assert en == en.strip() != ""
    assert re.search("[\u4e00-\u9fff]", zh)
    assert not re.search(r"\s$|^\s", zh)


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_features_of_an_entity_read_alike(entity: Entity, language: str) -> None:
    wordings = [feature.wording(language) for feature in FEATURES[entity]]
    assert len(set(wordings)) == len(wordings)


def test_a_feature_that_both_entities_have_by_one_wording_is_declared_alike() -> None:
    of_deal, of_account = ({f.name: f for f in FEATURES[entity]} for entity in ENTITIES)
    shared = {name for name in of_deal if name in of_account} - {"silence_over_gap"}  # activities, orders
    assert shared >= {"industry", "region", "account_tenure_days", "weekday"}
    assert [of_deal[name] for name in shared] == [of_account[name] for name in shared]


def test_what_is_withheld_for_its_season_is_in_the_catalogue() -> None:
    assert set(SEASONAL) <= {feature.name for feature in FEATURES["opportunity"]}


def test_the_hash_says_what_the_columns_mean_and_not_how_they_are_worded() -> None:
    features = FEATURES["opportunity"]
    first, *others = features
    assert feature_hash([replace(feature) for feature in features]) == feature_hash(features)
    reworded = replace(first, en="something else", zh="别的", behaviour="terms", actionable=False)
    assert feature_hash([reworded, *others]) == feature_hash(features)
    changed = [
        [replace(first, name="renamed"), *others],
        [replace(first, unit="days"), *others],
        [*others, first],
        others,
        FEATURES["account"],
    ]
    hashes = {feature_hash(some) for some in changed}
    assert len(hashes) == len(changed)
    assert feature_hash(features) not in hashes
