"""The week's list: whom to call or visit next, for each rep as much as there is time for.

Each open deal is worth its amount times the gain of its best feasible action over doing nothing for a week,
both as `POST /v1/opportunities/{id}/what-if` says them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import TYPE_CHECKING, Any

from features.times import iso
from serving.actions import Action, shown_records
from serving.around import Indexed
from serving.pipeline import Pipeline
from serving.scorer import Scorer
from serving.what_if import AHEAD
from serving.wording import Language, association_text
from training.errors import BundleError
from training.explain import percent

if TYPE_CHECKING:
    from features.canonical import CanonicalData

CAPACITY = 10  # actions a week of a rep
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
    """The lists of all asked reps at one moment, and how many open deals they have."""

    pipeline: Pipeline
    lines: Mapping[str, Sequence[Line]]
    deals: int


def week_of(
    scorer: Scorer,
    index: Callable[[], Indexed],
    usual: Callable[[], Usual],
    pipeline: Pipeline,
    asked: Question,
) -> Week:
    """The lists of a pipeline's reps.

    Args:
        index: of the data that the pipeline was scored from; not asked where no deal is wanted.
        usual: of the same, at the same moment; asked where an amount is missing.

    Raises:
        BundleError: there is no win model.
    """
    from serving.trials import around_deals  # with Polars, which no score needs

    model = scorer.models.get("win")
    if model is None:
        raise BundleError("the week's list needs a win model; train one and start the server again")
    mine = [i for i in range(len(pipeline.scores)) if _is_wanted(pipeline, i, asked)]
    if not mine:
        return Week(pipeline, {}, 0)
    scores = pipeline.scores
    ids = [scores.opportunity_ids[i] for i in mine]
    values = _values(usual, pipeline, mine)
    near = around_deals(index(), ids).known_at(pipeline.as_of)
    best = _best(Scorer({"win": model}), near, ids, pipeline.as_of)
    found: dict[str, list[Line]] = defaultdict(list)
    for i, deal in zip(mine, ids, strict=True):
        if deal in best:
            found[str(scores.rep_ids[i] or _NOBODY)].append(Line(i, *best[deal], *values[i]))
    for lines in found.values():
        lines.sort(key=lambda line: (-line.gained, scores.opportunity_ids[line.place]))
    return Week(pipeline, {rep: found[rep][: asked.capacity] for rep in sorted(found)}, len(mine))


def _is_wanted(pipeline: Pipeline, i: int, asked: Question) -> bool:
    rep = pipeline.scores.rep_ids[i]
    wrong_rep = asked.rep_id is not None and rep != asked.rep_id
    return not wrong_rep and (asked.team_id is None or pipeline.team_of.get(rep) == asked.team_id)


def _best(
    scorer: Scorer, near: CanonicalData, ids: Sequence[str], as_of: int
) -> dict[str, tuple[Action, float, float]]:
    """Of each deal that has an action with a gain the best one, and the probabilities without and with it."""
    from serving.trials import Trial, actions_of_each, tried

    feasible = actions_of_each(near, ids, as_of)
    trials = [Trial(deal, None, AHEAD) for deal in ids]
    trials += [Trial(deal, a, a.ahead) for deal in ids for a in feasible[deal] if a.records]
    probability = tried(scorer, near, trials, as_of).tolist()
    without = dict(zip(ids, probability, strict=False))
    best: dict[str, tuple[Action, float, float]] = {}
    for trial, p in zip(trials[len(ids) :], probability[len(ids) :], strict=True):
        deal, base = trial.opportunity_id, without[trial.opportunity_id]
        if trial.action is not None and p > (best[deal][2] if deal in best else base):
            best[deal] = trial.action, base, p
    return best


@dataclass(frozen=True)
class Usual:
    """Medians of the amounts of deals won by a moment: of those that were in a stage, and of all, None where
    nothing was won."""

    by_stage: Mapping[str, float]
    overall: float | None


def usual_of(data: CanonicalData, as_of: int) -> Usual:
    """What won deals were worth by a moment (microseconds)."""
    import polars as pl

    read = {name: data[name] for name in ("opportunities", "stage_changes")}
    known = replace(data, tables=read).known_at(as_of)
    won = known["opportunities"].filter(pl.col("outcome") == "won", pl.col("amount") > 0)
    won = won.select("opportunity_id", "amount")
    moves = known["stage_changes"].select("opportunity_id", "stage").unique()
    by_stage = moves.join(won, on="opportunity_id").group_by("stage").agg(pl.col("amount").median())
    found = dict(zip(by_stage["stage"].to_list(), by_stage["amount"].to_list(), strict=True))
    return Usual(found, None if won.is_empty() else float(won.select(pl.col("amount").median()).item()))


def _values(
    usual: Callable[[], Usual], pipeline: Pipeline, mine: Sequence[int]
) -> dict[int, tuple[float, str]]:
    """What each deal is worth and where that is from: its amount, or where none is known above 0 the median
    of the deals won by then that were in its stage, or of all won deals, or 1 where nothing was won."""
    amounts = pipeline.scores.amount
    found: dict[int, tuple[float, str]] = {}
    for i in mine:
        amount, stage = float(amounts[i]), str(pipeline.scores.stage[i])
        if amount > 0:
            found[i] = amount, "amount"
            continue
        medians = usual()
        if stage in medians.by_stage:
            found[i] = medians.by_stage[stage], "won_at_stage"
        else:
            found[i] = (1.0, "none") if medians.overall is None else (medians.overall, "won")
    return found


def answer_of(week: Week, capacity: int, language: Language) -> dict[str, Any]:
    """The lists as the API gives them, reps by their id: nobody is ranked."""
    team_of = week.pipeline.team_of
    return {
        "as_of": iso(week.pipeline.as_of),
        "capacity": capacity,
        "deals": week.deals,
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
        "at": iso(week.pipeline.as_of + line.action.ahead),
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
