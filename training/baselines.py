"""What stands beside a model: the base rate, the rate of the stage, a logistic regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from features.frame import FeatureFrame
from features.times import FloatArray, IntArray
from training.models import Sample

SURE = 0.005  # what a CRM calls 0 or 1 is held to be that likely not to be so
MOST_ROWS = 10_000  # that a logistic regression is fitted to: more tell it little
STRENGTH = 0.01  # of its fit against the pull towards 0; some 240 columns say much the same
PRIOR_ROWS = 50  # a stage's rate is drawn towards the base rate as if by so many rows


def base_rate(label: FloatArray, weight: FloatArray) -> float:
    """The weighted share of positives."""
    return float(np.average(label, weights=weight))


def stage_rates(
    frame: FeatureFrame, rows: IntArray, label: FloatArray, weight: FloatArray
) -> tuple[Mapping[str | None, float], float]:
    """The shrunk rate of each stage among some rows, and the base rate for any other stage."""
    overall = base_rate(label, weight)
    stages = frame.texts("stage", rows)
    rates: dict[str | None, float] = {}
    for stage in dict.fromkeys(stages):
        mine = np.equal(stages, stage).astype(np.bool_)
        mass = weight[mine].sum()
        rates[stage] = float(
            (np.sum(label[mine] * weight[mine]) + PRIOR_ROWS * overall) / (mass + PRIOR_ROWS)
        )
    return rates, overall


def logistic(train: Sample, later: FloatArray, categories: Sequence[int]) -> FloatArray:
    """What a logistic regression on the same columns says of later rows; float64 in (0, 1).

    Numbers by the logarithm of their size, a missing one as the median; categories as one column for each
    text. Of more than `MOST_ROWS` rows it sees so many, spread evenly.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    rows = np.unique(np.linspace(0, len(train.label) - 1, MOST_ROWS).astype(np.int64))
    texts = list(categories)
    numbers = [i for i in range(later.shape[1]) if i not in set(texts)]
    columns = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(
                    SimpleImputer(strategy="median", keep_empty_features=True),
                    FunctionTransformer(_size),
                    StandardScaler(),
                ),
                numbers,
            ),
            ("texts", OneHotEncoder(handle_unknown="ignore", min_frequency=20), texts),
        ]
    )
    model = make_pipeline(columns, LogisticRegression(C=STRENGTH, max_iter=1_000))
    model.fit(train.matrix[rows], train.label[rows], logisticregression__sample_weight=train.weight[rows])
    return np.asarray(model.predict_proba(later)[:, 1], np.float64)


def crm_says(values: FloatArray, otherwise: float) -> FloatArray:
    """The CRM's own probabilities, in (0, 1).

    Args:
        values: shares, or percents where any is above 1; NaN where the CRM gave none.
        otherwise: for these.
    """
    shares = values / 100 if np.nanmax(values, initial=0.0) > 1 else values
    return np.where(np.isnan(values), otherwise, np.clip(shares, SURE, 1 - SURE))


def _size(values: FloatArray) -> FloatArray:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))
