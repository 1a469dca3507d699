"""Gradient-boosted trees by LightGBM's own training call: deterministic, early-stopped forward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import lightgbm as lgb

from features.times import FloatArray
from training.encoding import Encoding
from training.stream import Stream
from training.trees import Trees

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "objective": "binary",
        "learning_rate": 0.04,
        "extra_trees": True,
        "num_leaves": 8,
        "min_data_in_leaf": 40,
        "feature_fraction": 0.3,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "cat_smooth": 20.0,
        "max_cat_to_onehot": 8,
        "seed": 7,
        "deterministic": True,
        "num_threads": 2,
        "verbosity": -1,
    }
)
MOST_ROUNDS = 1_000
PATIENCE = 40
BIN_ROWS = 100_000  # of those made as they are read, from which the bins are learnt: 200,000, LightGBM's own,
# are asked for one by one and take seconds
SMALL = 6_000_000  # cells of a matrix; below, two threads wait for each other longer than they help
_COPIED = 0.6  # where a tree sees a smaller share of the columns, histograms by rows copy them for it


Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Sample:
    """Rows to judge or to fit: an encoded matrix (rows x features), labels 0/1, weights >= 0."""

    matrix: FloatArray
    label: FloatArray
    weight: FloatArray


@dataclass(frozen=True)
class Streamed:
    """The same of rows that are made as they are read."""

    matrix: Stream
    label: FloatArray
    weight: FloatArray


def worked(params: Mapping[str, Any], rows: int, columns: int) -> dict[str, Any]:
    """Parameters of LightGBM with how it is to work: one thread or two, histograms by rows or by columns.

    The trees are the same, the time is not. LightGBM's own choice between rows and columns is by a trial
    that does not meet the copies for a share of the columns.
    """
    by_columns, small = params["feature_fraction"] < _COPIED, rows * columns < SMALL
    return {
        **params,
        "force_col_wise": by_columns,
        "force_row_wise": not by_columns,
        "num_threads": 1 if small else params["num_threads"],
    }


def fit(
    train: Sample | Streamed, encoding: Encoding, *, later: Sample | None = None, rounds: int = MOST_ROUNDS,
    progress: Progress | None = None, params: Mapping[str, Any] | None = None,
    judged: Callable[[int, float], None] | None = None,
) -> Trees:  # fmt: skip
    """Trees for a binary label.

    Args:
        train: what the trees see.
        encoding: names the columns, and which of them are categories.
        later: stops the rounds when the log loss on these later rows no longer falls.
        rounds: how many trees at the most; exactly so many where `later` is not given.
        progress: is told (trees so far, trees at the most).
        params: over the defaults.
        judged: is told (round from 0 on, log loss on `later`); what it raises ends the fit.
    """
    settings = worked({**DEFAULTS, **(params or {})}, len(train.label), len(encoding.names))
    data = _dataset(train, encoding)
    callbacks: list[Callable[..., Any]] = []
    valid: list[lgb.Dataset] = []
    if later is not None:
        valid = [_dataset(later, encoding, reference=data)]
        callbacks.append(lgb.early_stopping(PATIENCE, verbose=False))
    if progress is not None:
        callbacks.append(lambda env: progress(env.iteration + 1, rounds))
    if judged is not None:
        callbacks.append(lambda env: judged(env.iteration, env.evaluation_result_list[0][2]))
    booster = lgb.train(settings, data, num_boost_round=rounds, valid_sets=valid, callbacks=callbacks)
    return _trimmed(booster)


def _dataset(
    sample: Sample | Streamed, encoding: Encoding, reference: lgb.Dataset | None = None
) -> lgb.Dataset:
    return lgb.Dataset(
        sample.matrix,
        label=sample.label,
        weight=sample.weight,
        feature_name=list(encoding.names),
        categorical_feature=list(encoding.category_positions),
        reference=reference,
        params={"bin_construct_sample_cnt": BIN_ROWS} if isinstance(sample, Streamed) else None,
        free_raw_data=True,
    )


def _trimmed(booster: lgb.Booster) -> Trees:
    """The trees up to the best round alone, as they are saved and served."""
    best = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
    return Trees(booster.model_to_string(num_iteration=best))
