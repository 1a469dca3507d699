"""`train`, `score`, `pull`: models and what they say."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from features.errors import DataError
from features.times import iso
from serving.clock import now
from serving.commands.common import (
    BUNDLES,
    Alias,
    Artifacts,
    AsOf,
    Data,
    Lang,
    Snapshots,
    Spoken,
    TrackingUri,
    err,
    instant,
    keep_quarantine,
    name_of,
    open_data,
    out,
)  # fmt: skip
from serving.commands.outbox import Outbox
from serving.commands.promotion import whoami

if TYPE_CHECKING:
    from features.canonical import CanonicalData
    from features.quality_report import QualityReport
    from serving.scorer import Scorer, Scores
    from serving.wording import Language
    from training.dataset import Source
    from training.labels import Target
    from training.run import Trained
    from training.tracking import Tracking


class Choice(StrEnum):
    """Targets that are probabilities."""

    WIN = "win"
    STALL = "stall"
    CHURN = "churn"
    ALL = "all"


class Trainable(StrEnum):
    """What can be trained."""

    WIN = "win"
    STALL = "stall"
    CHURN = "churn"
    CLOSE = "close"
    ALL = "all"


def train(
    data: Data,
    as_of: AsOf = None,
    target: Annotated[Trainable, typer.Option(help="What to predict.")] = Trainable.ALL,
    tracking_uri: TrackingUri = None,
    artifacts: Artifacts = None,
    params: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Parameters of the trees, as `dealcast tune` writes.")
    ] = None,
    from_run: Annotated[
        str | None, typer.Option(metavar="RUN", help="The parameters of this run of `dealcast tune`.")
    ] = None,
) -> None:
    """Train on what was known at T, log the runs, register the versions.

    `close` says when a deal is won, given that it is; without `all` the win model that it is calibrated
    under is trained on the way. A target's first version becomes champion, later ones challenger.
    Without --as-of everything in the data is used. With `all`, a target that the data cannot carry is
    passed over, saying why.
    A model lies in dealcast-unsent/ until the store has it; where the store goes away meanwhile, it
    stays there for `dealcast register`.

    Example: dealcast train data/ --as-of 2025-03-31 --target win
    """
    from training.dataset import open_source
    from training.errors import TooLittleData
    from training.labels import TARGETS
    from training.registry import Registry
    from training.tracking import CHAMPION, Tracking, watched

    tracking = Tracking(tracking_uri, artifacts)
    with err.status("looking for the tracking store"):
        tracking.check()
        settings = _params(tracking, params, from_run)
    tables, report = open_data(data)
    with err.status("sorting histories"):
        cutoff = instant(as_of, tables)
        if cutoff > now():
            raise DataError(f"--as-of {as_of} lies ahead; nothing is known of it yet")
        source = open_source(tables, cutoff)
    _say_stages(tables, source)
    passed: list[str] = []
    with tempfile.TemporaryDirectory() as scratch, Outbox(tracking) as outbox:
        report.write(Path(scratch))
        outbox.prepare()
        win: Trained | None = None
        for each in _targets_of(target):
            try:
                with watched(now) as load:
                    trained = with_progress(source, each, settings)
                    win = trained if each == "win" else win
            except TooLittleData as error:
                if target is not Trainable.ALL:
                    raise
                out.print(f"{each}: passed over: {error}")
                passed.append(each)
                continue
            folder = outbox.put(trained, Path(scratch), name_of(data), load())
            if registered := outbox.send(folder):
                if registered.alias == CHAMPION:
                    Registry(tracking).record_first(registered, whoami(), now())
                out.print(_line(trained, f"dealcast-{each} v{registered.version} ({registered.alias})"))
        if target in (Trainable.CLOSE, Trainable.ALL) and "win" not in passed:
            _train_close(outbox, source, win, alone=target is Trainable.CLOSE)
    if len(passed) == len(TARGETS):
        raise TooLittleData("no target could be trained; the lines above say why")
    out.print(f"runs and models: mlflow ui --backend-store-uri {tracking.shown}")


def score(
    data: Data,
    to: Annotated[Path, typer.Option("--out", metavar="FILE", help=".parquet or .csv")],
    as_of: AsOf = None,
    snapshots: Snapshots = None,
    explain: Annotated[bool, typer.Option("--explain", help="Add the reasons.")] = False,
    top: Annotated[int, typer.Option(min=0, help="Rows of each printed table; with --as-of.")] = 5,
    alias: Alias = "champion",
    language: Lang = Spoken.ENGLISH,
    tracking_uri: TrackingUri = None,
) -> None:
    """Score all open opportunities at T, or listed (opportunity_id, as_of) pairs.

    Example: dealcast score data/ --as-of 2025-03-31 --out scores.parquet --explain
    """
    if (as_of is None) == (snapshots is None):
        raise typer.BadParameter("give either --as-of or --snapshots")
    import numpy as np

    from serving.files import check_format, read_snapshots, score_frame, write_frame
    from serving.histories import of_tables
    from serving.tables import print_tables

    check_format(to)
    tables, report, scorer = data_and_scorer(data, tracking_uri, alias)
    _check_stages(tables, scorer)
    histories = of_tables(tables)
    if snapshots is not None:
        asked = read_snapshots(snapshots, tables.config.time_zone)
        ids, instants = asked.ids, asked.as_of
    else:
        when = instant(as_of, tables)
        ids = scorer.open_opportunities(histories, when)
        instants = np.full(len(ids), when, np.int64)
    spoken: Language = "zh-CN" if language is Spoken.CHINESE else "en"
    with err.status(f"scoring {len(ids):,} snapshots"):
        scores = scorer.score(histories, ids, instants, explain=explain)
        write_frame(score_frame(scores, explain, spoken), to)
    keep_quarantine(report, to)
    _say_unseen(scores)
    if as_of is not None and top:
        print_tables(scores, top, spoken, tables.config.currency)
    out.print(f"{to}: {len(scores):,} scores")


def pull(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the bundles.")] = BUNDLES,
    alias: Alias = "champion",
    tracking_uri: TrackingUri = None,
) -> None:
    """Copy the champions' bundles to a folder, for a server that has no tracking store.

    The old bundles stay until every new one has been loaded and tried.

    Example: dealcast pull dealcast-bundles --tracking-uri sqlite:///mlflow.db
    """
    from serving.commands.delivering import pull_all
    from training.tracking import Tracking

    versions = pull_all(Tracking(tracking_uri), alias, folder)
    out.print(f"{folder}: " + ", ".join(f"{t} v{v}" for t, v in versions.items()))


def _targets_of(target: Trainable) -> tuple[Target, ...]:
    """The targets of probabilities that a choice names."""
    from training.labels import TARGETS

    if target is Trainable.ALL:
        return TARGETS
    return () if target is Trainable.CLOSE else (cast("Target", target.value),)


def _train_close(outbox: Outbox, source: Source, win: Trained | None, *, alone: bool) -> None:
    """Train and register the model of when; with `all`, data that cannot carry it are passed over."""
    from training.errors import TooLittleData
    from training.hazard import train_close
    from training.registry import Registry
    from training.tracking import CHAMPION

    try:
        with err.status("training close"):
            trained = train_close(source, win)
    except TooLittleData as error:
        if alone:
            raise
        out.print(f"close: passed over: {error}")
        return
    registered = outbox.send(outbox.put_close(trained))
    if registered is None:
        return
    if registered.alias == CHAMPION:
        Registry(outbox.tracking).record_first(registered, whoami(), now())
    m = trained.metrics
    shown = "".join(
        f"; within {weeks} weeks said {m[f'said_{weeks}_weeks']:.1%}, came {m[f'came_{weeks}_weeks']:.1%}"
        for weeks in (4, 13, 26)
        if f"said_{weeks}_weeks" in m
    )
    out.print(f"dealcast-close v{registered.version} ({registered.alias}): on later snapshots{shown}")


def _params(tracking: Tracking, path: Path | None, run: str | None) -> dict[str, float]:
    """Parameters from a file or from a run of `tune`; none without either."""
    if path is not None and run is not None:
        raise typer.BadParameter("give either --params or --from-run")
    from training.tune import read_params

    if run is not None:
        with tempfile.TemporaryDirectory() as scratch:
            return read_params(tracking.tuned_params(run, Path(scratch)))
    return {} if path is None else read_params(path)


def with_progress(source: Source, target: Target, params: dict[str, float] | None = None) -> Trained:
    """Train with a bar that runs over the rounds."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from training.run import train_target

    said = TextColumn("{task.description}: {task.fields[at]}")
    columns = (said, BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(f"training {target}", total=None, at="features")

        def progress(done: int, most: int) -> None:
            bar.update(task, total=most, completed=done, at=f"round {done}")

        return train_target(source, target, progress, params, plots=True)


def _say_unseen(scores: Scores) -> None:
    """Count the texts that a model was not trained on; they count as missing."""
    for target, each in scores.targets.items():
        if each.model is not None and each.frame is not None:
            for feature, count in each.model.bundle.encoding.unseen(each.frame).items():
                err.print(f"{target}: {count:,} snapshots with a {feature} not learnt, read as missing")


def _line(trained: Trained, name: str) -> str:
    """What a training came to, beside the best it has to beat."""
    m, rows = trained.evaluation.metrics, trained.evaluation.rows
    stage = m.get("baseline_stage_rate_log_loss")
    beside = f"base rate {m['baseline_base_rate_log_loss']:.4f}" + (
        f", stage rate {stage:.4f}" if stage else ""
    )
    given = trained.source.policy.win_given_stage if trained.bundle.target == "win" else ""
    name += f", given that the deal reaches {given}" if given else ""
    words = trained.evaluation.verdict.words()
    return (
        f"{name}: forward test of {rows['test']:,} snapshots after {iso(trained.split.calibrate.end)[:10]}:"
        f" log loss {m['log_loss']:.4f} ({beside}), ROC AUC {m['roc_auc']:.3f},"
        f" calibration error {m['calibration_error']:.3f}"
    ) + (f"; {words}" if words else "")


def _targets(tracking: Tracking, alias: str) -> list[str]:
    """The targets under an alias; raises DataError where there is none at all."""
    targets = tracking.targets(alias)
    if not targets:
        raise DataError(
            f"tracking store {tracking.shown} has no {alias}; train one with `dealcast train DATA`"
        )
    return targets


def data_and_scorer(
    data: str, tracking_uri: str | None, alias: str
) -> tuple[CanonicalData, QualityReport, Scorer]:
    """A data set, and the models to score it with, which are loaded while it is read."""
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(scorer_of, tracking_uri, alias)
        tables, report = open_data(data)
        with err.status("loading models"):
            return tables, report, loading.result()


def scorer_of(tracking_uri: str | None, alias: str) -> Scorer:
    """The models of a tracking store under an alias or of a version, ready to score."""
    from serving.closes import CloseModel
    from serving.scorer import Model, Scorer
    from training.tracking import Tracking

    tracking = Tracking(tracking_uri)
    targets = _targets(tracking, alias)
    models = {}
    for target in targets:
        bundle, version = tracking.load(target, alias)
        models[cast("Target", target)] = Model(bundle, version)
    close = tracking.load_close(alias)
    return Scorer(models, None if close is None else CloseModel(*close))


def _say_stages(tables: CanonicalData, source: Source) -> None:
    if not tables.config.stages:
        stages = " > ".join(source.conventions.stages) or "none"
        err.print(f"open stages, worked out from the data: {stages}; pipeline.toml can say otherwise")


def _check_stages(tables: CanonicalData, scorer: Scorer) -> None:
    """Refuse to score a data set with models of another one."""
    found = set(tables["stage_changes"]["stage"].unique())
    for target, model in scorer.models.items():
        known = set(model.bundle.conventions.stages)
        if found and known and not found & known:
            raise DataError(
                f"the {target} model v{model.version} was trained on stages this data set does not have"
                f" ({', '.join(sorted(known))}); train on these data with a --tracking-uri of their own"
            )
