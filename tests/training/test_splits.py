"""Forward splits: parts in time's order, a gap behind each, labels as known at each part's end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.history import History
from features.snapshots import Snapshots
from features.times import DAY
from training.dataset import Source
from training.errors import TooLittleData
from training.grid import weekly_grid
from training.labels import TARGETS, LabelPolicy, Target, label
from training.run import Trained
from training.splits import Split, forward_split

Tell = Callable[..., History]
PARTS = ("train", "calibrate", "test")


def split_of(target: Target, history: History, cutoff: int, policy: LabelPolicy) -> tuple[Split, Snapshots]:
    snapshots = weekly_grid(target, history, cutoff)
    return forward_split(target, history, snapshots, cutoff, policy), snapshots


def check(target: Target, history: History, split: Split, snapshots: Snapshots, policy: LabelPolicy) -> None:
    """Everything that a forward split promises."""
    cutoff = split.test.end
    parts = [split.train, split.calibrate, split.test]
    assert [part.name for part in parts] == list(PARTS)
    for part in parts:
        as_of = snapshots.as_of[part.rows]
        gap = 0 if part is split.train else split.gap
        assert ((part.begin < as_of) & (as_of <= part.end - gap)).all()
        then = label(target, history, snapshots.take(part.rows), part.end, policy)
        np.testing.assert_array_equal(part.labels.value, then.value)
        decided = as_of + part.labels.after
        assert (decided[part.known] <= part.end).all()
        for value in (0, 1):
            assert (part.labels.value[part.known] == value).sum() >= 20
    for before, after in pairwise(parts):
        assert before.end == after.begin
        assert before.end < snapshots.as_of[after.rows].min()
    assert not (parts[0].rows & parts[1].rows | parts[1].rows & parts[2].rows).any()
    for whole, end in ((split.before_test, split.calibrate.end), (split.everything, cutoff)):
        assert whole.end == end
        np.testing.assert_array_equal(whole.rows, snapshots.as_of <= end)
        then = label(target, history, snapshots.take(whole.rows), end, policy)
        np.testing.assert_array_equal(whole.labels.value, then.value)


@pytest.mark.parametrize("target", TARGETS)
def test_the_parts_of_a_real_split_keep_every_promise(source: Source, target: Target) -> None:
    split, snapshots = split_of(target, source.history, source.cutoff, source.policy)
    check(target, source.history, split, snapshots, source.policy)


def test_the_parts_have_sixty_twenty_and_twenty_percent_where_the_gap_leaves_room(source: Source) -> None:
    split, snapshots = split_of("stall", source.history, source.cutoff, source.policy)
    shares = [np.mean((p.begin < snapshots.as_of) & (snapshots.as_of <= p.end)) for p in (
        split.train, split.calibrate, split.test,
    )]  # fmt: skip
    np.testing.assert_allclose(shares, [0.6, 0.2, 0.2], atol=0.01)


@pytest.mark.parametrize(("target", "days"), [("stall", 30), ("churn", 90), ("stall", 12), ("churn", 45)])
def test_the_gap_is_the_horizon(source: Source, target: Target, days: int) -> None:
    policy = LabelPolicy(stall_days=days, churn_days=days)
    split, snapshots = split_of(target, source.history, source.cutoff, policy)
    assert split.gap == days * DAY
    check(target, source.history, split, snapshots, policy)


def test_behind_the_gap_of_a_win_four_of_five_are_decided_but_it_is_a_fifth_of_the_span_at_most(
    tell: Tell,
) -> None:
    """Deals live 20 days, every fifth of them 90: weekly snapshots of both, none left out by the cut-off."""
    history = tell(
        {f"d{i:03}": (i, i + (90 if i % 5 == 0 else 20), "won" if i % 3 else "lost") for i in range(500)}
    )
    snapshots = weekly_grid("win", history, 800 * DAY)
    labels = label("win", history, snapshots, 800 * DAY, LabelPolicy())
    split = forward_split("win", history, snapshots, 800 * DAY, LabelPolicy())
    assert split.gap == np.quantile(labels.after, 0.8, method="inverted_cdf")
    assert 50 * DAY < split.gap < 70 * DAY
    slow = tell({f"d{i:03}": (i, i + 90, "won" if i % 3 else "lost") for i in range(300)})
    split, snapshots = split_of("win", slow, 300 * DAY, LabelPolicy())
    assert split.gap == (300 * DAY - int(snapshots.as_of.min())) // 5


@cache
def random_deals(seed: int) -> Mapping[str, tuple[float, float, str]]:
    """200 deals over a year that take some weeks to close."""
    rng = np.random.default_rng(seed)
    begin, length = rng.uniform(0, 365, 200), rng.gamma(2, rng.uniform(5, 30), 200)
    outcome = np.where(rng.random(200) < 0.4, "won", "lost")
    return {f"d{i:03}": (begin[i], begin[i] + length[i], str(outcome[i])) for i in range(200)}


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 20), cutoff=st.floats(150, 450), target=st.sampled_from(["win", "stall"]))
def test_any_split_keeps_every_promise_or_says_what_is_missing(
    tell: Tell, seed: int, cutoff: float, target: Target
) -> None:
    deals = random_deals(seed)
    moves = [(name, begin, "lead") for name, (begin, _, _) in deals.items()]
    moves += [(name, begin + 14, "demo") for name, (begin, _, _) in list(deals.items())[::2]]
    history = tell(deals, moves)
    try:
        split, snapshots = split_of(target, history, round(cutoff * DAY), LabelPolicy(stall_days=9))
    except TooLittleData as error:
        told = str(error)
    else:
        check(target, history, split, snapshots, LabelPolicy(stall_days=9))
        return
    assert told.startswith((f"{target}: only ", f"{target}: the data up to "))


def test_too_few_of_a_label_are_refused_with_target_number_part_dates_and_a_way_out(tell: Tell) -> None:
    history = tell({f"d{i:03}": (i, i + 30, "won" if i % 100 else "lost") for i in range(400)})
    wanted = (
        r"win: only \d+ snapshots with label 0 in the train part \(1970-\S+ to 1970-\S+\),"
        r" at least 20 are needed; give a longer history or a later --as-of"
    )
    with pytest.raises(TooLittleData, match=wanted):
        split_of("win", history, 430 * DAY, LabelPolicy())


def test_a_horizon_longer_than_a_part_is_refused(source: Source) -> None:
    with pytest.raises(TooLittleData, match=r"churn: (only \d+ snapshots|the data up to)"):
        split_of("churn", source.history, source.cutoff, replace(source.policy, churn_days=300))


def test_no_snapshot_at_all_is_refused(tell: Tell) -> None:
    with pytest.raises(TooLittleData, match="win: no snapshot to learn from at 1970-01-03T00:00:00Z"):
        split_of("win", tell({"d": (5, None, None)}), 2 * DAY, LabelPolicy())


@pytest.mark.parametrize("target", TARGETS)
def test_the_dates_told_to_the_run_are_the_parts_ends(
    trained: Mapping[Target, Trained], target: Target
) -> None:
    split = trained[target].split
    dates = split.dates()
    assert list(dates) == ["train_end", "calibrate_end", "test_end", "gap_days"]
    assert dates["train_end"] < dates["calibrate_end"] < dates["test_end"]
    assert dates["test_end"] == trained[target].params()["cutoff"]
    assert float(dates["gap_days"]) == pytest.approx(split.gap / DAY, abs=0.051)
