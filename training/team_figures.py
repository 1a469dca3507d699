"""Figures of the firm, its teams and regions over a period, and of a rep beside the team; no ranking.

Everything is as it was known at one moment. Shares have 95% intervals (Wilson), durations count what has not
ended yet. A team or region of fewer than `LEAST_REPS` reps or `LEAST_DEALS` deals is not shown, nor one
from which such a one could be told by taking the others from the whole. A rep's own figures stand beside the
team's, or the firm's where the team is too small, or alone where the firm is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from features.canonical import CanonicalData
from features.history import TextArray
from features.times import BoolArray, FloatArray, IntArray, iso
from training.dataset import Source, open_source
from training.durations import durations, share_of
from training.funnel import funnel
from training.habits import DECLARED
from training.team_deals import EVERY_DAYS, PROCESS, Period, period_of
from training.team_words import NOTICE, too_small

WINDOW_DAYS: Final = 365
LEAST_REPS: Final = 5
LEAST_DEALS: Final = 20
NAMED: Final = 12  # sources, products and reasons that are listed; the rest is put together
_HOURS_OF_A_DAY: Final = 24.0


def team(data: CanonicalData, as_of: int, window_days: int = WINDOW_DAYS) -> dict[str, Any]:
    """The figures of a data set as it was known at `as_of` (microseconds); JSON-ready.

    `all`, and by name `teams`, `regions` and `reps`. A group holds `results`, `funnel`, `sources`,
    `products`, `loss_reasons`, `response` and `process`, or `suppressed`, which says why not. A rep's entry
    has `own` figures and what to compare them with, "team", "all" or nothing; it is for that rep.
    """
    source = open_source(data, as_of)
    period = period_of(source, window_days)
    people = _people(source)
    teams = _groups(source, period, people, "team_id")
    return {
        "as_of": iso(as_of),
        "window_days": window_days,
        "every_days": EVERY_DAYS,
        "currency": period.currency or None,
        "least": {"reps": LEAST_REPS, "deals": LEAST_DEALS},
        "notice": dict(NOTICE),
        "all": _figures(source, period, _all_of(period)),
        "teams": teams,
        "regions": _groups(source, period, people, "region"),
        "reps": _reps(source, period, people, teams),
    }


def _people(source: Source) -> Mapping[str, Mapping[str, str | None]]:
    """Each known rep's team and region."""
    rows = source.data["reps"].unique("rep_id", maintain_order=True).sort("rep_id")
    return {row["rep_id"]: row for row in rows.select("rep_id", "team_id", "region").to_dicts()}


def _all_of(period: Period) -> frozenset[str]:
    return frozenset(
        str(name) for owners in (period.owner, period.leads.owner) for name in owners if name is not None
    )


def _groups(
    source: Source, period: Period, people: Mapping[str, Mapping[str, str | None]], column: str
) -> dict[str, Any]:
    """Figures by team or region; where one is too small to be shown, so is the next smallest."""
    members: dict[str, set[str]] = {}
    for rep, row in people.items():
        if row[column] is not None:
            members.setdefault(str(row[column]), set()).add(rep)
    counts = {name: _counts(period, frozenset(its)) for name, its in members.items()}
    hidden = {name for name, count in counts.items() if _is_small(count)}
    if len(hidden) == 1 and len(members) > 1:
        others = [name for name in members if name not in hidden]
        hidden.add(min(others, key=lambda name: (counts[name][1], name)))
    hint = {"suppressed": too_small(LEAST_REPS, LEAST_DEALS)}
    return {
        name: hint if name in hidden else _figures(source, period, frozenset(members[name]))
        for name in sorted(members)
    }


def _counts(period: Period, members: frozenset[str]) -> tuple[int, int]:
    mine = _of(period.owner, members)
    return len(set(period.owner[mine].tolist())), int(mine.sum())


def _is_small(counts: tuple[int, int]) -> bool:
    reps, deals = counts
    return reps < LEAST_REPS or deals < LEAST_DEALS


def _reps(
    source: Source,
    period: Period,
    people: Mapping[str, Mapping[str, str | None]],
    teams: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    found, everyone = {}, _all_of(period)
    beside = None if _is_small(_counts(period, everyone)) else "all"
    for rep in sorted(everyone):
        name = people.get(rep, {}).get("team_id")
        shown = name is not None and teams[name]["suppressed"] is None
        found[rep] = {
            "team_id": name,
            "compared_with": "team" if shown else beside,
            "own": _figures(source, period, frozenset({rep})),
        }
    return found


def _figures(source: Source, period: Period, members: frozenset[str]) -> dict[str, Any]:
    mine = _of(period.owner, members)
    return {
        "suppressed": None,
        "n_reps": len(set(period.owner[mine].tolist())),
        "n_deals": int(mine.sum()),
        "results": _results(period, mine),
        "funnel": funnel(
            period.stays.take(_of(period.stays.owner, members)), source.history.conventions.stages
        ),
        "sources": _by_text(period, mine, period.source_of),
        "products": _by_text(period, mine, period.product),
        "loss_reasons": _loss_reasons(period, mine),
        "response": _response(period, mine, members),
        "process": _process(period, members),
    }


def _of(owner: TextArray, members: frozenset[str]) -> BoolArray:
    return np.array([name in members for name in owner.tolist()], np.bool_)


def _results(period: Period, mine: BoolArray) -> dict[str, Any]:
    closed, won = mine & period.closed, mine & period.won
    value = period.value[won]
    return {
        "created": int((mine & period.created).sum()),
        "closed": int(closed.sum()),
        "won": int(won.sum()),
        "win_share": share_of(int(won.sum()), int(closed.sum())),
        "days_to_win": _median(period.life_days[won]),
        "days_to_loss": _median(period.life_days[closed & ~period.won]),
        "value_won": float(np.nansum(value)) if np.isfinite(value).any() else None,
        "value_of_a_win": _median(value),
    }


def _by_text(period: Period, mine: BoolArray, texts: TextArray) -> list[dict[str, Any]]:
    """Closed deals by source or product, the most first; what is empty has no name."""
    closed, won = mine & period.closed, mine & period.won
    counts, wins = (Counter(texts[rows].tolist()) for rows in (closed, won))
    created = Counter(texts[mine & period.created].tolist())
    listed = _listed(Counter({name: counts[name] + created[name] for name in counts | created}))
    return [
        {
            "name": name,
            "others": others,
            "created": sum(created[each] for each in its),
            "closed": sum(counts[each] for each in its),
            "won": sum(wins[each] for each in its),
            "win_share": share_of(sum(wins[each] for each in its), sum(counts[each] for each in its)),
        }
        for name, others, its in listed
    ]


def _loss_reasons(period: Period, mine: BoolArray) -> list[dict[str, Any]]:
    lost = mine & period.closed & ~period.won
    counts = Counter(period.loss_reason[lost].tolist())
    return [
        {
            "name": name,
            "others": others,
            "n": sum(counts[each] for each in its),
            "share": share_of(sum(counts[each] for each in its), int(lost.sum())),
        }
        for name, others, its in _listed(counts)
    ]


def _listed(counts: Counter[Any]) -> list[tuple[str | None, bool, Sequence[Any]]]:
    """Names with what each stands for: the most frequent ones, then all others together."""
    order = sorted(counts, key=lambda name: (-counts[name], name is None, str(name)))
    found: list[tuple[str | None, bool, Sequence[Any]]] = [(name, False, [name]) for name in order[:NAMED]]
    return [*found, (None, True, order[NAMED:])] if len(order) > NAMED else found


def _response(period: Period, mine: BoolArray, members: frozenset[str]) -> dict[str, Any]:
    leads, its = period.leads, _of(period.leads.owner, members)
    hours, answered = leads.hours[its], leads.answered[its]
    prompt = answered & (hours <= _HOURS_OF_A_DAY)
    tells = prompt | (hours > _HOURS_OF_A_DAY)
    return {
        "lead_hours": durations(hours, answered.astype(np.int64)).described(),
        "leads_answered_within_a_day": share_of(int(prompt.sum()), int(tells.sum())),
        "reply_hours": _median(period.reply_hours[mine]),
    }


def _process(period: Period, members: frozenset[str]) -> list[dict[str, Any]]:
    """Means over the open deals at regular moments."""
    moments = period.moments
    mine = _of(moments.owner, members)
    found = []
    for name in PROCESS:
        values = np.asarray(moments.frame.columns[name], np.float64)
        given = mine & ~np.isnan(values)
        feature = DECLARED[name]
        found.append(
            {
                "feature": name,
                "unit": feature.unit,
                "label": {"en": feature.en, "zh-CN": feature.zh},
                "mean": float(values[given].mean()) if given.any() else None,
                "n_deals": _distinct(moments.deal[given]),
            }
        )
    return found


def _distinct(codes: IntArray) -> int:
    return len(np.unique(codes))


def _median(values: FloatArray) -> dict[str, Any]:
    given = values[~np.isnan(values)]
    return {"p50": float(np.median(given)) if len(given) else None, "n": len(given)}
