"""What the latest backtest showed, as forecasts carry it with them: how good they were, how much to widen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Record:
    """Figures of a backtest; see `training.forecast.measures.Measured`.

    Attributes:
        run_id: of the backtest in the tracking store.
        period: `horizon` (windows as long as the horizon), `month` or `quarter`.
        days: of a window.
        windows: how many forecasts; first, last: when they were made, ISO 8601.
        wape, bias: of the bookings; coverage_80, coverage_50: of P10 to P90 and P25 to P75, as shown.
        coverage_80_as_drawn: of P10 to P90 before any widening.
        baseline: the best one's name, None where none could say anything; baseline_wape: its error.
        widening: factor, 1 or more, that the ranges of the next forecast need.
        weeks: how many calendar weeks were looked at, each as it was said before it began.
        week_coverage_80, week_coverage_80_as_drawn, week_widening: the same of these; None without any.
    """

    run_id: str
    period: str
    days: int
    windows: int
    first: str
    last: str
    wape: float
    bias: float
    coverage_80: float
    coverage_50: float
    coverage_80_as_drawn: float
    baseline: str | None
    baseline_wape: float | None
    widening: float
    weeks: int = 0
    week_coverage_80: float | None = None
    week_coverage_80_as_drawn: float | None = None
    week_widening: float = 1.0

    @property
    def widenings(self) -> tuple[float, float]:
        """Of the ranges of months, quarters and the horizon, and of weeks."""
        return self.widening, self.week_widening

    @property
    def notes(self) -> tuple[str, ...]:
        """What a forecast says where its ranges are widened."""
        found = []
        if self.widening > 1:
            found.append(
                f"ranges are {self.widening:.2f} times as wide as drawn: P10 to P90 held"
                f" {self.coverage_80_as_drawn:.0%} of {self.windows} periods of the backtest, 80% are wanted"
            )
        if self.week_widening > 1 and self.week_coverage_80_as_drawn is not None:
            found.append(
                f"ranges of weeks are {self.week_widening:.2f} times as wide as drawn: P10 to P90 held"
                f" {self.week_coverage_80_as_drawn:.0%} of {self.weeks} weeks of the backtest, 80% are wanted"
            )
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def record_from(said: Mapping[str, Any]) -> Record:
    """The record of such a dict. Raises KeyError, TypeError or ValueError where it is none."""
    return Record(**{str(name): value for name, value in said.items()})
