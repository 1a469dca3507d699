"""Further columns of a CRM as features: fixed ones, changing ones, those of the account, and odd values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from features.build import features_of
from features.catalog import FEATURES
from features.conventions import Conventions
from features.from_rows import history_from_rows
from features.from_tables import history_from_tables
from features.history import History
from tests.factories import Row, bits, data_of, day, deal, features_at, in_days
from tests.features.stories.telling import CONVENTIONS, before, change, history_of, value

CUSTOM = replace(CONVENTIONS, categories=("colour", "accounts.tier"), numbers=("size", "accounts.employees"))
FIXED = replace(CUSTOM, fixed=(*CONVENTIONS.fixed, *CUSTOM.custom))
COLOUR, TIER, SIZE, EMPLOYEES = (
    "custom_colour", "custom_accounts_tier", "custom_size", "custom_accounts_employees",
)  # fmt: skip


def found(history: History, name: str, days: Sequence[float]) -> list[Any]:
    return [value(history, name, as_of) for as_of in days]


def test_further_columns_stand_behind_the_catalogue_categories_first() -> None:
    names = [feature.name for feature in features_of("opportunity", FIXED)]
    assert names == [*(feature.name for feature in FEATURES["opportunity"]), COLOUR, TIER, SIZE, EMPLOYEES]
    assert features_of("account", FIXED) == FEATURES["account"]
    frame = features_at(history_of(FIXED), [("d", 0)]).to_polars()
    assert frame.columns == names
    assert frame.select(COLOUR, TIER, SIZE, EMPLOYEES).row(0) == (None, None, None, None)


def test_a_fixed_column_is_known_from_the_creation_of_its_deal_on() -> None:
    history = history_of(FIXED, opportunities=[deal(created_at=5, colour="red", size="7.5")])
    assert found(history, COLOUR, [before(5), 5]) == [None, "red"]
    assert found(history, SIZE, [before(5), 5]) == [None, 7.5]


def test_a_fixed_column_of_the_account_is_known_from_the_creation_of_the_account_on() -> None:
    rows = {"opportunities": [deal(), deal("e", "b")]}
    accounts = [
        {"account_id": "b", "tier": "silver"},
        {"account_id": "a", "created_at": 5, "tier": "gold", "employees": 30.0},
    ]
    history = history_of(FIXED, accounts=accounts, **rows)
    assert found(history, TIER, [before(5), 5]) == [None, "gold"]
    assert found(history, EMPLOYEES, [before(5), 5]) == [None, 30]
    others = features_at(history, [("e", day(-3)), ("e", day(3))]).to_polars()
    assert others[TIER].to_list() == ["silver", "silver"]  # of an account of unknown age
    assert others[EMPLOYEES].to_list() == [None, None]


def test_a_deal_of_an_account_that_the_table_lacks_has_none_of_its_columns() -> None:
    history = history_of(FIXED, accounts=[{"account_id": "b", "tier": "gold", "employees": 1.0}])
    assert found(history, TIER, [3]) == found(history, EMPLOYEES, [3]) == [None]


def test_a_column_that_is_not_fixed_is_read_from_its_changes_alone() -> None:
    history = history_of(
        CUSTOM,
        accounts=[{"account_id": "a", "tier": "gold", "employees": 30.0}],
        opportunities=[deal(colour="last", size="99")],
        field_changes=[
            change(3, "colour", "red"),
            change(5, "colour", "blue", recorded_at=7),
            change(6, "size", "1.5"),
            change(9, "size", "big"),
        ],
    )
    assert found(history, COLOUR, [before(3), 3, before(7), 7]) == [None, "red", "red", "blue"]
    assert found(history, SIZE, [before(6), 6, before(9), 9]) == [None, 1.5, 1.5, None]
    assert found(history, TIER, [9]) == found(history, EMPLOYEES, [9]) == [None]


def test_a_fixed_column_stays_what_the_row_says_whatever_is_told_of_changes() -> None:
    history = history_of(
        FIXED, opportunities=[deal(colour="red", size="7")], field_changes=[change(3, "colour", "blue")]
    )
    assert found(history, COLOUR, [1, 5]) == ["red", "red"]


@pytest.mark.parametrize("odd", ["", " ", "many", "nan", "inf", "-Infinity", "1,5"])
def test_a_number_that_is_none_is_not_given(odd: str) -> None:
    told = history_of(CUSTOM, field_changes=[change(0, "size", "3"), change(1, "size", odd)])
    assert found(told, SIZE, [0.5, 2]) == [3, None]
    rows = in_days(opportunities=[deal(size=odd.strip() or None)])
    for history in (history_from_rows(rows, FIXED), history_from_tables(data_of(rows), FIXED)):
        assert found(history, SIZE, [2]) == [None]


def test_a_value_seen_never_before_is_a_value() -> None:
    odd = "信用等级 ’AAA’ | Ω"
    history = history_of(FIXED, opportunities=[deal(colour=odd), deal("e", colour="red")])
    assert found(history, COLOUR, [1]) == [odd]


REQUEST: dict[str, list[Row]] = {
    "accounts": [{"account_id": "a", "created_at": None, "tier": True, "employees": 12}],
    "opportunities": [
        deal(colour=" red ", size=3), deal("e", colour=7.0, size="2.50"), deal("f", colour="", size=True),
        deal("g", size=None), deal("h", colour=0.5, size=2.5),
    ],
}  # fmt: skip
CLEANED: dict[str, list[Row]] = {
    "accounts": [{"account_id": "a", "created_at": None, "tier": "true", "employees": 12.0}],
    "opportunities": [
        deal(colour="red", size="3"), deal("e", colour="7", size="2.50"), deal("f", size="true"),
        deal("g"), deal("h", colour="0.5", size="2.5"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("conventions", [FIXED, CUSTOM], ids=["fixed", "through changes"])
def test_a_request_with_typed_cells_says_what_the_cleaned_table_says(conventions: Conventions) -> None:
    changes = [change(1, "size", "4"), change(1, "colour", "red"), change(2, "colour", "blue")]
    online = history_from_rows(in_days(**REQUEST, field_changes=changes), conventions)
    offline = history_from_tables(data_of(in_days(**CLEANED, field_changes=changes)), conventions)
    pairs = [(name, day(3)) for name in "defgh"]
    assert bits(features_at(online, pairs)) == bits(features_at(offline, pairs))
    if conventions is FIXED:
        frame = features_at(online, pairs).to_polars()
        assert frame[COLOUR].to_list() == ["red", "7", None, None, "0.5"]
        assert frame[SIZE].to_list() == [3, 2.5, None, None, 2.5]
        assert set(frame[TIER]) == {"true"}
        assert set(frame[EMPLOYEES]) == {12}


def test_one_deal_cut_out_keeps_its_further_columns() -> None:
    history = history_from_tables(data_of(in_days(**CLEANED)), FIXED)
    for name in "defgh":
        one = history.of_opportunity(int(history.opportunity_codes([name])[0]))
        assert bits(features_at(one, [(name, day(3))])) == bits(features_at(history, [(name, day(3))]))
