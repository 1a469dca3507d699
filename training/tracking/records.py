"""The latest backtest of forecasts in a tracking store."""

from __future__ import annotations

from typing import Any

from training.forecast.record import Record

EXPERIMENT = "dealcast/forecast"
_BASELINE = ("baseline_", "_wape")


def last_record(client: Any) -> Record | None:
    """What the backtest that finished last showed; None where none was run."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return None
    runs = client.search_runs(
        [experiment.experiment_id],
        "attributes.status = 'FINISHED' and metrics.widening >= 1",
        max_results=1,
        order_by=["attributes.end_time DESC"],
    )
    return _record(runs[0]) if runs else None


def _record(run: Any) -> Record:
    told, said = run.data.metrics, run.data.params
    others = {
        name.removeprefix(_BASELINE[0]).removesuffix(_BASELINE[1]): float(value)
        for name, value in told.items()
        if name.startswith(_BASELINE[0]) and name.endswith(_BASELINE[1])
    }
    best = min(others, key=lambda name: others[name]) if others else None
    return Record(
        run_id=str(run.info.run_id),
        period=str(said.get("period", "horizon")),
        days=int(said["days"]),
        windows=int(said["dates"]),
        first=str(said["first"]),
        last=str(said.get("last", run.info.run_name.removeprefix("backtest "))),
        wape=float(told["wape"]),
        bias=float(told["bias"]),
        coverage_80=float(told["coverage_80"]),
        coverage_50=float(told["coverage_50"]),
        coverage_80_as_drawn=float(told["coverage_80_as_drawn"]),
        baseline=best,
        baseline_wape=None if best is None else others[best],
        widening=float(told["widening"]),
        weeks=int(told.get("week_periods", 0)),
        week_coverage_80=told.get("week_coverage_80"),
        week_coverage_80_as_drawn=told.get("week_coverage_80_as_drawn"),
        week_widening=float(told.get("week_widening", 1.0)),
    )
