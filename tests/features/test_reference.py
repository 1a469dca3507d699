"""The dated reference as a thing: its rows by hand, on disk and back, and asked for one day."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from features.canonical import TIME
from features.families.statistics import STATISTICS
from features.from_tables import history_from_tables
from features.history import History
from features.norms import next_monday, reference_of
from features.reference import FILE, SCOPES, Reference, load_reference, nothing_known
from features.times import MISSING, NEVER
from tests.factories import bits, data_of, day, deal, features_at
from tests.features.stories.reps import FIXED, PAST, PRESENT, REFERENCE, REPS
from tests.features.stories.telling import activity, before, change, history_of, move
from tests.features.worlds import world

NOTHING = dict.fromkeys(STATISTICS, 0)
D = 86_400  # seconds of a day


def test_the_rows_of_the_story_are_these() -> None:
    everything = {"closed": 2, "won": 1, "seconds": 4 * D, "amount_cents": 100_000, "amounts": 1}
    assert REFERENCE.at("all", "", day(before(11))) is None
    assert REFERENCE.at("all", "", day(11)) == NOTHING | everything
    assert REFERENCE.at("all", "", day(before(18))) == NOTHING | everything
    more = {"closed": 3, "won": 2, "seconds": 14 * D, "amount_cents": 150_000, "amounts": 2}
    assert REFERENCE.at("all", "", day(18)) == NOTHING | more
    assert REFERENCE.at("all", "", NEVER) == NOTHING | more | {"closed": 4}
    of_r = {"closed": 1, "won": 1, "seconds": 4 * D, "open": 1, "records": 2, "prompt": 1}
    assert REFERENCE.at("rep", "r", day(11)) == NOTHING | of_r
    assert REFERENCE.at("rep", "r", day(25)) == NOTHING | of_r | {
        "closed": 2,
        "open": 0,
        "records": 3,
        "prompt": 2,
    }
    east = {"closed": 1, "won": 1, "seconds": 4 * D, "open": 2, "reps": 2}
    assert REFERENCE.at("team", "east", day(4)) == NOTHING | {"reps": 2}
    assert REFERENCE.at("team", "east", day(11)) == NOTHING | east
    assert REFERENCE.at("stage", "demo", day(18)) == NOTHING | {"closed": 2, "won": 2, "seconds": 9 * D}
    assert REFERENCE.at("stage", "offer", NEVER) is None
    assert REFERENCE.at("industry", "food", day(11)) == NOTHING | {"closed": 1}
    assert REFERENCE.at("kind", "no such", NEVER) is None
    assert REFERENCE.at("no such", "", NEVER) is None


@pytest.mark.parametrize(
    ("instant", "monday"),
    [(3.5, 4), (4, 11), (before(4), 4), (4 + 1 / D, 11), (10, 11), (-4, -3), (-3, 4), (20_000, 20_003)],
)
def test_what_happens_on_a_monday_counts_from_the_next_one_on(instant: float, monday: float) -> None:
    assert next_monday(np.array([day(instant)])).tolist() == [day(monday)]


def test_never_and_missing_have_no_monday() -> None:
    assert next_monday(np.array([NEVER, MISSING])).tolist() == [NEVER, MISSING]


def test_no_row_lies_behind_the_instant_for_which_it_was_made() -> None:
    for until in (4, before(11), 11, 18, 24):
        made = reference_of(PAST, day(until))
        dates = made.date[made.date != MISSING]
        assert dates.max() <= day(until)
        assert (dates % day(7) == day(4)).all()
        assert made.at("all", "", NEVER) == REFERENCE.at("all", "", day(until))


def test_a_reference_has_keys_of_every_scope_in_order_and_rows_only_where_something_changes() -> None:
    assert {scope for scope, _ in REFERENCE.keys} == set(SCOPES)
    assert list(REFERENCE.keys) == sorted(REFERENCE.keys)
    for low, high in zip(REFERENCE.first[:-1], REFERENCE.first[1:], strict=True):
        rows = REFERENCE.rows[low:high]
        assert (np.diff(REFERENCE.date[low:high]) > 0).all()
        assert (np.diff(rows, axis=0) != 0).any(axis=1).all()


def test_what_was_told_of_a_deal_after_its_close_adds_nothing() -> None:
    history = history_of(
        replace(FIXED, fixed=("source", "product")),
        opportunities=[deal(created_at=4, closed_at=8, outcome="won")],
        stage_changes=[move(4, "lead"), move(6, "demo", recorded_at=9), move(8, "offer")],
        field_changes=[
            change(4, "amount", "100"), change(7, "amount", "300", recorded_at=8 + 1 / D),
            change(4, "kind", "new"), change(4, "kind", "upsell", recorded_at=20), change(4, "rep_id", "r"),
            change(9, "rep_id", "s"),
        ],
    )  # fmt: skip
    made = reference_of(history, day(100))
    every = made.at("all", "", NEVER)
    assert every is not None
    assert every["amount_cents"] == 10_000
    assert [made.at("rep", name, NEVER) is None for name in "rs"] == [False, True]
    assert made.at("kind", "upsell", NEVER) is None
    assert made.at("stage", "lead", NEVER) == NOTHING | {"closed": 1, "won": 1, "seconds": 4 * D}
    assert made.at("stage", "demo", NEVER) is made.at("stage", "offer", NEVER) is None


def test_a_stage_entered_twice_counts_once_with_all_its_time() -> None:
    moves = [move(4, "lead"), move(5, "demo"), move(6, "lead"), move(7, "lead"), move(7.5, "parked")]
    history = history_of(opportunities=[deal(created_at=4, closed_at=8, outcome="won")], stage_changes=moves)
    made = reference_of(history, day(100))
    assert made.at("stage", "lead", NEVER) == NOTHING | {"closed": 1, "won": 1, "seconds": round(2.5 * D)}
    assert made.at("stage", "demo", NEVER) == NOTHING | {"closed": 1, "won": 1, "seconds": D}


def test_a_load_moves_with_the_owner_and_a_corrected_record_leaves_its_rep() -> None:
    history = history_of(
        opportunities=[deal(created_at=2)],
        field_changes=[change(3, "rep_id", "r"), change(12, "rep_id", "s", recorded_at=20)],
        activities=[
            activity("x", 5, "call", rep_id="r"),
            activity("x", 5, "call", rep_id="s", recorded_at=12),
        ],
    )
    made = reference_of(history, day(26))
    loads = {name: [_of(made, name, t)["open"] for t in (4, 11, 18, 25)] for name in "rs"}
    assert loads == {"r": [1, 1, 1, 0], "s": [0, 0, 0, 1]}
    records = {name: [_of(made, name, t)["records"] for t in (11, 18)] for name in "rs"}
    assert records == {"r": [1, 0], "s": [0, 1]}
    assert _of(made, "s", 18)["prompt"] == 0  # told to be s's a week later


def test_what_is_told_at_the_very_beginning_of_a_week_counts_in_the_next() -> None:
    history = history_of(
        opportunities=[deal(created_at=2)],
        field_changes=[change(3, "rep_id", "r"), change(3, "rep_id", "s", recorded_at=18)],
        activities=[
            activity("x", 11, "call", rep_id="r"),
            activity("x", 11, "task", rep_id="s", recorded_at=18),
        ],
    )
    made = reference_of(history, day(40))
    loads = {name: [_of(made, name, t)["open"] for t in (11, 18, 25)] for name in "rs"}
    assert loads == {"r": [1, 1, 0], "s": [0, 0, 1]}
    records = {name: [_of(made, name, t)["records"] for t in (11, 18, 25)] for name in "rs"}
    assert records == {"r": [0, 1, 0], "s": [0, 0, 1]}


def _of(reference: Reference, rep: str, number: float) -> dict[str, int]:
    return reference.at("rep", rep, day(number)) or NOTHING


def made_of(seed: int) -> Reference:
    some = world(seed)
    return reference_of(history_from_tables(data_of(some.rows), some.conventions), day(30_000))


@pytest.mark.parametrize("seed", range(6))
def test_on_disk_and_back_all_rows_and_features_are_the_same(seed: int, tmp_path: Path) -> None:
    some = world(seed)
    history = history_from_tables(data_of(some.rows), some.conventions)
    made = reference_of(history, day(30_000))
    made.save(tmp_path)
    loaded = load_reference(tmp_path)
    pairs = some.pairs["opportunity"]
    found = [bits(features_at(history, pairs, "opportunity", r)) for r in (made, loaded)]
    assert found[0] == found[1]
    assert loaded.to_frame().equals(made.to_frame())
    assert loaded.reps.names == made.reps.names
    assert [
        (loaded.reps.team == made.reps.team).all(),
        (loaded.reps.hired_at == made.reps.hired_at).all(),
    ] == [True] * 2


@pytest.mark.parametrize("seed", range(6))
def test_on_disk_and_back_the_hash_is_the_same(seed: int, tmp_path: Path) -> None:
    made = made_of(seed)
    made.save(tmp_path)
    assert load_reference(tmp_path).hash == made.hash


def newcomers() -> History:
    """Somebody who is hired later has just got a deal; of his team nothing is known before day 18."""
    return history_of(
        FIXED,
        reps=[{"rep_id": "r", "team_id": "east", "hired_at": 500}],
        opportunities=[deal(created_at=12), deal("e", rep_id="q", closed_at=3, outcome="won")],
    )


def test_a_team_of_which_nothing_is_known_yet_is_the_same_team_after_a_save(tmp_path: Path) -> None:
    history = newcomers()
    made = reference_of(history, day(13))
    made.save(tmp_path)
    found = [values_at(history, r, 13) for r in (made, load_reference(tmp_path))]
    assert found[0] == found[1]


def test_what_a_snapshot_reads_does_not_depend_on_how_far_beyond_it_the_reference_reaches() -> None:
    history = newcomers()
    found = [values_at(history, reference_of(history, day(until)), 13) for until in (13, 18, 600)]
    assert found[0] == found[1] == found[2]


def values_at(history: History, reference: Reference, number: float) -> dict[str, list[Any]]:
    return bits(features_at(history, [("d", day(number))], "opportunity", reference))


def test_the_reference_that_says_nothing_is_the_same_on_disk_and_back(tmp_path: Path) -> None:
    made = nothing_known()
    made.save(tmp_path)
    loaded = load_reference(tmp_path)
    assert (loaded.keys, len(loaded.rows), loaded.reps.names) == ((), 0, ())
    assert loaded.given == made.given
    assert loaded.hash == made.hash


def test_the_hash_tells_two_references_apart() -> None:
    hashes = {
        REFERENCE.hash, nothing_known().hash, reference_of(PAST, day(12)).hash,
        replace(REFERENCE, date=REFERENCE.date + 1).hash, replace(REFERENCE, rows=REFERENCE.rows + 1).hash,
        replace(REFERENCE, reps=replace(REFERENCE.reps, team=REFERENCE.reps.team[::-1].copy())).hash,
        replace(REFERENCE, reps=replace(REFERENCE.reps, names=("a", "b", "c"))).hash,
    }  # fmt: skip
    assert len(hashes) == 7
    assert reference_of(PAST, day(100)).hash == REFERENCE.hash


def test_a_frame_has_a_row_per_dated_row_with_null_for_what_was_always_known() -> None:
    reps = [*REPS, {"rep_id": "z", "team_id": "old", "hired_at": None}]
    frame = reference_of(history_of(FIXED, reps=reps), day(30)).to_frame()
    assert frame.columns == ["scope", "name", "date", *STATISTICS]
    assert frame.schema["date"] == TIME
    old = frame.filter(pl.col("name") == "old")
    assert old.select("scope", "date", "reps").rows() == [("team", None, 1)]


def test_a_missing_file_is_missed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_reference(tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_damaged_file_is_refused(keep: float, tmp_path: Path) -> None:
    REFERENCE.save(tmp_path)
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[: int(keep * len(content)) if keep < 1 else int(keep)])
    with pytest.raises(ValueError, match=r"reference\.npz is damaged|Cannot load file"):
        load_reference(tmp_path)


@pytest.mark.parametrize("name", ["texts", "first", "date", "rows", "team", "hired_at"])
def test_a_file_that_lacks_an_array_is_refused(name: str, tmp_path: Path) -> None:
    REFERENCE.save(tmp_path)
    with np.load(tmp_path / FILE) as read:
        rest = {each: read[each] for each in read.files if each != name}
    np.savez(tmp_path / FILE, **rest)
    with pytest.raises(ValueError, match=r"reference\.npz is damaged"):
        load_reference(tmp_path)


def test_a_file_that_could_run_code_is_not_read(tmp_path: Path) -> None:
    REFERENCE.save(tmp_path)
    with np.load(tmp_path / FILE) as read:
        arrays = {each: read[each] for each in read.files}
    np.savez(tmp_path / FILE, **{**arrays, "date": np.array([print], object)})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_reference(tmp_path)


def test_the_same_reference_is_the_same_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        REFERENCE.save(tmp_path / name)
    assert (tmp_path / "one" / FILE).read_bytes() == (tmp_path / "two" / FILE).read_bytes()


def test_a_deal_reads_the_reference_of_another_data_set_by_names() -> None:
    loaded = PRESENT.found("rep_win_rate", [20.0])
    renamed = replace(REFERENCE, reps=replace(REFERENCE.reps, names=("x", "y", "z")))
    assert loaded[20.0] != replace(PRESENT, reference=renamed).found("rep_win_rate", [20.0])[20.0]
