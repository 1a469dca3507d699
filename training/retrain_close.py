"""The whole circle for the model of when: train, register, judge against the champion, decide.

The version knows all data and cannot be judged on any of them. Its twin ended before the forward test's
later part; it is judged there without the calibration, which was learnt on that part, so that the figures
are rather too hard on it than too kind.
"""

from __future__ import annotations

from dataclasses import replace

from training.close import CLOSE
from training.code import inputs_sha256
from training.compare_close import CloseContender, compare_close
from training.dataset import Source
from training.errors import TooLittleData
from training.hazard import TrainedClose, train_close
from training.moves import Move
from training.promotion import figures_of
from training.registry import Registry
from training.retrain import WHY_PROMOTED, Circle, Judged, decided, is_champion, no_champion, not_comparable
from training.run import Trained
from training.tracking import CHALLENGER, CHAMPION, Registered


def retrain_close(
    source: Source, registry: Registry, *, promote: bool, by: str, at: int, win: Trained | None = None
) -> Circle:
    """As `training.retrain.retrain`, for `close`.

    Args:
        win: trained on the same source; it is trained here where it is not given.

    Raises:
        TooLittleData: the data cannot carry it.
        TrackingError: the store failed, or the champion was moved meanwhile.
    """
    found = registry.find(CLOSE, inputs_sha256(source, source.manifest()["data_sha256"]))
    champion = registry.aliases(CLOSE).get(CHAMPION)
    if found and found == champion:
        return is_champion(CLOSE, found)
    trained = train_close(source, win)
    made = Registered(CLOSE, found, CHALLENGER, "") if found else registry.tracking.send_close(trained)
    if made.alias == CHAMPION:
        registry.record_first(made, by, at)
    judged = _judged(source, trained, registry, champion, made.version)
    circle = Circle(CLOSE, made.version, champion, found is None, dict(trained.metrics), *judged)
    if circle.outcome != "recommended" or not promote or circle.comparison is None:
        return circle
    figures = figures_of(circle.comparison)
    registry.promote(Move(CLOSE, CHAMPION, champion, made.version, "gate", by, at, WHY_PROMOTED, figures))
    return replace(circle, outcome="promoted")


def _judged(
    source: Source, trained: TrainedClose, registry: Registry, champion: str | None, version: str
) -> Judged:
    held = None if champion is None else registry.tracking.load_close(champion)
    if champion is None or held is None:
        return no_champion()
    one = CloseContender(f"version {champion}", held[0])
    two = CloseContender(f"version {version}", trained.twin)
    win, _ = registry.tracking.load("win")
    try:
        comparison = compare_close(source.data, one, two, win, source.cutoff)
    except TooLittleData as error:
        return not_comparable(error)
    return decided(comparison, one, two, registry.moves(CLOSE), version)
