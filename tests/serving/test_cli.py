"""The command line: help, exit codes, one clear line for bad input, nothing lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from features.times import from_micros
from tests.serving.conftest import Ran, T, Trained

Dealcast = Callable[..., Ran]
COMMANDS = (
    ("sample",), ("import", "folder"), ("import", "event-log"), ("check",), ("audit",), ("features",),
    ("train",), ("register",), ("tune",), ("score",), ("pull",), ("serve",),
    ("compare",), ("promote",), ("rollback",), ("ledger",), ("retrain",), ("drift",), ("evaluate",),
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(dealcast: Dealcast, command: tuple[str, ...]) -> None:
    ran = dealcast(*command, "--help")
    assert ran.code == 0
    assert f"dealcast {' '.join(command)} " in " ".join(ran.out.split())


@pytest.mark.parametrize(
    "words",
    [("score", "x"), ("train",), ("nothing",), ("train", "x", "--target", "l"), ("pull", "a", "b")],
)
def test_wrong_usage_ends_with_2(dealcast: Dealcast, words: tuple[str, ...]) -> None:
    assert dealcast(*words).code == 2


def copied(trained: Trained, folder: Path) -> Path:
    return Path(shutil.copytree(trained.crm, folder / "crm"))


def failed(ran: Ran) -> str:
    """The one line of a failed command."""
    assert ran.code == 1
    lines = [line for line in ran.err.splitlines() if line.startswith("dealcast: ")]
    assert len(lines) == 1, ran.err
    assert "Traceback" not in ran.err
    return lines[0]


def test_a_missing_table_says_which_and_what_to_do(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    crm = copied(trained, tmp_path)
    (crm / "stage_changes.csv").unlink()
    line = failed(dealcast("check", crm))
    assert "stage_changes" in line


def test_a_missing_column_says_where_and_what_was_found(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    crm = copied(trained, tmp_path)
    pl.read_csv(crm / "activities.csv", infer_schema=False).drop("at").write_csv(crm / "activities.csv")
    line = failed(dealcast("train", crm, "--tracking-uri", f"sqlite:///{tmp_path / 'm.db'}"))
    assert "activities.csv" in line
    assert "`at` is missing" in line
    assert "import folder --help" in line


def test_an_empty_file_is_one_clear_error(dealcast: Dealcast, trained: Trained, tmp_path: Path) -> None:
    crm = copied(trained, tmp_path)
    (crm / "opportunities.csv").write_bytes(b"")
    assert "opportunities.csv" in failed(dealcast("check", crm))


def test_a_row_of_nonsense_is_quarantined_and_counted(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    crm = copied(trained, tmp_path)
    with (crm / "activities.csv").open("a", encoding="utf-8") as file:
        file.write("what,is,this\n" + "🙃" * 20 + "\n")
    ran = dealcast("check", crm, "--out", tmp_path / "quality")
    assert ran.code == 0
    tables = json.loads((tmp_path / "quality" / "quality.json").read_text())["tables"]
    quarantine = pl.read_csv(tmp_path / "quality" / "quarantine.csv")
    taken = quarantine.filter(pl.col("action") == "row_quarantined").group_by("table").len()
    listed = dict(taken.iter_rows())
    for name, counts in tables.items():
        assert counts["read"] == counts["kept"] + counts["repeats"] + counts["quarantined"]
        assert counts["quarantined"] == listed.get(name, 0)
    before = len(pl.read_csv(trained.crm / "activities.csv", infer_schema=False))
    assert tables["activities"]["read"] == before + 2


def test_a_score_file_keeps_the_quarantine_beside_it(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    out = tmp_path / "scores.csv"
    ran = dealcast("score", trained.crm, "--as-of", T, "--out", out, "--tracking-uri", trained.uri)
    assert ran.code == 0, ran.err
    assert len(pl.read_csv(tmp_path / "scores.csv.quality" / "quarantine.csv")) > 0
    assert "Highest win probability" in ran.out
    assert "Most at risk of stalling" in ran.out


def test_an_unknown_opportunity_in_a_snapshots_file_is_an_error(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    (tmp_path / "pairs.csv").write_text(f"opportunity_id,as_of\nnobody,{T}\n")
    out = tmp_path / "s.csv"
    words = ("score", trained.crm, "--snapshots", tmp_path / "pairs.csv", "--out", out)
    line = failed(dealcast(*words, "--tracking-uri", trained.uri))
    assert "1 of 1 snapshots name an opportunity that the data set lacks" in line
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("opportunity_id\nO-1\n", "column `as_of` is missing"),
        ("opportunity_id,as_of\nO-1,soon\n", "1 rows have no ISO 8601 time in as_of, first in row 1"),
        ("opportunity_id,as_of\n,2025-01-01\n", "1 rows have no id, first in row 1"),
    ],
)
def test_a_wrong_snapshots_file_is_an_error(
    dealcast: Dealcast, trained: Trained, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    words = ("features", trained.crm, "--snapshots", tmp_path / "pairs.csv", "--out", tmp_path / "f.csv")
    assert message in failed(dealcast(*words))


def test_other_wrong_words_are_one_clear_error(dealcast: Dealcast, trained: Trained, tmp_path: Path) -> None:
    uri = ("--tracking-uri", trained.uri)
    score = ("score", trained.crm, "--as-of")
    assert "unknown ending .xlsx" in failed(dealcast(*score, T, "--out", tmp_path / "s.xlsx", *uri))
    assert "--as-of is not an ISO 8601 time" in failed(
        dealcast(*score, "soon", "--out", tmp_path / "s.csv", *uri)
    )
    nothing = ("--tracking-uri", f"sqlite:///{tmp_path / 'none.db'}")
    assert "has no champion" in failed(dealcast(*score, T, "--out", tmp_path / "s.csv", *nothing))
    assert "there is no such folder" in failed(dealcast("check", tmp_path / "nowhere"))
    assert "oracle is no store that is known here" in failed(dealcast("check", "oracle://x/y"))


def test_models_of_another_data_set_are_refused(dealcast: Dealcast, trained: Trained, tmp_path: Path) -> None:
    crm = copied(trained, tmp_path)
    changes = pl.read_csv(crm / "stage_changes.csv", infer_schema=False)
    changes.with_columns((pl.lit("neu ") + pl.col("stage")).alias("stage")).write_csv(
        crm / "stage_changes.csv"
    )
    (crm / "pipeline.toml").unlink()
    words = ("score", crm, "--as-of", T, "--out", tmp_path / "s.csv", "--tracking-uri", trained.uri)
    assert "was trained on stages this data set does not have" in failed(dealcast(*words))


def test_a_second_training_is_a_challenger(dealcast: Dealcast, tmp_path: Path, trained: Trained) -> None:
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    words = ("train", trained.crm, "--as-of", T, "--target", "churn", "--tracking-uri", uri)
    assert "dealcast-churn v1 (champion)" in dealcast(*words).out
    assert "dealcast-churn v2 (challenger)" in dealcast(*words).out
    score = ("score", trained.crm, "--as-of", T, "--tracking-uri", uri)
    for alias, version in (("champion", 1), ("challenger", 2), ("2", 2)):
        out = tmp_path / f"{alias}.csv"
        assert dealcast(*score, "--out", out, "--alias", alias).code == 0
        assert set(pl.read_csv(out)["model_churn"]) == {version}


def test_a_training_in_which_nothing_can_be_learnt_fails(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    early = ("train", trained.crm, "--as-of", "2023-02-01", "--tracking-uri", uri)
    assert "no target could be trained" in failed(dealcast(*early))
    ahead = ("train", trained.crm, "--as-of", "2199-01-01", "--tracking-uri", uri)
    assert "lies ahead" in failed(dealcast(*ahead))


def test_a_planned_activity_that_was_never_recorded_does_not_move_the_watermark(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    crm = copied(trained, tmp_path)
    rows = pl.read_csv(crm / "activities.csv", infer_schema=False)
    planned = rows.head(1).with_columns(
        pl.lit("2028-01-01T00:00:00Z").alias("at"), pl.lit("plan").alias("activity_id"),
        pl.lit(None, pl.String).alias("recorded_at"),
    )  # fmt: skip
    pl.concat([rows, planned]).write_csv(crm / "activities.csv")
    words = ("features", crm, "--as-of", "latest", "--out", tmp_path / "f.parquet")
    assert dealcast(*words).code == 0
    assert pl.read_parquet(tmp_path / "f.parquet")["as_of"].max() == from_micros(trained.data.watermark())


def test_a_file_without_a_header_does_not_print_its_first_row(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    crm = copied(trained, tmp_path)
    lines = (crm / "accounts.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (crm / "accounts.csv").write_text("".join(lines[1:]), encoding="utf-8")
    line = failed(dealcast("check", crm))
    assert "is its first row a header?" in line
    assert lines[1].split(",")[1] not in line


def test_a_sample_keeps_what_is_there_and_spares_foreign_folders(dealcast: Dealcast, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert "holds other files" in failed(dealcast("sample", tmp_path, "--opportunities", 60))
    crm = tmp_path / "crm"
    assert dealcast("sample", crm, "--opportunities", 60).code == 0
    before = (crm / "activities.csv").read_bytes()
    assert dealcast("sample", crm, "--opportunities", 70, "--keep").code == 0
    assert (crm / "activities.csv").read_bytes() == before


def test_a_folder_of_other_names_is_imported_by_a_mapping(dealcast: Dealcast, tmp_path: Path) -> None:
    source = tmp_path / "export"
    source.mkdir()
    (source / "deals.csv").write_text(
        "id,company,owner,opened,closed,result\n1,A,r,2025-01-01,2025-02-01,Closed Won\n2,B,r,2025-01-02,,\n"
    )
    (source / "moves.csv").write_text(
        "id,when,to\n1,2025-01-01,Qualify\n1,2025-01-09,Propose\n2,2025-01-02,Qualify\n"
    )
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        """
[opportunities]
file = "deals.csv"
[opportunities.columns]
opportunity_id = "id"
account_id = "company"
rep_id = "owner"
created_at = "opened"
closed_at = "closed"
outcome = "result"
[opportunities.values.outcome]
"Closed Won" = "won"
[stage_changes]
file = "moves.csv"
columns = { opportunity_id = "id", at = "when", stage = "to" }
[pipeline]
time_zone = "Asia/Shanghai"
"""
    )
    ran = dealcast("import", "folder", source, tmp_path / "out", "--mapping", mapping)
    assert ran.code == 0, ran.err
    deals = pl.read_parquet(tmp_path / "out" / "opportunities.parquet").sort("opportunity_id")
    assert deals["outcome"].to_list() == ["won", None]
    assert deals["created_at"][0].isoformat() == "2024-12-31T16:00:00+00:00"
    mapping.write_text('[opportunitys]\nfile = "deals.csv"\n')
    line = failed(dealcast("import", "folder", source, tmp_path / "out2", "--mapping", mapping))
    assert "unknown table opportunitys (allowed: accounts" in line
