"""What changed between two forecasts of one quarter, deal by deal, adding up to the cent.

A deal's expected bookings are a · w · g: what it comes to at a win, the win probability, the share of
such wins that falls into the rest of the quarter. A deal that is open at both dates changes by
(a' - a) w g + a' (w' - w) g + a' w' (g' - g): grown or shrunk, likelier or less likely, pulled in or pushed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from features.canonical import CanonicalData
from features.errors import DataError
from features.from_tables import history_from_tables
from features.history import CENT
from features.times import DAY, iso
from training.forecast.assemble import Asked, Models, forecast
from training.forecast.ledger import ledger_of, won_between
from training.forecast.periods import quarter_begin

PARTS = (
    "new", "won", "lost", "pushed", "pulled_in", "grown", "shrunk", "likelier", "less_likely", "corrected",
    "not_created_yet",
)  # fmt: skip


@dataclass(frozen=True)
class Flow:
    """Expected bookings of a quarter at two dates, in hundredths, and what lies between.

    Attributes:
        begin, end: of the quarter, microseconds.
        before, after: expected bookings of the whole quarter, booked ones included.
        parts: by the names of `PARTS`; their sum is `after - before`, exactly.
    """

    begin: int
    end: int
    before: int
    after: int
    parts: Mapping[str, int]


@dataclass(frozen=True)
class _State:
    """A quarter as it was expected at one date: of open deals a, w and g; of won ones the amount."""

    open: Mapping[str, tuple[float, float, float]]
    won: Mapping[str, int]
    new: int

    def value(self, name: str) -> int:
        if name in self.won:
            return self.won[name]
        worth, win, share = self.open.get(name, (0.0, 0.0, 0.0))
        return round(worth * win * share * CENT)

    @property
    def total(self) -> int:
        return sum(self.value(name) for name in {*self.open, *self.won}) + self.new


def flow(data: CanonicalData, since: int, as_of: int, models: Models, asked: Asked | None = None) -> Flow:
    """From `since` to `as_of`, of the quarter that holds `as_of`, under the same models.

    Raises:
        DataError: `since` does not lie before `as_of` within the same quarter.
    """
    begin, end = quarter_of(since, as_of, models.win.conventions.time_zone)
    one, two = (_state(data, at, begin, end, models, asked or Asked()) for at in (since, as_of))
    parts = dict.fromkeys(PARTS, 0)
    for name in {*one.open, *one.won, *two.open, *two.won}:
        for part, change in _changes(name, one, two).items():
            parts[part] += change
    parts["not_created_yet"] = two.new - one.new
    return Flow(begin, end, one.total, two.total, parts)


def quarter_of(since: int, as_of: int, time_zone: str) -> tuple[int, int]:
    """Begin and end of the quarter of a flow; raises DataError as `flow` does."""
    begin, end = quarter_begin(as_of, time_zone), quarter_begin(as_of, time_zone, back=-1)
    if not begin <= since < as_of:
        raise DataError(
            "a flow goes from an earlier date of the same quarter:"
            f" since must lie from {iso(begin)} on and before {iso(as_of)}"
        )
    return begin, end


def _changes(name: str, one: _State, two: _State) -> dict[str, int]:
    """A deal's parts; their sum is the change of its value."""
    change = two.value(name) - one.value(name)
    if name in one.won:
        return {"corrected": change}
    if name not in one.open:
        return {"new": change}
    if name in two.won:
        return {"won": change}
    if name not in two.open:
        return {"lost": change}
    (worth, win, share), (worth_now, win_now, _) = one.open[name], two.open[name]
    size = round((worth_now - worth) * win * share * CENT)
    chance = round(worth_now * (win_now - win) * share * CENT)
    timing = change - size - chance
    return {
        "grown" if size > 0 else "shrunk": size,
        "likelier" if chance > 0 else "less_likely": chance,
        "pulled_in" if timing > 0 else "pushed": timing,
    }


def _state(data: CanonicalData, at: int, begin: int, end: int, models: Models, asked: Asked) -> _State:  # noqa: PLR0917
    days = max(1, -((at - end) // DAY))
    made = forecast(data, at, models, replace(asked, days=days, by=(), widening=1.0))
    known = data.known_at(at)
    history = history_from_tables(known, models.win.conventions)
    ledger = ledger_of(known, history, asked.currency)
    ids = history.opportunities.ids
    won = {
        str(ids[row]): round(ledger.amount[row] * CENT)
        for row in won_between(history, ledger, begin, at + 1).tolist()
    }
    place = next(i for i, p in enumerate(made.calendar.periods) if p.kind == "quarter" and p.begin == begin)
    steps = made.calendar.periods[place].steps
    share = made.deals.curve[:, steps.stop - 1] / made.deals.win
    deals = made.deals
    rows = zip(deals.ids.tolist(), deals.worth.tolist(), deals.win.tolist(), share.tolist(), strict=True)
    opened = {str(name): (worth, win, part) for name, worth, win, part in rows}
    new = round(float(made.drawn.new[:, steps].sum()) / made.drawn.draws)
    return _State(opened, won, new)
