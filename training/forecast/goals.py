"""Targets of teams by quarter, from a table, and how likely each is reached."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from features.errors import DataError, MissingColumn
from features.history import CENT
from features.sources.files import read_table
from features.times import from_micros
from training.forecast.assemble import TOTAL, Forecast

COLUMNS = ("team_id", "quarter", "amount")
_QUARTER = re.compile(r"\d{4}-Q[1-4]")


@dataclass(frozen=True)
class Goal:
    """What a team, or `(all)`, is to book in a quarter such as 2025-Q3, in units of money, > 0."""

    team: str
    quarter: str
    amount: float


@dataclass(frozen=True)
class Outlook:
    """A goal, what the draws say of it, and the median of the bookings."""

    goal: Goal
    probability: float
    median: float


def read_goals(path: Path) -> list[Goal]:
    """The rows of a table of targets.

    Raises:
        DataError: there is no such file, or a quarter or an amount is none.
        MissingColumn: one of `COLUMNS` is missing.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    frame = read_table(path).frame
    for column in COLUMNS:
        if column not in frame.columns:
            found = ", ".join(frame.columns)
            raise MissingColumn(f"{path.name}: column `{column}` is missing (found: {found})")
    return [_goal(path.name, i, row) for i, row in enumerate(frame.select(COLUMNS).rows(), 1)]


def outlooks(made: Forecast, goals: list[Goal]) -> list[Outlook]:
    """How likely each goal is reached: the share of draws at or above it.

    Raises:
        DataError: the forecast is not by team_id alone, or does not hold a goal's team or whole quarter.
    """
    if made.asked.by != ("team_id",):
        raise DataError("targets are of teams: ask for the forecast --by team_id")
    quarters = {
        _name(period.begin, made.time_zone): place
        for place, period in enumerate(made.calendar.periods)
        if period.kind == "quarter" and period.whole
    }
    return [_outlook(made, goal, quarters) for goal in goals]


def _outlook(made: Forecast, goal: Goal, quarters: dict[str, int]) -> Outlook:
    if goal.quarter not in quarters:
        told = ", ".join(quarters) or "none"
        raise DataError(
            f"the target of {goal.team} for {goal.quarter}: the forecast does not reach over that quarter"
            f" (it does over {told}); take a longer --horizon"
        )
    cells = [i for i, cell in enumerate(made.cells) if goal.team in (cell[0], TOTAL)]
    if not cells:
        raise DataError(f"the target of {goal.team}: no deal of this team is known (team_id)")
    draws = made.draws_of(quarters[goal.quarter], np.array(cells))
    reached = float((draws >= round(goal.amount * CENT)).mean())
    return Outlook(goal, reached, float(np.median(draws)) / CENT)


def _goal(file: str, row: int, values: tuple[object, ...]) -> Goal:
    team, quarter, text = values
    if not _QUARTER.fullmatch(str(quarter)):
        raise DataError(f"{file}, row {row}: quarter is {quarter!r}; write it as 2025-Q3")
    try:
        amount = float(str(text))
    except ValueError:
        amount = float("nan")
    if not 0 < amount < float("inf"):
        raise DataError(f"{file}, row {row}: amount must be a number above 0, not {text!r}")
    if not team:
        raise DataError(f"{file}, row {row}: team_id is empty; name a team, or {TOTAL}")
    return Goal(str(team), str(quarter), amount)


def _name(begin: int, time_zone: str) -> str:
    local = from_micros(begin).astimezone(ZoneInfo(time_zone))
    return f"{local.year}-Q{(local.month + 2) // 3}"
