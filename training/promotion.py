"""The rules that let a challenger in: a comparison in, the refusals out.

1. Log loss: in at least 90% of the draws the challenger's is not above the champion's. A new champion
   changes every number its users see, so that the burden of proof is on it: of two that are equally
       good and not the same, the one that is there stays. The very same model passes.
2. Calibration error: at most 0.01 above the champion's. People act on the shown percent, and a better
   ranking does not make up for percents that no longer come true.
3. No slice: the log loss of none with 100 snapshots and 20 of each label is worse by more than 0.02
   even at the better end of its 90% interval. Of some 25 slices, each judged at 90%, one or two are
   worse by luck alone; hence the margin, and hence the end of the interval and not its middle.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from training.compare import Comparison

Rule = Literal["log_loss", "calibration_error", "slice"]

DRAWS_NOT_WORSE = 0.9
MOST_CALIBRATION_ERROR = 0.01
SLICE_MARGIN = 0.02


@dataclass(frozen=True)
class Refusal:
    """A rule that does not hold.

    Attributes:
        rule: which one.
        where: the slice's name; empty for the whole.
        figure: what was found: a share of draws, or a difference.
        bound: what it must reach (log loss), or must not exceed.
    """

    rule: Rule
    where: str
    figure: float
    bound: float

    @property
    def text(self) -> str:
        """The rule, the figure and the bound, in a sentence."""
        if self.rule == "log_loss":
            return (
                f"log loss: not worse in {100 * self.figure:.0f}% of the draws,"
                f" at least {100 * self.bound:.0f}% are asked for"
            )
        if self.rule == "calibration_error":
            return f"calibration error: {self.figure:+.4f}, at most {self.bound:+.4f} is allowed"
        return (
            f"slice {self.where}: log loss worse by {self.figure:+.4f} even at the better end of its"
            f" interval, at most {self.bound:+.4f} is allowed"
        )

    @property
    def text_zh(self) -> str:
        """The same in Chinese."""
        if self.rule == "log_loss":
            return f"对数损失：{100 * self.figure:.0f}% 的抽样中不更差，要求至少 {100 * self.bound:.0f}%"
        if self.rule == "calibration_error":
            return f"校准误差：{self.figure:+.4f}，最多允许 {self.bound:+.4f}"
        return f"分组 {self.where}：对数损失在区间较好一端仍差 {self.figure:+.4f}，最多允许 {self.bound:+.4f}"

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "text": self.text}


def refusals(comparison: Comparison) -> tuple[Refusal, ...]:
    """The rules that keep the second model from taking the first one's place; none: it may.

    A figure that is not defined (NaN) refuses.
    """
    found = []
    not_worse = 1 - comparison.figures["log_loss"].worse
    if not not_worse >= DRAWS_NOT_WORSE:
        found.append(Refusal("log_loss", "", not_worse, DRAWS_NOT_WORSE))
    calibration = comparison.figures["calibration_error"].change
    if not calibration <= MOST_CALIBRATION_ERROR:
        found.append(Refusal("calibration_error", "", calibration, MOST_CALIBRATION_ERROR))
    for each in comparison.slices:
        harm = each.figures["log_loss"].least_harm
        if not harm <= SLICE_MARGIN and not np.isnan(harm):
            found.append(Refusal("slice", each.name, harm, SLICE_MARGIN))
    return tuple(found)


def figures_of(comparison: Comparison) -> dict[str, float]:
    """What the ledger of moves keeps of a comparison."""
    figures = comparison.figures
    kept = {f"{name}_first": each.first for name, each in figures.items()}
    kept |= {f"{name}_second": each.second for name, each in figures.items()}
    kept["share_of_draws_not_worse"] = 1 - figures["log_loss"].worse
    kept["rows"] = float(sum(comparison.rows))
    return {name: round(value, 6) for name, value in kept.items() if not np.isnan(value)}
