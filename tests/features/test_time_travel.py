"""Nothing recorded after an instant changes a feature of that instant, or a row of the reference."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.agreed import conventions_of
from features.build import Entity
from features.canonical import TIME, CanonicalData
from features.config import PipelineConfig
from features.conventions import Conventions
from features.from_tables import history_from_tables
from features.history import History
from features.norms import reference_of
from features.reference import Reference
from features.sample import make_sample
from features.times import DAY, from_micros
from tests.factories import (
    Row,
    Rows,
    bits,
    data_of,
    day,
    deal,
    features_at,
    in_days,
    known_of,
    random_instants,
)
from tests.features.worlds import ENTITIES, IN_2024, rows_for

RECORDS = ("stage_changes", "field_changes", "activities", "orders")
ONE = int(np.float64(1).view(np.int64))  # as `bits` says it
CONTENT = {"stage": "offer", "value": "7", "kind": "meeting", "outcome": "replied", "amount": 5.0}
Dated = dict[tuple[str, str], list[tuple[int, ...]]]
SEEDS = st.integers(0, 2**32 - 1)
CONFIG = PipelineConfig(time_zone="Europe/Berlin", holidays="DE-BY")


def with_another_future(rows: Rows, as_of: int, rng: random.Random) -> Rows:
    """The same rows as of an instant; what came after it, or was overwritten since, is different."""
    others = rows_for(rng.randrange(2**32), 0)
    futures = {name: _other_records(rows[name], others[name], as_of, rng) for name in RECORDS}
    accounts = [row for row in rows["accounts"] if (row["created_at"] or 0) <= as_of]
    known = {row["account_id"] for row in accounts}
    told_now = [name for name in ("a0", "a1", "a2", "a3") if name not in known]
    return {
        **futures,
        "accounts": [
            *(row | {"churned_at": as_of + 1} for row in accounts),
            *({"account_id": name, "created_at": as_of + 1, "industry": "late"} for name in told_now),
        ],
        "contacts": [
            *(row for row in rows["contacts"] if (row["created_at"] or 0) <= as_of),
            *(
                {
                    "contact_id": contact_id, "account_id": account_id, "role": "decision_maker",
                    "created_at": as_of + 1,
                }
                for contact_id, account_id in (("stranger", "a0"), ("new", "a1"))
            ),
        ],
        "reps": [*rows["reps"], {"rep_id": "heir", "team_id": "east", "hired_at": as_of + 1}],
        "leads": [_other_lead(row, as_of, rng) for row in rows["leads"]],
        "opportunities": [
            *(_overwritten(row, as_of, rng) for row in rows["opportunities"] if row["created_at"] <= as_of),
            {"opportunity_id": "d9", "account_id": "a0", "rep_id": "r", "created_at": as_of + 1},
        ],
    }  # fmt: skip


def _other_records(rows: Sequence[Row], others: Sequence[Row], as_of: int, rng: random.Random) -> list[Row]:
    """Half of the later records deleted, some known ones corrected later, others added later."""
    kept = [row for row in rows if known_of(row) <= as_of or rng.random() < 0.5]
    corrected = [
        {name: CONTENT.get(name, value) for name, value in row.items()}
        | {"recorded_at": as_of + rng.randrange(1, 90 * DAY)}
        for row in kept
        if known_of(row) <= as_of and rng.random() < 0.5
    ]
    added = [row | {"recorded_at": max(known_of(row), as_of + rng.randrange(1, 9))} for row in others]
    return rng.sample(kept + corrected + added, len(kept + corrected + added))


def _other_lead(row: Row, as_of: int, rng: random.Random) -> Row:
    """What a lead came to later is different; one that came later is of another deal, at another time."""
    changed = dict(row)
    if (row["created_at"] or 0) > as_of:
        changed |= {"created_at": as_of + 1, "opportunity_id": "d1"}
    if row["first_response_at"] is None or row["first_response_at"] > as_of:
        changed["first_response_at"] = rng.choice([None, as_of + 1])
    later = row["converted_at"] is not None and row["converted_at"] > as_of
    if later or (row["converted_at"] is None and row["opportunity_id"] is None):
        changed |= rng.choice(
            [
                {"converted_at": None, "opportunity_id": None},
                {"converted_at": as_of + day(2), "opportunity_id": "d0"},
            ]
        )
    return changed


def _overwritten(row: Row, as_of: int, rng: random.Random) -> Row:
    changes: Row = {"amount": 1e6, "expected_close_at": as_of + day(7), "rep_id": "heir"}
    if row["closed_at"] is None or row["closed_at"] > as_of:
        closed_at = rng.choice([None, as_of + 1, as_of + day(50)])
        changes |= {"closed_at": closed_at, "outcome": closed_at and rng.choice(["won", "lost"])}
    return row | changes


def history_at(data: CanonicalData, as_of: int) -> History:
    """The history as read by the conventions of an instant."""
    return history_from_tables(data, conventions_of(data, as_of))


def as_seen_at(
    data: CanonicalData, as_of: int, times: Sequence[int]
) -> tuple[Conventions, dict[Entity, dict[str, list[Any]]], Dated]:
    """What is read by the conventions of an instant: these, the features, and the reference up to then.

    The features are those at some times, of all that existed at `as_of`, with its reference.
    """
    known = data["opportunities"].filter(pl.col("created_at") <= from_micros(as_of))
    history = history_at(data, as_of)
    reference, later = (reference_of(history, until) for until in (as_of, as_of + day(400)))
    assert dated_rows(later, as_of) == dated_rows(reference, as_of)
    features: dict[Entity, dict[str, list[Any]]] = {}
    for entity in ENTITIES:
        ids = known["opportunity_id" if entity == "opportunity" else "account_id"].unique().sort().to_list()
        pairs = [(name, time) for name in ids for time in times]
        features[entity] = bits(features_at(history, pairs, entity, reference))
        assert bits(features_at(history, pairs, entity, later)) == features[entity]
    return history.conventions, features, dated_rows(later, as_of)


def dated_rows(reference: Reference, until: int) -> Dated:
    """Date and statistics of the rows dated up to an instant, by scope and name."""
    found: Dated = {}
    for key, low, high in zip(reference.keys, reference.first[:-1], reference.first[1:], strict=True):
        rows = [
            (int(date), *counts.tolist())
            for date, counts in zip(reference.date[low:high], reference.rows[low:high], strict=True)
            if date <= until
        ]
        if rows:
            found[key] = rows
    return found


@settings(deadline=None, max_examples=40)
@given(seed=SEEDS, future=SEEDS, days=st.sampled_from([0, IN_2024]))
def test_another_future_changes_no_feature_and_no_row_of_the_reference(
    seed: int, future: int, days: int
) -> None:
    rows = rows_for(seed, days)
    times = sorted(random_instants(rows, seed, 8))
    as_of = max(times[5], min(row["created_at"] for row in rows["opportunities"]))
    times = [*(time for time in times if time <= as_of), as_of]
    data = data_of(rows, CONFIG)
    other = data_of(with_another_future(rows, as_of, random.Random(future)), CONFIG)
    expected = as_seen_at(data.known_at(as_of), as_of, times)
    for changed in (data, other, other.known_at(as_of)):
        assert as_seen_at(changed, as_of, times) == expected


@pytest.fixture(scope="module", params=[1, 2])
def sample(request: pytest.FixtureRequest) -> CanonicalData:
    return make_sample(300, seed=request.param, dirt=False).data


def _overwritten_columns(data: CanonicalData, as_of: int) -> CanonicalData:
    late = pl.lit(from_micros(as_of + day(3)), dtype=TIME)
    overwritten = data["opportunities"].with_columns(
        amount=-1.0, expected_close_at=late, rep_id=pl.lit("heir")
    )
    return CanonicalData({**data.tables, "opportunities": overwritten}, data.config)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_what_a_made_up_crm_knew_at_an_instant_gives_the_features_of_that_instant(
    sample: CanonicalData, share: float
) -> None:
    told = sample["activities"].select(pl.coalesce("recorded_at", "at").to_physical()).to_series()
    as_of = int(np.quantile(told.to_numpy(), share))
    changed = _overwritten_columns(sample, as_of)
    expected = as_seen_at(sample, as_of, [as_of - day(30), as_of])
    for other in (sample.known_at(as_of), changed, changed.known_at(as_of)):
        assert as_seen_at(other, as_of, [as_of - day(30), as_of]) == expected


def test_the_reference_of_what_a_made_up_crm_knew_is_that_of_all_it_ever_knew_up_to_then(
    sample: CanonicalData,
) -> None:
    end = sample.watermark()
    whole = dated_rows(reference_of(history_at(sample, end), end), end)
    assert sum(map(len, whole.values())) > 1000
    conventions = conventions_of(sample, end)
    for weeks in (1, 30, 60):
        as_of = end - weeks * day(7) - (weeks % 2)
        history = history_from_tables(sample.known_at(as_of), conventions)
        rows = {key: [row for row in its if row[0] <= as_of] for key, its in whole.items()}
        expected = {key: its for key, its in rows.items() if its}
        assert dated_rows(reference_of(history, as_of), as_of) == expected


def test_a_late_and_a_corrected_record_change_no_earlier_row_of_the_reference() -> None:
    ids = {"opportunity_id": "d", "rep_id": "r"}
    call = {"activity_id": "x", **ids, "kind": "call", "at": 2, "recorded_at": 2}
    rows = {
        "opportunities": [
            deal(closed_at=9, outcome="won", kind="new"),
            deal("e", closed_at=40, outcome="lost"),
        ],
        "stage_changes": [{"opportunity_id": "d", "at": 1, "stage": "lead"}],
        "field_changes": [
            {"opportunity_id": "d", "at": 1, "field": field, "value": value}
            for field, value in (("amount", "5"), ("rep_id", "r"))
        ],
        "activities": [call],
    }
    later = {
        "stage_changes": [{"opportunity_id": "d", "at": 1, "stage": "offer", "recorded_at": 20}],
        "field_changes": [
            {"opportunity_id": "d", "at": 1, "field": "amount", "value": "7", "recorded_at": 20},
            {"opportunity_id": "d", "at": 1, "field": "rep_id", "value": "s", "recorded_at": 20},
        ],
        "activities": [
            {**call, "rep_id": "s", "recorded_at": 20},
            {**call, "activity_id": "y", "at": 3, "recorded_at": 20},
        ],
    }
    base = data_of(in_days(**rows))
    data = data_of(in_days(**{name: [*its, *later.get(name, ())] for name, its in rows.items()}))
    before, after = (reference_of(history_at(some, day(15)), day(60)) for some in (base, data))
    assert dated_rows(after, day(20)) == dated_rows(before, day(20))
    changed = {
        key for key, its in dated_rows(after, day(60)).items() if its != dated_rows(before, day(60)).get(key)
    }
    assert changed == {("rep", "r"), ("rep", "s")}  # of the records alone: a deal adds but once, at its close


def test_a_stage_that_is_a_close_by_another_name_is_no_open_stage() -> None:
    deals = [deal(f"d{i:02}", closed_at=9.001, outcome="lost") for i in range(30)]
    path = ((1, "talk"), (4, "offer"), (9, "Closed Lost"))
    moves = [{"opportunity_id": d["opportunity_id"], "at": at, "stage": s} for d in deals for at, s in path]
    data = data_of(in_days(opportunities=deals, stage_changes=moves))
    assert conventions_of(data).stages == ("talk", "offer")


def test_the_order_of_stages_is_worked_out_from_what_was_known_alone() -> None:
    def moves(deal_id: str, stages: Sequence[str], told: int) -> list[Row]:
        return [
            {"opportunity_id": deal_id, "at": at, "stage": stage, "recorded_at": max(at, told)}
            for at, stage in enumerate(stages)
        ]

    deals = [deal("d", closed_at=2, outcome="won"), deal("e"), deal("f")]
    forth, back = ("talk", "offer", "won"), ("offer", "talk")
    rows = [*moves("d", forth, 0), *moves("e", back, 9), *moves("f", back, 9)]
    data = data_of(in_days(opportunities=deals, stage_changes=rows))
    assert conventions_of(data, day(9) - 1).stages == ("talk", "offer")
    assert conventions_of(data, day(9)).stages == ("offer", "talk")
    given = CanonicalData(data.tables, PipelineConfig(stages=("won", "talk")))
    assert conventions_of(given, day(9)).stages == ("won", "talk")


def test_what_was_known_at_an_instant_ends_with_that_instant() -> None:
    moved = {"opportunity_id": "d", "stage": "lead"}
    data = data_of(
        in_days(
            accounts=[{"account_id": "a", "created_at": 3, "churned_at": 6}, {"account_id": "b"}],
            contacts=[{"contact_id": "p", "account_id": "a", "created_at": 4}],
            leads=[{"lead_id": "l", "first_response_at": 4, "converted_at": 5, "opportunity_id": "d"}],
            opportunities=[deal(created_at=3, closed_at=5, outcome="lost", loss_reason="price")],
            stage_changes=[moved | {"at": 3}, moved | {"at": 2, "recorded_at": 4}],
            orders=[{"order_id": "o", "account_id": "a", "at": 9, "amount": 1.0, "recorded_at": 5}],
        )
    )

    def known(number: float) -> dict[str, int]:
        return {name: frame.height for name, frame in data.known_at(day(number)).tables.items() if len(frame)}

    assert known(3 - 1 / DAY) == {"accounts": 1, "leads": 1}
    assert known(3) == {"accounts": 2, "leads": 1, "opportunities": 1, "stage_changes": 1}
    assert known(4) == known(3) | {"contacts": 1, "stage_changes": 2}
    assert known(5) == known(4) | {"orders": 1}
    before, after = (data.known_at(as_of)["opportunities"].to_dicts()[0] for as_of in (day(5) - 1, day(5)))
    assert [before[name] for name in ("closed_at", "outcome", "loss_reason")] == [None, None, None]
    assert [after["outcome"], after["loss_reason"]] == ["lost", "price"]
    lead = data.known_at(day(5) - 1)["leads"].to_dicts()[0]
    assert [lead["first_response_at"] is None, lead["converted_at"], lead["opportunity_id"]] == [
        False,
        None,
        None,
    ]
    assert data.known_at(day(6) - 1)["accounts"]["churned_at"].null_count() == 2


def test_a_category_counts_as_mutable_from_the_first_change_that_was_known() -> None:
    change = {"opportunity_id": "d", "at": 1, "field": "kind", "value": "new", "recorded_at": 5}
    data = data_of(in_days(opportunities=[deal()], field_changes=[change]))
    assert "kind" in conventions_of(data, day(5) - 1).fixed
    assert "kind" not in conventions_of(data, day(5)).fixed


def test_a_meeting_typed_in_after_the_win_changes_no_earlier_feature() -> None:
    meeting = {"activity_id": "m", "opportunity_id": "d", "at": 3, "kind": "meeting", "outcome": "held"}
    deals = [deal(closed_at=10, outcome="won")]
    before = data_of(in_days(opportunities=deals))
    after = data_of(in_days(opportunities=deals, activities=[meeting | {"recorded_at": 11}]))
    times = [day(number) for number in range(11)]
    assert as_seen_at(after, times[-1], times) == as_seen_at(before, times[-1], times)
    _, features, _ = as_seen_at(after, day(11), [day(11)])
    assert features["opportunity"]["meetings_total"] == features["opportunity"]["held_total"] == [ONE]
