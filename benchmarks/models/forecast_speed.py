"""How long the Monte Carlo over deals takes, and what it holds in memory."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.report import Report
from training.forecast.draws import OpenDeals, Shock, draw, keys_of

DEALS, STEPS, DRAWS, CELLS, AMOUNTS = 100_000, 26, 2_000, 200, 64
THREADS = 2


def speed_report(repeats: int, facts: Mapping[str, str], say: Callable[[str], None]) -> Report:
    """100,000 made-up open deals x 26 weeks x 2,000 draws; the memory is the whole process's peak."""
    deals, seconds, processor = made_up(DEALS), [], []
    for k in range(repeats):
        say(f"draws {k + 1}/{repeats}")
        began, used = time.perf_counter(), time.process_time()
        drawn = draw(deals, CELLS, shock=Shock(0.1), draws=DRAWS, threads=THREADS)
        seconds.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
    total = drawn.total()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    off = float(total.mean() / deals.mean.sum() - 1)
    row = [
        f"{DEALS:,} x {STEPS} x {DRAWS:,}", f"{CELLS}", f"{statistics.median(seconds):.1f}",
        ", ".join(f"{s:.1f}" for s in seconds), f"{statistics.median(processor):.1f}", f"{peak:,.0f}",
        f"{off:+.2%}",
    ]  # fmt: skip
    header = (
        "deals x weeks x draws", "cells", "seconds, median", "each", "CPU s, median", "peak MiB",
        "mean over the exact one",
    )  # fmt: skip
    return Report("Forecast: Monte Carlo over deals, two threads", facts, header, [row])


def made_up(deals: int) -> OpenDeals:
    """Deals of every chance and size."""
    rng = np.random.default_rng(0)
    ends = rng.beta(1.5, 3.0, deals) * 0.98
    return OpenDeals(
        key=keys_of([str(i) for i in range(deals)]),
        curve=np.cumsum(rng.dirichlet(np.full(STEPS, 2.0), deals), axis=1) * ends[:, None],
        cents=rng.integers(10**5, 10**7, deals),
        group=rng.integers(0, 6, deals),
        ratios=np.exp(rng.normal(0.0, 0.3, (6, AMOUNTS))),
        cell=rng.integers(0, CELLS, deals),
    )
