"""Targets of teams by quarter, from a table, and how likely each is reached."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from features.errors import DataError, MissingColumn
from features.history import CENT
from features.sources.files import ENDINGS, read_table
from features.times import from_micros
from training.forecast.assemble import TOTAL, Forecast

COLUMNS = ("team_id", "quarter", "amount")
GOALS = "targets"
_QUARTER = re.compile(r"\d{4}-Q[1-4]")


@dataclass(frozen=True)
class Goal:
    """What a team, or `(all)`, is to book in a quarter such as 2025-Q3, in units of money, > 0."""

    team: str
    quarter: str
    amount: float


@dataclass(frozen=True)
class Outlook:
    """A goal, the share of draws (widened as the ranges are) that reach it, the median of the bookings."""

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
        DataError: a team has a goal and the forecast is not by team_id, or it does not hold a goal's team
            or whole quarter.
    """
    quarters = _quarters(made)
    return [_outlook(made, goal, quarters) for goal in goals]


def outlooks_within(made: Forecast, goals: Sequence[Goal]) -> tuple[list[Outlook], list[str]]:
    """As `outlooks`, of the goals that the forecast can speak of, and what is to be said of the others."""
    quarters = _quarters(made)
    inside = [goal for goal in goals if goal.quarter in quarters]
    told = "team_id" in made.asked.by
    teams = {*_teams(made), TOTAL} if told else {TOTAL}
    known = [goal for goal in inside if goal.team in teams]
    notes = []
    if len(inside) < len(goals):
        left = len(goals) - len(inside)
        notes.append(
            f"{left:,} targets are of quarters that the forecast does not reach over"
            f" (it does over {', '.join(quarters) or 'none'})"
        )
    if left := len(inside) - len(known):
        why = "of teams without a deal" if told else "of teams: ask for the forecast by team_id"
        notes.append(f"{left:,} targets are {why}")
    return [_outlook(made, goal, quarters) for goal in known], notes


def goals_file(folder: Path) -> Path | None:
    """The table of targets beside a folder's tables: targets.csv, targets.csv.gz or targets.parquet."""
    return next((path for end in ENDINGS if (path := folder / f"{GOALS}{end}").is_file()), None)


def _quarters(made: Forecast) -> dict[str, int]:
    """The quarters that the forecast reaches over, and their places among its periods."""
    return {
        _name(period.begin, made.time_zone): place
        for place, period in enumerate(made.calendar.periods)
        if period.kind == "quarter" and period.whole
    }


def _teams(made: Forecast) -> list[str]:
    """The team of each cell."""
    place = made.asked.by.index("team_id")
    return [cell[place] for cell in made.cells]


def _outlook(made: Forecast, goal: Goal, quarters: dict[str, int]) -> Outlook:
    if goal.quarter not in quarters:
        told = ", ".join(quarters) or "none"
        raise DataError(
            f"the target of {goal.team} for {goal.quarter}: the forecast does not reach over that quarter"
            f" (it does over {told}); take a longer --horizon"
        )
    if goal.team == TOTAL:
        cells = list(range(len(made.cells)))
    elif "team_id" not in made.asked.by:
        raise DataError("targets are of teams: ask for the forecast --by team_id")
    else:
        cells = [i for i, team in enumerate(_teams(made)) if team == goal.team]
    if not cells:
        raise DataError(f"the target of {goal.team}: no deal of this team is known (team_id)")
    draws = made.shown_draws(quarters[goal.quarter], np.array(cells))
    reached = float((np.round(draws * CENT) >= round(goal.amount * CENT)).mean())
    return Outlook(goal, reached, float(np.median(draws)))


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
