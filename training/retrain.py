"""The whole circle for one target: train on all up to the cut-off, judge against the champion, decide.

A version that knows all data cannot be judged on any of them. Its recipe can: the trees and the
calibration of its own forward test ended before its test part. They are the twin that is compared with
the champion, which must not have learnt from that part either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from features.times import DAY, iso
from training.code import inputs_sha256
from training.compare import Comparison, Contender, compare
from training.dataset import Source
from training.errors import TooLittleData
from training.labels import Target
from training.moves import Move
from training.promotion import Refusal, figures_of, refusals
from training.registry import Registry
from training.run import Trained, train_target
from training.tracking import CHALLENGER, CHAMPION, Registered

Outcome = Literal["first", "is_champion", "not_comparable", "refused", "recommended", "promoted"]
WHY_PROMOTED = "retrain: the rules hold on the forward test"

Train = Callable[[Source, Target], Trained]


class Dated(Protocol):
    """What knows up to when it has learnt."""

    @property
    def cutoff(self) -> int:
        """Microseconds."""


@dataclass(frozen=True)
class Circle:
    """What came of a retraining of one target.

    Attributes:
        version: of the model; champion: the version served before; None where there was none.
        made: False where the same inputs had been trained already and no version was added.
        metrics: of the version's forward test, beside baselines; empty where it was champion already.
        comparison: the forward test's twin against the champion, where it could be made.
        refusals: the rules that do not hold.
        outcome: what was decided; `why`: in words, with its Chinese.
    """

    target: Target | Literal["close"]
    version: str
    champion: str | None
    made: bool
    metrics: dict[str, float]
    comparison: Comparison | None
    refusals: tuple[Refusal, ...]
    outcome: Outcome
    why: tuple[str, str]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "target": self.target,
            "version": self.version,
            "champion_before": self.champion,
            "new_version": self.made,
            "metrics": self.metrics,
            "comparison": None if self.comparison is None else self.comparison.to_dict(),
            "refusals": [refusal.to_dict() for refusal in self.refusals],
            "outcome": self.outcome,
            "why": self.why[0],
            "why_zh": self.why[1],
        }


def retrain(
    source: Source, target: Target, registry: Registry, *, promote: bool, by: str, at: int,
    quality: Path | None = None, train: Train = train_target,
) -> Circle:  # fmt: skip
    """Train, register, compare, and promote where it is asked for and the rules hold.

    Args:
        by, at: who and when (microseconds), for the ledger.
        quality: a folder with the report on the data, kept with the run.
        train: trains a target; for a caller that shows progress.

    Raises:
        TooLittleData: the data cannot carry the target.
        TrackingError: the store failed, or the champion was moved meanwhile.
    """
    found = registry.find(target, inputs_sha256(source, source.manifest()["data_sha256"]))
    champion = registry.aliases(target).get(CHAMPION)
    if found and found == champion:
        return is_champion(target, found)
    trained = train(source, target)
    registered = _registered(registry, trained, found, quality)
    if registered.alias == CHAMPION:
        registry.record_first(registered, by, at)
    judged = _judged(source, trained, registry, champion, registered.version)
    circle = Circle(
        target, registered.version, champion, found is None, dict(trained.evaluation.metrics), *judged
    )
    if circle.outcome != "recommended" or not promote or circle.comparison is None:
        return circle
    move = Move(
        target, CHAMPION, champion, circle.version, "gate", by, at, WHY_PROMOTED,
        figures_of(circle.comparison),
    )  # fmt: skip
    registry.promote(move)
    return replace(circle, outcome="promoted")


Judged = tuple[Comparison | None, tuple[Refusal, ...], Outcome, tuple[str, str]]


def _registered(registry: Registry, trained: Trained, found: str | None, quality: Path | None) -> Registered:
    if found is None:
        return registry.tracking.register(trained, quality)
    return Registered(trained.bundle.target, found, CHALLENGER, "")


def _judged(
    source: Source, trained: Trained, registry: Registry, champion: str | None, version: str
) -> Judged:
    """The comparison with the champion, and what follows from it before anybody promotes."""
    target = trained.bundle.target
    if champion is None:
        return no_champion()
    held = registry.resolve(champion, target)
    one, two = Contender(held.name, held.bundle), Contender(f"version {version}", trained.twin)
    try:
        comparison = compare(source.data, one, two, source.cutoff, gap=trained.split.gap)
    except TooLittleData as error:
        return not_comparable(error)
    return decided(comparison, one, two, registry.moves(target), version)


def is_champion(target: Target | Literal["close"], version: str) -> Circle:
    """The champion was trained on just these data: nothing is to be done."""
    why = (
        f"version {version} is champion and was trained on just these data",
        f"版本 {version} 已是冠军，且数据完全相同",
    )
    return Circle(target, version, version, False, {}, None, (), "is_champion", why)


def no_champion() -> Judged:
    """There is nobody to judge the version against."""
    return None, (), "first", ("there was no champion to compare with", "此前没有冠军可比")


def not_comparable(error: TooLittleData) -> Judged:
    """The data are too few to compare."""
    return None, (), "not_comparable", (str(error), f"数据不足，无法比较：{error}")


def decided(comparison: Comparison, one: Dated, two: Dated, moves: Sequence[Move], version: str) -> Judged:
    """What follows from a comparison before anybody promotes.

    Args:
        one, two: the champion and the new version's twin.
        moves: the target's ledger.
    """
    broken = refusals(comparison)
    if one.cutoff > two.cutoff:
        return comparison, broken, "not_comparable", _overlap(one, two)
    if left := _rolled_back(moves, version):
        told = f"version {version} was rolled back by {left.by}: promote it by hand if it is to return"
        return (
            comparison,
            broken,
            "refused",
            (told, f"版本 {version} 已被 {left.by} 回退：如需恢复请手动晋升"),
        )
    if broken:
        texts = "; ".join(r.text for r in broken), "；".join(r.text_zh for r in broken)
        return comparison, broken, "refused", texts
    return comparison, (), "recommended", ("every rule holds", "所有规则均满足")


def _rolled_back(moves: Sequence[Move], version: str) -> Move | None:
    """The last move away from a version, if it was a rollback: a schedule must not undo what somebody did."""
    left = [move for move in moves if move.state == "done" and move.before == version]
    return left[-1] if left and left[-1].how == "rollback" else None


def _overlap(champion: Dated, test: Dated) -> tuple[str, str]:
    knows, begins = iso(champion.cutoff)[:10], iso(test.cutoff)[:10]
    days = (champion.cutoff - test.cutoff) / DAY
    return (
        f"the champion has learnt up to {knows}, {days:.0f} days into the test part, which begins"
        f" {begins}: it is not judged on what it has seen; retrain again when the data go on for longer, or"
        " `dealcast promote --data` with data of the time after both",
        f"冠军的训练数据截至 {knows}，超出测试段起点（{begins}）{days:.0f} 天：不能用它见过的数据评判；"
        "请在积累更多数据后再训练，或用两者之后的数据运行 `dealcast promote --data`",
    )
