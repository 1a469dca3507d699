"""Event logs as canonical tables, from small literal logs; test_event_log_bpic2012.py has a real one."""

from __future__ import annotations

import gzip
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.config import read_config
from features.errors import ConfigError, DataError, MissingColumn, UnreadableFile
from features.sources.event_log import UNBEGUN, UNMAPPED, EventLogImport, import_event_log
from features.sources.log_events import BAD_AMOUNT, NO_ACTIVITY, NO_CASE, NO_TIME
from features.sources.mapping import event_log_mapping_from
from features.tables import TABLES
from features.times import parse_instant

MAPPING = """
stages = ["apply", { name = "offered", activities = ["offer", "offer again"] }]
[csv]
case_id = "case"
activity = "what"
lifecycle = "step"
resource = "who"
timestamp = "when"
[csv.opportunity]
amount = "sum"
created_at = "registered"
[csv.extra]
at = "branch"
[xes]
case_id = "case.concept:name"
activity = "concept:name"
lifecycle = "lifecycle:transition"
resource = "org:resource"
timestamp = "time:timestamp"
[xes.opportunity]
amount = "case.sum"
created_at = "case.registered"
[xes.extra]
at = "case.branch"
[pipeline]
time_zone = "Europe/Amsterdam"
[won]
stage = "yes"
activities = ["approve"]
[lost]
activities = ["refuse"]
[activities.ring]
schedule = { kind = "task" }
start = { kind = "call", direction = "outbound" }
complete = { kind = "call", direction = "outbound", outcome = "held", since = "start" }
[activities.offer]
complete = { kind = "proposal" }
"""
HEADER = "case,what,step,who,when,sum,registered,branch\n"
DEAL = """\
1,apply,COMPLETE,ann,2024-01-02T09:00:00Z,500,2024-01-02T08:59:00Z,north
1,ring,SCHEDULE,,2024-01-02T09:00:01Z,500,2024-01-02T08:59:00Z,north
1,ring,START,bob,2024-01-03T10:00:00Z,500,2024-01-02T08:59:00Z,north
1,offer,COMPLETE,bob,2024-01-03T10:01:00Z,500,2024-01-02T08:59:00Z,north
1,ring,COMPLETE,,2024-01-03T10:01:30Z,500,2024-01-02T08:59:00Z,north
1,approve,COMPLETE,cy,2024-01-05T10:00:00Z,500,2024-01-02T08:59:00Z,north
1,refuse,COMPLETE,cy,2024-01-06T10:00:00Z,500,2024-01-02T08:59:00Z,north
"""


def mapping_of(text: str = MAPPING) -> Any:
    return event_log_mapping_from(tomllib.loads(text), where="map.toml")


def imported(folder: Path, rows: str, mapping: str = MAPPING, header: str = HEADER) -> EventLogImport:
    path = folder / "log.csv"
    path.write_text(header + rows, encoding="utf-8")
    return import_event_log(path, mapping_of(mapping))


def xes_of(rows: str) -> str:
    """The rows of a CSV text as XES; empty cells are attributes left out."""
    keys = ("concept:name", "lifecycle:transition", "org:resource", "time:timestamp")
    cases: dict[str, list[list[str]]] = {}
    for line in rows.splitlines():
        case, *cells = line.split(",")
        cases.setdefault(case, []).append(cells)
    traces = "".join(_trace(keys, case, events) for case, events in cases.items())
    return f'<log xmlns="http://www.xes-standard.org/">{traces}</log>'


def _trace(keys: tuple[str, ...], case: str, events: list[list[str]]) -> str:
    shared = zip(("concept:name", "sum", "registered", "branch"), (case, *events[0][4:]), strict=True)
    inner = "".join(f"<event>{_attributes(zip(keys, cells[:4], strict=True))}</event>" for cells in events)
    return f"<trace>{_attributes(shared)}{inner}</trace>"


def _attributes(pairs: Iterator[tuple[str, str]]) -> str:
    return "".join(f'<string key="{key}" value="{value}"/>' for key, value in pairs if value)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_case_is_an_opportunity_closed_by_its_first_decision(tmp_path: Path) -> None:
    deal = imported(tmp_path, DEAL).data["opportunities"].row(0, named=True)
    assert {name: value for name, value in deal.items() if value is not None} == {
        "opportunity_id": "1",
        "account_id": "1",
        "rep_id": "cy",
        "created_at": at("2024-01-02T08:59"),
        "amount": 500.0,
        "closed_at": at("2024-01-05T10:00"),
        "outcome": "won",
        "at": "north",
    }


def test_stage_moves_are_recorded_when_they_happen_and_the_close_is_one(tmp_path: Path) -> None:
    moves = imported(tmp_path, DEAL).data["stage_changes"]
    assert moves.select("at", "stage").rows() == [
        (at("2024-01-02T09:00"), "apply"),
        (at("2024-01-03T10:01"), "offered"),
        (at("2024-01-05T10:00"), "yes"),
    ]
    assert moves["at"].equals(moves["recorded_at"])


def test_of_two_stages_at_one_instant_the_last_in_log_order_stands(tmp_path: Path) -> None:
    rows = "1,offer,COMPLETE,,2024-01-02T09:00:00Z,,,\n1,apply,COMPLETE,,2024-01-02T09:00:00Z,,,\n"
    moves = imported(tmp_path, rows + rows.replace("1,", "2,").replace("apply", "refuse")).data[
        "stage_changes"
    ]
    assert moves.select("opportunity_id", "stage").rows() == [("1", "apply"), ("2", "lost")]


def test_work_is_visible_from_its_start_and_its_duration_only_from_its_end(tmp_path: Path) -> None:
    data = imported(tmp_path, DEAL).data
    during = data.known_at(parse_instant("2024-01-03T10:01:29Z"))["activities"]
    after = data.known_at(parse_instant("2024-01-03T10:01:30Z"))["activities"]
    columns = ("activity_id", "at", "kind", "rep_id", "outcome", "duration_s", "detail")
    start = at("2024-01-03T10:00")
    seen = [
        ("1-1", at("2024-01-02T09:00:01"), "task", None, None, None, "ring"),
        ("1-2", start, "call", "bob", None, None, "ring"),
        ("1-3", at("2024-01-03T10:01"), "proposal", "bob", None, None, "offer"),
    ]
    assert during.select(columns).rows() == seen
    assert after.select(columns).rows() == [*seen, ("1-2", start, "call", "bob", "held", 90.0, "ring")]


def test_an_end_without_a_beginning_is_counted_and_is_nobodys_work(tmp_path: Path) -> None:
    rows = DEAL + "1,ring,COMPLETE,dee,2024-01-07T10:00:00Z,500,2024-01-02T08:59:00Z,north\n"
    result = imported(tmp_path, rows)
    assert result.report.counts == {UNBEGUN: 1}
    assert len(result.data["activities"]) == 4
    assert result.data["opportunities"]["rep_id"].to_list() == ["cy"]
    assert result.data["reps"]["rep_id"].to_list() == ["ann", "bob", "cy"]


def test_an_end_belongs_to_the_latest_beginning_still_open(tmp_path: Path) -> None:
    row = "1,{},{},,2024-01-02T09:0{}:00Z,,,\n"
    steps = ("START", "START", "COMPLETE", "COMPLETE")
    work = "".join(row.format("ring", step, minute) for minute, step in enumerate(steps, start=1))
    calls = imported(tmp_path, row.format("apply", "", 0) + work).data["activities"].drop_nulls("duration_s")
    assert calls.select("activity_id", "duration_s").rows() == [("1-2", 60.0), ("1-1", 180.0)]


def test_work_begun_and_ended_at_one_instant_is_one_record(tmp_path: Path) -> None:
    row = "1,{},{},,2024-01-02T09:00:00Z,,,\n"
    rows = row.format("apply", "") + row.format("ring", "START") + row.format("ring", "COMPLETE")
    assert imported(tmp_path, rows).data["activities"].select("activity_id", "duration_s").rows() == [
        ("1-1", 0.0)
    ]


def test_changing_values_are_a_history_whose_first_row_stands_at_the_creation(tmp_path: Path) -> None:
    changes = imported(tmp_path, DEAL.replace("10:01:00Z,500", "10:01:00Z,600")).data["field_changes"]
    assert changes.select("at", "field", "value").rows() == [
        (at("2024-01-02T08:59"), "amount", "500"),
        (at("2024-01-02T08:59"), "rep_id", "ann"),
        (at("2024-01-03T10:00"), "rep_id", "bob"),
        (at("2024-01-03T10:01"), "amount", "600"),
        (at("2024-01-03T10:01:30"), "amount", "500"),
        (at("2024-01-05T10:00"), "rep_id", "cy"),
    ]
    assert changes["at"].equals(changes["recorded_at"])


def test_a_value_which_only_a_later_event_gives_is_not_known_before_it(tmp_path: Path) -> None:
    rows = "1,apply,,,2024-01-02T09:00:00Z,,,\n1,offer,,eve,2024-01-03T09:00:00Z,70,,east\n"
    changes = imported(tmp_path, rows).data["field_changes"].filter(pl.col("value") != "unknown")
    assert changes.select("field", "value").rows() == [("amount", "70"), ("at", "east"), ("rep_id", "eve")]
    assert set(changes["recorded_at"]) == {at("2024-01-03T09:00")}


def test_a_case_without_a_resource_belongs_to_unknown(tmp_path: Path) -> None:
    data = imported(tmp_path, "1,apply,,,2024-01-02T09:00:00Z,,,\n").data
    assert data["opportunities"]["rep_id"].to_list() == data["reps"]["rep_id"].to_list() == ["unknown"]


def test_accounts_come_from_their_column_where_one_is_mapped(tmp_path: Path) -> None:
    mapping = MAPPING.replace('[csv.extra]\nat = "branch"', "").replace("[csv]", '[csv]\naccount = "branch"')
    data = imported(tmp_path, DEAL + DEAL.replace("1,", "2,", 1).splitlines()[0], mapping).data
    assert data["opportunities"]["account_id"].to_list() == ["north", "north"]
    assert data["accounts"].select("account_id", "created_at").rows() == [("north", at("2024-01-02T08:59"))]


def test_unusable_events_and_values_are_left_out_and_counted(tmp_path: Path) -> None:
    bad = (
        ",apply,,,2024-01-02T09:00:00Z,,,\n1,,,,2024-01-02T09:00:00Z,,,\n1,apply,,,,,,\n1,apply,,,soon,,,\n"
        "1,apply,,,2024-01-08T09:00:00Z,-3,,\n1,dance,,,2024-01-08T09:00:00Z,,,\n"
    )
    result = imported(tmp_path, DEAL + bad)
    assert result.report.counts == {NO_CASE: 1, NO_ACTIVITY: 1, NO_TIME: 2, BAD_AMOUNT: 1, UNMAPPED: 1}
    assert result.report.unmapped == {"dance": 1}
    assert result.report.unseen == ("offer again",)
    assert result.data["opportunities"]["amount"].to_list() == [500.0]
    assert "dance" not in " ".join(result.report.lines())


def test_the_order_of_the_file_matters_only_within_an_instant(tmp_path: Path) -> None:
    first, *rest = DEAL.splitlines(keepends=True)
    data, shuffled = imported(tmp_path, DEAL).data, imported(tmp_path, first + "".join(reversed(rest))).data
    ids = "activity_id"  # counted in log order
    for name in TABLES:
        assert data[name].drop(ids, strict=False).equals(shuffled[name].drop(ids, strict=False)), name


def test_later_events_change_nothing_that_was_known_before(tmp_path: Path) -> None:
    rows = DEAL.splitlines(keepends=True)
    for count in range(1, len(rows)):
        when = parse_instant(rows[count - 1].split(",")[4])
        whole = imported(tmp_path, DEAL).data.known_at(when)
        part = imported(tmp_path, "".join(rows[:count])).data.known_at(when)
        for name in ("stage_changes", "field_changes", "activities"):
            assert whole[name].equals(part[name]), (count, name)


def test_times_without_an_offset_are_read_in_the_time_zone(tmp_path: Path) -> None:
    moves = imported(tmp_path, "1,apply,,,2024-07-02 09:00:00.5,,,\n").data["stage_changes"]
    assert moves["at"].to_list() == [at("2024-07-02T07:00:00.5")]


def test_csv_and_xes_of_one_log_give_the_same_tables(tmp_path: Path) -> None:
    path = tmp_path / "log.xes.gz"
    path.write_bytes(gzip.compress(xes_of(DEAL).encode()))
    from_csv, from_xes = imported(tmp_path, DEAL), import_event_log(path, mapping_of())
    assert from_csv.report == from_xes.report
    for name in TABLES:
        assert from_csv.data[name].equals(from_xes.data[name]), name


def test_only_an_events_own_attributes_count_in_xes(tmp_path: Path) -> None:
    nested = '<string key="x" value="y"><string key="concept:name" value="refuse"/></string>'
    text = xes_of(DEAL).replace("</event>", f"{nested}</event>")
    text = text.replace(
        "<trace>", '<global scope="event"><string key="concept:name" value="?"/></global><trace>'
    )
    path = tmp_path / "log.xes"
    path.write_text(text, encoding="utf-8")
    assert (
        import_event_log(path, mapping_of())
        .data["activities"]
        .equals(imported(tmp_path, DEAL).data["activities"])
    )


def test_written_tables_carry_the_configuration_and_leave_absent_ones_out(tmp_path: Path) -> None:
    data = imported(tmp_path, DEAL).data
    data.write(tmp_path / "out")
    assert data.absent == {"contacts", "leads", "orders"}
    assert {path.stem for path in (tmp_path / "out").glob("*.parquet")} == set(TABLES) - data.absent
    config = read_config(tmp_path / "out")
    assert (config.stages, config.time_zone) == (("apply", "offered"), "Europe/Amsterdam")


BOMB = '<!DOCTYPE log [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><log><trace>&b;</trace></log>'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.json", b"", r"unknown ending \(allowed: \.csv, "),
        ("log.csv", b"", "not a CSV file"),
        ("log.csv", HEADER.encode(), "holds no event"),
        ("log.csv", (HEADER + "1,2,3,4,5,6,7,8,9,10\n").encode(), "not a CSV file"),
        ("log.csv.gz", gzip.compress((HEADER + DEAL).encode())[:-20], "not a whole gzip file"),
        ("log.csv.gz", b"case,what", "not a whole gzip file"),
        ("log.xes", b"case,what", "not well-formed XML"),
        ("log.xes", xes_of(DEAL)[:-20].encode(), "not well-formed XML"),
        ("log.xes", b'<?xml version="1.0" encoding="klingon"?><log/>', "not well-formed XML"),
        ("log.xes.gz", gzip.compress(xes_of(DEAL).encode())[:-20], "not a whole gzip file"),
        ("log.xes.gz", b"<log/>", "not a whole gzip file"),
        ("log.xes", b"<html></html>", "not the <log> of XES"),
        ("log.xes", b"<log></log>", "holds no trace"),
        ("log.xes", b"<log><trace></trace></log>", "holds no event"),
        ("log.xes", BOMB.encode(), "declares a document type"),
    ],
)
def test_a_file_that_is_not_what_its_name_promises_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match=message):
        import_event_log(tmp_path / name, mapping_of())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"gone\.csv: no such file"):
        import_event_log(tmp_path / "gone.csv", mapping_of())


def test_a_mapped_column_that_the_log_lacks_is_named_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(MissingColumn, match=r"no event has `sum` for amount \(found: case, .*total"):
        imported(tmp_path, DEAL, header=HEADER.replace("sum", "total"))


def test_a_mapped_attribute_that_no_event_has_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    path.write_text(xes_of(DEAL).replace('"sum"', '"total"'), encoding="utf-8")
    with pytest.raises(MissingColumn, match=r"no event has `case\.sum` for amount \(write case\.KEY"):
        import_event_log(path, mapping_of())


def test_a_log_without_a_usable_event_or_a_stage_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no usable event \(1 events without a readable time"):
        imported(tmp_path, "1,apply,,,someday,,,\n")
    with pytest.raises(DataError, match=r"no event is a stage, won or lost of map\.toml"):
        imported(tmp_path, "1,dance,,,2024-01-02T09:00:00Z,,,\n")


def test_a_form_without_names_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no section \[csv\], which log\.csv needs"):
        imported(
            tmp_path, DEAL, mapping=MAPPING[: MAPPING.index("[csv]")] + MAPPING[MAPPING.index("[xes]") :]
        )
