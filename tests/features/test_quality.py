"""Raw tables in; clean tables, counts that add up and a quarantine without values out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.canonical import PHYSICAL, CanonicalData
from features.config import PipelineConfig
from features.errors import DataError, MissingColumn, MissingTable
from features.quality import QualityReport, clean
from features.quality_report import QUARANTINE, TableCounts
from features.schema import conform, pandera_schema
from features.tables import OPPORTUNITIES, TABLES

OPPORTUNITY = {"opportunity_id": "o1", "account_id": "a1", "rep_id": "r1", "created_at": "2024-01-01"}
STAGE = {"opportunity_id": "o1", "at": "2024-01-02", "stage": "open"}
ACTIVITY = {"activity_id": "x1", "at": "2024-01-03", "kind": "call", "opportunity_id": "o1"}
ORDER = {"order_id": "d1", "account_id": "a1", "at": "2024-01-04", "amount": "10"}
LEAD = {"lead_id": "l1"}


@dataclass(frozen=True)
class Outcome:
    data: CanonicalData
    report: QualityReport

    def entries(self, *columns: str) -> list[tuple[Any, ...]]:
        return self.report.quarantine.select(columns).rows()

    def counts(self, table: str) -> TableCounts:
        return self.report.tables[table]


def run(config: PipelineConfig | None = None, **tables: list[dict[str, Any]]) -> Outcome:
    """Clean the given rows; a table that is not given has the one good row it needs."""
    rows = {"opportunities": [OPPORTUNITY], "stage_changes": [STAGE], **tables}
    frames = {name: pl.DataFrame(cells, infer_schema_length=None) for name, cells in rows.items()}
    return Outcome(*clean(frames, config or PipelineConfig()))


def ids(outcome: Outcome, table: str) -> list[str]:
    return sorted(outcome.data[table][TABLES[table].key[0]].to_list())


def test_a_clean_data_set_keeps_all_rows_and_has_every_table_in_its_physical_types() -> None:
    result = run(activities=[ACTIVITY])
    assert result.counts("activities") == TableCounts(read=1, kept=1)
    assert result.report.quarantine.is_empty()
    assert result.data.absent == set(TABLES) - {"opportunities", "stage_changes", "activities"}
    for name, table in TABLES.items():
        expected = {column.name: PHYSICAL[column.kind] for column in table.columns}
        assert dict(result.data[name].schema) == expected


def test_further_columns_are_kept_as_text() -> None:
    result = run(opportunities=[OPPORTUNITY | {"size": 3, "colour": " red "}])
    assert result.data["opportunities"].select("size", "colour").rows() == [("3", "red")]


@pytest.mark.parametrize(
    ("table", "row", "change", "column", "rule"),
    [
        ("opportunities", OPPORTUNITY, {"account_id": " "}, "account_id", "missing_value"),
        ("opportunities", OPPORTUNITY, {"opportunity_id": ""}, "opportunity_id", "missing_value"),
        ("opportunities", OPPORTUNITY, {"created_at": "soon"}, "created_at", "not_a_time"),
        ("opportunities", OPPORTUNITY, {"created_at": "1601-01-01"}, "created_at", "not_a_time"),
        ("opportunities", OPPORTUNITY, {"closed_at": "soon", "outcome": "won"}, "closed_at", "not_a_time"),
        ("opportunities", OPPORTUNITY, {"closed_at": "2024-02-01", "outcome": "?"}, "outcome", "not_allowed"),
        ("opportunities", OPPORTUNITY, {"closed_at": "2024-02-01"}, "outcome", "closed_without_outcome"),
        ("opportunities", OPPORTUNITY, {"outcome": "won"}, "closed_at", "outcome_without_close"),
        (
            "opportunities", OPPORTUNITY, {"closed_at": "2023-12-31", "outcome": "won"},
            "closed_at", "closed_before_created",
        ),
        ("stage_changes", STAGE, {"opportunity_id": "o9"}, "opportunity_id", "unknown_reference"),
        ("stage_changes", STAGE, {"recorded_at": "soon"}, "recorded_at", "not_a_time"),
        ("activities", ACTIVITY, {"kind": "séance"}, "kind", "not_allowed"),
        ("activities", ACTIVITY, {"opportunity_id": "o9"}, "opportunity_id", "unknown_reference"),
        ("orders", ORDER, {"amount": "ten"}, "amount", "not_a_number"),
        ("orders", ORDER, {"amount": "inf"}, "amount", "not_a_number"),
    ],
)  # fmt: skip
def test_a_row_that_breaks_a_rule_is_quarantined_by_it(
    table: str, row: dict[str, str], change: dict[str, str], column: str, rule: str
) -> None:
    good = dict.fromkeys(change) | row
    key = TABLES[table].key[0]
    bad = row | {key: "o2" if table == "opportunities" else row[key]} | change
    result = run(**{table: [good, bad]})
    assert result.entries("table", "column", "rule", "action", "row") == [
        (table, column, rule, "row_quarantined", 2)
    ]
    assert result.counts(table) == TableCounts(read=2, kept=1, quarantined=1)


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "rule"),
    [
        ("activities", ACTIVITY, "duration_s", "-1", "below_minimum"),
        ("activities", ACTIVITY, "duration_s", "long", "not_a_number"),
        ("activities", ACTIVITY, "direction", "sideways", "not_allowed"),
        ("opportunities", OPPORTUNITY, "expected_close_at", "9999-12-31", "not_a_time"),
        ("opportunities", OPPORTUNITY, "amount", "nan", "not_a_number"),
        ("orders", ORDER, "opportunity_id", "o9", "unknown_reference"),
        ("leads", LEAD, "opportunity_id", "o9", "unknown_reference"),
    ],
)
def test_a_bad_optional_cell_is_emptied_and_its_row_kept(
    table: str, row: dict[str, str], column: str, value: str, rule: str
) -> None:
    result = run(**{table: [row | {column: value}]})
    assert result.data[table][column].to_list() == [None]
    assert result.entries("key", "column", "rule", "action", "row") == [
        (row[TABLES[table].key[0]], column, rule, "cell_emptied", 1)
    ]
    assert result.counts(table) == TableCounts(read=1, kept=1)
    assert [(count.rule, count.count) for count in result.report.repairs] == [(rule, 1)]


def test_a_row_is_quarantined_once_however_many_rules_it_breaks() -> None:
    bad = OPPORTUNITY | {"opportunity_id": "o2", "created_at": "soon", "rep_id": "", "amount": "-1"}
    result = run(opportunities=[OPPORTUNITY | {"amount": None}, bad])
    assert result.entries("column", "rule", "action") == [("rep_id", "missing_value", "row_quarantined")]


def test_emptied_cells_of_rows_that_go_out_are_no_repairs() -> None:
    bad_cell = ACTIVITY | {"duration_s": "long"}
    rows = [bad_cell, bad_cell, bad_cell | {"kind": "?"}, bad_cell | {"kind": "visit"}]
    result = run(activities=rows)
    assert result.counts("activities") == TableCounts(read=4, kept=1, repeats=1, quarantined=2)
    assert result.entries("rule", "action", "row") == [
        ("repeated_key", "row_quarantined", 1),
        ("not_allowed", "row_quarantined", 3),
        ("not_a_number", "cell_emptied", 4),
    ]


def test_a_quarantined_opportunity_takes_its_records_with_it() -> None:
    result = run(
        opportunities=[OPPORTUNITY, OPPORTUNITY | {"opportunity_id": "o2", "created_at": "soon"}],
        stage_changes=[STAGE, STAGE | {"opportunity_id": "o2"}],
        activities=[ACTIVITY | {"opportunity_id": "o2"}],
        field_changes=[{"opportunity_id": "o2", "at": "2024-01-02", "field": "amount", "value": "1"}],
    )
    assert result.entries("table", "rule") == [
        ("opportunities", "not_a_time"),
        ("stage_changes", "unknown_reference"),
        ("field_changes", "unknown_reference"),
        ("activities", "unknown_reference"),
    ]


def test_exact_repeats_are_dropped_and_counted() -> None:
    result = run(activities=[ACTIVITY, ACTIVITY, ACTIVITY])
    assert result.counts("activities") == TableCounts(read=3, kept=1, repeats=2)


def test_a_key_recorded_again_later_is_a_revision_and_both_stay() -> None:
    first = ACTIVITY | {"recorded_at": None, "outcome": None}
    later = ACTIVITY | {"recorded_at": "2024-01-09", "outcome": "no-answer"}
    result = run(activities=[first, later])
    assert result.counts("activities") == TableCounts(read=2, kept=2, revisions=1)
    assert result.data["activities"]["outcome"].to_list() == [None, "no_answer"]


def test_a_planned_record_may_be_recorded_before_it_happens() -> None:
    assert run(activities=[ACTIVITY | {"recorded_at": "2023-12-01"}]).counts("activities").kept == 1


def test_contradicting_rows_of_one_version_leave_one_whatever_their_order() -> None:
    rows = [ACTIVITY | {"kind": kind, "duration_s": "5"} for kind in ("call", "visit", "email")]
    kept = [run(activities=order).data["activities"]["kind"].to_list() for order in (rows, rows[::-1])]
    assert kept == [["visit"], ["visit"]]
    result = run(activities=rows)
    assert result.counts("activities") == TableCounts(read=3, kept=1, quarantined=2)
    assert set(result.entries("key", "column", "rule")) == {("x1", "activity_id", "repeated_key")}


def test_of_an_opportunity_given_twice_the_latest_close_stays() -> None:
    rows: list[dict[str, Any]] = [
        OPPORTUNITY | {"closed_at": None, "outcome": None, "amount": "9"},
        OPPORTUNITY | {"closed_at": "2024-03-01", "outcome": "lost", "amount": "1"},
        OPPORTUNITY | {"closed_at": "2024-02-01", "outcome": "won", "amount": "5"},
    ]
    for order in (rows, rows[::-1]):
        result = run(opportunities=order)
        assert result.data["opportunities"]["outcome"].to_list() == ["lost"]
        assert result.counts("opportunities") == TableCounts(read=3, kept=1, quarantined=2)


def test_a_composite_key_is_written_with_bars_and_a_missing_part_is_empty() -> None:
    rows = [
        STAGE | {"opportunity_id": "o9"},
        STAGE | {"at": "soon"},
        {"opportunity_id": "", "at": "", "stage": "s"},
    ]
    keys = [key for (key,) in run(stage_changes=rows).entries("key")]
    assert keys == ["o9|2024-01-02T00:00:00Z", "o1|", ""]


def test_unknown_accounts_contacts_and_reps_are_kept_and_noted_where_their_table_is_there() -> None:
    result = run(accounts=[{"account_id": "a2"}], orders=[ORDER, ORDER | {"order_id": "d2"}])
    assert result.counts("orders").kept == 2
    assert any(note.startswith("orders.account_id: 2 rows name 1 accounts") for note in result.report.notes)
    assert not any("rep_id:" in note for note in result.report.notes)


def test_times_without_offset_are_read_in_the_time_zone_of_the_configuration() -> None:
    result = run(
        PipelineConfig(time_zone="Asia/Shanghai"), activities=[ACTIVITY | {"at": "2024-01-03 09:00"}]
    )
    assert result.data["activities"]["at"].to_list() == [datetime(2024, 1, 3, 1, tzinfo=UTC)]


def test_integer_ids_of_parquet_meet_text_ids_of_csv() -> None:
    result = run(
        opportunities=[OPPORTUNITY | {"opportunity_id": 7}],
        stage_changes=[STAGE | {"opportunity_id": "7"}],
        activities=[ACTIVITY | {"opportunity_id": 7.0}],
    )
    assert ids(result, "activities") == ["x1"]
    assert ids(result, "stage_changes") == ["7"]


def test_a_mutable_column_without_history_is_noted_unless_it_is_said_to_be_fixed() -> None:
    changes = [{"opportunity_id": "o1", "at": "2024-01-02", "field": "rep_id", "value": "r2"}]
    rows = [OPPORTUNITY | {"amount": "5", "expected_close_at": None}]
    without = "amount has no history in field_changes and is left out of the features"
    notes = run(opportunities=rows, field_changes=changes).report.notes
    assert [note.split(";")[0] for note in notes if "no history" in note] == [without]
    fixed = run(
        PipelineConfig(fixed_fields=("amount",)), opportunities=rows, field_changes=changes
    ).report.notes
    assert not any("no history" in note for note in fixed)


def test_a_fixed_column_that_changes_and_a_fixed_field_that_is_unknown_are_noted() -> None:
    changes = [{"opportunity_id": "o1", "at": "2024-01-02", "field": "source", "value": "web"}]
    notes = run(PipelineConfig(fixed_fields=("colour",)), field_changes=changes).report.notes
    assert any(
        note.startswith("source of opportunities is taken as fixed") and " 1 " in note for note in notes
    )
    assert any("names colour" in note for note in notes)


def test_a_stage_order_that_is_not_given_is_noted() -> None:
    assert any("order of stages" in note for note in run().report.notes)
    assert not any("order of stages" in note for note in run(PipelineConfig(stages=("open",))).report.notes)


def test_a_missing_required_table_says_which_were_found() -> None:
    frame = pl.DataFrame([OPPORTUNITY])
    with pytest.raises(
        MissingTable, match=r"stage_changes is missing \(found: opportunities\).*dealcast import"
    ):
        clean({"opportunities": frame}, PipelineConfig())


def test_a_missing_required_column_says_which_were_found() -> None:
    frames = {
        name: pl.DataFrame([row]) for name, row in (("opportunities", OPPORTUNITY), ("stage_changes", STAGE))
    }
    frames["activities"] = pl.DataFrame([{"id": 1, "date": 2, "kind": 3, "activity_id": 4}])
    message = r"^activities.csv: column `at` is missing \(found: id, date, kind, activity_id\); name it in"
    with pytest.raises(MissingColumn, match=message):
        clean(frames, PipelineConfig(), files={"activities": "activities.csv"})


def test_a_table_that_is_not_canonical_is_refused() -> None:
    with pytest.raises(DataError, match="deals is no canonical table"):
        run(deals=[{"a": 1}])


def test_no_opportunity_at_all_is_an_error_and_no_usable_one_is_a_note() -> None:
    empty = {"opportunities": pl.DataFrame([OPPORTUNITY]).clear(), "stage_changes": pl.DataFrame([STAGE])}
    with pytest.raises(DataError, match="opportunities: it has no rows"):
        clean(empty, PipelineConfig())
    result = run(opportunities=[OPPORTUNITY | {"created_at": "soon"}])
    assert "opportunities is there but has no usable row" in result.report.notes
    assert result.data["stage_changes"].is_empty()


def test_the_input_is_not_changed() -> None:
    frames = {
        "opportunities": pl.DataFrame([OPPORTUNITY | {"amount": " -1 "}]),
        "stage_changes": pl.DataFrame([STAGE]),
    }
    before = {name: frame.clone() for name, frame in frames.items()}
    clean(frames, PipelineConfig())
    assert all(frame.equals(before[name]) for name, frame in frames.items())


def test_the_quarantine_file_and_the_report_hold_no_value(tmp_path: Path) -> None:
    secrets = ["Jane Doe", "jane@example.com", "+49 170 555", "987654321.5"]
    rows = [
        ACTIVITY | {"activity_id": "x1", "at": secrets[0], "duration_s": secrets[3]},
        ACTIVITY | {"activity_id": "x2", "kind": secrets[1]},
        ACTIVITY | {"activity_id": "x3", "duration_s": secrets[2], "direction": secrets[0]},
    ]
    result = run(
        activities=rows, accounts=[{"account_id": "a1", "name": secrets[0], "employees": secrets[1]}]
    )
    result.report.write(tmp_path / "out")
    written = (tmp_path / "out/quarantine.csv").read_text() + (tmp_path / "out/quality.json").read_text()
    for text in (written, result.report.render(), repr(result.report)):
        assert not any(secret in text for secret in secrets)
    file = pl.read_csv(tmp_path / "out/quarantine.csv")
    assert file.columns == list(QUARANTINE)
    assert file.select("table", "key", "column", "value_kind", "action", "row").rows() == [
        ("accounts", "a1", "employees", "text", "cell_emptied", 1),
        ("activities", "x1", "at", "text", "row_quarantined", 1),
        ("activities", "x2", "kind", "text", "row_quarantined", 2),
        ("activities", "x3", "direction", "text", "cell_emptied", 3),
        ("activities", "x3", "duration_s", "text", "cell_emptied", 3),
    ]


def test_the_report_as_json_and_as_text_tells_the_counts(tmp_path: Path) -> None:
    result = run(activities=[ACTIVITY, ACTIVITY, ACTIVITY | {"activity_id": "x2", "kind": "?"}])
    result.report.write(tmp_path)
    report = json.loads((tmp_path / "quality.json").read_text())
    assert report == result.report.to_dict()
    assert report["tables"]["activities"] == {
        "read": 3, "kept": 1, "repeats": 1, "quarantined": 1, "revisions": 0
    }  # fmt: skip
    assert report["quarantined"] == [
        {"table": "activities", "column": "kind", "rule": "not_allowed", "count": 1}
    ]
    assert "not_allowed" in result.report.render()


def test_the_schema_made_from_the_declaration_refuses_what_breaks_it() -> None:
    good = run(opportunities=[OPPORTUNITY | {"amount": "1"}]).data["opportunities"]
    assert pandera_schema(OPPORTUNITIES).validate(good).equals(good)
    for change in (
        {"amount": pl.lit(-1.0)},
        {"kind": pl.lit("renewed")},
        {"created_at": pl.lit(None, good.schema["created_at"])},
        {"amount": pl.lit("1")},
    ):
        bad = good.with_columns(**change)
        with pytest.raises(RuntimeError, match="opportunities: a bug in the cleaning"):
            conform(OPPORTUNITIES, bad)
    with pytest.raises(RuntimeError, match="a bug"):
        conform(OPPORTUNITIES, pl.concat([good, good]))


CELLS = st.sampled_from(
    [
        None, "", " ", "o1", "o2", "a1", "x", "1", "-1", "2.5", "nan", "1e400", "won", "lost", "call",
        "E-Mail", "email", "open", "amount", "2024-01-01", "2024-03-05T10:00+02:00", "2023-01-01 00:00:00",
        "0001-01-01", "soon", "呼",
    ]
)  # fmt: skip
LIKELY = {
    **OPPORTUNITY, **STAGE, **ACTIVITY, **ORDER, **LEAD, "field": "amount", "value": "5", "amount": "5",
    "closed_at": "2024-02-01", "outcome": "won", "contact_id": "c1",
}  # fmt: skip


def cells(column: str) -> st.SearchStrategy[str | None]:
    likely = st.just(LIKELY.get(column))
    return st.one_of(likely, likely, likely, likely, CELLS)


@st.composite
def messes(draw: st.DrawFn) -> Mapping[str, pl.DataFrame]:
    """Every table, a part of the cells of any kind, some rows repeated, beside one good opportunity."""
    frames = {}
    for name, table in TABLES.items():
        rows = draw(st.lists(st.tuples(*map(cells, table.column_names)), max_size=4))
        rows += draw(st.lists(st.sampled_from(rows), max_size=2)) if rows else []
        schema = dict.fromkeys(table.column_names, pl.String)
        frames[name] = pl.DataFrame(rows, schema=schema, orient="row")
    frames["opportunities"] = pl.concat(
        [frames["opportunities"], pl.DataFrame([OPPORTUNITY])], how="diagonal"
    )
    return frames


def rows_of(data: CanonicalData) -> dict[str, list[str]]:
    return {name: sorted(map(repr, frame.rows())) for name, frame in data.tables.items()}


MANY = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@MANY
@given(messes())
def test_counts_add_up_however_dirty_the_data(mess: Mapping[str, pl.DataFrame]) -> None:
    data, report = clean(mess, PipelineConfig())
    for name, counts in report.tables.items():
        of_table = report.quarantine.filter(table=name, action="row_quarantined")
        assert counts.read == mess[name].height
        assert counts.read == counts.kept + counts.repeats + counts.quarantined
        assert counts.kept == data[name].height
        assert counts.quarantined == of_table.height == of_table["row"].n_unique()


@MANY
@given(messes(), st.randoms(use_true_random=False))
def test_what_is_kept_does_not_depend_on_the_order_of_the_rows(
    mess: Mapping[str, pl.DataFrame], random: Any
) -> None:
    shuffled = {name: frame[random.sample(range(frame.height), frame.height)] for name, frame in mess.items()}
    assert rows_of(clean(mess, PipelineConfig())[0]) == rows_of(clean(shuffled, PipelineConfig())[0])


@MANY
@given(messes())
def test_clean_data_are_clean(mess: Mapping[str, pl.DataFrame]) -> None:
    data, _ = clean(mess, PipelineConfig())
    if data["opportunities"].is_empty():
        return
    again, report = clean(data.tables, PipelineConfig())
    assert report.quarantine.is_empty()
    assert rows_of(again) == rows_of(data)
