"""The week's list: whom to call or visit next, for each rep as much as there is time for.

Each open deal is worth its amount times the gain of its best feasible action over doing nothing for a week,
both as `POST /v1/opportunities/{id}/what-if` says them. A gain is at most 1 less the probability without the
action, so that deals are looked at by that bound times their value, and no further once no deal that is left
could come onto the list: the list is that of looking at all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from features.times import iso
from serving.actions import Action, actions_of, shown_records
from serving.around import Records, known_at
from serving.around_many import around_each
from serving.histories import of_rows, of_tables
from serving.pipeline import Pipeline
from serving.scorer import Model, Scorer
from serving.what_if import AHEAD
from serving.wording import Language, association_text
from training.errors import BundleError
from training.explain import percent

if TYPE_CHECKING:
    from features.canonical import CanonicalData

CAPACITY = 10  # actions a week of a rep
_TOGETHER = 200  # deals whose histories are scored as one matrix
_NOBODY = ""


@dataclass(frozen=True)
class Question:
    """Whose list is asked for, and how many actions a rep has time for in a week."""

    rep_id: str | None = None
    team_id: str | None = None
    capacity: int = CAPACITY


@dataclass(frozen=True)
class Line:
    """One deal and what to do about it.

    Attributes:
        place: of the deal in the pipeline's scores.
        gain: in the win probability, over doing nothing for a week; above 0.
        without, with_it: the probabilities that it is between.
        value: the deal's amount, or what stands for it: see `value_from`.
        gained: gain x value.
    """

    place: int
    action: Action
    without: float
    with_it: float
    value: float
    value_from: str

    @property
    def gain(self) -> float:
        return self.with_it - self.without

    @property
    def gained(self) -> float:
        return self.gain * self.value


@dataclass(frozen=True, eq=False)
class Week:
    """The lists of all asked reps at one moment, and how many deals were looked at."""

    pipeline: Pipeline
    as_of: int
    lines: Mapping[str, Sequence[Line]]
    deals: int
    looked_at: int


def week_of(
    scorer: Scorer, data: CanonicalData | None, pipeline: Pipeline, as_of: int, asked: Question
) -> Week:
    """The lists of a pipeline's reps.

    Args:
        data: that the pipeline was scored from; None where it has no deal.
        as_of: the pipeline's moment, in microseconds.

    Raises:
        BundleError: there is no win model.
    """
    model = scorer.models.get("win")
    if model is None:
        raise BundleError("the week's list needs a win model; train one and start the server again")
    mine = [i for i in range(len(pipeline.scores)) if _is_wanted(pipeline, i, asked)]
    if data is None or not mine:
        return Week(pipeline, as_of, {}, 0, 0)
    search = _Search(model, data, pipeline, as_of, mine)
    lines = search.run(asked.capacity)
    return Week(pipeline, as_of, lines, len(mine), search.looked_at)


def _is_wanted(pipeline: Pipeline, i: int, asked: Question) -> bool:
    rep = pipeline.scores.rep_ids[i]
    wrong_rep = asked.rep_id is not None and rep != asked.rep_id
    return not wrong_rep and (asked.team_id is None or pipeline.team_of.get(rep) == asked.team_id)


class _Search:
    """Looks at deals, the most promising of each rep first, until no list can change any more."""

    def __init__(
        self, model: Model, data: CanonicalData, pipeline: Pipeline, as_of: int, mine: Sequence[int]
    ) -> None:
        self._scorer = Scorer({"win": model})
        self._data, self._pipeline, self._as_of = data, pipeline, as_of
        self._values = _values(data, pipeline, as_of, mine)
        self.looked_at = 0
        ids = [pipeline.scores.opportunity_ids[i] for i in mine]
        later = np.full(len(ids), as_of + AHEAD, np.int64)
        without = self._scorer.score(of_tables(data.known_at(as_of)), ids, later).targets["win"].probability
        bound = {i: (1 - p) * self._values[i][0] for i, p in zip(mine, without.tolist(), strict=True)}
        self._queues: dict[str, list[tuple[float, int]]] = defaultdict(list)
        for i in sorted(mine, key=lambda i: (-bound[i], pipeline.scores.opportunity_ids[i])):
            self._queues[str(pipeline.scores.rep_ids[i] or _NOBODY)].append((bound[i], i))

    def run(self, capacity: int) -> dict[str, list[Line]]:
        found: dict[str, list[Line]] = {rep: [] for rep in sorted(self._queues)}
        waiting = dict(self._queues)
        step = max(2 * capacity, 10)
        while waiting:
            now = [i for queue in waiting.values() for _, i in queue[:step]]
            for line in self._lines(now):
                found[str(self._pipeline.scores.rep_ids[line.place] or _NOBODY)].append(line)
            for lines in found.values():
                lines.sort(key=lambda line: (-line.gained, self._pipeline.scores.opportunity_ids[line.place]))
            waiting = {
                rep: queue[step:]
                for rep, queue in waiting.items()
                if len(queue) > step and not _is_full(found[rep], capacity, queue[step][0])
            }
        return {rep: lines[:capacity] for rep, lines in found.items() if lines}

    def _lines(self, places: Sequence[int]) -> Iterator[Line]:
        """The best action of each deal that has one with a gain."""
        self.looked_at += len(places)
        ids = self._pipeline.scores.opportunity_ids
        for begin in range(0, len(places), _TOGETHER):
            some = places[begin : begin + _TOGETHER]
            around = around_each(self._data, [ids[i] for i in some])
            tried: list[tuple[int, Action | None, Records, int]] = []
            for i in some:
                known = known_at(around[ids[i]], ids[i], self._as_of)
                actions = [a for a in actions_of(known, ids[i], self._as_of) if a.records]
                if actions:
                    tried.append((i, None, known, AHEAD))
                    tried += [(i, a, _appended(known, a.records), a.ahead) for a in actions]
            yield from self._best(tried)

    def _best(self, tried: Sequence[tuple[int, Action | None, Records, int]]) -> Iterator[Line]:
        ids = [self._pipeline.scores.opportunity_ids[i] for i, *_ in tried]
        times = np.array([self._as_of + ahead for *_, ahead in tried], np.int64)
        histories = [of_rows(records) for _, _, records, _ in tried]
        if not tried:
            return
        scores = self._scorer.score_each(histories, ids, times, explain=False)
        probability = scores.targets["win"].probability.tolist()
        best: dict[int, Line] = {}
        without = float("nan")
        for (i, action, _, _), p in zip(tried, probability, strict=True):
            if action is None:
                without = p
                continue
            line = Line(i, action, without, p, *self._values[i])
            if line.gain > 0 and (i not in best or line.gain > best[i].gain):
                best[i] = line
        yield from best.values()


def _appended(known: Records, added: Records) -> Records:
    """The records with an action's behind them. The data have one row of each version of a key already, and
    an action's rows have keys of their own, so that nothing is to be settled between them."""
    return {**known, **{name: [*known[name], *rows] for name, rows in added.items()}}


def _is_full(lines: Sequence[Line], capacity: int, bound: float) -> bool:
    """Whether no deal below a bound can come onto a list."""
    return len(lines) >= capacity and lines[capacity - 1].gained >= bound


def _values(
    data: CanonicalData, pipeline: Pipeline, as_of: int, mine: Sequence[int]
) -> dict[int, tuple[float, str]]:
    """What each deal is worth and where that is from: its amount, or where none is known above 0 the median
    of the deals won by then that were in its stage, or of all won deals, or 1 where nothing was won."""
    amounts = pipeline.scores.amount
    lacking = any(not amounts[i] > 0 for i in mine)
    by_stage, overall = _medians(data.known_at(as_of)) if lacking else ({}, None)
    found: dict[int, tuple[float, str]] = {}
    for i in mine:
        amount, stage = float(amounts[i]), str(pipeline.scores.stage[i])
        if amount > 0:
            found[i] = amount, "amount"
        elif stage in by_stage:
            found[i] = by_stage[stage], "won_at_stage"
        else:
            found[i] = (1.0, "none") if overall is None else (overall, "won")
    return found


def _medians(known: CanonicalData) -> tuple[dict[str, float], float | None]:
    import polars as pl

    won = known["opportunities"].filter(pl.col("outcome") == "won", pl.col("amount") > 0)
    won = won.select("opportunity_id", "amount")
    moves = known["stage_changes"].select("opportunity_id", "stage").unique()
    by_stage = moves.join(won, on="opportunity_id").group_by("stage").agg(pl.col("amount").median())
    found = dict(zip(by_stage["stage"].to_list(), by_stage["amount"].to_list(), strict=True))
    return found, None if won.is_empty() else float(won.select(pl.col("amount").median()).item())


def answer_of(week: Week, capacity: int, language: Language) -> dict[str, Any]:
    """The lists as the API gives them, reps by their id: nobody is ranked."""
    team_of = week.pipeline.team_of
    return {
        "as_of": iso(week.as_of),
        "capacity": capacity,
        "deals": week.deals,
        "looked_at": week.looked_at,
        "note": association_text(language),
        "reps": [
            {
                "rep_id": rep or None,
                "team_id": team_of.get(rep),
                "lines": [_line(week, line, language) for line in lines],
            }
            for rep, lines in week.lines.items()
        ],
    }


def _line(week: Week, line: Line, language: Language) -> dict[str, Any]:
    scores, i = week.pipeline.scores, line.place
    amount = float(scores.amount[i])
    return {
        "opportunity_id": scores.opportunity_ids[i],
        "account_id": scores.account_ids[i],
        "stage": scores.stage[i],
        "amount": None if isnan(amount) else amount,
        "value": line.value,
        "value_from": line.value_from,
        "win_probability": float(scores.targets["win"].probability[i]),
        "action": line.action.name,
        "at": iso(week.as_of + line.action.ahead),
        "without": line.without,
        "with": line.with_it,
        "gain": line.gain,
        "gained": line.gained,
        "text": _text(line, language),
        "records": shown_records(line.action.records),
    }


_VALUE_FROM = {
    "amount": ("", ""),
    "won_at_stage": (" (median of won deals at this stage)", "（该阶段赢单商机的中位数）"),
    "won": (" (median of won deals)", "（赢单商机的中位数）"),
    "none": (" (no amount is known)", "（金额未知）"),
}


def _text(line: Line, language: Language) -> str:
    chinese = language == "zh-CN"
    action, source = line.action.text[chinese], _VALUE_FROM[line.value_from][chinese]
    without, with_it = percent(line.without), percent(line.with_it)
    if chinese:
        return f"{action}：赢单概率 {without}% → {with_it}%，价值 {line.value:,.0f}{source}"
    return f"{action}: win probability {without}% → {with_it}%, worth {line.value:,.0f}{source}"
