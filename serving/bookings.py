"""The revenue forecast as the API gives it: bookings of each period, the whole and its groups, what
changed since, and the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import DataError
from features.times import iso
from serving.answers import encoded
from serving.bundles import record_of
from serving.kept import Given, Made, tag_of
from serving.problems import Problem, unfit
from serving.scorer import Scorer
from serving.store.errors import StoreError
from training.errors import BundleError

if TYPE_CHECKING:
    from features.canonical import CanonicalData
    from training.forecast.assemble import Asked, Forecast, Ground, Models
    from training.forecast.goals import Goal
    from training.forecast.record import Record

DRAWS = 2_000
KEPT = 16  # forecasts, by question and moment
# What pages offer to choose from.
HORIZONS = (30, 90, 180, 365)  # days
HORIZON = 90
SPLITS = ("", "team_id", "region", "product", "source")  # none by rep: a forecast is no ranking of people


@dataclass(frozen=True)
class Question:
    """What a forecast is asked for; see `training.forecast.assemble.Asked`.

    Attributes:
        since: microseconds; what changed in the quarter since then is told too.
    """

    by: tuple[str, ...] = ()
    horizon: int = 90
    currency: str | None = None
    draws: int = DRAWS
    since: int | None = None


@dataclass(frozen=True)
class Beside:
    """What lies beside the data: what the latest backtest showed, and the targets, None without a table."""

    record: Record | None = None
    goals: tuple[Goal, ...] | None = None


def question_of(by: str, horizon: int, currency: str | None = None, draws: int = DRAWS) -> Question:
    """A question as it is put; raises Problem where `by` names what no forecast is made by."""
    from training.forecast.ledger import COLUMNS

    names = tuple(name.strip() for name in by.split(",") if name.strip())
    if len(set(names)) < len(names) or not set(names) <= set(COLUMNS):
        raise unfit("by", f"is not a list of different columns, with commas, out of {', '.join(COLUMNS)}")
    return Question(names, horizon, currency, draws)


def beside_of(bundles: Path, data: Path | None, targets: Path | None) -> Beside:
    """What counts now, read anew: either may be replaced while a server runs.

    Args:
        bundles: folder in which the latest backtest is delivered.
        data: folder of tables, beside which a table of targets may lie.
        targets: table of targets that takes its place.

    Raises:
        BundleError: the backtest's file is damaged.
        Problem: 409, the table of targets cannot be used.
    """
    from training.forecast.goals import goals_file, read_goals

    record = record_of(bundles)
    path = targets or (None if data is None else goals_file(data))
    if path is None:
        return Beside(record)
    try:
        return Beside(record, tuple(read_goals(path)))
    except DataError as error:
        said = str(error).replace(str(path), path.name)
        raise Problem(409, "unusable-targets", "The targets cannot be used", said) from None


@contextmanager
def refused_if_impossible() -> Iterator[None]:
    """Data of which no forecast can be made are not the client's fault: 409 and not 422."""
    try:
        yield
    except (BundleError, StoreError):
        raise
    except DataError as error:
        raise Problem(409, "no-forecast", "No forecast can be made of the data", str(error)) from None


def forecast_of(  # noqa: PLR0917
    scorer: Scorer, data: Callable[[], CanonicalData], as_of: int, data_as_of: int | None, asked: Question,
    beside: Beside, *, mark: str, grounds: Made[Ground],
) -> Given:  # fmt: skip
    """The forecast of a data set at an instant (microseconds), encoded.

    Args:
        data: what is to be read where the ground is not there yet.
        mark: of the data; it is part of the tag.
        grounds: what forecasts have in common, by data, models, moment and currency.

    Raises:
        BundleError: there is no model of win, none of close, or one whose probabilities cannot be summed.
        Problem: 409, the currencies are mixed, or nothing was won yet; 422, no deal is in the currency, or
            `since` lies in another quarter.
    """
    from training.forecast.assemble import Asked, forecast_on, ground_of
    from training.forecast.ledger import NoSuchCurrency

    models = _models(scorer)
    widening, of_weeks = (1.0, 1.0) if beside.record is None else beside.record.widenings
    wanted = Asked(
        asked.horizon, asked.by, asked.currency, asked.draws, widening=widening, week_widening=of_weeks
    )
    with refused_if_impossible():
        try:
            key = (mark, scorer.number, as_of, asked.currency)
            ground = grounds.of(key, lambda: ground_of(data(), as_of, models, asked.currency))
            made = forecast_on(ground, wanted)
        except NoSuchCurrency as error:
            raise unfit("currency", str(error)) from None
        changed = None if asked.since is None else _flow(data(), asked.since, as_of, models, wanted)
    targets, missed = _targets(made, beside.goals)
    widened = () if beside.record is None else beside.record.notes
    body = {
        "as_of": iso(as_of),
        "data_as_of": None if data_as_of is None else iso(data_as_of),
        "currency": made.currency or None,
        "horizon_days": asked.horizon,
        "by": list(asked.by),
        "draws": asked.draws,
        "time_zone": made.time_zone,
        "models": {name: version for name, version in scorer.versions if name in ("win", "close")},
        "widening": widening,
        "week_widening": of_weeks,
        "record": None if beside.record is None else beside.record.to_dict(),
        "periods": _rows(made),
        "flow": changed,
        "targets": targets,
        "notes": [*made.notes, *missed, *widened],
    }
    return Given(encoded(body), tag_of(mark, as_of, asked, beside, scorer.versions))


def _models(scorer: Scorer) -> Models:
    from training.forecast.assemble import Models

    win = scorer.models.get("win")
    if win is None or scorer.close is None:
        raise BundleError("a forecast needs the models win and close; train both and start the server again")
    if win.bundle.policy.win_given_stage:
        raise BundleError("no forecast: the win model's probabilities are given a stage, and have no sum")
    return Models(win.bundle, scorer.close.bundle)


def _flow(data: CanonicalData, since: int, as_of: int, models: Models, wanted: Asked) -> dict[str, Any]:
    """What changed since then; figures are whole hundredths until they are written."""
    from training.forecast.flow import flow, quarter_of

    try:
        quarter_of(since, as_of, models.win.conventions.time_zone)
    except DataError as error:
        raise unfit("since", str(error)) from None
    found = flow(data, since, as_of, models, wanted)
    return {
        "since": iso(since),
        "begin": iso(found.begin),
        "end": iso(found.end),
        "before": found.before / 100,
        "after": found.after / 100,
        "parts": {name: change / 100 for name, change in found.parts.items()},
    }


def _targets(made: Forecast, goals: tuple[Goal, ...] | None) -> tuple[list[dict[str, Any]] | None, list[str]]:
    from training.forecast.goals import outlooks_within

    if goals is None:
        return None, []
    found, missed = outlooks_within(made, goals)
    rows = [
        {
            "team_id": each.goal.team,
            "quarter": each.goal.quarter,
            "amount": each.goal.amount,
            "p50": each.median,
            "probability": each.probability,
        }
        for each in found
    ]
    return rows, missed


def _rows(made: Forecast) -> list[dict[str, Any]]:
    """The whole first, then each group; a row per period."""
    groups: dict[int | None, dict[str, str] | None] = {None: None}
    groups |= {i: dict(zip(made.asked.by, cell, strict=True)) for i, cell in enumerate(made.cells)}
    return [
        {
            "group": None
            if row["cell"] is None
            else dict(zip(made.asked.by, made.cells[row["cell"]], strict=True)),
            "period": row["period"],
            "begin": iso(row["begin"]),
            "end": iso(row["end"]),
            "whole": row["whole"],
            **{name: row[name] for name in _FIGURES},
        }
        for row in made.rows()
    ]


_FIGURES: Sequence[str] = ("p10", "p50", "p90", "mean", "booked", "open", "new", "p25", "p75")
