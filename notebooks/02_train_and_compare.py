# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Train twice and compare
#
# What you learn here: how to train two versions at two cut-offs, how both runs look in MLflow, and how to
# tell whether the newer one is better: on the same later deals, with intervals that know that the
# snapshots of a deal are not independent.
#
# Without further ado a small made-up CRM is looked at. For your own, set `DEALCAST_DATA` to a folder of
# tables before you start Jupyter. The runs go to a tracking store in a temporary folder, or to the one that
# `MLFLOW_TRACKING_URI` names.

# %%
import os
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl

from features.build import build_features
from features.from_tables import history_from_tables
from features.sample import make_sample, write_sample
from features.sources.folder import load
from features.times import DAY, iso
from training.bootstrap import LEVEL, multipliers
from training.censoring import censoring_weights
from training.dataset import open_source
from training.grid import weekly_grid
from training.labels import label
from training.metrics import forward_metrics
from training.run import train_target
from training.tracking import Tracking

scratch = Path(tempfile.mkdtemp(prefix="dealcast-"))
folder = Path(os.environ.get("DEALCAST_DATA") or scratch / "crm")
if "DEALCAST_DATA" not in os.environ:
    write_sample(make_sample(900, seed=1), folder)
data, quality = load(folder)
watermark = data.watermark()

# %% [markdown]
# ## Two cut-offs
#
# Each version learns from what was known at its cut-off and from nothing later, as if it had been trained on
# that day. The second one knows half a year more. Both lie far enough back for the outcomes of later
# snapshots to be known by now.

# %%
cutoffs = {"older": watermark - 330 * DAY, "newer": watermark - 150 * DAY}
trained = {name: train_target(open_source(data, cutoff), "win") for name, cutoff in cutoffs.items()}
for name, made in trained.items():
    print(name, iso(cutoffs[name])[:10], {part: int(n) for part, n in made.evaluation.rows.items()})

# %% [markdown]
# ## The same runs in MLflow
#
# The first version that a store sees becomes champion, later ones challenger. `mlflow ui` with the address
# printed below shows the same in a browser.

# %%
tracking = Tracking(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{scratch / 'mlflow.db'}")
for name, made in trained.items():
    registered = tracking.register(made)
    print(f"{name}: dealcast-win v{registered.version} ({registered.alias})")
print(f"to look at them: mlflow ui --backend-store-uri {tracking.uri}")

# %%
import mlflow  # noqa: E402

mlflow.set_tracking_uri(tracking.uri)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    runs = mlflow.search_runs(experiment_names=["dealcast/win"], order_by=["start_time ASC"])
wanted = [
    "params.cutoff", "params.rounds", "params.rows_train", "metrics.log_loss",
    "metrics.baseline_base_rate_log_loss", "metrics.baseline_stage_rate_log_loss", "metrics.roc_auc",
    "metrics.calibration_error",
]  # fmt: skip
runs[wanted].T

# %% [markdown]
# These figures cannot be compared with each other: each is of its own forward test, on other deals. What can
# be compared is a version with the baselines beside it.
#
# ## Side by side on the same later deals
#
# Both versions are asked of the weekly snapshots after the newer cut-off. An outcome that is not known yet
# is left out, and the known ones are weighted against that (`training/censoring.py`). Deals that were open
# at the cut-off may have been seen earlier in their life by a version; their outcomes were not.

# %%
probability = {}
for name, made in trained.items():
    bundle = made.bundle
    history = history_from_tables(data, bundle.conventions)
    snapshots = weekly_grid("win", history, watermark)
    snapshots = snapshots.take(snapshots.as_of > cutoffs["newer"])
    frame = build_features(history, snapshots, "opportunity", bundle.reference)
    probability[name] = bundle.probability(frame)
labels = label("win", history, snapshots, watermark, bundle.policy)
known = labels.known
y, weight, deal = labels.value[known], censoring_weights(labels)[known], snapshots.entity[known]
p = {name: values[known] for name, values in probability.items()}
print(f"{known.sum():,} of {len(known):,} snapshots are decided, of {len(np.unique(deal)):,} deals")

# %% [markdown]
# Intervals come from drawing whole deals with replacement. For the difference both versions are judged on the
# same draws: what makes a draw hard is then hard for both, and the difference is known much better than
# either figure.

# %%
METRICS = ("log_loss", "brier", "roc_auc", "calibration_error")
DRAWS = 100


def metrics(times):
    """The metrics of both versions with each row counted so many times, and their difference."""
    drawn = times > 0
    both = {v: forward_metrics(p[v][drawn], y[drawn], (weight * times)[drawn]) for v in p}
    both["difference"] = {name: both["newer"][name] - both["older"][name] for name in METRICS}
    return both


found = metrics(np.ones(len(y)))
draws = [metrics(times) for times in multipliers(deal, DRAWS)]
rows = []
for name in METRICS:
    row = {"metric": name}
    for what, sign in (("older", ""), ("newer", ""), ("difference", "+")):
        ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
        low, high = np.quantile([draw[what][name] for draw in draws], ends)
        value = found[what][name]
        row[what] = f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"
    rows.append(row | {"_found": value, "_low": low, "_high": high})
print(f"in brackets: the middle {LEVEL:.0%} of {DRAWS} draws of whole deals")
with pl.Config(fmt_str_lengths=40, tbl_width_chars=120):
    print(pl.DataFrame(rows).select("metric", "older", "newer", "difference"))

# %%
figure, axes = plt.subplots(figsize=(8, 3))
for i, row in enumerate(rows):
    axes.plot([row["_low"], row["_high"]], [i, i], color="tab:blue", linewidth=4, alpha=0.5)
    axes.plot(row["_found"], i, "o", color="tab:blue")
axes.axvline(0, color="grey", linestyle=":")
axes.set_yticks(range(len(rows)), [row["metric"] for row in rows])
axes.invert_yaxis()
axes.set_title(f"Newer minus older, with {LEVEL:.0%} intervals over deals")
axes.set_xlabel("difference (log loss in nats; the others in shares of 1); less is better, for ROC AUC more")
axes.set_ylabel("metric")
figure.tight_layout()
plt.show()

# %% [markdown]
# An interval that holds 0 says: on so many deals the two cannot be told apart. That is no proof that they
# are alike; it is a reason to keep the champion until more deals have closed.
