"""`retrain`: the whole circle, for a schedule."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from features.errors import DataError
from serving.clock import now
from serving.commands.common import AsOf, Data, TrackingUri, err, instant, open_data, out
from serving.commands.models import Trainable, with_progress
from serving.commands.promotion import By, whoami
from serving.commands.study import drift

if TYPE_CHECKING:
    from training.dataset import Source
    from training.labels import Target
    from training.retrain import Circle
    from training.run import Trained


def retrain(
    data: Data,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="For the report.")],
    as_of: AsOf = None,
    target: Annotated[Trainable, typer.Option(help="What to predict.")] = Trainable.ALL,
    promote: Annotated[
        bool, typer.Option("--promote", help="Move the champion where the rules hold; else only recommend.")
    ] = False,
    by: By = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Check the data, train, register, compare with the champion, recommend or promote, report.

    The champion is judged on the new version's forward test, which must lie after all that the champion
    has learnt from. The same data, cut-off and code twice make one version. The study of the past
    (`dealcast study`) is made too, as study.json: copy it beside the bundles that are served. Exit 0 also
    where nothing is promoted, 1 where something failed.

    Example: dealcast retrain data/ --out reports/2025-07-01 --promote
    """
    from training.close import CLOSE
    from training.dataset import open_source
    from training.errors import TooLittleData
    from training.labels import TARGETS
    from training.registry import Registry
    from training.retrain import retrain as retrained
    from training.retrain_close import retrain_close
    from training.retrain_report import FILES, Report
    from training.study import SECTIONS, Section, study, write_study
    from training.tracking import Tracking

    tables, quality = open_data(data)
    cutoff = instant(as_of, tables)
    if cutoff > now():
        raise DataError(f"--as-of {as_of} lies ahead; nothing is known of it yet")
    with err.status("sorting histories"):
        source = open_source(tables, cutoff)
    registry = Registry(Tracking(tracking_uri))
    circles: list[Circle] = []
    passed: dict[str, str] = {}
    made: list[Trained] = []

    def train(of: Source, which: Target) -> Trained:
        made.append(with_progress(of, which))
        return made[-1]

    try:
        with tempfile.TemporaryDirectory() as scratch:
            quality.write(Path(scratch))
            for each in (*TARGETS, CLOSE) if target is Trainable.ALL else (target.value,):
                try:
                    if each == CLOSE:
                        win = next((one for one in made if one.bundle.target == "win"), None)
                        with err.status("training close"):
                            circle = retrain_close(
                                source, registry, promote=promote, by=by or whoami(), at=now(), win=win
                            )
                    else:
                        circle = retrained(
                            source, cast("Target", each), registry, promote=promote, by=by or whoami(),
                            at=now(), quality=Path(scratch), train=train,
                        )  # fmt: skip
                except TooLittleData as error:
                    passed[each] = str(error)
                    out.print(f"{each}: passed over: {error}")
                    continue
                circles.append(circle)
                out.print(_line(circle))
    finally:  # a failure of one target must not lose what was decided of another
        Report(data, source, quality, circles, passed).write(folder)
    with err.status("studying the past") as status:
        sections: dict[str, Section] = {**SECTIONS, "drift": partial(drift, tracking=registry.tracking)}
        found = study(tables, cutoff, sections, tell=lambda name: status.update(f"studying {name}"))
    write_study(found, folder / "study.json")
    out.print(f"{folder}: {', '.join(FILES.values())}, retrain.json, study.json")
    if not circles:
        raise TooLittleData("no target could be trained; the lines above say why")


def _line(circle: Circle) -> str:
    from training.compare_words import verdict
    from training.retrain_report import OUTCOMES

    again = "" if circle.made else " (trained before, not again)"
    told = f"dealcast-{circle.target} v{circle.version}{again}: {OUTCOMES[circle.outcome]['en']}"
    judged = f"; {verdict(circle.comparison)}" if circle.comparison else ""
    return f"{told}: {circle.why[0]}{judged}"
