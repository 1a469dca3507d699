"""The machine's load while a model is trained."""

from __future__ import annotations

import threading
from itertools import count

from training.tracking.load import INTERVAL, MOST, watched


def counting(until: int) -> tuple[threading.Event, object]:
    """A clock that ticks a second a reading, and what is set when it was asked so often."""
    ticks, reached = count(), threading.Event()

    def clock() -> int:
        tick = next(ticks)
        if tick + 1 >= until:
            reached.set()
        return tick * 1_000_000

    return reached, clock


def test_the_figures_are_those_that_the_store_shows_as_system_metrics() -> None:
    _, clock = counting(1)
    with watched(clock, interval=3600) as readings:  # type: ignore[arg-type]
        assert readings() == []
    names = {reading.name for reading in readings()}
    assert names >= {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"}
    assert {(reading.at, reading.step) for reading in readings()} == {(0, 0)}
    assert all(reading.value >= 0 for reading in readings())


def test_a_long_training_is_read_more_seldom_and_no_more_than_so_often() -> None:
    reached, clock = counting(MOST + MOST // 4)
    with watched(clock, interval=0.0005) as readings:  # type: ignore[arg-type]
        assert reached.wait(60)
    cpu = [r for r in readings() if r.name == "system/cpu_utilization_percentage"]
    assert MOST // 2 < len(cpu) < MOST
    assert [r.step for r in cpu] == list(range(len(cpu)))
    assert [r.at for r in cpu[:3]] == [1_000_000, 3_000_000, 5_000_000]


def test_the_thread_ends_with_the_training_even_with_one_that_failed() -> None:
    before = threading.active_count()
    try:
        with watched(lambda: 0):
            assert threading.active_count() == before + 1
            raise KeyError("a training that fails")
    except KeyError:
        pass
    assert threading.active_count() == before
    assert INTERVAL >= 0.1  # seconds: a reading takes well under a millisecond
