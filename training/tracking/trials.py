"""A search for parameters in the store: one run, and below it a run for each trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.models import DEFAULTS
from training.tracking.runs import child_tags
from training.tune import Trial, Tuned

PARAMS = "params.json"


def log_tuning(client: Any, experiment_id: str, tuned: Tuned) -> str:
    """Log a search with all its trials; the parent run's id."""
    tags = {"dealcast.target": tuned.target, "dealcast.cutoff": tuned.cutoff, "dealcast.kind": "tuning"}
    name = f"tune {tuned.target} {tuned.cutoff}"
    parent = str(client.create_run(experiment_id, tags=child_tags(tags), run_name=name).info.run_id)
    best, defaults = tuned.best, tuned.trials[0]
    counts = {"trials": len(tuned.trials), "pruned": sum(trial.pruned for trial in tuned.trials)}
    _log(client, parent, best, {"default_forward_log_loss": defaults.log_loss, **counts})
    client.log_param(parent, "data_sha256", tuned.data_sha256)
    client.log_param(parent, "best_trial", best.number)
    client.log_dict(parent, dict(best.params), PARAMS)
    for trial in tuned.trials:
        below = {**tags, "mlflow.parentRunId": parent, "dealcast.pruned": str(trial.pruned).lower()}
        made = client.create_run(experiment_id, tags=below, run_name=f"trial {trial.number}").info.run_id
        _log(client, made, trial, {})
        client.set_terminated(made)
    client.set_terminated(parent)
    return parent


def _log(client: Any, run_id: str, trial: Trial, more: Mapping[str, float]) -> None:
    from mlflow.entities import Param

    params = {**DEFAULTS, **trial.params}
    client.log_batch(run_id, params=[Param(name, str(value)) for name, value in params.items()])
    metrics = {"forward_log_loss": trial.log_loss, "rounds": trial.rounds, **more}
    for name, value in metrics.items():
        client.log_metric(run_id, name, float(value))
