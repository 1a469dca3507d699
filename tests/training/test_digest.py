"""One hash of tables: of every cell, of no order."""

from __future__ import annotations

import polars as pl

from training.digest import digest_of

KEYED = {"activity_id": ["a", "b", "c"], "kind": ["call", None, ""], "duration_s": [1.0, None, 0.0]}


def digest(**columns: list[object]) -> str:
    return digest_of({"activities": pl.DataFrame({**KEYED, **columns})})


def test_rows_and_columns_in_another_order_have_the_same_digest() -> None:
    frame = pl.DataFrame({**KEYED, "activity_id": ["a", "b", "b"]})
    wanted = digest_of({"activities": frame})
    assert digest_of({"activities": frame.reverse()}) == wanted
    assert digest_of({"activities": frame.select(frame.columns[::-1])}) == wanted


def test_every_cell_counts_and_a_null_is_no_value() -> None:
    others = [
        digest(),
        digest(kind=["call", "", ""]),
        digest(kind=["call", None, None]),
        digest(kind=["cal", None, "l"]),
        digest(duration_s=[1.0, 0.0, 0.0]),
        digest(duration_s=[1.0, None, None]),
        digest(duration_s=[None, None, None]),
        digest(activity_id=["a", "b", "d"]),
        digest(further=[None, None, None]),
    ]
    assert len(set(others)) == len(others)


def test_a_correction_that_repeats_a_key_counts() -> None:
    once, twice = ["a", "b", "c"], ["a", "b", "b"]
    assert digest(activity_id=once) != digest(activity_id=twice)
    assert digest(activity_id=twice) != digest(activity_id=twice, duration_s=[1.0, 0.0, None])


def test_the_digest_is_pinned_so_that_retraining_knows_its_data() -> None:
    assert digest()[:16] == "662074655f73f2e8"
