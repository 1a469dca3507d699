"""Run in an environment with `lifetimes`: its BG/NBD fits, as JSON.

Reads from standard input {"repeats": [...], "recency": [...], "age": [...], "time": t}; fits them and the
1/10 sample that the package ships; writes the parameters of both and P(at least one order within t).
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
from lifetimes import BetaGeoFitter  # noqa: E402
from lifetimes.datasets import load_cdnow_summary  # noqa: E402


def fitted(repeats, recency, age):
    model = BetaGeoFitter(penalizer_coef=0.0)
    model.fit(repeats, recency, age)
    return model


asked = json.load(sys.stdin)
columns = [np.array(asked[name], float) for name in ("repeats", "recency", "age")]
sample = load_cdnow_summary(index_col=[0])
both = fitted(*columns), fitted(sample["frequency"], sample["recency"], sample["T"])
told = {name: model.params_.to_dict() for name, model in zip(("full", "sample"), both, strict=True)}
told["alive"] = both[0].conditional_probability_alive(*columns).tolist()
named = {"repeats": "frequency", "recency": "recency", "age": "T"}
told["sample_data"] = {name: sample[column].tolist() for name, column in named.items()}
json.dump(told, sys.stdout)
