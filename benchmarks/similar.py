"""`python -m benchmarks.similar DATA BUNDLES DATE...`: do the ends of similar closed deals tell a deal's own?

For deals that were open at the dates and have ended since, the share won among the nearest closed deals
(drawn towards the base rate as by `PRIOR` deals) is held against what came, for several ideas of near. The
models in BUNDLES should be of a training before the first date.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score

from features.families.run import stage_of
from features.snapshots import Snapshots
from features.sources.folder import load
from features.times import NEVER, FloatArray, parse_instant
from serving.bundles import load_models
from serving.histories import of_tables
from serving.scorer import Scorer
from serving.similar import ENOUGH, STEPS, Closed, closed_of, points_of
from training.labels import eligible

PRIOR = 4.0
Distance = Callable[[FloatArray, FloatArray], FloatArray]
DISTANCES: Mapping[str, tuple[str, Distance]] = {
    "behaviours' points, sum of differences (used)": ("points", lambda a, b: np.abs(a - b).sum(axis=1)),
    "behaviours' points, squares": ("points", lambda a, b: ((a - b) ** 2).sum(axis=1)),
    "features' points, sum of differences": ("contributions", lambda a, b: np.abs(a - b).sum(axis=1)),
    "features' logarithms, sum of differences": ("logarithms", lambda a, b: np.abs(a - b).sum(axis=1)),
    "the probability alone": ("margin", lambda a, b: np.abs(a - b).sum(axis=1)),
    "by lot": ("lot", lambda a, _: a[:, 0]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("bundles", type=Path)
    parser.add_argument("dates", nargs="+")
    parser.add_argument("--neighbours", type=int, default=20)
    asked = parser.parse_args()
    closed = closed_of(Scorer(load_models(asked.bundles)), of_tables(load(asked.data)[0]))
    said: dict[str, list[float]] = {name: [] for name in ("base rate", "the model", *DISTANCES)}
    came: list[float] = []
    for date in asked.dates:
        came += _judge(closed, parse_instant(date), asked.neighbours, said)
    for name, values in said.items():
        auc = 0.5 if np.ptp(values) == 0 else roc_auc_score(came, values)
        print(f"{name:48s} log loss {log_loss(came, values):.4f}  ROC AUC {auc:.3f}  n {len(came)}")


def _judge(closed: Closed, when: int, neighbours: int, said: dict[str, list[float]]) -> list[float]:
    history, deals = closed.history, closed.history.opportunities
    everyone = np.arange(len(deals.ids), dtype=np.int64)
    asked = Snapshots(everyone, np.full(len(everyone), when, np.int64))
    asked = asked.take(eligible("win", history, asked) & (deals.closed_at < NEVER))
    mine, stages = _views(closed, asked), stage_of(history, asked)
    days = np.asarray(mine["days"][:, 0])
    base = float(deals.won[deals.closed_at <= when].mean())
    came, pools = [], {}
    for i in range(len(asked)):
        for step in sorted((s for s in STEPS if s <= max(days[i], 0)), reverse=True):
            key = (int(stages[i]), step)
            if key not in pools:
                pool = closed.pool(*key).moments
                pool = pool.take(deals.closed_at[pool.entity] <= when)
                pools[key] = pool, _views(closed, pool) if len(pool) else {}
            if len(pools[key][0]) >= ENOUGH:
                break
        pool, views = pools[key]
        if len(pool) < ENOUGH:
            continue
        for name, (view, distance) in DISTANCES.items():
            near = np.argsort(distance(views[view], mine[view][i]), kind="stable")[:neighbours]
            won = float(deals.won[pool.entity[near]].sum())
            said[name].append((won + PRIOR * base) / (len(near) + PRIOR))
        said["base rate"].append(base)
        said["the model"].append(float(mine["probability"][i, 0]))
        came.append(float(deals.won[asked.entity[i]]))
    return came


def _views(closed: Closed, moments: Snapshots) -> dict[str, FloatArray]:
    """What each idea of near compares, rows x columns."""
    bundle, frame = closed.model.bundle, closed.frame(moments)
    probability, why = bundle.explained(frame)
    numbers = [i for i, feature in enumerate(frame.features) if not feature.is_category]
    values = np.nan_to_num(frame.values[:, numbers], nan=-1.0)
    return {
        "points": points_of(closed.model, why.contributions),
        "contributions": why.contributions,
        "logarithms": np.sign(values) * np.log1p(np.abs(values)),
        "margin": np.log(probability / (1 - probability))[:, None],
        "lot": np.random.default_rng(0).random((len(moments), 1)),
        "probability": probability[:, None],
        "days": np.asarray(frame.columns["days_in_stage"], np.float64)[:, None],
    }


if __name__ == "__main__":
    main()
