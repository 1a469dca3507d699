"""`tune`: a search for better parameters of a target's trees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serving.clock import now
from serving.commands.common import Artifacts, AsOf, Data, TrackingUri, err, instant, open_data, out
from serving.commands.data import ModelName


def tune(
    data: Data,
    target: Annotated[ModelName, typer.Option(help="For whose trees.")],
    as_of: AsOf = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="No longer than this.")] = 10.0,
    trials: Annotated[int, typer.Option(min=1, help="No more than these, the defaults among them.")] = 50,
    to: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="For the best; default: dealcast-params-TARGET.json."),
    ] = None,
    tracking_uri: TrackingUri = None,
    artifacts: Artifacts = None,
) -> None:
    """Search for better parameters, judged on the calibration part and never on the test part.

    Each trial is a run below one run. The best parameters are written to a file before anything is
    logged; `dealcast train DATA --params FILE` trains with them and judges them on the test part.

    Example: dealcast tune data/ --target win --minutes 5
    """
    from training.dataset import open_source
    from training.tracking import Tracking
    from training.tune import tune as tuned_by
    from training.tune import write_params

    tracking = Tracking(tracking_uri, artifacts)
    with err.status("looking for the tracking store"):
        tracking.check()
    tables, _ = open_data(data)
    source = open_source(tables, instant(as_of, tables))
    deadline = now() + int(minutes * 60_000_000)
    with err.status(f"tuning {target.value}") as status:
        found = tuned_by(
            source, target.value, trials=trials, out_of_time=lambda: now() >= deadline,
            told=lambda t: status.update(f"tuning {target.value}: trial {t.number}, {t.log_loss:.4f}"),
        )  # fmt: skip
    path = to or Path(f"dealcast-params-{target.value}.json")
    write_params(found.best.params, path)
    best, defaults = found.best, found.trials[0]
    out.print(
        f"{path}: best of {len(found.trials)} trials ({sum(t.pruned for t in found.trials)} broken off):"
        f" forward log loss {best.log_loss:.4f} (defaults {defaults.log_loss:.4f}) on the calibration part"
    )
    out.print(", ".join(f"{name} {value:.4g}" for name, value in best.params.items()))
    out.print(f"run {tracking.log_tuning(found)}; train with --params {path} or --from-run")
