"""A model's measures beside its baselines', as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BASELINES = ("base_rate", "stage_rate", "logistic", "crm")
_GREATER: Mapping[str, bool] = {
    "roc_auc": True,
    "log_loss": False,
    "brier": False,
    "average_precision": True,
    "calibration_error": False,
    "lift_top_tenth": True,
}


@dataclass(frozen=True)
class Cell:
    """A measure's value; None where it was not taken."""

    value: float | None
    best: bool


@dataclass(frozen=True)
class Row:
    """One measure: the model's value first, then the baselines'."""

    metric: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Compared:
    """The heads, the model's own being "", and a row for each measure."""

    heads: Sequence[str]
    rows: Sequence[Row]


def compared(metrics: Mapping[str, float]) -> Compared:
    """The measures of a model and of the baselines that were taken with it.

    >>> found = compared({"roc_auc": 0.7, "baseline_base_rate_roc_auc": 0.5})
    >>> found.heads, [(cell.value, cell.best) for cell in found.rows[0].cells]
    (['', 'base_rate'], [(0.7, True), (0.5, False)])
    """
    present = [b for b in BASELINES if any(name.startswith(f"baseline_{b}_") for name in metrics)]
    before = ["", *(f"baseline_{baseline}_" for baseline in present)]
    rows = []
    for metric, greater in _GREATER.items():
        if metric not in metrics:
            continue
        values = [metrics.get(start + metric) for start in before]
        known = [value for value in values if value is not None]
        best = max(known) if greater else min(known)
        rows.append(Row(metric, [Cell(value, value == best) for value in values]))
    return Compared(["", *present], rows)
