"""A forecast: booked already, from open deals, from deals not created yet; by cell and period, adding up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from features.build import build_features
from features.canonical import TIME, CanonicalData
from features.errors import DataError
from features.families.run import stage_of
from features.frame import FeatureFrame
from features.from_tables import history_from_tables
from features.history import CENT, History, TextArray
from features.shown import shown_of
from features.snapshots import Snapshots
from features.times import DAY, WEEK, FloatArray, IntArray, iso
from training.bundle import Bundle
from training.close import CloseBundle
from training.forecast.amounts import Amounts, amounts_of
from training.forecast.arrivals import new_deals
from training.forecast.course import Course, course_of, paced
from training.forecast.draws import DRAWS, Drawn, OpenDeals, Shock, draw, keys_of
from training.forecast.ledger import Board, Ledger, check_columns, ledger_of, with_reps, won_between
from training.forecast.periods import Calendar, calendar
from training.labels import eligible
from training.timing import Timing, dates_of

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
TOTAL = "(all)"
_WRITTEN = ("period", "begin", "end", "whole", "p10", "p50", "p90", "mean", "booked", "open", "new")


@dataclass(frozen=True)
class Models:
    """The win model and the model of when."""

    win: Bundle
    close: CloseBundle


@dataclass(frozen=True)
class Asked:
    """What a forecast is asked for.

    Attributes:
        days: of the horizon.
        by: columns; see `training.forecast.ledger.COLUMNS`.
        currency: None for that of the data.
        draws, seed: of the Monte Carlo.
        widening: factor of every distance from the median, learnt from a backtest.
        week_widening: the same of calendar weeks, whose bookings are fewer and err in another way.
        shock: takes the place of the one that the close model learnt.
    """

    days: int = 90
    by: tuple[str, ...] = ()
    currency: str | None = None
    draws: int = DRAWS
    seed: int = 0
    widening: float = 1.0
    week_widening: float = 1.0
    shock: float | None = None


@dataclass(frozen=True)
class Deals:
    """The open deals of a forecast, one entry each.

    Attributes:
        ids: of the opportunities, sorted.
        stage: place in the order, -1 for none or another; amount: as shown, NaN for none.
        win: the probability that is shown; within: that of a win within the horizon.
        curve: deals x steps, P(won by the end of the step).
        worth: what a win is expected to come to, in units of money.
        mean: expected bookings within the horizon over the draws, in units of money.
        close: deals x 3, P10, P50, P90 of the close given a win, microseconds.
    """

    ids: TextArray
    stage: IntArray
    amount: FloatArray
    win: FloatArray
    within: FloatArray
    curve: FloatArray
    worth: FloatArray
    mean: FloatArray
    close: IntArray


@dataclass(frozen=True)
class Forecast:
    """All draws of a forecast by cell and step.

    Attributes:
        as_of: microseconds.
        asked: what was asked.
        cells: the values of the columns asked by, one tuple per cell.
        calendar: steps and periods.
        booked: cells x periods, hundredths won in the period by `as_of`.
        drawn: what is to come.
        deals: the open ones.
        currency: of all amounts; time_zone: in which days begin.
        notes: what was left out or assumed.
    """

    as_of: int
    asked: Asked
    cells: tuple[tuple[str, ...], ...]
    calendar: Calendar
    booked: IntArray
    drawn: Drawn
    deals: Deals
    currency: str
    time_zone: str
    notes: tuple[str, ...]

    def draws_of(self, period: int, cells: IntArray | None = None) -> IntArray:
        """Bookings of a period in each draw, in hundredths, of some cells or of all."""
        mine = np.arange(len(self.cells)) if cells is None else cells
        steps = self.calendar.periods[period].steps
        return np.asarray(self.drawn.total(mine, steps) + self.booked[mine, period].sum())

    def shown_draws(self, period: int, cells: IntArray | None = None) -> FloatArray:
        """The draws of a period in units of money, widened as its quantiles are."""
        mine = np.arange(len(self.cells)) if cells is None else cells
        draws = self.draws_of(period, mine) / CENT
        booked = float(self.booked[mine, period].sum()) / CENT
        middle = float(np.median(draws))
        return np.asarray(np.maximum(middle + self._factor(period) * (draws - middle), booked))

    def quantiles(
        self, period: int, cells: IntArray | None = None, levels: Sequence[float] = LEVELS
    ) -> FloatArray:
        """Quantiles in units of money, widened as asked, never below what is booked."""
        mine = np.arange(len(self.cells)) if cells is None else cells
        draws, booked = self.draws_of(period, mine), self.booked[mine, period].sum()
        return np.asarray(widened(draws[None, :], levels, self._factor(period), np.array([booked]))[0])

    def _factor(self, place: int) -> float:
        """By how much the ranges of a period are widened."""
        of_week = self.calendar.periods[place].kind == "week"
        return self.asked.week_widening if of_week else self.asked.widening

    def rows(self) -> list[dict[str, Any]]:
        """The figures of each period, first of all cells (`cell` is None), then of each where columns were
        asked by; quantiles and means in units of money."""
        found: list[list[dict[str, Any]]] = [[] for _ in range(1 + len(self.cells) * bool(self.asked.by))]
        for place in range(len(self.calendar.periods)):
            for rows, row in zip(found, self._of_period(place), strict=True):
                rows.append(row)
        return [row for rows in found for row in rows]

    def _of_period(self, place: int) -> list[dict[str, Any]]:
        period, size = self.calendar.periods[place], self.drawn.draws * CENT
        booked = self._groups(self.booked[:, place])
        opened, new = (part[:, period.steps].sum(axis=1) for part in (self.drawn.open, self.drawn.new))
        levels = widened(self._groups(opened + new) + booked[:, None], LEVELS, self._factor(place), booked)
        parts = [self._groups(part.sum(axis=1)) for part in (opened, new)]
        return [
            {
                "cell": None if i == 0 else i - 1,
                "period": period.kind, "begin": period.begin, "end": period.end, "whole": period.whole,
                **dict(zip(("p10", "p25", "p50", "p75", "p90"), levels[i].tolist(), strict=True)),
                "mean": float(booked[i]) / CENT + sum(float(part[i]) / size for part in parts),
                "booked": float(booked[i]) / CENT,
                "open": float(parts[0][i]) / size,
                "new": float(parts[1][i]) / size,
            }
            for i in range(len(booked))
        ]  # fmt: skip

    def _groups(self, of_cells: IntArray) -> IntArray:
        """The sum over all cells, and before each cell's own where columns were asked by."""
        whole = of_cells.sum(axis=0, keepdims=True)
        return np.concatenate([whole, of_cells]) if self.asked.by else whole

    def frame(self) -> pl.DataFrame:
        """One row per cell and period, and per period one of all cells (`(all)` in the columns asked by)."""
        by, total = self.asked.by, (TOTAL,) * len(self.asked.by)
        rows = [
            {"as_of": self.as_of, **dict(zip(by, total if cell is None else self.cells[cell], strict=True))}
            | {name: row[name] for name in _WRITTEN}
            | {"currency": self.currency}
            for row in self.rows()
            for cell in [row["cell"]]
        ]
        return pl.DataFrame(rows, infer_schema_length=None).with_columns(
            pl.col("begin", "end").cast(TIME), pl.col("as_of").cast(TIME)
        )

    def deals_frame(self) -> pl.DataFrame:
        """One row per open deal; `mean` adds up to the whole's mean from open deals."""
        deals = self.deals
        dates = {f"expected_close_{p}": deals.close[:, i] for i, p in enumerate(("p10", "p50", "p90"))}
        frame = pl.DataFrame(
            {
                "opportunity_id": deals.ids.tolist(), "as_of": np.full(len(deals.win), self.as_of),
                "amount": deals.amount, "win_probability": deals.win, "win_within_horizon": deals.within,
                "mean": deals.mean, **dates,
            },
            schema_overrides={"opportunity_id": pl.String},
        )  # fmt: skip
        return frame.with_columns(pl.col("as_of", *dates).cast(TIME), pl.col("amount").fill_nan(None))


def widened(draws: IntArray, levels: Sequence[float], factor: float, booked: IntArray) -> FloatArray:
    """Quantiles of draws in units of money, their distance from the median multiplied, and never below what
    is booked: groups x levels.

    Args:
        draws: groups x draws, in hundredths; booked: of each group.
    """
    found = np.quantile(draws, levels, axis=1).T / CENT
    middle = np.median(draws, axis=1)[:, None] / CENT
    return np.asarray(np.maximum(middle + factor * (found - middle), booked[:, None] / CENT))


@dataclass(frozen=True, eq=False)
class Ground:
    """What a forecast stands on, whatever is asked of it: the open deals as the models see them, and the past
    as it was known.

    Attributes:
        as_of: microseconds.
        models: that saw them.
        history: of what was known; ledger: its bookings, in one currency.
        amounts: what deals come to.
        found: the open deals.
        course: how wins lie in a quarter.
    """

    as_of: int
    models: Models
    history: History
    ledger: Ledger
    amounts: Amounts
    found: _Found
    course: Course


def forecast(
    data: CanonicalData, as_of: int, models: Models, asked: Asked | None = None,
    history: History | None = None,
) -> Forecast:  # fmt: skip
    """What was known at `as_of` (microseconds) of the bookings to come.

    Args:
        data: may know more; nothing recorded after `as_of` is looked at.
        history: of `data` as it was known at `as_of`, under the win model's conventions.

    Raises:
        DataError: the win model's probability is conditional, the currencies are mixed, or no such column.
        TooLittleData: nothing was won yet.
    """
    asked = asked or Asked()
    _check(asked)
    return forecast_on(ground_of(data, as_of, models, asked.currency, history), asked)


def ground_of(
    data: CanonicalData, as_of: int, models: Models, currency: str | None = None,
    history: History | None = None,
) -> Ground:  # fmt: skip
    """What forecasts at `as_of` in one currency have in common. Args and errors as of `forecast`."""
    if models.win.policy.win_given_stage:
        raise DataError(
            "the win model's probabilities are given that a deal reaches"
            f" {models.win.policy.win_given_stage} (win_given_stage), of which no sum can be made; train one"
            " without it"
        )
    known = data.known_at(as_of)
    mine = history or history_from_tables(known, models.win.conventions)
    ledger = ledger_of(known, mine, currency)
    amounts = amounts_of(mine, ledger, as_of)
    deals = mine.opportunities
    won = deals.closed_at[deals.won & ledger.counted & (deals.closed_at <= as_of)]
    course = course_of(won, as_of, models.win.conventions.time_zone)
    return Ground(as_of, models, mine, ledger, amounts, _open(known, mine, ledger, as_of, models), course)


def forecast_on(ground: Ground, asked: Asked) -> Forecast:
    """The forecast that is asked for; of the currency that of the ground counts.

    Raises:
        DataError: no such column, no day ahead, or more groups than fit into memory.
    """
    _check(asked)
    as_of, models, mine, ledger = ground.as_of, ground.models, ground.history, ground.ledger
    amounts, found = ground.amounts, ground.found
    days = calendar(as_of, as_of + asked.days * DAY, models.win.conventions.time_zone)
    labels = ledger.labels(np.arange(len(mine.opportunities.ids)), asked.by)
    own = list(zip(*(found.texts[name].tolist() for name in asked.by), strict=True)) if asked.by else []
    own = own or [()] * len(found.snapshots)
    cells = tuple(sorted({*own, *_used(mine, ledger, labels, as_of)})) or ((),)
    places = {label: i for i, label in enumerate(cells)}
    pace = ground.course.over(days.edges)
    curve = found.win[:, None] * paced(found.timing.by(days.weeks / WEEK), pace)
    group = amounts.group(found.stage, found.amount)
    opened = OpenDeals(
        keys_of(found.ids.tolist()), np.ascontiguousarray(curve), amounts.cents(found.amount), group,
        amounts.ratios, np.array([places[label] for label in own], np.int64),
    )  # fmt: skip
    board = Board(mine, ledger, as_of, labels, places)
    new = new_deals(board, amounts, days.edges)
    new = replace(new, wins=new.wins * pace)
    spread = models.close.shock if asked.shock is None else asked.shock
    drawn = draw(opened, len(cells), new=new, shock=Shock(spread), draws=asked.draws, seed=asked.seed)
    deals = Deals(
        found.ids, found.stage, found.amount, found.win, curve[:, -1], curve,
        opened.cents * amounts.ratios.mean(axis=1)[group] / CENT,
        drawn.by_deal / (asked.draws * CENT), found.close,
    )  # fmt: skip
    return Forecast(
        as_of, asked, cells, days, _booked(board, days), drawn, deals,
        ledger.currency, models.win.conventions.time_zone, (*ledger.notes, *_notes(found, as_of)),
    )  # fmt: skip


def _check(asked: Asked) -> None:
    check_columns(asked.by)
    if asked.days < 1:
        raise DataError(f"--horizon {asked.days}: a forecast reaches at least one day ahead")


@dataclass(frozen=True)
class _Found:
    """Open deals as the models see them."""

    snapshots: Snapshots
    ids: TextArray
    texts: dict[str, TextArray]
    stage: IntArray
    amount: FloatArray
    win: FloatArray
    timing: Timing
    close: IntArray


def _open(known: CanonicalData, history: History, ledger: Ledger, as_of: int, models: Models) -> _Found:
    everything = np.flatnonzero(ledger.counted)
    asked = Snapshots(everything, np.full(len(everything), as_of, np.int64))
    snapshots = asked.take(eligible("win", history, asked))
    shown = shown_of(history, snapshots)
    stage = stage_of(history, snapshots)
    frame = build_features(history, snapshots, "opportunity", models.win.reference)
    when = _when(known, history, snapshots, frame, models)
    win = models.win.probability(frame) if len(snapshots) else np.zeros(0)
    timing = models.close.timing(when)
    return _Found(
        snapshots, history.opportunities.ids[snapshots.entity],
        with_reps(ledger, known, snapshots.entity, shown.rep),
        np.where(stage < len(history.conventions.stages), stage, -1), shown.amount, win, timing,
        dates_of(snapshots.as_of, timing.quantiles()),
    )  # fmt: skip


def _when(
    known: CanonicalData, history: History, snapshots: Snapshots, frame: FeatureFrame, models: Models
) -> FeatureFrame:
    """The features as the close model reads them; the same where both come from one training."""
    win, close = models.win, models.close
    if close.conventions == win.conventions and close.reference.hash == win.reference.hash:
        return frame
    own = history if close.conventions == win.conventions else history_from_tables(known, close.conventions)
    ids = history.opportunities.ids[snapshots.entity].tolist()
    codes = own.opportunity_codes(ids)
    return build_features(own, Snapshots(codes, snapshots.as_of), "opportunity", close.reference)


def _used(
    history: History, ledger: Ledger, labels: list[tuple[str, ...]], as_of: int
) -> set[tuple[str, ...]]:
    """The cells of all deals created by then."""
    rows = np.flatnonzero((history.opportunities.created_at <= as_of) & ledger.counted)
    return {labels[row] for row in rows.tolist()}


def _booked(board: Board, days: Calendar) -> IntArray:
    booked = np.zeros((len(board.places), len(days.periods)), np.int64)
    as_of, ledger = board.as_of, board.ledger
    for place, period in enumerate(days.periods):
        rows = won_between(
            board.history, ledger, period.begin, as_of + 1 if period.kind != "horizon" else as_of
        )
        for row in rows.tolist():
            booked[board.places[board.labels[row]], place] += round(ledger.amount[row] * CENT)
    return booked


def _notes(found: _Found, as_of: int) -> list[str]:
    missing = int((~(found.amount > 0)).sum())
    if not missing:
        return []
    return [
        f"{missing:,} open deals show no amount at {iso(as_of)[:10]} (missing, 0 or negative): what won deals"
        " came to stands in its place"
    ]
