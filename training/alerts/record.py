"""What became of alerts on past data: thresholds from a budget on earlier weeks, the record on later ones.

Every Monday of a year all open deals are looked at as they were known then. On the earlier half of the weeks
the thresholds and what is usual at a stage are chosen; on the later half the rules are judged at just these,
by what came within a horizon that is over for every week. Scores are those of models that were trained on
what was known before the first of the weeks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.build import build_features
from features.canonical import CanonicalData
from features.from_tables import history_from_tables
from features.norms import next_monday
from features.snapshots import Snapshots
from features.times import DAY, NEVER, WEEK, BoolArray, FloatArray, IntArray, iso
from training.alerts.budget import LEVEL, cut_of, share_interval, thresholds
from training.alerts.facts import Facts, Probabilities, facts_of
from training.alerts.rules import RULES, Outcome, Rule, Usual, measurable
from training.bundle import Bundle
from training.close import LOST
from training.dataset import Source, open_source
from training.errors import TooLittleData
from training.labels import ENTITY, TARGETS, Target, eligible, label
from training.places import places_of
from training.run import train_target
from training.weeks_ahead import ends_of

WEEKS = 52
HORIZON_DAYS = 90  # within which a deal is lost
BUDGET = 3.0  # alerts per rep and week, over all rules
LEAST_WEEKS = 16
LATE_WEEKS = 4  # of the earlier half, whose load of deals per rep counts
LEAST_DEALS = 10  # of which a share is shown
_LEAST_WON = 20  # snapshots of won deals from which a stage's usual is taken


@dataclass(frozen=True)
class Past:
    """Open deals on past Mondays; one row is a deal on one of them.

    Attributes:
        facts: as known then; rep: place of the owner, -1 where nobody is known.
        came, known: by outcome, whether it came within its horizon, and whether it counts.
        to_loss: microseconds to the loss as known at the cut-off; `NEVER` where it was not lost.
        early: rows on which thresholds are chosen; the others are judged.
    """

    source: Source
    snapshots: Snapshots
    facts: Facts
    rep: IntArray
    came: Mapping[Outcome, BoolArray]
    known: Mapping[Outcome, BoolArray]
    to_loss: IntArray
    early: BoolArray
    without: Mapping[Target, str]


@dataclass(frozen=True)
class Choice:
    """From when on a rule speaks: a threshold, or the share of the open deals that it speaks of at most,
    from its floor on."""

    threshold: float
    share: float | None


def alerts(data: CanonicalData, as_of: int, budget: float = BUDGET) -> dict[str, Any]:
    """Each rule's threshold and record; a section of the study.

    Args:
        budget: alerts per rep and week, on average.

    Raises:
        TooLittleData: fewer than 16 past weeks with open deals have an outcome by `as_of`.
    """
    past = past_of(open_source(data, as_of))
    usual = _usual_days(past)
    able = {name: rule for name, rule in RULES.items() if measurable(rule, past.facts)}
    strength = {name: rule.measure(past.facts, usual).strength for name, rule in able.items()}
    chosen = _chosen(past, able, strength, budget)
    judged = ~past.early
    spoken = {
        name: (strength[name] >= _cuts(able[name], past.snapshots.as_of, strength[name], chosen[name]))
        & judged
        for name in able
    }
    return {
        "budget_per_rep_week": budget,
        "horizon_days": HORIZON_DAYS,
        "level": LEVEL,
        "chosen_on": _span(past.snapshots.as_of[past.early]),
        "judged_on": _span(past.snapshots.as_of[judged]),
        "usual_days": {name: dict(days) for name, days in usual.items()},
        "per_rep_week": _per(sum(int(s.sum()) for s in spoken.values()), _rep_weeks(past, judged)),
        "rules": {
            name: _told(rule, past, chosen.get(name), spoken.get(name)) for name, rule in RULES.items()
        },
    }


def _chosen(
    past: Past, able: Mapping[str, Rule], strength: Mapping[str, FloatArray], budget: float
) -> dict[str, Choice]:
    """Thresholds by the budget. A rule that reads a score speaks of a fixed share of the open deals: another
    model's scores lie otherwise, and a threshold of the one would mean another number of alerts with the
    other."""
    allowed = budget * _early_rep_weeks(past)
    part = allowed / len(able)
    ranked = [name for name, rule in able.items() if rule.needs]
    fixed = thresholds(
        {name: values[past.early] for name, values in strength.items() if name not in ranked},
        {name: rule.floor for name, rule in able.items()},
        allowed - part * len(ranked),
    )
    share = part / int(past.early.sum())
    return {
        name: Choice(rule.floor, share) if name in ranked else Choice(fixed[name], None)
        for name, rule in able.items()
    }


def _cuts(rule: Rule, as_of: IntArray, strength: FloatArray, choice: Choice) -> FloatArray:
    """The threshold of each row: that of its week where a share is chosen."""
    cuts = np.full(len(as_of), choice.threshold)
    if choice.share is not None:
        for week in np.unique(as_of).tolist():
            mine = as_of == week
            cuts[mine] = cut_of(strength[mine], choice.share, rule.floor)
    return cuts


def past_of(source: Source) -> Past:
    """The open deals of the past year's Mondays whose horizons are over, and what came of them.

    Raises:
        TooLittleData: there are fewer than 16 such weeks.
    """
    last = int(next_monday(np.array([source.cutoff - HORIZON_DAYS * DAY]))[0]) - WEEK
    snapshots = _mondays(source, last)
    weeks = np.unique(snapshots.as_of)
    if len(weeks) < LEAST_WEEKS:
        raise TooLittleData(
            f"alerts need {LEAST_WEEKS} weeks with open deals that ended {HORIZON_DAYS} days ago or"
            f" earlier; there are {len(weeks)}"
        )
    now, before, without = _scores(source, snapshots, int(weeks[0]))
    facts = facts_of(source.history, snapshots, source.reference, now, before)
    came, known, to_loss = _outcomes(source, snapshots)
    _, rep = np.unique([str(each) if each is not None else "" for each in facts.rep], return_inverse=True)
    nobody = np.array([each is None for each in facts.rep], np.bool_)
    early = snapshots.as_of < weeks[len(weeks) // 2]
    rep = np.where(nobody, -1, rep).astype(np.int64)
    return Past(source, snapshots, facts, rep, came, known, to_loss, early, without)


def _mondays(source: Source, last: int) -> Snapshots:
    """Every deal on every Monday of the year up to `last` on which it was open."""
    count = len(source.history.opportunities.ids)
    mondays = last - np.arange(WEEKS - 1, -1, -1, dtype=np.int64) * WEEK
    every = Snapshots(np.tile(np.arange(count, dtype=np.int64), WEEKS), np.repeat(mondays, count))
    return every.take(eligible("win", source.history, every))


def _scores(
    source: Source, snapshots: Snapshots, begin: int
) -> tuple[Probabilities, Probabilities, dict[Target, str]]:
    """What models that knew nothing from a week before `begin` on said at each snapshot, a week before it,
    and why there are none."""
    now: dict[Target, FloatArray] = {}
    before: dict[Target, FloatArray] = {}
    without: dict[Target, str] = {}
    earlier = Snapshots(snapshots.entity, snapshots.as_of - WEEK)
    known = open_source(source.data, begin - WEEK)
    for target in TARGETS:
        try:
            bundle = train_target(known, target).bundle
        except TooLittleData as error:
            without[target] = str(error)
            continue
        now[target] = _probability(bundle, source, snapshots)
        before[target] = _probability(bundle, source, earlier)
    return now, before, without


def _probability(bundle: Bundle, source: Source, snapshots: Snapshots) -> FloatArray:
    """A bundle's probability of each deal, or of its account; NaN where it cannot be asked."""
    history = source.history
    if bundle.conventions != source.conventions:
        history = history_from_tables(source.data, bundle.conventions)
    entity = ENTITY[bundle.target]
    asked = snapshots
    if entity == "account":
        asked = Snapshots(history.opportunities.account[snapshots.entity], snapshots.as_of)
    able = eligible(bundle.target, history, asked)
    found = np.full(len(asked), np.nan)
    if able.any():
        found[able] = bundle.probability(build_features(history, asked.take(able), entity, bundle.reference))
    return found


def _outcomes(
    source: Source, snapshots: Snapshots
) -> tuple[dict[Outcome, BoolArray], dict[Outcome, BoolArray], IntArray]:
    history, policy = source.history, source.policy
    ends = ends_of(history, snapshots, source.cutoff, policy)
    is_lost = ends.end == LOST
    stall = label("stall", history, snapshots, source.cutoff, policy)
    accounts = Snapshots(history.opportunities.account[snapshots.entity], snapshots.as_of)
    churn = label("churn", history, accounts, source.cutoff, policy)
    asked = eligible("churn", history, accounts)
    came: dict[Outcome, BoolArray] = {
        "lost": is_lost & (ends.after <= HORIZON_DAYS * DAY),
        "stalled": stall.value == 1,
        "left": churn.value == 1,
    }
    known: dict[Outcome, BoolArray] = {
        "lost": ends.counted, "stalled": stall.known, "left": churn.known & asked,
    }  # fmt: skip
    return came, known, np.where(is_lost & ends.counted, ends.after, NEVER)


def _usual_days(past: Past) -> Usual:
    """The median days since the customer's and the decision maker's last sign, by stage, of deals that were
    won by the end of the earlier weeks; under "" of all stages."""
    end = int(past.snapshots.as_of[past.early].max())
    deals = past.source.history.opportunities
    won = deals.won[past.snapshots.entity] & (deals.closed_at[past.snapshots.entity] <= end) & past.early
    stage = np.array([str(each) for each in past.facts.stage], object)
    silent = {
        "gone_quiet": past.facts.silence_days,
        "key_contact_lost": past.facts.now["days_since_last_decision_maker"],
    }
    found: dict[str, dict[str, float]] = {}
    for name, days in silent.items():
        of_won = won & ~np.isnan(days)
        found[name] = {
            str(each): float(np.median(days[of_won & (stage == each)]))
            for each in sorted(set(stage[of_won].tolist()))
            if int((of_won & (stage == each)).sum()) >= _LEAST_WON
        }
        if of_won.any():
            found[name][""] = float(np.median(days[of_won]))
    return found


def _told(rule: Rule, past: Past, choice: Choice | None, spoken: BoolArray | None) -> dict[str, Any]:
    """A rule's threshold and record; without either where its probability had no model."""
    if choice is None or spoken is None:
        why = past.without[rule.needs] if rule.needs else ""
        return {"threshold": rule.default, "share": None, "outcome": rule.outcome, "record": None, "why": why}
    record = _record(rule, past, spoken)
    why = f"fewer than {LEAST_DEALS} deals had this alert in the weeks judged" if record is None else ""
    chosen = {"threshold": choice.threshold, "share": choice.share}
    return {**chosen, "outcome": rule.outcome, "record": record, "why": why}


def _record(rule: Rule, past: Past, spoken: BoolArray) -> dict[str, Any] | None:
    judged = ~past.early
    counts = past.known[rule.outcome]
    deal, came = past.snapshots.entity, past.came[rule.outcome]
    mine = spoken & counts
    if len(np.unique(deal[mine])) < LEAST_DEALS:
        return None
    precision, low, high = share_interval(came[mine], deal[mine])
    base, base_low, base_high = share_interval(came[judged & counts], deal[judged & counts])
    weeks = len(np.unique(past.snapshots.as_of[judged]))
    alerts_given, new = int(spoken.sum()), int(_begins(past.snapshots, spoken).sum())
    return {
        "precision": precision, "low": low, "high": high,
        "alerts": int(mine.sum()), "deals": len(np.unique(deal[mine])),
        "base_rate": base, "base_low": base_low, "base_high": base_high,
        "base_deals": len(np.unique(deal[judged & counts])),
        "lead_days": _lead_days(rule, past, mine & came),
        "per_week": alerts_given / weeks,
        "new_per_week": new / weeks,
        "per_rep_week": _per(alerts_given, _rep_weeks(past, judged)),
        "per_100_deals": 100 * alerts_given / int(judged.sum()),
    }  # fmt: skip


def _lead_days(rule: Rule, past: Past, right: BoolArray) -> float | None:
    """Median days from a deal's first alert that came true to its loss; None where none was lost."""
    lost = right & (past.to_loss < NEVER) & (rule.outcome != "left")
    if not lost.any():
        return None
    order = np.lexsort((past.snapshots.as_of[lost], past.snapshots.entity[lost]))
    deal, to_loss = past.snapshots.entity[lost][order], past.to_loss[lost][order]
    _, first = np.unique(deal, return_index=True)
    return float(np.median(to_loss[first])) / DAY


def _begins(snapshots: Snapshots, spoken: BoolArray) -> BoolArray:
    """Alerts that the deal did not have a week before."""
    pairs = set(zip(snapshots.entity[spoken].tolist(), snapshots.as_of[spoken].tolist(), strict=True))
    return np.array([(deal, at - WEEK) not in pairs for deal, at in sorted(pairs)], np.bool_)


def _rep_weeks(past: Past, rows: BoolArray) -> int:
    """How many pairs of a rep and a week have an open deal; deals of nobody are one rep's."""
    week = (past.snapshots.as_of[rows] // WEEK).astype(np.int64)
    pairs = past.rep[rows] + 1 + week * (int(past.rep.max(initial=0)) + 2)
    return places_of(pairs)[1]


def _early_rep_weeks(past: Past) -> float:
    """How many reps' weeks the earlier rows would be at the number of open deals that a rep had at their end:
    where a team's load grows, a threshold that just kept to the budget would not keep to it any more."""
    late = past.early & (past.snapshots.as_of >= past.snapshots.as_of[past.early].max() - LATE_WEEKS * WEEK)
    return float(past.early.sum()) * _rep_weeks(past, late) / int(late.sum())


def _per(count: int, of: int) -> float:
    return count / of if of else 0.0


def _span(as_of: IntArray) -> list[str]:
    return [iso(int(as_of.min())), iso(int(as_of.max()))]
