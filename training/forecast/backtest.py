"""Forecasts as if live at many past dates, beside what came and what a firm has without a model.

The models are trained at every so many dates on what was known then and serve until the next training;
each forecast knows what was known at its own date. Windows are as long as the horizon, neighbouring ones
overlap, so that they tell less than their number. Of each forecast the first whole calendar week is looked at
too: those of forecasts a week or more apart do not overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np

from features.canonical import CanonicalData
from features.from_tables import history_from_tables
from features.history import CENT
from features.times import DAY, WEEK, FloatArray, IntArray, from_micros, iso, to_micros
from training.dataset import open_source
from training.errors import TooLittleData
from training.forecast import periods
from training.forecast.assemble import Asked, Forecast, Models, forecast
from training.forecast.baselines import NAMES, baselines, booked
from training.forecast.ledger import ledger_of
from training.forecast.measures import LEVELS, Measured, measured, rolling_widening, wape, widening, wider
from training.hazard import train_close
from training.run import train_target

Told = Callable[[str], None]
Period = Literal["horizon", "month", "quarter"]
_MONTHS: Mapping[str, int] = {"month": 1, "quarter": 3}


@dataclass(frozen=True)
class Weeks:
    """What each forecast said of the first whole calendar week after it, and what came; no week counts twice.

    Attributes:
        begin: of each week, microseconds.
        quantiles, mean, factor, actual: as in `Backtest`; the weeks before tell the widening.
        last: what was booked in the seven days before the forecast.
    """

    begin: IntArray
    quantiles: FloatArray
    mean: FloatArray
    factor: FloatArray
    actual: FloatArray
    last: FloatArray

    @property
    def widening(self) -> float:
        """What all of them say for the weeks of the next forecast."""
        return widening(self.quantiles, self.actual)

    def measured(self, *, widened: bool = True) -> Measured:
        """The figures, with the ranges as they would have been shown, or as drawn."""
        shown = wider(self.quantiles, self.factor) if widened else self.quantiles
        return measured(shown, self.mean, self.actual, self.last)

    @property
    def last_wape(self) -> float:
        """The error of who expects what was booked in the seven days before."""
        return wape(self.last, self.actual)

    def to_list(self) -> list[dict[str, Any]]:
        """For JSON; times are ISO 8601."""
        shown = wider(self.quantiles, self.factor)
        return [
            {
                "begin": iso(int(begin)), "actual": float(self.actual[i]), "p10": float(shown[i, 0]),
                "p50": float(shown[i, 2]), "p90": float(shown[i, 4]), "mean": float(self.mean[i]),
                "last_period": float(self.last[i]),
            }
            for i, begin in enumerate(self.begin.tolist())
        ]  # fmt: skip


@dataclass(frozen=True)
class Backtest:
    """What was said at each date of the window after it, and what came.

    Attributes:
        days: of the windows; of calendar periods, of the longest.
        at: when each forecast was made, microseconds.
        trained: when its models were.
        quantiles: dates x levels, in units of money, as drawn; mean: of the same.
        factor: the widening that each would have had live.
        actual: what was booked.
        others: what each baseline said; NaN where it could not.
        wins: expected wins of open deals within the window; came: how many of them were won in it.
        widening: what the whole backtest says for the next forecast.
        weeks: the same of the week to come.
        period: `horizon`, or the kind of calendar period that each window is.
    """

    days: int
    at: IntArray
    trained: IntArray
    quantiles: FloatArray
    mean: FloatArray
    factor: FloatArray
    actual: FloatArray
    others: Mapping[str, FloatArray]
    wins: FloatArray
    came: FloatArray
    widening: float
    weeks: Weeks
    period: str = "horizon"

    @property
    def apart(self) -> float:
        """How many windows fit into the time that all of them cover, one after the other."""
        if self.period != "horizon":
            return float(len(self.at))
        return min(float(len(self.at)), (int(self.at[-1]) - int(self.at[0])) / (self.days * DAY) + 1)

    def measured(self, *, widened: bool = True) -> Measured:
        """The figures, with the ranges as they would have been shown, or as drawn."""
        shown = wider(self.quantiles, self.factor) if widened else self.quantiles
        return measured(shown, self.mean, self.actual, self.others["last_period"])

    def wapes(self) -> dict[str, float]:
        """The error of each baseline, over the dates at which it says something."""
        return {name: wape(said, self.actual) for name, said in self.others.items()}

    def metrics(self) -> dict[str, float]:
        """All figures by name, for the tracking store; what cannot be said is left out."""
        found = {**asdict(self.measured()), "widening": self.widening}
        found["coverage_80_as_drawn"] = self.measured(widened=False).coverage_80
        found |= {f"baseline_{name}_wape": value for name, value in self.wapes().items()}
        if len(self.weeks.begin):
            weeks, drawn = self.weeks.measured(), self.weeks.measured(widened=False)
            found |= {f"week_{name}": value for name, value in asdict(weeks).items()}
            found["week_coverage_80_as_drawn"] = drawn.coverage_80
            found["week_widening"] = self.weeks.widening
        found["wins_over_those_that_came"] = float(self.wins.sum() / max(self.came.sum(), 1))
        return {name: float(value) for name, value in found.items() if not np.isnan(value)}

    def to_dict(self) -> dict[str, Any]:
        """For JSON; times are ISO 8601."""
        shown = wider(self.quantiles, self.factor)
        rows = [
            {
                "at": iso(int(at)), "trained": iso(int(self.trained[i])), "actual": float(self.actual[i]),
                "p10": float(shown[i, 0]), "p50": float(shown[i, 2]), "p90": float(shown[i, 4]),
                "mean": float(self.mean[i]),
                **{n: None if np.isnan(v[i]) else float(v[i]) for n, v in self.others.items()},
            }
            for i, at in enumerate(self.at.tolist())
        ]  # fmt: skip
        return {
            "period": self.period, "days": self.days, "widening": self.widening,
            "metrics": self.metrics(), "windows": rows, "weeks": self.weeks.to_list(),
        }  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Which dates.

    Attributes:
        steps: how many, `every` days apart, the last one a window before the end of the data.
        retrain: after how many dates the models are trained anew.
        asked: of each forecast; its `days` are the window, but of calendar periods.
        period: `month` or `quarter`: the last `steps` whole ones, each forecast at its begin, which do not
            overlap; `horizon`: windows of so many days, `every` so often.
    """

    steps: int = 40
    every: int = 7
    retrain: int = 13
    asked: Asked = field(default_factory=lambda: Asked(days=91))
    period: Period = "horizon"


def backtest(
    data: CanonicalData, until: int, plan: Plan | None = None, told: Told | None = None,
    looked_at: Callable[[Forecast, Models], None] | None = None,
) -> Backtest:  # fmt: skip
    """Forecasts at the plan's dates, judged by what is known at `until` (microseconds).

    Args:
        looked_at: is given every forecast and its models, for further measures.

    Raises:
        TooLittleData: no date had enough to train on.
    """
    plan = plan or Plan()
    whole = open_source(data, until)
    windows = windows_of(
        plan, until, int(whole.history.opportunities.created_at.min()), data.config.time_zone
    )
    ledger = ledger_of(whole.data, whole.history, plan.asked.currency)
    rows: list[dict[str, Any]] = []
    weeks: dict[int, dict[str, Any]] = {}
    models: Models | None = None
    trained, since = 0, 0
    for number, (at, end) in enumerate(windows):
        if told is not None:
            told(f"{iso(at)[:10]}, {number + 1} of {len(windows)}")
        if models is None or since >= plan.retrain:
            try:
                models, trained, since = _models(data, at), at, 0
            except TooLittleData:
                if models is None:
                    continue
        since += 1
        history = history_from_tables(data.known_at(at), models.win.conventions)
        made = forecast(data, at, models, replace(plan.asked, days=-((at - end) // DAY)), history)
        if looked_at is not None:
            looked_at(made, models)
        place = _place(made, plan.period, at)
        mine = ledger_of(data.known_at(at), history, plan.asked.currency)
        codes = whole.history.opportunity_codes(made.deals.ids.tolist())
        deals = whole.history.opportunities
        rows.append(
            {
                "at": at, "end": end, "trained": trained, **_said(made, place),
                "actual": booked(whole.history, ledger, at, end),
                "wins": float(made.deals.within.sum()),
                "came": float((deals.won[codes] & (deals.closed_at[codes] < end)).sum()),
                **baselines(history, mine, at, end, models.win.policy),
            }
        )  # fmt: skip
        week = _week_to_come(made.calendar.periods, at)
        if week is not None:
            its = made.calendar.periods[week]
            weeks[its.begin] = {
                "at": at, "begin": its.begin, "end": its.end, **_said(made, week),
                "actual": booked(whole.history, ledger, its.begin, its.end),
                "last": booked(history, mine, at - WEEK, at),
            }  # fmt: skip
    if not rows:
        raise TooLittleData("no date of the backtest had enough to train on; give a longer history")
    return _judged(rows, list(weeks.values()), plan)


def windows_of(plan: Plan, until: int, first: int, time_zone: str) -> list[tuple[int, int]]:
    """Begin and end of each window, the last one over at `until`, none begun before `first`."""
    if plan.period == "horizon":
        last = until - plan.asked.days * DAY
        begins = [last - back * plan.every * DAY for back in range(plan.steps - 1, -1, -1)]
        return [(at, at + plan.asked.days * DAY) for at in begins]
    zone, months = ZoneInfo(time_zone), _MONTHS[plan.period]
    local = from_micros(until).astimezone(zone)
    number = (local.year * 12 + local.month - 1) // months * months
    edges = [number - back * months for back in range(plan.steps, -1, -1)]
    at = [to_micros(datetime(month // 12, month % 12 + 1, 1, tzinfo=zone)) for month in edges]
    return [(begin, end) for begin, end in pairwise(at) if begin >= first]


def _place(made: Forecast, period: Period, begin: int) -> int:
    """The place of the window among a forecast's periods."""
    found = enumerate(made.calendar.periods)
    return next(i for i, p in found if p.kind == period and (period == "horizon" or p.begin == begin))


def _week_to_come(found: Sequence[periods.Period], at: int) -> int | None:
    """The place of the first whole calendar week after an instant."""
    mine = (i for i, p in enumerate(found) if p.kind == "week" and p.whole and p.begin >= at)
    return next(mine, None)


def _said(made: Forecast, place: int) -> dict[str, Any]:
    return {"quantiles": made.quantiles(place), "mean": float(made.draws_of(place).mean()) / CENT}


def _models(data: CanonicalData, at: int) -> Models:
    source = open_source(data, at)
    win = train_target(source, "win")
    return Models(win.bundle, train_close(source, win).bundle)


def _judged(rows: list[dict[str, Any]], weeks: list[dict[str, Any]], plan: Plan) -> Backtest:
    def column(name: str) -> FloatArray:
        return np.array([row[name] for row in rows], np.float64)

    at = np.array([row["at"] for row in rows], np.int64)
    trained = np.array([row["trained"] for row in rows], np.int64)
    quantiles, actual = np.array([row["quantiles"] for row in rows]), column("actual")
    end = np.array([row["end"] for row in rows], np.int64)
    factor = rolling_widening(quantiles, actual, at, end)
    return Backtest(
        int(np.ceil((end - at).max() / DAY)), at, trained, quantiles, column("mean"), factor, actual,
        {name: column(name) for name in NAMES}, column("wins"), column("came"), widening(quantiles, actual),
        _weeks(weeks), plan.period,
    )  # fmt: skip


def _weeks(rows: Sequence[Mapping[str, Any]]) -> Weeks:
    at, begin, end = (np.array([row[name] for row in rows], np.int64) for name in ("at", "begin", "end"))
    quantiles = np.array([row["quantiles"] for row in rows], np.float64).reshape(len(rows), len(LEVELS))
    mean, actual, last = (
        np.array([row[name] for row in rows], np.float64) for name in ("mean", "actual", "last")
    )
    factor = rolling_widening(quantiles, actual, at, end)
    return Weeks(begin, quantiles, mean, factor, actual, last)
