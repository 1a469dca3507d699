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
# # A first look at one's own data
#
# What you learn here: which tables there are and how clean they are, how much is recorded each week, how
# long deals stay in a stage and how many get on to the next one, and what the features of today's open deals
# look like. Nothing is trained.
#
# Without further ado a small made-up CRM is looked at. For your own, set `DEALCAST_DATA` to a folder of
# tables before you start Jupyter: `DEALCAST_DATA=/path/to/tables jupyter lab`.

# %%
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl

from features.build import build_features
from features.agreed import conventions_of
from features.from_tables import history_from_tables
from features.norms import reference_of
from features.sample import make_sample, write_sample
from features.snapshots import Snapshots
from features.sources.folder import load
from features.times import iso
from training.labels import eligible

folder = Path(os.environ.get("DEALCAST_DATA") or tempfile.mkdtemp(prefix="dealcast-"))
if "DEALCAST_DATA" not in os.environ:
    write_sample(make_sample(600, seed=1), folder)

# %% [markdown]
# ## Tables and their quality
#
# Reading cleans. Every row that is taken out and every cell that is emptied is counted by its rule; the rows
# themselves are listed in `quality.quarantine`, by key, never by content.

# %%
data, quality = load(folder)
print(quality.render())

# %%
quality.quarantine.head(10)

# %%
data["opportunities"].head()

# %% [markdown]
# ## Activity by week
#
# A week that is nearly empty, or a kind that begins on some day, is a change of the CRM and not of the
# customers. Such a day is a good reason to train on what came after it.

# %%
weekly = (
    data["activities"]
    .with_columns(pl.col("at").dt.truncate("1w").alias("week"))
    .group_by("week", "kind")
    .len()
    .pivot(on="kind", index="week", values="len")
    .sort("week")
    .fill_null(0)
)
figure, axes = plt.subplots(figsize=(10, 4))
for kind in sorted(name for name in weekly.columns if name != "week"):
    axes.plot(weekly["week"].to_list(), weekly[kind].to_numpy(), label=kind, linewidth=1)
axes.set_title("Activities by the week in which they happened")
axes.set_xlabel("week (UTC)")
axes.set_ylabel("activities a week (count)")
axes.legend(fontsize="small", ncols=2)
plt.show()

# %% [markdown]
# ## How late records are
#
# Each record has two clocks: when it happened and when the CRM came to know of it. A score only sees what
# the CRM knew. Where most records come days late, a score of today knows last week at best.

# %%
delay = (
    data["activities"]
    .select(((pl.col("recorded_at") - pl.col("at")).dt.total_seconds() / 86_400).alias("days"))
    .drop_nulls()["days"]
)
print(f"{len(delay):,} of {len(data['activities']):,} activities say when they were recorded")
if len(delay):
    print(delay.describe(percentiles=[0.5, 0.9, 0.99]))

# %% [markdown]
# ## Stages and the funnel
#
# The order of the stages comes from `pipeline.toml`, or is worked out from the moves. Check it: half of the
# features hang on it.

# %%
as_of = data.watermark()
conventions = conventions_of(data, as_of)
print("known up to", iso(as_of))
print("open stages in order:", " > ".join(conventions.stages))

# %%
moves = data["stage_changes"].sort("opportunity_id", "at")
stays = moves.with_columns(
    (pl.col("at").shift(-1).over("opportunity_id") - pl.col("at")).alias("stay")
).filter(pl.col("stay").is_not_null() & pl.col("stage").is_in(list(conventions.stages)))
days_in = {
    stage: (stays.filter(pl.col("stage") == stage)["stay"].dt.total_seconds() / 86_400).to_numpy()
    for stage in conventions.stages
}
figure, axes = plt.subplots(figsize=(10, 4))
axes.boxplot(list(days_in.values()), tick_labels=list(days_in), showfliers=False)
axes.set_title("Time in a stage until the next move (box: the middle half; ends not shown beyond 1.5 boxes)")
axes.set_xlabel("stage")
axes.set_ylabel("time in the stage (days)")
plt.show()

# %% [markdown]
# The funnel is of closed deals alone: open ones may still get further.

# %%
closed = data["opportunities"].filter(pl.col("closed_at").is_not_null())
reached = moves.join(closed.select("opportunity_id", "outcome"), on="opportunity_id")
count = [reached.filter(pl.col("stage") == stage)["opportunity_id"].n_unique() for stage in conventions.stages]
won = closed.filter(pl.col("outcome") == "won").height
share = np.array([*count, won]) / max(closed.height, 1) * 100
figure, axes = plt.subplots(figsize=(10, 4))
bars = axes.barh([*conventions.stages, "won"], share)
axes.bar_label(bars, [f"{value:.0f}%" for value in share], padding=3)
axes.invert_yaxis()
axes.set_xlim(0, 110)
axes.set_title(f"How far {closed.height:,} closed deals got")
axes.set_xlabel("closed deals that were ever in the stage (%)")
axes.set_ylabel("stage")
plt.show()

# %% [markdown]
# ## The feature frame
#
# One row per open deal, as of the last moment of the data; one column per feature, from what was known then.
# `not given` is a value of its own: the dictionary says for each feature when it happens.

# %%
history = history_from_tables(data, conventions)
everything = np.arange(len(history.opportunities.ids), dtype=np.int64)
asked = Snapshots(everything, np.full(len(everything), as_of, np.int64))
asked = asked.take(eligible("win", history, asked))
frame = build_features(history, asked, "opportunity", reference_of(history, as_of))
print(f"{len(frame):,} open deals x {len(frame.features)} features")

# %%
dictionary = pl.DataFrame(
    {
        "feature": [feature.name for feature in frame.features],
        "behaviour": [feature.behaviour for feature in frame.features],
        "unit": [feature.unit for feature in frame.features],
        "not given (%)": np.round(np.isnan(frame.values).mean(axis=0) * 100, 1),
        "meaning": [feature.en for feature in frame.features],
    }
)
with pl.Config(tbl_rows=20, fmt_str_lengths=60):
    print(dictionary.group_by("behaviour").agg(pl.len().alias("features"), pl.col("not given (%)").mean().round(1)))
    print(dictionary.sort("not given (%)", descending=True).head(10))

# %%
unit_of = {feature.name: feature.unit for feature in frame.features}
shown = ("days_since_last_inbound", "days_in_stage", "activities_30d", "contacts_known")
shown = [name for name in shown if name in unit_of] or [f.name for f in frame.features if not f.is_category][:4]
figure, panels = plt.subplots(1, len(shown), figsize=(4 * len(shown), 3), squeeze=False)
for axes, name in zip(panels[0], shown, strict=True):
    values = frame.columns[name]
    axes.hist(values[~np.isnan(values)], bins=30)
    axes.set_title(name, fontsize="medium")
    axes.set_xlabel(unit_of[name])
    axes.set_ylabel("open deals (count)")
figure.suptitle("Some features of today's open deals")
figure.tight_layout()
plt.show()
