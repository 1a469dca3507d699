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
# # What drives a score
#
# What you learn here: why one deal got its number, and that the reasons add up to it; which features speak
# loudest over all deals (a beeswarm of the shap library); how one feature moves the score along its range.
#
# Without further ado a small made-up CRM is looked at. For your own, set `DEALCAST_DATA` to a folder of
# tables before you start Jupyter.

# %%
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import shap

from features.build import build_features
from features.catalog import BEHAVIOURS
from features.sample import make_sample, write_sample
from features.snapshots import Snapshots
from features.sources.folder import load
from training.dataset import open_source
from training.explain import strongest, whole_percents
from training.grid import weekly_grid
from training.labels import eligible
from training.trees import contributions
from training.run import train_target

folder = Path(os.environ.get("DEALCAST_DATA") or tempfile.mkdtemp(prefix="dealcast-"))
if "DEALCAST_DATA" not in os.environ:
    write_sample(make_sample(600, seed=1), folder)
data, _ = load(folder)
as_of = data.watermark()
source = open_source(data, as_of)
bundle = train_target(source, "win").bundle
print(f"base rate {bundle.centre.base_rate:.1%}, {bundle.booster.num_trees()} trees")

# %% [markdown]
# ## One deal
#
# Of the deals open at the end of the data, the one whose probability is farthest from the base rate.

# %%
everything = np.arange(len(source.history.opportunities.ids), dtype=np.int64)
asked = Snapshots(everything, np.full(len(everything), as_of, np.int64))
asked = asked.take(eligible("win", source.history, asked))
frame = build_features(source.history, asked, "opportunity", source.reference)
probability, why = bundle.explained(frame)
row = int(np.abs(probability - why.base_rate).argmax())
deal = source.history.opportunities.ids[asked.entity[row]]
print(f"{deal}: {probability[row]:.1%} against a base rate of {why.base_rate:.1%}")

# %% [markdown]
# The base rate plus the points of all behaviour groups is the shown number:

# %%
total = why.base_rate + why.points[row].sum()
print(f"base rate + points = {total:.12f}")
print(f"shown probability  = {probability[row]:.12f}")
assert abs(total - probability[row]) < 1e-9
base, percents = whole_percents(why.base_rate, why.points[row].tolist(), float(probability[row]))
print(f"in whole percents: {base} + {sum(percents)} = {base + sum(percents)}")

# %%
order = np.argsort(-np.abs(why.points[row]))
order = [int(i) for i in order if why.points[row, i] != 0]
names = [BEHAVIOURS[why.behaviours[i]].en for i in order]
steps = why.points[row, order] * 100
ends = why.base_rate * 100 + np.cumsum(steps)
figure, axes = plt.subplots(figsize=(10, 0.45 * len(order) + 1.5))
axes.barh(names, steps, left=ends - steps, color=np.where(steps > 0, "tab:green", "tab:red"))
axes.axvline(why.base_rate * 100, color="grey", linestyle=":", label=f"base rate {why.base_rate:.0%}")
axes.axvline(probability[row] * 100, color="black", linewidth=1, label=f"shown {probability[row]:.0%}")
axes.use_sticky_edges = False  # leaves room beside the first and the last bar
axes.invert_yaxis()
axes.set_title(f"From the base rate to the probability of {deal}")
axes.set_xlabel("probability of a win (%)")
axes.set_ylabel("behaviour group")
axes.legend()
plt.show()

# %% [markdown]
# Within each group, the features that speak loudest, beside what is usual among deals that were won:

# %%
lines = []
for i in order:
    for place in strongest(bundle.features, why.behaviours[i], why.contributions[row]):
        feature = bundle.features[place]
        value = frame.columns[feature.name][row]
        given = value if isinstance(value, str) else None if value is None or np.isnan(value) else f"{value:.4g}"
        usual = bundle.typical.get(feature.name)
        lines.append(
            {
                "behaviour": why.behaviours[i],
                "observation": feature.en,
                "value": given,
                "won deals (median)": None if usual is None else f"{usual:.4g}",
                "unit": feature.unit,
            }
        )
with pl.Config(tbl_rows=30, fmt_str_lengths=60):
    print(pl.DataFrame(lines, infer_schema_length=None))

# %% [markdown]
# ## All deals
#
# SHAP values of the trees' margin (log-odds before the calibration), over the weekly snapshots of all deals.
# Each dot is a snapshot; to the right it spoke for a win. A snapshot of a deal is not independent of the
# deal's other snapshots: many dots may be few deals.

# %%
snapshots = weekly_grid("win", source.history, as_of)
some = np.random.default_rng(0).permutation(len(snapshots))[:1500]
snapshots = snapshots.take(np.sort(some))
many = build_features(source.history, snapshots, "opportunity", source.reference)
matrix = bundle.encoding.matrix(many)
values = contributions(bundle.booster, matrix)
explanation = shap.Explanation(
    values[:, :-1], base_values=values[:, -1], data=matrix, feature_names=list(bundle.encoding.names)
)
print(f"{len(matrix):,} snapshots of {len(np.unique(snapshots.entity)):,} deals")
shap.plots.beeswarm(explanation, max_display=15, show=False)
plt.title("What moves the margin, feature by feature")
plt.xlabel("SHAP value (log-odds before the calibration)")
plt.show()

# %% [markdown]
# The values are those of LightGBM's own tree SHAP, the library only draws them. Their sum is the margin:

# %%
margin = bundle.booster.margins(matrix)
print(f"farthest from the margin: {np.abs(values.sum(axis=1) - margin).max():.1e}")
assert np.allclose(values.sum(axis=1), margin)

# %% [markdown]
# ## One feature
#
# The number that speaks loudest on average, and what it does along its range. The spread at one value comes
# from the other features. This is an association in the firm's past, not a proof that changing the value
# changes the outcome.

# %%
loudness = np.abs(values[:, :-1]).mean(axis=0)
numbers = [i for i, feature in enumerate(bundle.features) if not feature.is_category]
place = max(numbers, key=lambda i: loudness[i])
feature = bundle.features[place]
x, y = matrix[:, place], values[:, place]
given = ~np.isnan(x)
figure, axes = plt.subplots(figsize=(8, 4))
axes.scatter(x[given], y[given], s=6, alpha=0.4, label="snapshots")
if (~given).any():
    axes.axhline(y[~given].mean(), color="tab:orange", linestyle="--", label="mean where not given")
axes.axhline(0, color="grey", linewidth=0.5)
axes.set_title(f"Dependence of the margin on: {feature.en}")
axes.set_xlabel(f"{feature.name} ({feature.unit})")
axes.set_ylabel("SHAP value (log-odds)")
axes.legend()
plt.show()

# %% [markdown]
# On the made-up CRM the truth is known. Compare what speaks loudest with what was planted:

# %%
causes = folder / "CAUSES.md"
if causes.is_file():
    print(causes.read_text(encoding="utf-8"))
