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
# # Does it hold forward?
#
# What you learn here: what a model is worth when it is trained again and again and always judged on the
# weeks after; whether a shown 70% comes true 70 times in 100, and of how many deals that is known; whether
# the present still looks like what was learnt; and what log loss to expect before any label is known.
#
# Without further ado a small made-up CRM is looked at. For your own, set `DEALCAST_DATA` to a folder of
# tables before you start Jupyter.

# %%
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl

from features.build import build_features
from features.from_tables import history_from_tables
from features.sample import make_sample, write_sample
from features.sources.folder import load
from features.times import DAY, from_micros, iso
from training.baselines import base_rate
from training.bootstrap import LEVEL, interval
from training.censoring import censoring_weights
from training.dataset import open_source
from training.errors import TooLittleData
from training.expected import calibration_check, expected
from training.grid import weekly_grid
from training.labels import label
from training.metrics import forward_metrics
from training.run import train_target
from training.watch import watch

TARGET, STEPS, STEP_DAYS = "win", 4, 90

folder = Path(os.environ.get("DEALCAST_DATA") or tempfile.mkdtemp(prefix="dealcast-"))
if "DEALCAST_DATA" not in os.environ:
    write_sample(make_sample(1200, seed=1), folder)
data, _ = load(folder)
watermark = data.watermark()

# %% [markdown]
# ## Walking forward
#
# At each step a model is trained on what was known then, and asked of the snapshots of the 90 days after it.
# It is judged by what is known of them today. The last step ends a step before the end of the data, because
# the outcomes of the latest snapshots are hardly known yet.


# %%
@dataclass
class Step:
    cutoff: int
    bundle: object
    asked: np.ndarray  # probabilities of all snapshots after the cut-off, labelled or not
    deals: np.ndarray  # whose they are
    p: np.ndarray  # of the labelled ones
    y: np.ndarray
    weight: np.ndarray
    deal: np.ndarray


def step(cutoff):
    bundle = train_target(open_source(data, cutoff), TARGET).bundle
    history = history_from_tables(data, bundle.conventions)
    snapshots = weekly_grid(TARGET, history, cutoff + STEP_DAYS * DAY)
    snapshots = snapshots.take(snapshots.as_of > cutoff)
    labels = label(TARGET, history, snapshots, watermark, bundle.policy)
    p = bundle.probability(build_features(history, snapshots, "opportunity", bundle.reference))
    known, weight = labels.known, censoring_weights(labels)
    deals = snapshots.entity
    return Step(cutoff, bundle, p, deals, p[known], labels.value[known], weight[known], deals[known])


steps = []
for i in range(STEPS, 0, -1):
    cutoff = watermark - (i + 1) * STEP_DAYS * DAY
    try:
        steps.append(step(cutoff))
    except TooLittleData as error:
        print(f"{iso(cutoff)[:10]}: passed over: {error}")
print(len(steps), "steps")
assert steps, "the data are too short to walk forward in them; give a longer history"

# %%
def figure_of(name, one, times=None):
    weight = one.weight if times is None else one.weight * times
    drawn = weight > 0
    if len(np.unique(one.y[drawn])) < 2:
        return float("nan")
    return forward_metrics(one.p[drawn], one.y[drawn], weight[drawn])[name]


rows = []
for one in steps:
    spread = interval(lambda t, one=one: figure_of("log_loss", one, t), one.deal, draws=100)
    constant = np.full(len(one.y), one.bundle.centre.base_rate)
    rows.append(
        {
            "cut-off": from_micros(one.cutoff).date(),
            "snapshots": len(one.y),
            "deals": len(np.unique(one.deal)),
            "came true": base_rate(one.y, one.weight),
            "log loss": figure_of("log_loss", one),
            "low": spread.low,
            "high": spread.high,
            "of the base rate": forward_metrics(constant, one.y, one.weight)["log_loss"],
            "promised": expected(one.asked, one.deals).log_loss.value,
            "ROC AUC": figure_of("roc_auc", one),
        }
    )
walk = pl.DataFrame(rows)
with pl.Config(float_precision=3, tbl_cols=12, tbl_width_chars=140):
    print(walk)

# %%
figure, axes = plt.subplots(figsize=(9, 4))
when = walk["cut-off"].to_list()
found = walk["log loss"].to_numpy()
errors = np.abs(np.stack([found - walk["low"].to_numpy(), walk["high"].to_numpy() - found]))
axes.errorbar(when, found, errors, fmt="o-", capsize=4, label=f"model ({LEVEL:.0%} of draws of whole deals)")
axes.plot(when, walk["of the base rate"], "s--", label="base rate known at the cut-off")
axes.plot(when, walk["promised"], "^:", label="promised by the probabilities alone")
axes.set_title(f"Log loss of the {STEP_DAYS} days after each cut-off")
axes.set_xlabel("cut-off (UTC)")
axes.set_ylabel("log loss (nats; less is better)")
axes.legend()
figure.autofmt_xdate()
plt.show()

# %% [markdown]
# The dotted line needs no label: calibrated probabilities say themselves how often they will be wrong. Where
# it leaves the interval of what came about, the calibration no longer holds.
#
# ## When it said 70%
#
# All steps together. The number at each dot counts deals, not snapshots: ten snapshots of one deal came
# true or not together. A dot of few deals says little.

# %%
offset = np.cumsum([0, *[int(one.deal.max()) + 1 for one in steps]])  # a deal of two steps counts twice
everything = [np.concatenate([getattr(one, name) for one in steps]) for name in ("p", "y", "weight")]
deal = np.concatenate([one.deal + first for one, first in zip(steps, offset[:-1], strict=True)])
check = calibration_check(*everything, deal)
figure, axes = plt.subplots(figsize=(6, 6))
axes.plot([0, 100], [0, 100], color="grey", linestyle=":", label="as it should be")
shown = [b.mean * 100 for b in check.reliability]
true = [b.observed * 100 for b in check.reliability]
axes.scatter(shown, true, s=[10 + b.n for b in check.reliability], alpha=0.6, label="tenths of the scale")
for x, y, b in zip(shown, true, check.reliability, strict=True):
    axes.annotate(f"{b.n}", (x, y), xytext=(6, -4), textcoords="offset points")
axes.set_title(
    f"Calibration error {check.error:.3f}; were every probability true, {check.by_chance:.3f}"
    f" (p = {check.p_value:.2f})",
    fontsize="medium",
)
axes.set_xlabel("shown probability (%)")
axes.set_ylabel("came true (%)")
axes.set_xlim(0, 100)
axes.set_ylim(0, 100)
axes.legend()
plt.show()

# %% [markdown]
# ## Is the present like the past?
#
# The last step's model beside the last 90 days of the data. `index` is the population stability index,
# `by_chance` what it would be on average without any drift, given so many deals. Called drifted is what chance
# does not explain (5% of what is called so may be false) and is by 0.1 more than chance makes.

# %%
report = watch(steps[-1].bundle, data, watermark, STEP_DAYS)
print(report.line())
shifts = pl.DataFrame(
    [
        {
            "feature": s.name, "moved most": s.moved, "before": s.before, "after": s.after,
            "index": s.index, "by_chance": s.by_chance, "drifted": s.drifted, "say": s.say,
        }
        for s in report.features
    ]
).sort("index", descending=True)  # fmt: skip
with pl.Config(float_precision=3, tbl_rows=15, tbl_cols=8, fmt_str_lengths=32, tbl_width_chars=140):
    print(shifts.head(15))

# %%
figure, axes = plt.subplots(figsize=(7, 5))
floor = 1e-4
for drifted, colour in ((False, "tab:blue"), (True, "tab:red")):
    chosen = shifts.filter(pl.col("drifted") == drifted)
    index = np.maximum(chosen["index"].to_numpy(), floor)
    size = 8 + 2000 * chosen["say"].to_numpy()
    name = f"{'drifted' if drifted else 'not drifted'} ({len(chosen)})"
    axes.scatter(np.maximum(chosen["by_chance"].to_numpy(), floor), index, s=size, alpha=0.5, color=colour, label=name)
axes.plot([floor, 10], [floor, 10], color="grey", linestyle=":", label="what chance makes")
axes.axhline(0.1, color="grey", linewidth=0.5, label="the customary 0.1")
axes.set_xscale("log")
axes.set_yscale("log")
axes.set_title("Drift of each feature (area: its say in the model's reasons)")
axes.set_xlabel("stability index that chance alone makes")
axes.set_ylabel("stability index found")
axes.legend()
plt.show()

# %% [markdown]
# In a firm that grows, counts of closed deals and rates of reps drift by nature: the reference that travels
# with the model ends at its cut-off. What matters is what has a large dot and lies far above the line.
