"""The engine against every feature computed again in SQL, from the rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from features.build import Entity, build_features
from features.catalog import FEATURES, Feature
from features.from_tables import history_from_tables
from features.norms import reference_of
from tests.factories import Row, data_of, known_of, snapshots_of
from tests.features.worlds import ENTITIES, Pairs, World, worlds_together
from tests.sql.oracle import Value, sql_features
from tests.sql.reference import reference_features

GROUPS, SIZE = 8, 5  # forty worlds, five at a time
INSTANTS, WEEKS = 6, 3  # snapshots of each entity; and Mondays for which the reference is made anew
OF_REFERENCE = {
    "rep_win_rate", "team_win_rate", "rep_cycle_days", "rep_closed_deals", "rep_open_deals",
    "rep_tenure_days", "rep_prompt_recording_share", "team_open_deals_per_rep", "stage_win_rate",
    "source_win_rate", "product_win_rate", "kind_win_rate", "industry_win_rate", "dwell_over_norm",
    "age_over_norm", "amount_over_typical",
}  # fmt: skip


@cache
def group_of_worlds(group: int) -> World:
    return worlds_together(group, SIZE, INSTANTS)


def found(world: World, pairs: Pairs, entity: Entity) -> dict[str, list[Value]]:
    """What the engine says, None where it says nothing."""
    history = history_from_tables(data_of(world.rows), world.conventions)
    reference = reference_of(history, max(time for _, time in pairs))
    frame = build_features(history, snapshots_of(history, pairs, entity), entity, reference)
    return {name: [None if v != v else v for v in column.tolist()] for name, column in frame.columns.items()}  # noqa: PLR0124


def agrees(here: Value, there: Value) -> bool:
    if isinstance(here, float) and isinstance(there, float):
        return math.isclose(here, there, rel_tol=1e-9, abs_tol=1e-6)
    return here == there


def differences(
    frame: Mapping[str, Sequence[Value]], expected: Sequence[Mapping[str, Value]], pairs: Pairs
) -> dict[str, str]:
    """Feature -> how often it differs, and the first time: snapshot, engine, SQL."""
    wrong = {
        name: [
            (pairs[i], cell, row[name]) for i, (cell, row) in enumerate(zip(cells, expected, strict=True))
            if not agrees(cell, row[name])
        ]
        for name, cells in frame.items()
    }  # fmt: skip
    return {name: f"{len(cases)} times, first {cases[0]}" for name, cases in wrong.items() if cases}


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("group", range(GROUPS))
def test_every_feature_of_random_worlds_is_what_sql_says(group: int, entity: Entity) -> None:
    world = group_of_worlds(group)
    pairs = world.pairs[entity]
    expected = sql_features(world.rows, world.conventions, pairs, entity)
    frame = found(world, pairs, entity)
    assert set(expected[0]) | (OF_REFERENCE if entity == "opportunity" else set()) == set(frame)
    assert differences({name: frame[name] for name in expected[0]}, expected, pairs) == {}


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_feature_of_the_reference_is_what_sql_says(group: int) -> None:
    world = group_of_worlds(group)
    times = sorted({time for _, time in world.pairs["opportunity"]})
    some = times[:: len(times) // WEEKS][1 : WEEKS + 1]
    names = list(dict.fromkeys(name for name, _ in world.pairs["opportunity"]))
    pairs = [(name, time) for time in some for name in names]
    expected = reference_features(world.rows, world.conventions, pairs)
    frame = found(world, pairs, "opportunity")
    assert set(expected[0]) == OF_REFERENCE
    assert differences({name: frame[name] for name in OF_REFERENCE}, expected, pairs) == {}


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("group", range(GROUPS))
def test_every_value_is_one_that_the_catalogue_allows(group: int, entity: Entity) -> None:
    world = group_of_worlds(group)
    frame = found(world, world.pairs[entity], entity)
    for feature in FEATURES[entity]:
        given = [cell for cell in frame[feature.name] if cell is not None]
        assert feature.null or len(given) == len(frame[feature.name]), f"{feature.name} is not given"
        assert all(allows(feature, cell) for cell in given), feature.name


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_feature_is_given_somewhere_in_the_worlds_and_not_the_same_everywhere(entity: Entity) -> None:
    worlds = [group_of_worlds(group) for group in range(GROUPS)]
    frames = [found(world, world.pairs[entity], entity) for world in worlds]
    for feature in FEATURES[entity]:
        cells = Counter(cell for frame in frames for cell in frame[feature.name])
        usual = max(cells.values())
        assert set(cells) - {None}, feature.name
        assert sum(cells.values()) - usual >= 2, feature.name


def allows(feature: Feature, value: Value) -> bool:
    if feature.is_category:
        return isinstance(value, str)
    low = -math.inf if feature.low is None else feature.low
    high = math.inf if feature.high is None else feature.high
    whole = feature.unit not in ("count", "index", "flag") or value == int(value)
    return low <= value <= high and whole


def test_the_random_worlds_hold_what_makes_it_hard() -> None:
    kinds: Counter[str] = Counter()
    for group in range(GROUPS):
        rows = group_of_worlds(group).rows
        for table, key, owner in (
            ("activities", ("activity_id",), "opportunity_id"),
            ("orders", ("order_id",), "account_id"),
            ("stage_changes", ("opportunity_id", "at"), "stage"),
            ("field_changes", ("opportunity_id", "at", "field"), "value"),
        ):
            versions: dict[tuple[object, ...], list[Row]] = {}
            for row in rows[table]:
                kinds[f"late {table}"] += known_of(row) > row["at"]
                kinds[f"planned {table}"] += known_of(row) < row["at"]
                versions.setdefault(tuple(row[name] for name in key), []).append(row)
            kinds[f"corrected {table}"] += sum(len(its) > 1 for its in versions.values())
            kinds[f"of another {owner}"] += sum(
                len({row[owner] for row in its}) > 1 for its in versions.values()
            )
        closed = [row for row in rows["opportunities"] if row["closed_at"]]
        kinds["won"] += sum(row["outcome"] == "won" for row in closed)
        kinds["lost"] += sum(row["outcome"] == "lost" for row in closed)
        kinds["of an account and another's deal"] += sum(
            row["account_id"] is not None for row in rows["activities"]
        )
        kinds["leads of deals"] += sum(row["opportunity_id"] is not None for row in rows["leads"])
    assert min(kinds.values()) > GROUPS * SIZE // 2, kinds
    conventions = [group_of_worlds(group).conventions for group in range(GROUPS)]
    for name in ("fixed", "time_zone", "working_days", "holidays"):
        assert len({getattr(c, name) for c in conventions}) >= 3, name


def test_the_comparison_can_fail() -> None:
    assert agrees(1.0, 1.0 + 1e-10)
    assert not agrees(1.0, 1.0 + 1e-5)
    assert not agrees(None, 0.0)
    assert not agrees("a", None)
    assert agrees(None, None)
    row: dict[str, Value] = {"x": 1.0}
    assert differences({"x": [None]}, [row], [("d", 0)]) == {"x": "1 times, first (('d', 0), None, 1.0)"}
