"""The measurement: every peer in turn, again and again, so that what else the machine does meets all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np

from benchmarks.reasons.peers import Peer, by_fasttreeshap, for_many_rows, for_one_row
from benchmarks.reasons.worlds import SHAPES, Matrix, Shape, model_of, rows_of
from benchmarks.report import MIB, Report
from training.trees import Trees
from training.treeshap import tree_shap
from training.treeshap.checked import checked

Say = Callable[[str], object]
ALONE = 200  # rows explained one by one in a run
AGREES = 1e-10
COMPARED = 500  # rows whose values are held against LightGBM's


@dataclass
class Timed:
    """µs a row of each run, and the largest difference from LightGBM's values."""

    name: str
    runs: list[float] = field(default_factory=list)
    off: float = np.nan
    scaled_from: int = 0


@dataclass(frozen=True)
class Asked:
    shapes: Sequence[str]
    rows: int
    repeats: int
    threads: int
    foreign: bool


def reasons_reports(asked: Asked, facts: Mapping[str, str], say: Say) -> list[Report]:
    """Times of one row and of many, then what the tables take."""
    speed: list[list[str]] = []
    tables: list[list[str]] = []
    notes = [
        "Best and median of the runs; × dealcast: best over best. One row: one thread, the mean over "
        f"{ALONE} rows given one by one. off: the largest difference from pred_contrib, on {COMPARED}.",
    ]
    for name in asked.shapes:
        say(f"{name}: training")
        shape = SHAPES[name]
        booster = model_of(shape)
        tables.append(_tables(name, shape, booster))
        rows = rows_of(shape, asked.rows)
        say(f"{name}: one row")
        speed += _lines(name, "1", _one_row(booster, rows, 3 * asked.repeats))
        say(f"{name}: {asked.rows:,} rows")
        many = _many_rows(booster, rows, asked, say)
        notes += _scaled(name, many, asked.rows)
        speed += _lines(name, f"{asked.rows:,}", many)
    header = ("trees", "rows", "who", "best µs/row", "median", "runs", "× dealcast", "off")
    made = ("trees", "columns", "leaves", "blocks", "twigs", "tables MiB", "made s", "made and tried s")
    return [
        Report("SHAP values", facts, header, speed, notes, texts=3),
        Report("Tables", {}, made, tables, ["Best of three; tried: against pred_contrib on ten rows."]),
    ]


def _one_row(booster: lgb.Booster, rows: Matrix, repeats: int) -> list[Timed]:
    peers, timed = for_one_row(booster), []
    for peer in peers:
        found = np.concatenate([peer.explain(rows[i : i + 1]) for i in range(ALONE)])
        timed.append(Timed(peer.name, off=_off(booster, rows[:ALONE], found)))
    for _ in range(repeats):
        for peer, its in zip(peers, timed, strict=True):
            begin = time.perf_counter()
            for i in range(ALONE):
                peer.explain(rows[i : i + 1])
            its.runs.append((time.perf_counter() - begin) / ALONE * 1e6)
    return timed


def _many_rows(booster: lgb.Booster, rows: Matrix, asked: Asked, say: Say) -> list[Timed]:
    peers = for_many_rows(booster, asked.threads)
    timed = [Timed(peer.name) for peer in peers]
    for turn in range(asked.repeats):
        for peer, its in zip(peers, timed, strict=True):
            say(f"{its.name}, run {turn + 1} of {asked.repeats}")
            _run(booster, peer, its, rows)
    if asked.foreign:
        some = rows[: len(rows) // 4]
        say("fasttreeshap, in an environment of its own")
        try:
            for name, seconds, values in by_fasttreeshap(booster, some, asked.threads):
                off = _off(booster, some, values)
                runs = [second / len(some) * 1e6 for second in seconds]
                timed.append(Timed(name, runs, off, len(some)))
        except RuntimeError as error:
            say(f"fasttreeshap: {error}")
            timed.append(Timed("fasttreeshap: could not be installed or failed"))
    return timed


def _run(booster: lgb.Booster, peer: Peer, its: Timed, rows: Matrix) -> None:
    some = rows[: round(len(rows) * peer.share)]
    begin = time.perf_counter()
    found = peer.explain(some)
    its.runs.append((time.perf_counter() - begin) / len(some) * 1e6)
    if np.isnan(its.off):
        its.off = _off(booster, some, found)
        its.scaled_from = len(some) if peer.share < 1 else 0


def _off(booster: lgb.Booster, rows: Matrix, found: Matrix) -> float:
    wanted = np.asarray(booster.predict(rows[:COMPARED], pred_contrib=True))
    return float(np.abs(found[:COMPARED] - wanted).max())


def _lines(shape: str, rows: str, timed: Sequence[Timed]) -> list[list[str]]:
    ours = min(timed[0].runs)
    lines = []
    for its in timed:
        if not its.runs:
            lines.append([shape, rows, its.name, "-", "-", "0", "-", "-"])
            continue
        best, verdict = min(its.runs), "" if its.off <= AGREES else " WRONG"
        figures = f"{best:,.1f}", f"{statistics.median(its.runs):,.1f}", str(len(its.runs))
        lines.append([shape, rows, its.name, *figures, f"{best / ours:.1f}", f"{its.off:.1g}{verdict}"])
    return lines


def _scaled(shape: str, timed: Sequence[Timed], rows: int) -> list[str]:
    parts = [f"{its.name} {its.scaled_from:,}" for its in timed if its.scaled_from]
    return [f"{shape}, timed on fewer than {rows:,} rows: {'; '.join(parts)}."]


def _tables(name: str, shape: Shape, booster: lgb.Booster) -> list[str]:
    text = booster.model_to_string()
    trees = Trees(text)
    made, tried = [], []
    for _ in range(3):
        begin = time.perf_counter()
        shap = tree_shap(text)
        made.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        checked(trees, rows_of(shape, 8))
        tried.append(time.perf_counter() - begin)
    leaves = int(booster.trees_to_dataframe()["left_child"].isna().sum())
    layout = shap.layout
    return [
        name, str(shape.columns), f"{leaves:,}", f"{len(layout.blocks[4]) - 1:,}",
        f"{len(layout.twigs[10]) - 1:,}", f"{shap.bytes / MIB:.1f}",
        f"{min(made):.2f}", f"{min(tried):.2f}",
    ]  # fmt: skip
