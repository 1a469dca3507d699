"""Rows read by and by give the trees that a matrix gives."""

from __future__ import annotations

import numpy as np
import pytest

from training import evaluate, stream
from training.dataset import Source, labelled_frame
from training.evaluate import matrix_of
from training.models import Sample, Streamed, fit
from training.splits import forward_split
from training.stream import Stream


def test_single_rows_and_slices_are_those_of_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BLOCK", 4)
    values = np.arange(30.0).reshape(10, 3)
    rows = Stream(lambda some: values[some], 10)
    assert len(rows) == 10
    for place in (0, 3, 4, 9, 2):
        np.testing.assert_array_equal(rows[place], values[place])
    np.testing.assert_array_equal(rows[2:7], values[2:7])
    np.testing.assert_array_equal(rows[[1, 8]], values[[1, 8]])


def test_streamed_rows_give_the_same_trees_as_a_matrix(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = labelled_frame(source, "win")
    split = forward_split("win", source.history, frame.snapshots, source.cutoff, source.policy)
    matrix = matrix_of(frame)
    whole = matrix.streamed(split.everything)
    monkeypatch.setattr(evaluate, "MOST_COPIED", 100)
    streamed = matrix.streamed(split.everything)
    assert isinstance(whole, Sample)
    assert isinstance(streamed, Streamed)
    trees = [fit(each, frame.encoding, rounds=20) for each in (whole, streamed)]
    whole_text, streamed_text = (each.model_to_string().partition("\nparameters:")[0] for each in trees)
    assert whole_text == streamed_text  # the parameters name from how many rows the bins were learnt
