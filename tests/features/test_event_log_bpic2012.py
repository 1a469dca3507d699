"""The BPI Challenge 2012 log as a CRM, by the project's own example of a mapping, in both its forms."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from features.sources.event_log import UNBEGUN, EventLogImport, import_event_log
from features.sources.mapping import read_event_log_mapping
from features.tables import TABLES

ROOT = Path(__file__).parents[2]
BPI = ROOT.parent / "shared/data/bpic2012"
MAPPING = ROOT / "examples/bpic2012.toml"

pytestmark = pytest.mark.skipif(not BPI.is_dir(), reason=f"the BPI Challenge 2012 log is not at {BPI}")


@pytest.fixture(scope="module")
def bpi() -> EventLogImport:
    return import_event_log(BPI / "events.csv.gz", read_event_log_mapping(MAPPING))


def test_the_real_log_has_the_known_numbers_of_deals(bpi: EventLogImport) -> None:
    assert bpi.report.events == 262_200
    outcomes = bpi.data["opportunities"]["outcome"]
    assert (len(outcomes), (outcomes == "won").sum(), outcomes.null_count()) == (13_087, 2_246, 399)
    assert bpi.report.unseen == ()
    assert bpi.report.counts == {UNBEGUN: 1_040}


@pytest.mark.slow
def test_the_real_log_is_the_same_from_xes_and_from_csv(bpi: EventLogImport) -> None:
    mapping = read_event_log_mapping(MAPPING)
    from_xes = import_event_log(BPI / "BPI_Challenge_2012.xes.gz", mapping)
    assert from_xes.report == bpi.report
    for name in TABLES:
        assert from_xes.data[name].equals(bpi.data[name]), name


def test_every_given_snapshot_lies_within_its_deals_open_life(bpi: EventLogImport) -> None:
    pairs = pl.read_csv(
        BPI / "pairs_after_2012-01-15.csv.gz", columns=["opportunity_id", "as_of"], infer_schema=False
    )
    as_of = pl.col("as_of").str.to_datetime(time_unit="us", time_zone="UTC")
    life = pairs.with_columns(as_of).join(bpi.data["opportunities"], on="opportunity_id")
    assert len(life) == len(pairs) == 40_095
    assert life.select((pl.col("created_at") <= pl.col("as_of")).all()).item()
    assert life.select((pl.col("as_of") < pl.col("closed_at")).all()).item()


@pytest.mark.parametrize("name", ["stage_changes", "field_changes", "activities"])
def test_nothing_becomes_known_in_the_last_second_before_a_decision(bpi: EventLogImport, name: str) -> None:
    closes = bpi.data["opportunities"].select("opportunity_id", "closed_at")
    left = pl.col("closed_at") - pl.col("recorded_at")
    records = bpi.data[name].join(closes, on="opportunity_id").filter(left > timedelta(0))
    assert records.select(left.min()).item() > timedelta(seconds=1)


def test_the_real_tables_keep_the_promises_of_canonical_data(bpi: EventLogImport) -> None:
    data = bpi.data
    for table in TABLES.values():
        frame = data[table.name]
        key = [*table.key, "recorded_at"] if table.has_two_clocks else list(table.key)
        assert not frame.select(key).is_duplicated().any(), table.name
        for column in table.columns:
            assert not (column.required and frame[column.name].null_count()), (table.name, column.name)
            values = frame[column.name].drop_nulls()
            assert not column.allowed or set(values) <= set(column.allowed), (table.name, column.name)
            if column.refers_to and column.refers_to not in data.absent:
                known = data[column.refers_to][TABLES[column.refers_to].key[0]]
                assert values.is_in(known.implode()).all(), (table.name, column.name)
