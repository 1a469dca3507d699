"""The rules that let a challenger in, at their bounds; and the order of moves."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from features.errors import DataError
from training.compare import Comparison
from training.compare_slices import Slice
from training.moves import LONGEST_WHY, How, Move, champions, checked_why, in_order, read_move
from training.paired import Difference
from training.promotion import Refusal, figures_of, refusals

NAN = float("nan")


def difference(metric: str, change: float, *, low: float | None = None, worse: float = 0.0) -> Difference:
    return Difference(
        metric, 0.5, 0.5 + change, change if low is None else low, change + 0.1, 1 - worse, worse
    )


def comparison(
    *, worse: float = 0.0, calibration: float = 0.0, slices: Mapping[str, float] = {}
) -> Comparison:
    """Found: the share of draws in which log loss is worse, calibration, each slice's better end."""
    figures = {
        "log_loss": difference("log_loss", -0.01, worse=worse),
        "roc_auc": difference("roc_auc", 0.01),
        "calibration_error": Difference("calibration_error", 0.0, calibration, 0, 0, 0, 0),
    }
    parts = tuple(
        Slice("stage", name, 100, {"log_loss": difference("log_loss", low + 0.05, low=low)})
        for name, low in slices.items()
    )
    return Comparison("win", "version 1", "version 2", 0, 1, (30, 70), 50, 5, 0, figures, parts, ())


def test_a_better_challenger_is_let_in() -> None:
    assert refusals(comparison(slices={"Demo": -0.02, "Offer": 0.0})) == ()


@pytest.mark.parametrize(("worse", "let_in"), [(0.09, True), (0.1, True), (0.11, False), (NAN, False)])
def test_log_loss_must_not_be_worse_in_90_of_100_draws(worse: float, let_in: bool) -> None:
    found = refusals(comparison(worse=worse))
    assert [refusal.rule for refusal in found] == ([] if let_in else ["log_loss"])


@pytest.mark.parametrize(("error", "let_in"), [(-0.1, True), (0.01, True), (0.0101, False), (NAN, False)])
def test_calibration_error_may_be_worse_by_a_hundredth(error: float, let_in: bool) -> None:
    found = refusals(comparison(calibration=error))
    assert [refusal.rule for refusal in found] == ([] if let_in else ["calibration_error"])


@pytest.mark.parametrize(("low", "let_in"), [(-0.05, True), (0.02, True), (0.021, False)])
def test_a_slice_is_too_much_worse_only_beyond_its_interval_and_the_margin(low: float, let_in: bool) -> None:
    found = refusals(comparison(slices={"Demo": low, "Offer": 0.0}))
    assert [refusal.where for refusal in found] == ([] if let_in else ["stage = Demo"])


def test_each_refusal_names_the_rule_the_figure_and_the_bound() -> None:
    found = refusals(comparison(worse=0.5, calibration=0.03, slices={"Demo": 0.04}))
    assert [refusal.text for refusal in found] == [
        "log loss: not worse in 50% of the draws, at least 90% are asked for",
        "calibration error: +0.0300, at most +0.0100 is allowed",
        "slice stage = Demo: log loss worse by +0.0400 even at the better end of its interval,"
        " at most +0.0200 is allowed",
    ]
    assert all("要求" in refusal.text_zh or "允许" in refusal.text_zh for refusal in found)
    assert found[1].to_dict()["bound"] == 0.01
    assert isinstance(found[2], Refusal)


def test_the_figures_for_the_ledger_have_no_hole() -> None:
    kept = figures_of(comparison(worse=0.25, calibration=NAN))
    assert kept["share_of_draws_not_worse"] == 0.75
    assert kept["rows"] == 100
    assert "calibration_error_second" not in kept


def move(
    before: str | None, after: str, how: How = "gate", sequence: int = 1, *, at: int = 0, name: str = ""
) -> Move:
    return Move("win", "champion", before, after, how, "anna", at, "", {}, sequence, "done", name)


def test_champions_are_stacked_by_moves_and_taken_off_by_a_rollback() -> None:
    moves = [move(None, "1", "first"), move("1", "2"), move("2", "4", "forced")]
    assert champions(moves) == ["1", "2", "4"]
    assert champions([*moves, move("4", "2", "rollback")]) == ["1", "2"]
    assert champions([*moves, move("4", "2", "rollback"), move("2", "1", "rollback")]) == ["1"]


def test_a_champion_set_by_other_means_is_one_to_go_back_to() -> None:
    assert champions([move(None, "1", "first"), move("5", "6")]) == ["1", "5", "6"]
    assert champions([move(None, "1", "first"), move("5", "1", "rollback")]) == ["1"]


def test_a_move_that_failed_changed_no_champion() -> None:
    failed = Move("win", "champion", "1", "2", "gate", "anna", 0, "", state="failed")
    assert champions([move(None, "1", "first"), failed]) == ["1"]


def test_the_order_is_that_of_writing_whatever_a_machine_s_clock_says() -> None:
    first, second = move(None, "1", "first", 1, at=900), move("1", "2", sequence=2, at=100)
    same = move("1", "3", sequence=2, at=100, name="z")
    assert in_order([same, second, first]) == (first, second, same)


def test_an_entry_is_read_as_it_was_written() -> None:
    entry = Move("win", "champion", "1", "2", "gate", "安娜", 12, "因为", {"rows": 3.0}, 4, "done", "id")
    assert read_move(entry.written(), "done", "id") == entry


def test_a_reason_that_would_not_fit_is_refused_and_not_cut() -> None:
    assert checked_why("  so  ") == "so"
    with pytest.raises(DataError, match=r"--why has 1,001 letters, at most 1,000 are kept"):
        checked_why("x" * (LONGEST_WHY + 1))
