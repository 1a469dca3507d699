"""`compare`, `promote`, `rollback`, `ledger`, `retrain` as a user meets them: words, exit codes, files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving.conftest import Ran, Trained, run_command

Dealcast = Callable[..., Ran]
EARLY, LATE = "2024-06-03", "2024-12-02"


@pytest.fixture(scope="module")
def two_versions(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two versions of win, the second trained half a year after the first."""
    folder = tmp_path_factory.mktemp("two")
    for when in (EARLY, LATE):
        words = ("train", trained.crm, "--target", "win", "--as-of", when)
        assert run_command(*words, "--tracking-uri", f"sqlite:///{folder / 'mlflow.db'}") == 0
    return folder / "mlflow.db"


@pytest.fixture
def uri(two_versions: Path, tmp_path: Path) -> str:
    """A copy of its database of each test's own."""
    return f"sqlite:///{shutil.copy(two_versions, tmp_path / 'mlflow.db')}"


def entries(dealcast: Dealcast, uri: str) -> list[dict[str, object]]:
    """The ledger by its own command."""
    ran = dealcast("ledger", "win", "--json", "--tracking-uri", uri)
    return [json.loads(line) for line in ran.out.splitlines()]


def test_two_versions_are_compared_in_words_and_in_json(
    dealcast: Dealcast, trained: Trained, uri: str, tmp_path: Path
) -> None:
    to = tmp_path / "comparison.json"
    ran = dealcast("compare", trained.crm, "champion", "win:2", "--out", to, "--tracking-uri", uri)
    assert ran.code == 0, ran.err
    told = json.loads(to.read_text())
    dated = dealcast("compare", trained.crm, f"win:{EARLY}", LATE, "--target", "win", "--tracking-uri", uri)
    assert (dated.code, dated.out.splitlines()[:3]) == (0, ran.out.splitlines()[:3])
    assert told["verdict"] in ran.out
    assert told["begin"] == f"{LATE}T00:00:00Z"
    assert {"log_loss", "roc_auc", "calibration_error"} == set(told["figures"])
    assert {each["rule"] for each in told["refusals"]} <= {"log_loss", "calibration_error", "slice"}


def test_data_without_enough_after_the_cut_off_are_one_clear_error(
    dealcast: Dealcast, trained: Trained, uri: str
) -> None:
    words = ("compare", trained.crm, "1", "2", "--as-of", "2024-12-09", "--tracking-uri", uri)
    ran = dealcast(*words)
    assert ran.code == 1
    assert "at least 20 of each are needed" in ran.err
    assert "Traceback" not in ran.err


def test_promote_says_what_the_rules_say_and_acts_on_it(
    dealcast: Dealcast, trained: Trained, uri: str, tmp_path: Path
) -> None:
    to = tmp_path / "comparison.json"
    dealcast("compare", trained.crm, "1", "2", "--out", to, "--tracking-uri", uri)
    broken = json.loads(to.read_text())["refusals"]
    ran = dealcast("promote", "win", "challenger", "--data", trained.crm, "--tracking-uri", uri)
    last = entries(dealcast, uri)[-1]
    if broken:
        assert ran.code == 1
        assert all(refusal["text"] in ran.err for refusal in broken)
        assert "v2 is not promoted, v1 stays champion" in ran.err
        assert last["how"] == "first"
    else:
        assert ran.code == 0
        assert (last["how"], last["after"]) == ("gate", "2")


def test_a_forced_move_a_rollback_and_their_entries(dealcast: Dealcast, uri: str) -> None:
    words = ("promote", "win", "2", "--force", "--why", "the firm merged", "--by", "anna")
    ran = dealcast(*words, "--tracking-uri", uri)
    assert (ran.code, ran.out) == (0, "dealcast-win champion v1 to v2 (forced): the firm merged\n")
    again = dealcast(*words, "--tracking-uri", uri)
    assert (again.code, again.out) == (0, "dealcast-win v2 is champion already; nothing is moved\n")
    back = dealcast("rollback", "win", "--why", "too high", "--by", "bert", "--tracking-uri", uri)
    assert (back.code, back.out) == (0, "dealcast-win champion v2 to v1 (rolled back): too high\n")
    found = entries(dealcast, uri)
    assert [(e["how"], e["before"], e["after"]) for e in found] == [
        ("first", None, "1"), ("forced", "1", "2"), ("rollback", "2", "1"),
    ]  # fmt: skip
    assert [e["by"] for e in found[1:]] == ["anna", "bert"]
    printed = dealcast("ledger", "--tracking-uri", uri)
    assert [line.split(": ", 1)[0].split("Z ")[1] for line in printed.out.splitlines()][1:] == [
        "anna",
        "bert",
    ]
    assert dealcast("rollback", "win", "--tracking-uri", uri).code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("promote", "win", "2"),
        ("promote", "win", "2", "--force"),
        ("promote", "win", "2", "--force", "--why", "  "),
        ("promote", "margin", "2", "--force", "--why", "x"),
        ("compare", "crm", "1", "2", "--out", "a.csv"),
        ("retrain", "crm"),
    ],
)
def test_wrong_usage_ends_with_2(dealcast: Dealcast, words: tuple[str, ...]) -> None:
    assert dealcast(*words).code == 2


def test_a_champion_moved_by_other_means_is_told(dealcast: Dealcast, uri: str) -> None:
    import mlflow

    mlflow.MlflowClient(uri, uri).set_registered_model_alias("dealcast-win", "champion", "2")
    ran = dealcast("ledger", "win", "--tracking-uri", uri)
    assert "champion is v2, and the ledger says v1: it was moved by other means" in ran.err


def test_retraining_twice_leaves_a_report_and_one_version(
    dealcast: Dealcast, trained: Trained, uri: str, tmp_path: Path
) -> None:
    words = ("retrain", trained.crm, "--target", "win", "--tracking-uri", uri, "--out")
    first = dealcast(*words, tmp_path / "first")
    assert first.code == 0, first.err
    second = dealcast(*words, tmp_path / "second")
    assert second.code == 0, second.err
    told = [
        json.loads((tmp_path / n / "retrain.json").read_text())["targets"][0] for n in ("first", "second")
    ]
    assert [each["new_version"] for each in told] == [True, False]
    assert {each["version"] for each in told} == {"3"}
    assert told[0]["comparison"] == told[1]["comparison"]
    assert "v3 (trained before, not again)" in second.out
    for name in ("retrain.md", "retrain.zh-CN.md", "study.json", "quality/quality.json"):
        assert (tmp_path / "first" / name).is_file()


def test_a_retraining_that_cannot_train_fails_and_still_reports(
    dealcast: Dealcast, trained: Trained, uri: str, tmp_path: Path
) -> None:
    words = (
        "retrain",
        trained.crm,
        "--as-of",
        "2023-02-01",
        "--out",
        tmp_path / "out",
        "--tracking-uri",
        uri,
    )
    ran = dealcast(*words)
    assert ran.code == 1
    assert "no target could be trained" in ran.err
    assert set(json.loads((tmp_path / "out" / "retrain.json").read_text())["passed_over"]) == {
        "win", "stall", "churn", "close",
    }  # fmt: skip


def test_versions_of_close_are_compared_promoted_and_rolled_back(
    dealcast: Dealcast, trained: Trained, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    for when in (EARLY, "2024-06-24"):
        for target in ("win", "close"):
            words = ("train", trained.crm, "--target", target, "--as-of", when, "--tracking-uri", uri)
            if target == "close" or when == EARLY:
                assert run_command(*words) == 0
    to = tmp_path / "close.json"
    words = ("compare", trained.crm, "champion", "challenger", "--target", "close", "--out", to)
    ran = dealcast(*words, "--tracking-uri", uri)
    assert ran.code == 0, ran.err
    told = json.loads(to.read_text("utf-8"))
    assert (told["target"], told["begin"]) == ("close", "2024-06-24T00:00:00Z")
    judged = dealcast("promote", "close", "2", "--data", trained.crm, "--tracking-uri", uri)
    assert judged.code == (1 if told["refusals"] else 0)
    if judged.code:
        forced = dealcast("promote", "close", "2", "--force", "--why", "newer", "--tracking-uri", uri)
        assert forced.code == 0, forced.err
    back = dealcast("rollback", "close", "--tracking-uri", uri)
    assert "dealcast-close champion v2 to v1 (rolled back" in back.out
    ledger = dealcast("ledger", "close", "--json", "--tracking-uri", uri)
    assert [json.loads(line)["after"] for line in ledger.out.splitlines()] == ["1", "2", "1"]


def test_close_goes_the_whole_circle_and_the_same_inputs_make_one_version(
    dealcast: Dealcast, trained: Trained, uri: str, tmp_path: Path
) -> None:
    words = ("retrain", trained.crm, "--target", "close", "--tracking-uri", uri)
    first = dealcast(*words, "--as-of", EARLY, "--out", tmp_path / "first")
    assert first.code == 0, first.err
    assert "there was no champion to compare with" in first.out
    again = dealcast(*words, "--as-of", EARLY, "--out", tmp_path / "again")
    assert "version 1 is champion and was trained on just these data" in again.out
    later = dealcast(*words, "--out", tmp_path / "later")
    assert later.code == 0, later.err
    (told,) = json.loads((tmp_path / "later" / "retrain.json").read_text("utf-8"))["targets"]
    assert (told["target"], told["version"], told["champion_before"]) == ("close", "2", "1")
    assert told["outcome"] in ("recommended", "refused", "not_comparable")
    assert "## close" in (tmp_path / "later" / "retrain.zh-CN.md").read_text("utf-8")
