"""`build_features` as its callers see it: which rows and columns come, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from features.build import Entity, build_features, features_of
from features.catalog import FEATURES
from features.errors import DataError, UnknownEntity
from features.from_rows import history_from_rows
from features.from_tables import history_from_tables
from features.history import History
from features.norms import reference_of
from features.snapshots import Snapshots
from features.tables import TABLES
from tests.factories import Row, bits, data_of, day, deal, features_at, in_days, snapshots_of
from tests.features.stories.reps import REFERENCE
from tests.features.stories.telling import (
    CONVENTIONS,
    SUBJECT,
    activity,
    change,
    contact,
    history_of,
    move,
    order,
    value,
    values,
)

ENTITIES: Sequence[Entity] = ("opportunity", "account")
TABLE_ROWS: dict[str, list[Row]] = {
    "accounts": [{"account_id": "a", "created_at": 2, "industry": "steel", "region": "east"}],
    "contacts": [contact("p", "champion", 3)],
    "reps": [{"rep_id": "r", "team_id": "east", "hired_at": 1}],
    "opportunities": [deal(kind="new", source="web"), deal("e", created_at=1, closed_at=9, outcome="won")],
    "stage_changes": [move(1, "lead"), move(5, "offer"), move(7, "parked")],
    "field_changes": [
        change(1, "amount", "100"), change(4, "amount", "80"), change(2, "rep_id", "r"),
        change(3, "expected_close_at", "1970-02-01"),
    ],
    "activities": [
        activity("x1", 2, "call", "outbound", outcome="connected", duration_s=9, contact_id="p", rep_id="r"),
        activity("x2", 4, "email", "inbound", contact_id="p"),
        activity("x3", 8, "meeting", outcome="held", recorded_at=6),
        activity("x4", 9, "visit", opportunity_id=None, account_id="a"),
    ],
    "orders": [order("o1", 2, 10.0, product="x"), order("o2", 5, 30.0), order("o3", 8, 5.0)],
    "leads": [{"lead_id": "l", "created_at": 0, "converted_at": 1, "source": "ad", "opportunity_id": "d"}],
}  # fmt: skip
ROWS = in_days(**TABLE_ROWS)


@pytest.fixture(scope="module")
def history() -> History:
    return history_from_tables(data_of(ROWS), CONVENTIONS)


def pairs_of(entity: Entity) -> list[tuple[str, int]]:
    return [(SUBJECT[entity], day(t)) for t in (0.5, 12, 4, 12, 8, 30)]


@pytest.mark.parametrize("entity", ENTITIES)
def test_the_columns_stand_in_the_order_of_the_catalogue(history: History, entity: Entity) -> None:
    frame = features_at(history, pairs_of(entity), entity)
    names = [feature.name for feature in FEATURES[entity]]
    assert list(frame.columns) == frame.to_polars().columns == names
    assert frame.features == features_of(entity, CONVENTIONS) == FEATURES[entity]
    assert frame.values.shape == (6, len(names))


def test_a_frame_has_null_where_a_feature_is_not_given_and_text_for_categories(history: History) -> None:
    frame = features_at(history, [("d", day(0.5)), ("d", day(6))])
    table = frame.to_polars()
    assert table["amount"].to_list() == [None, 80.0]
    assert table["stage"].to_list() == frame.columns["stage"].tolist() == [None, "offer"]
    assert np.isnan(frame.columns["amount"]).tolist() == [True, False]


@pytest.mark.parametrize("entity", ENTITIES)
def test_the_same_snapshot_twice_gives_the_same_row_twice(history: History, entity: Entity) -> None:
    once = features_at(history, [(SUBJECT[entity], day(6))], entity)
    thrice = features_at(history, [(SUBJECT[entity], day(6))] * 3, entity)
    assert bits(thrice) == {name: column * 3 for name, column in bits(once).items()}


@pytest.mark.parametrize("entity", ENTITIES)
def test_rows_come_in_the_order_of_the_snapshots(history: History, entity: Entity) -> None:
    there = features_at(history, pairs_of(entity), entity)
    back = features_at(history, pairs_of(entity)[::-1], entity)
    assert bits(back) == {name: column[::-1] for name, column in bits(there).items()}


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("threads", [None, 1, 4])
def test_no_snapshots_give_no_rows_and_every_column(
    history: History, entity: Entity, threads: int | None
) -> None:
    none = np.zeros(0, np.int64)
    frame = build_features(history, Snapshots(none, none), entity, threads=threads)
    assert frame.to_polars().shape == (0, len(FEATURES[entity])) == frame.values.shape


def test_a_history_of_nothing_has_no_entity_and_gives_every_column() -> None:
    nothing = history_from_rows({}, CONVENTIONS)
    none = np.zeros(0, np.int64)
    for entity in ENTITIES:
        assert len(build_features(nothing, Snapshots(none, none), entity)) == 0
        with pytest.raises(UnknownEntity):
            build_features(nothing, Snapshots(np.zeros(1, np.int64), np.zeros(1, np.int64)), entity)


def test_a_snapshot_of_an_unknown_entity_is_refused_with_its_name(history: History) -> None:
    with pytest.raises(UnknownEntity, match=r"1 of 2 snapshots name an opportunity .*first: nobody.*"):
        history.opportunity_codes(["d", "nobody"])
    with pytest.raises(UnknownEntity, match="name an account that the data set lacks"):
        history.account_codes(["nobody"])


@pytest.mark.parametrize(
    ("entity", "code", "last"),
    [("opportunity", -1, 1), ("opportunity", 2, 1), ("account", -1, 0), ("account", 1, 0)],
)
def test_a_code_out_of_range_is_refused(history: History, entity: Entity, code: int, last: int) -> None:
    snapshots = Snapshots(np.array([0, code]), np.array([0, 0]))
    with pytest.raises(UnknownEntity, match=f"{entity} code is none of 0 to {last}"):
        build_features(history, snapshots, entity)


OUT_OF_TIME = """
import numpy as np
from features.build import build_features
from features.conventions import Conventions
from features.errors import DataError
from features.from_rows import history_from_rows
from features.snapshots import Snapshots

row = {"opportunity_id": "d", "account_id": "a", "rep_id": "r", "created_at": 0}
history = history_from_rows({"opportunities": [row]}, Conventions(("lead",)))
try:
    build_features(history, Snapshots(np.zeros(1, np.int64), np.array([%d])))
except DataError:
    print("refused")
"""


def test_an_instant_outside_of_all_calendars_is_refused() -> None:
    code = OUT_OF_TIME % day(365 * 5_000)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "refused"), done.stderr


@pytest.mark.parametrize("entity", ENTITIES)
def test_only_selects_and_orders_the_columns(history: History, entity: Entity) -> None:
    names = ("weekday", "industry", "activities_total", "account_tenure_days")
    frame = features_at(history, pairs_of(entity), entity, only=names)
    everything = bits(features_at(history, pairs_of(entity), entity))
    assert tuple(frame.columns) == names
    assert bits(frame) == {name: everything[name] for name in names}


@pytest.mark.parametrize("entity", ENTITIES)
def test_each_feature_asked_for_alone_has_the_bits_it_has_among_all(history: History, entity: Entity) -> None:
    everything = bits(features_at(history, pairs_of(entity), entity, REFERENCE))
    for name, column in everything.items():
        assert bits(features_at(history, pairs_of(entity), entity, REFERENCE, (name,))) == {name: column}


@pytest.mark.parametrize(("entity", "other"), [("opportunity", "orders_total"), ("account", "amount")])
def test_only_refuses_a_name_that_is_none_of_the_entitys_features(
    history: History, entity: Entity, other: str
) -> None:
    for name in (other, "no_such_feature"):
        with pytest.raises(DataError, match=f"no {entity} feature '{name}'"):
            features_at(history, pairs_of(entity), entity, only=("weekday", name))


def test_a_name_asked_for_twice_is_refused(history: History) -> None:
    with pytest.raises(DataError, match="the opportunity feature 'weekday' is asked for twice; name it once"):
        features_at(history, pairs_of("opportunity"), only=("weekday", "activities_total", "weekday"))


# What the one deal says, and a ratio of 0 activities to some days.
NEVERTHELESS = ("open_deals", "deals_365d", "days_since_last_deal", "activities_per_working_day_30d")


def test_without_optional_tables_counts_are_zero_and_the_rest_is_not_given() -> None:
    bare = history_of(stage_changes=[move(0, "lead")])
    for entity in ENTITIES:
        for feature in FEATURES[entity]:
            if feature.behaviour in ("stage", "calendar") or feature.name in NEVERTHELESS:
                continue
            nothing = None if feature.null else 0
            assert value(bare, feature.name, 20, entity) == nothing, feature.name


@pytest.mark.parametrize("table", [name for name, table in TABLES.items() if not table.required])
def test_a_missing_table_is_an_empty_one(table: str) -> None:
    without = {name: rows for name, rows in ROWS.items() if name != table}
    empty = {**ROWS, table: []}
    expected = history_from_rows(empty, CONVENTIONS)
    for entity in ENTITIES:
        pairs = pairs_of(entity)
        found = features_at(history_from_rows(without, CONVENTIONS), pairs, entity)
        assert bits(found) == bits(features_at(expected, pairs, entity))
        offline = history_from_tables(data_of(without), CONVENTIONS)
        assert bits(features_at(offline, pairs, entity)) == bits(found)


OPTIONAL = [
    (table.name, column.name) for table in TABLES.values() for column in table.columns if not column.required
]


@pytest.mark.parametrize(("table", "column"), OPTIONAL)
def test_a_missing_column_is_an_empty_one(table: str, column: str) -> None:
    emptied = {**ROWS, table: [{**row, column: None} for row in ROWS[table]]}
    without = {**ROWS, table: [{k: v for k, v in row.items() if k != column} for row in ROWS[table]]}
    histories = [
        history_from_rows(emptied, CONVENTIONS),
        history_from_rows(without, CONVENTIONS),
        history_from_tables(data_of(emptied), CONVENTIONS),
    ]
    for entity in ENTITIES:
        found = [
            bits(features_at(some, pairs_of(entity), entity, reference_of(some, day(40))))
            for some in histories
        ]
        assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("entity", ENTITIES)
def test_without_a_reference_what_needs_one_is_not_given(history: History, entity: Entity) -> None:
    with_one, without = (features_at(history, pairs_of(entity), entity, *some) for some in ((REFERENCE,), ()))
    given = [name for name, cells in bits(with_one).items() if cells != bits(without)[name]]
    if entity == "account":
        assert given == []
    else:
        assert set(given) >= {"rep_win_rate", "stage_win_rate", "age_over_norm", "rep_tenure_days"}
        assert all(np.isnan(v).all() for n, v in without.columns.items() if n.endswith("_win_rate"))


def test_a_snapshot_takes_nothing_from_the_snapshots_given(history: History) -> None:
    snapshots = snapshots_of(history, pairs_of("opportunity"))
    kept = snapshots.entity.copy(), snapshots.as_of.copy()
    build_features(history, snapshots)
    assert (snapshots.entity == kept[0]).all()
    assert (snapshots.as_of == kept[1]).all()


def test_an_account_of_no_deal_has_features_too() -> None:
    history = history_of(accounts=[{"account_id": "z", "created_at": 1}])
    frame = features_at(history, [("z", day(5))], "account").to_polars()
    assert frame.select("account_tenure_days", "open_deals", "orders_total").row(0) == (4, 0, 0)
    assert values(history, ("open_deals",), 5, "account") == [1]
