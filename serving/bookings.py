"""The revenue forecast as the API gives it: bookings of each period, the whole and its groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from features.times import iso
from serving.answers import encoded
from serving.kept import Given, tag_of
from serving.problems import unfit
from serving.scorer import Scorer
from training.errors import BundleError

if TYPE_CHECKING:
    from features.canonical import CanonicalData
    from training.forecast.assemble import Forecast

KEPT = 16  # forecasts, by question and moment


@dataclass(frozen=True)
class Question:
    """What a forecast is asked for; see `training.forecast.assemble.Asked`."""

    by: tuple[str, ...] = ()
    horizon: int = 90
    currency: str | None = None
    draws: int = 2_000


def question_of(by: str, horizon: int, currency: str | None, draws: int) -> Question:
    """A question as it is put; raises Problem where `by` names what no forecast is made by."""
    from training.forecast.ledger import COLUMNS

    names = tuple(name.strip() for name in by.split(",") if name.strip())
    if len(set(names)) < len(names) or not set(names) <= set(COLUMNS):
        raise unfit("by", f"is not a list of different columns, with commas, out of {', '.join(COLUMNS)}")
    return Question(names, horizon, currency, draws)


def forecast_of(
    scorer: Scorer, data: CanonicalData, as_of: int, data_as_of: int | None, asked: Question, *, mark: str
) -> Given:
    """The forecast of a data set at an instant (microseconds), encoded.

    Args:
        mark: of the data; it is part of the tag.

    Raises:
        BundleError: there is no model of win, none of close, or one whose probabilities cannot be summed.
        DataError: the currencies are mixed, or nothing was won yet.
    """
    from training.forecast.assemble import Asked, Models, forecast

    win = scorer.models.get("win")
    if win is None or scorer.close is None:
        raise BundleError("a forecast needs the models win and close; train both and start the server again")
    if win.bundle.policy.win_given_stage:
        raise BundleError("no forecast: the win model's probabilities are given a stage, and have no sum")
    wanted = Asked(asked.horizon, asked.by, asked.currency, asked.draws)
    made = forecast(data, as_of, Models(win.bundle, scorer.close.bundle), wanted)
    body = {
        "as_of": iso(as_of),
        "data_as_of": None if data_as_of is None else iso(data_as_of),
        "currency": made.currency or None,
        "horizon_days": asked.horizon,
        "by": list(asked.by),
        "draws": asked.draws,
        "time_zone": made.time_zone,
        "models": {"win": win.version, "close": scorer.close.version},
        "periods": _rows(made),
        "notes": list(made.notes),
    }
    return Given(encoded(body), tag_of(mark, as_of, asked, scorer.versions))


def _rows(made: Forecast) -> list[dict[str, Any]]:
    """The whole first, then each group; a row per period."""
    import numpy as np

    rows = _group(made, None, np.arange(len(made.cells)))
    for place, labels in enumerate(made.cells if made.asked.by else ()):
        group = dict(zip(made.asked.by, labels, strict=True))
        rows += _group(made, group, np.array([place]))
    return rows


_FIGURES: Sequence[str] = ("p10", "p50", "p90", "mean", "booked", "open", "new")


def _group(made: Forecast, group: dict[str, str] | None, cells: Any) -> list[dict[str, Any]]:
    found = []
    for place in range(len(made.calendar.periods)):
        row = made.row((), cells, place)
        quartiles = made.quantiles(place, cells, (0.25, 0.75)).tolist()
        found.append(
            {
                "group": group,
                "period": row["period"],
                "begin": iso(row["begin"]),
                "end": iso(row["end"]),
                "whole": row["whole"],
                **{name: row[name] for name in _FIGURES},
                "p25": quartiles[0],
                "p75": quartiles[1],
            }
        )
    return found
