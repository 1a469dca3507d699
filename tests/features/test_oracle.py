"""The families against every feature computed again in plain loops over records."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from features.build import Entity, FeatureFrame
from features.history import history_from_tables
from tests import oracle
from tests.factories import conventions_for, data_of, features_at, random_instants, random_rows
from tests.oracle import Value

WORLDS = 60


def agrees(found: object, expected: Value) -> bool:
    if expected is None:
        return found is None or (isinstance(found, float) and math.isnan(found))
    if isinstance(expected, str):
        return found == expected
    return isinstance(found, float) and math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-9)


def differences(frame: FeatureFrame, row: int, expected: Mapping[str, Value]) -> dict[str, object]:
    """Feature -> (found, expected) where they differ."""
    found = {name: column.tolist()[row] for name, column in frame.columns.items()}
    assert set(found) == set(expected)
    return {name: (found[name], expected[name]) for name in found if not agrees(found[name], expected[name])}


@pytest.mark.parametrize("entity", ["opportunity", "account"])
def test_every_feature_of_random_worlds_is_what_plain_loops_over_the_records_say(entity: Entity) -> None:
    compute = oracle.opportunity_features if entity == "opportunity" else oracle.account_features
    ids = [f"d{i}" for i in range(4)] if entity == "opportunity" else [f"a{i}" for i in range(2)]
    for seed in range(WORLDS):
        rows, conventions = random_rows(seed), conventions_for(seed)
        snapshots = [(name, as_of) for as_of in random_instants(rows, seed, 10) for name in ids]
        frame = features_at(history_from_tables(data_of(rows), conventions), snapshots, entity)
        for number, (name, as_of) in enumerate(snapshots):
            expected = compute(rows, conventions, name, as_of)
            assert differences(frame, number, expected) == {}, (seed, name, as_of)


def test_the_random_worlds_hold_what_makes_it_hard() -> None:
    kinds = {"late": 0, "planned": 0, "corrected": 0, "moved to another deal": 0}
    for seed in range(WORLDS):
        versions: dict[str, list[object]] = {}
        for row in random_rows(seed)["activities"]:
            told = row["recorded_at"]
            kinds["late"] += told is not None and told > row["at"]
            kinds["planned"] += told is not None and told < row["at"]
            versions.setdefault(row["activity_id"], []).append(row["opportunity_id"])
        kinds["corrected"] += sum(len(deals) > 1 for deals in versions.values())
        kinds["moved to another deal"] += sum(len(set(deals)) > 1 for deals in versions.values())
    assert min(kinds.values()) > 3 * WORLDS
