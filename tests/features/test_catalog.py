"""The catalogue says of every feature what it is, within which range and when not given, in two languages."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_args

import pytest

from features.catalog import (
    BEHAVIOURS,
    FEATURES,
    LANGUAGES,
    SEASONAL,
    Behaviour,
    Feature,
    Unit,
    concepts,
    custom_feature,
    feature_hash,
)
from features.dictionary import dictionary, range_text, row_of

ENTITIES = ("opportunity", "account")
EVERY = [
    pytest.param(feature, id=f"{entity}.{feature.name}")
    for entity in ENTITIES
    for feature in FEATURES[entity]
]
SENTENCE = re.compile(r"[A-Z1].*[^.]\.", re.DOTALL)
CLAUSE = re.compile(r"(?!.*[.|])[a-z].*[a-z0-9]")
# Ratios of two lengths of time, numbers of people or amounts of money: they may be above 1.
RATIOS = {
    "account_silence_over_gap", "age_over_norm", "amount_change_share", "amount_over_mean_order",
    "amount_over_typical", "contacts_reached_share", "dwell_over_norm", "gap_variation",
    "last_amount_change_share", "last_order_over_mean", "order_gap_variation", "plan_elapsed_share",
    "silence_over_gap", "silence_over_longest_gap",
}  # fmt: skip
BEFORE_OR_AFTER = {
    "close_date_shift_days", "days_to_expected_close", "days_to_reach_stage", "first_activity_delay_days",
    "lead_response_hours", "lead_to_deal_days", "planned_cycle_days",
}  # fmt: skip
CATEGORIES = {
    "opportunity": {
        "stage", "previous_stage", "kind", "source", "product", "lead_source", "industry", "region",
    },
    "account": {"industry", "region"},
}  # fmt: skip


@pytest.mark.parametrize("entity", ENTITIES)
def test_no_name_stands_twice_in_an_entitys_catalogue(entity: str) -> None:
    names = [feature.name for feature in FEATURES[entity]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


def test_every_feature_belongs_to_a_behaviour_and_every_behaviour_but_the_custom_one_has_features() -> None:
    used = {feature.behaviour for features in FEATURES.values() for feature in features}
    assert used == set(BEHAVIOURS) - {"custom"}
    assert all(name == behaviour.name for name, behaviour in BEHAVIOURS.items())


def test_the_features_of_a_behaviour_of_a_deal_stand_together() -> None:
    order = [feature.behaviour for feature in FEATURES["opportunity"]]
    assert list(dict.fromkeys(order)) == [
        "volume", "dialogue", "rhythm", "crm_use", "stage", "people", "terms",
        "orders", "account", "rep", "lead", "calendar",
    ]  # fmt: skip
    assert order == sorted(order, key=list(dict.fromkeys(order)).index)


@pytest.mark.parametrize("said", [*EVERY, *BEHAVIOURS.values()], ids=lambda said: said.name)
def test_every_wording_is_there_in_both_languages_and_not_the_same(said: Feature | Behaviour) -> None:
    en, zh = (said.wording(language) for language in LANGUAGES)
    assert en.isascii()
    assert re.search("[\u4e00-\u9fff]", zh)
    for text in (en, zh):
        assert text == text.strip() != ""
        assert not re.search(r"[{}|:：.。]|\s\s", text)


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_features_of_an_entity_read_alike(entity: str, language: str) -> None:
    wordings = [feature.wording(language) for feature in FEATURES[entity]]
    assert len(set(wordings)) == len(wordings)


@pytest.mark.parametrize("feature", EVERY)
def test_a_unit_is_one_of_those_there_are_and_a_range_goes_up(feature: Feature) -> None:
    assert feature.unit in get_args(Unit)
    low = float("-inf") if feature.low is None else feature.low
    high = float("inf") if feature.high is None else feature.high
    assert low < high


@pytest.mark.parametrize("feature", EVERY)
def test_a_range_is_that_of_its_unit_unless_it_is_said_to_be_another(feature: Feature) -> None:
    if feature.unit == "flag":
        assert (feature.low, feature.high) == (0, 1)
    elif feature.is_category or feature.unit == "currency":
        assert (feature.low, feature.high) == (None, None)
    elif feature.name in RATIOS:
        assert (feature.unit, feature.high) == ("share", None)
    elif feature.unit == "share":
        assert (feature.low, feature.high) == (-1 if feature.name == "activity_momentum" else 0, 1)
    elif feature.name in BEFORE_OR_AFTER or "_trend_" in feature.name:
        assert (feature.low, feature.high) == (None, None)
    else:
        assert feature.low is not None
        assert feature.low >= 0


@pytest.mark.parametrize("feature", EVERY)
def test_a_count_is_always_given_and_of_what_is_not_it_is_said_when(feature: Feature) -> None:
    if feature.unit in ("count", "flag") and feature.name != "close_in_quarter":
        assert feature.null == ""
    if feature.is_category:
        assert feature.null != ""
    assert feature.null == "" or CLAUSE.fullmatch(feature.null)


@pytest.mark.parametrize("feature", EVERY)
def test_a_definition_is_one_sentence(feature: Feature) -> None:
    text = feature.definition
    assert text == "" or SENTENCE.fullmatch(text)
    assert text.isascii()
    assert not re.search(r"[{}|]|\. |\s\s", text)


@pytest.mark.parametrize("entity", ENTITIES)
def test_the_categories_are_these(entity: str) -> None:
    assert {feature.name for feature in FEATURES[entity] if feature.is_category} == CATEGORIES[entity]


@pytest.mark.parametrize(("entity", "least"), [("opportunity", 120), ("account", 40)])
def test_the_promised_number_of_features_is_not_made_of_windows(entity: str, least: int) -> None:
    names = concepts(FEATURES[entity])
    assert len(names) >= least
    assert len(set(names)) == len(names)
    assert not any(re.search(r"_(\d+d|total)$", name) for name in names)


def test_a_concept_is_a_name_without_the_window_at_its_end() -> None:
    windows = ("7d", "14d", "30d", "90d", "365d", "total")
    some = [custom_feature(f"{name}_{window}", category=False) for name in ("a", "b") for window in windows]
    others = [custom_feature(name, category=False) for name in ("a_60d", "total_b", "a_7d_share", "a")]
    assert concepts([*some, *others]) == (
        "custom_a", "custom_b", "custom_a_60d", "custom_total_b", "custom_a_7d_share",
    )  # fmt: skip


def test_a_feature_that_both_entities_have_by_one_wording_is_declared_alike() -> None:
    of_deal, of_account = ({f.name: f for f in FEATURES[entity]} for entity in ENTITIES)
    of_orders = {"silence_over_gap", "silence_over_longest_gap"}  # activities there, orders here
    shared = (of_deal.keys() & of_account.keys()) - of_orders
    assert shared >= {
        "industry",
        "region",
        "account_tenure_days",
        "weekday",
        "activities_30d",
        "reps_involved",
    }
    assert [of_deal[name] for name in shared] == [of_account[name] for name in shared]


def test_what_a_rep_can_do_next_is_actionable_and_what_is_past_or_not_the_reps_is_not() -> None:
    actionable = {feature.name for feature in FEATURES["opportunity"] if feature.actionable}
    assert actionable >= {"meetings_30d", "mean_response_hours", "days_in_stage", "close_date_pushes"}
    assert actionable >= {"decision_makers_reached", "fields_filled_share", "overdue_steps"}
    given = {"stage", "deal_age_days", "amount", "past_win_share", "account_orders_total", "weekday"}
    assert not actionable & (given | {"rep_win_rate", "stage_win_rate", "lead_response_hours"})


def test_what_is_withheld_for_its_season_is_in_the_catalogue_of_both_entities() -> None:
    for entity in ENTITIES:
        assert set(SEASONAL) <= {feature.name for feature in FEATURES[entity]}


@pytest.mark.parametrize(("category", "unit"), [(True, "category"), (False, "number")])
def test_a_further_column_is_declared_by_its_own_name(category: bool, unit: str) -> None:
    feature = custom_feature("accounts.信用等级", category=category)
    assert (feature.name, feature.unit, feature.behaviour) == ("custom_accounts_信用等级", unit, "custom")
    assert [feature.wording(language) for language in LANGUAGES] == ["accounts.信用等级"] * 2
    assert not feature.actionable
    assert feature.is_category == category
    assert feature.null == "the column was not known"


def test_the_hash_says_what_the_columns_mean_and_not_how_they_are_worded() -> None:
    features = FEATURES["opportunity"]
    first, *others = features
    assert feature_hash([replace(feature) for feature in features]) == feature_hash(features)
    reworded = replace(first, en="something else", zh="别的", behaviour="terms", actionable=False)
    explained = replace(reworded, low=-1, high=1, null="it was not", definition="It is.")
    assert feature_hash([explained, *others]) == feature_hash(features)
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


def test_the_dictionary_has_a_row_of_nine_cells_for_every_feature() -> None:
    lines = dictionary().splitlines()
    for feature in (feature for features in FEATURES.values() for feature in features):
        assert len(row_of(feature)) == 9
        assert f"| {' | '.join(row_of(feature))} |" in lines


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(None, None, "any"), (0, None, "from 0"), (None, 1, "up to 1"), (-1, 0.5, "-1 to 0.5")],
)
def test_a_range_reads_as_it_is(low: float | None, high: float | None, text: str) -> None:
    number = custom_feature("size", category=False)
    assert range_text(replace(number, low=low, high=high)) == text
    assert range_text(custom_feature("size", category=True)) == "text"


def test_a_bar_in_a_text_does_not_break_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.dictionary.FEATURES", {"account": [custom_feature("a|b", category=True)]})
    assert "| a\\|b |" in dictionary()
