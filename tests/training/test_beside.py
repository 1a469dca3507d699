"""The served trees of much data are fitted beside the forward test, and are the same to the byte."""

from __future__ import annotations

import threading

import pytest

from training import beside
from training.beside import Beside
from training.dataset import Source
from training.run import train_target
from training.trees import Trees


def test_fitted_beside_or_after_the_files_are_the_same(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = train_target(source, "stall")
    begun: list[str] = []
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setattr(beside, "LEAST_ROWS", 1)
    plain = Beside.begin
    monkeypatch.setattr(
        Beside, "begin", lambda self, fitting: plain(self, lambda: (begun.append(_name()), fitting())[1])
    )
    alongside = train_target(source, "stall")
    assert begun
    assert begun[0] != _name()
    assert alongside.bundle.booster.model_to_string() == after.bundle.booster.model_to_string()
    assert alongside.bundle.platt == after.bundle.platt


def _name() -> str:
    return threading.current_thread().name


@pytest.mark.parametrize("policy", ["passive", "active"])
def test_the_last_fit_that_was_begun_counts(monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    one, two = object(), object()
    with Beside(beside.LEAST_ROWS) as found:
        for trees in (one, two):
            found.begin(lambda trees=trees: trees)  # type: ignore[misc]
        assert found.result() is two


def test_what_goes_wrong_in_a_fit_is_raised_where_its_trees_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")

    def fails() -> Trees:
        raise MemoryError("too large")

    with Beside(beside.LEAST_ROWS) as found:
        found.begin(fails)
        with pytest.raises(MemoryError, match="too large"):
            found.result()
