"""A folder of tables: what is read from it, and what is said of a folder that cannot be read."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from features.errors import ConfigError, DataError, MissingColumn, MissingTable, UnreadableFile
from features.quality_report import TableCounts
from features.sources.files import parse_csv, read_table
from features.sources.folder import load

OPPORTUNITIES = "opportunity_id,account_id,rep_id,created_at,amount\no1,a1,r1,2024-01-01,5\n"
STAGE_CHANGES = "opportunity_id,at,stage\no1,2024-01-02,open\n"
ACTIVITIES = "activity_id,at,kind,note\nx1,2024-01-03,call,hello\nx2,2024-01-04,email,world\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the two tables that must be there."""
    folder = tmp_path / "crm"
    folder.mkdir()
    (folder / "opportunities.csv").write_text(OPPORTUNITIES, encoding="utf-8")
    (folder / "stage_changes.csv").write_text(STAGE_CHANGES, encoding="utf-8")
    return folder


def test_csv_gzipped_csv_and_parquet_hold_the_same_tables(folder: Path) -> None:
    text = folder / "activities.csv"
    text.write_text(ACTIVITIES, encoding="utf-8")
    of_text, report = load(folder)
    assert report.tables["activities"] == TableCounts(read=2, kept=2)
    pl.read_csv(text, try_parse_dates=True).write_parquet(folder / "activities.parquet")
    text.unlink()
    of_parquet, _ = load(folder)
    (folder / "activities.parquet").unlink()
    (folder / "activities.csv.gz").write_bytes(gzip.compress(ACTIVITIES.encode()))
    of_gzip, _ = load(folder)
    assert of_text["activities"].equals(of_parquet["activities"])
    assert of_text["activities"].equals(of_gzip["activities"])


def test_clean_data_written_and_loaded_again_are_the_same(folder: Path, tmp_path: Path) -> None:
    (folder / "activities.csv").write_text(ACTIVITIES, encoding="utf-8")
    (folder / "pipeline.toml").write_text(
        'time_zone = "Asia/Shanghai"\nstages = ["open"]\n', encoding="utf-8"
    )
    first, _ = load(folder)
    first.write(tmp_path / "again")
    second, report = load(tmp_path / "again")
    assert report.quarantine.is_empty()
    assert second.config == first.config
    assert second.absent == first.absent
    assert all(second[name].equals(frame) for name, frame in first.tables.items())


def test_times_are_read_in_the_time_zone_of_pipeline_toml(folder: Path) -> None:
    (folder / "pipeline.toml").write_text('time_zone = "Asia/Shanghai"\n', encoding="utf-8")
    data, _ = load(folder)
    assert data["stage_changes"]["at"].dt.to_string("%FT%T%Z").to_list() == ["2024-01-01T16:00:00UTC"]


def test_a_configuration_that_is_not_understood_is_an_error(folder: Path) -> None:
    (folder / "pipeline.toml").write_text('timezone = "UTC"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown key timezone"):
        load(folder)


def test_a_row_of_nonsense_is_quarantined_and_the_others_keep_their_numbers(folder: Path) -> None:
    rows = "%%% nonsense %%%\nx3,2024-01-05,call,a,b,c\nx4,soon,call,\n"
    (folder / "activities.csv").write_text(ACTIVITIES + rows, encoding="utf-8")
    _, report = load(folder)
    assert report.tables["activities"] == TableCounts(read=5, kept=2, quarantined=3)
    assert report.quarantine.select("key", "column", "rule", "action", "row").rows() == [
        ("", "", "malformed_row", "row_quarantined", 3),
        ("", "", "malformed_row", "row_quarantined", 4),
        ("x4", "at", "not_a_time", "row_quarantined", 5),
    ]


def test_quotes_commas_line_ends_and_blank_lines_are_read_as_rfc_4180_has_them(folder: Path) -> None:
    header = '\ufeff"activity_id", at ,kind,note\r\n'
    text = header + 'x1,2024-01-03,call,"a, ""b""\nc"\r\n\r\nx2,2024-01-04,call,\r\n'
    (folder / "activities.csv").write_bytes(text.encode())
    data, report = load(folder)
    assert data["activities"]["note"].to_list() == ['a, "b"\nc', None]
    assert report.tables["activities"].quarantined == 0


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ('x3,2024-01-05,call,"never closed', 4),
        ('"""', 4),
        ('x3,"2024-01-05,call,', 4),
    ],
)
def test_a_quote_that_is_never_closed_costs_its_own_line_only(line: str, rows: int) -> None:
    tail = 'x4,2024-01-06,call,"quoted, here"\nx5,2024-01-07,call,last\n'
    raw = parse_csv((ACTIVITIES + line + "\n" + tail).encode(), "activities.csv")
    assert raw.frame["activity_id"].to_list() == ["x1", "x2", "x4", "x5"]
    assert raw.frame["note"].to_list()[2:] == ["quoted, here", "last"]
    assert raw.malformed == (3,)


def test_a_quote_that_is_never_closed_in_a_long_file_costs_its_own_line_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("features.sources.files._BLOCK", 64)
    text = ACTIVITIES + '"stray\n' + "x3,2024-01-05,call,some longer note\n" * 20
    raw = parse_csv(text.encode(), "activities.csv")
    assert raw.frame.height == 22
    assert raw.malformed == (3,)


def test_a_malformed_row_of_several_lines_is_one_row() -> None:
    raw = parse_csv(b'a,b\n1,2\n3,"4\n5",6\n7,8\n', "t.csv")
    assert raw.frame.rows() == [("1", "2"), ("7", "8")]
    assert raw.malformed == (2,)


def test_cells_of_csv_stay_text_and_a_column_without_a_name_is_called_by_its_number() -> None:
    raw = parse_csv(b",a,\n1,007,true\n", "t.csv")
    assert raw.frame.to_dicts() == [{"column_1": "1", "a": "007", "column_3": "true"}]


def test_a_header_without_rows_is_fine_for_a_table_that_may_be_absent(folder: Path) -> None:
    (folder / "activities.csv").write_text("activity_id,at,kind", encoding="utf-8")
    data, report = load(folder)
    assert report.tables["activities"] == TableCounts(read=0, kept=0)
    assert "activities" not in data.absent


@pytest.mark.parametrize(
    ("rows", "message"), [("", "it has no rows"), ("o1\no2\n", "none of its 2 rows has as many")]
)
def test_no_opportunity_at_all_is_an_error(folder: Path, rows: str, message: str) -> None:
    header = OPPORTUNITIES.splitlines(keepends=True)[0]
    (folder / "opportunities.csv").write_text(header + rows, encoding="utf-8")
    with pytest.raises(DataError, match=f"opportunities.csv: {message}"):
        load(folder)


def test_a_file_without_a_tables_name_is_noted(folder: Path) -> None:
    (folder / "activity.csv").write_text(ACTIVITIES, encoding="utf-8")
    assert "activity.csv was not read, as no table has this name" in load(folder)[1].notes


def test_a_missing_column_is_named_with_those_that_are_there(folder: Path) -> None:
    (folder / "activities.csv").write_text("id,date,kind\n1,2,3\n", encoding="utf-8")
    message = "activities.csv: columns `activity_id`, `at` are missing .found: id, date, kind."
    with pytest.raises(MissingColumn, match=message):
        load(folder)


def test_a_missing_required_table_is_named_with_those_that_are_there(folder: Path) -> None:
    (folder / "stage_changes.csv").unlink()
    with pytest.raises(
        MissingTable, match=r"stage_changes is missing \(found: opportunities\); add stage_changes.csv"
    ):
        load(folder)


def test_two_files_for_one_table_are_an_error(folder: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(folder / "opportunities.parquet")
    with pytest.raises(
        DataError, match=r"opportunities.csv and opportunities.parquet both hold opportunities"
    ):
        load(folder)


def test_a_column_named_twice_is_an_error(folder: Path) -> None:
    (folder / "activities.csv").write_text("activity_id,at, at,kind\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"activities.csv: the header names `at` more than once"):
        load(folder)


def test_a_folder_that_is_none_or_holds_no_table_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "export.xlsx").write_bytes(b"x")
    with pytest.raises(DataError, match=r"there is no such folder"):
        load(tmp_path / "missing")
    with pytest.raises(DataError, match=r"export.xlsx: is a file"):
        load(tmp_path / "export.xlsx")
    with pytest.raises(DataError, match=r"no table found \(found: export.xlsx\).*dealcast import"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("activities.csv", b"", "the file is empty"),
        ("activities.csv", b"\n\n", "the file is empty"),
        ("activities.csv.gz", b"", "the file is empty"),
        ("activities.csv.gz", gzip.compress(b""), "the file is empty"),
        ("activities.parquet", b"", "the file is empty"),
        (
            "activities.csv",
            ACTIVITIES.encode() + "x3,2024-01-05,call,Zoë\n".encode("latin-1"),
            "line 4 is not UTF-8",
        ),
        ("activities.csv", ACTIVITIES.encode("utf-16"), "line 1 is not UTF-8"),
        ("activities.csv", gzip.compress(ACTIVITIES.encode()), "line 1 is not UTF-8"),
        ("activities.csv.gz", ACTIVITIES.encode(), "not a whole gzip file"),
        ("activities.csv.gz", gzip.compress(ACTIVITIES.encode())[:-12], "not a whole gzip file"),
        ("activities.parquet", ACTIVITIES.encode(), "not a whole Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_without_its_content(
    folder: Path, name: str, content: bytes, message: str
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match=f"^{name}: {message}") as error:
        load(folder)
    assert "Zo" not in str(error.value)


def test_a_damaged_parquet_file_is_an_error(folder: Path) -> None:
    path = folder / "activities.parquet"
    pl.DataFrame({"activity_id": [str(i) for i in range(1000)]}).write_parquet(path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:4] + bytes(100) + whole[104:]):
        path.write_bytes(damaged)
        with pytest.raises(UnreadableFile, match="not a whole Parquet file"):
            read_table(path)
