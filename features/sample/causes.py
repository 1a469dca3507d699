"""Why deals are won, lost or stand still: every cause and its strength, and the hazards they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from features.sample.customers import BEARABLE, END_CHANCE, SILENT_END_CHANCE, SLOW_PACE, SLOWING
from features.sample.deals import Deals
from features.sample.setting import PRODUCTS, SOURCES, STAGES, START
from features.tables import OPPORTUNITY_KINDS
from features.times import DAY, WEEK, BoolArray, FloatArray, IntArray

# Weekly log-odds against waiting of a deal whose causes all stand at 0, by stage.
ADVANCE: Final = (-0.90, -0.95, -1.0, -1.05, -1.15, -np.inf)
WIN: Final = (-np.inf, -np.inf, -7.5, -5.5, -4.2, -2.95)
LOSE: Final = (-2.80, -2.85, -2.9, -2.85, -2.8, -2.65)
BACK: Final = -4.8
USUAL_DAYS: Final = (14.0, 18.0, 18.0, 21.0, 21.0, 21.0)  # in a stage, before it counts as dwell


@dataclass(frozen=True)
class Effect:
    """What one unit of a cause adds to the weekly log-odds of winning, losing and advancing."""

    unit: str
    win: float = 0.0
    lose: float = 0.0
    advance: float = 0.0


EFFECTS: Final[Mapping[str, Effect]] = MappingProxyType(
    {
        "inbound_replies": Effect("ln(1 + replies in the last 28 days)", 0.60, -0.70, 0.30),
        "decision_maker_meetings": Effect("ln(1 + meetings held so far)", 0.80, -0.60, 0.15),
        "silence": Effect("14 days since the buyer's last sign, at most 4", -0.50, 0.42, -0.45),
        "dwell": Effect("usual stays in the stage beyond the first, at most 3", -0.45, 0.25, -0.35),
        "contacts": Effect("ln(distinct contacts so far, calls apart)", 0.50, -0.45, 0.0),
        "pushes": Effect("times the close date was pushed, at most 4", -0.35, 0.22, -0.05),
        "slow_response": Effect("ln(typical hours to an answer / 8)", -0.30, 0.25, 0.0),
        "quarter_end": Effect("in the last two weeks of a quarter", 0.35, 0.10, 0.0),
        "call_volume": Effect("calls (the planted non-cause)"),
    }
)
SOURCE_EFFECT: Final = MappingProxyType(
    {"inbound": 0.15, "referral": 0.5, "outbound": -0.45, "event": -0.15, "partner": 0.25}
)
PRODUCT_EFFECT: Final = MappingProxyType({"Core": 0.2, "Flow": 0.0, "Insight": -0.3, "Secure": 0.1})
KIND_EFFECT: Final = MappingProxyType({"new": -0.1, "renewal": 0.6, "upsell": 0.25})
LOSE_SHARE: Final = -0.6  # source, product and kind act on losing with this factor


@dataclass(frozen=True)
class Hazards:
    """Chances of the coming week, one per deal, each in [0, 1] and together at most 1.

    What is left is the chance to wait. `back` is a return to the stage before.
    """

    win: FloatArray
    lose: FloatArray
    advance: FloatArray
    back: FloatArray


def hazards(deals: Deals) -> Hazards:
    """What the coming week may bring to each open deal, from what happened up to its Monday."""
    causes = causes_of(deals)
    terms = (_log_odds(WIN, "win", deals, causes), _log_odds(LOSE, "lose", deals, causes))
    fixed = _fixed_effect(deals)
    back = np.where(deals.stage > 0, BACK, -np.inf)
    odds = np.exp(
        [terms[0] + fixed, terms[1] + LOSE_SHARE * fixed, _log_odds(ADVANCE, "advance", deals, causes), back]
    )
    win, lose, advance, returned = odds / (1.0 + odds.sum(axis=0))
    return Hazards(win, lose, advance, returned)


def causes_of(deals: Deals) -> dict[str, FloatArray]:
    """Every cause in the unit of its effect; all of them can be seen in the CRM's records."""
    monday = START + deals.week * WEEK
    stay = (monday - deals.stage_since) / DAY / np.array(USUAL_DAYS)[deals.stage]
    return {
        "inbound_replies": np.log1p(deals.replies.sum(axis=1)),
        "decision_maker_meetings": np.log1p(deals.decision_maker_meetings),
        "silence": np.clip((monday - deals.last_sign_at) / DAY / 14.0, 0.0, 4.0),
        "dwell": np.clip(stay - 1.0, 0.0, 3.0),
        "contacts": np.log(np.maximum(np.bitwise_count(deals.contacts_seen), 1).astype(np.float64)),
        "pushes": np.minimum(deals.pushes, 4).astype(np.float64),
        "slow_response": np.log(deals.response_hours / 8.0),
        "quarter_end": is_quarter_end(deals.week).astype(np.float64),
    }


def is_quarter_end(week: IntArray) -> BoolArray:
    """Whether the week is one of the last two of 13 weeks, counted from the first Monday of 2023."""
    return np.asarray(week % 13 >= 11)


def _log_odds(
    by_stage: tuple[float, ...], name: str, deals: Deals, causes: Mapping[str, FloatArray]
) -> FloatArray:
    total: FloatArray = np.array(by_stage)[deals.stage]
    for cause, values in causes.items():
        total = total + getattr(EFFECTS[cause], name) * values
    return total


def _fixed_effect(deals: Deals) -> FloatArray:
    source = np.array([SOURCE_EFFECT[name] for name in SOURCES])[deals.source]
    product = np.array([PRODUCT_EFFECT[name] for name in PRODUCTS])[deals.product]
    kind = np.array([KIND_EFFECT[name] for name in OPPORTUNITY_KINDS])[deals.kind]
    return np.asarray(source + product + kind)


def causes_text() -> str:
    """`CAUSES.md`: the planted causes and non-causes, in words and numbers."""
    effects = [
        f"| {name} | {e.unit} | {e.win:+.2f} | {e.lose:+.2f} | {e.advance:+.2f} |"
        for name, e in EFFECTS.items()
    ]
    stages = [
        f"| {name} | {_percent(win)} | {_percent(lose)} | {_percent(advance)} | {days:.0f} |"
        for name, win, lose, advance, days in zip(STAGES, WIN, LOSE, ADVANCE, USUAL_DAYS, strict=True)
    ]
    table = {"source": SOURCE_EFFECT, "product": PRODUCT_EFFECT, "kind": KIND_EFFECT}
    fixed = [f"- {name}: " + ", ".join(f"{k} {v:+.2f}" for k, v in by.items()) for name, by in table.items()]
    parts = {"effects": effects, "stages": stages, "fixed": fixed}
    accounts = {
        "bearable": BEARABLE,
        "slowing": SLOWING,
        "slow_pace": SLOW_PACE,
        "end_chance": END_CHANCE,
        "silent_end_chance": SILENT_END_CHANCE,
    }
    tables = {name: "\n".join(lines) for name, lines in parts.items()}
    return _TEXT.format(share=LOSE_SHARE, **accounts, **tables)


def _percent(log_odds: float) -> str:
    return f"{np.exp(log_odds) / (1 + np.exp(log_odds)):.1%}"


_TEXT: Final = """# The causes in this made-up CRM

Every record here is invented by `dealcast sample`. Behaviour comes first, outcome follows: each
week an open deal is won, lost, moved or waits, with odds made only of what is listed here.

## Deals: effects on the weekly log-odds (against waiting)

| cause | one unit | win | lose | advance |
|---|---|---|---|---|
{effects}

A reply is an inbound email or message. A sign of the buyer is a reply or a held meeting, visit or
demo. Known from the creation on (on losing with the factor {share}):

{fixed}

| stage | win | lose | advance | usual days |
|---|---|---|---|---|
{stages}

are the chances of a week when every cause stands at 0. About one deal-week in 150 goes back a stage;
one advance in twelve skips a stage.

## What drives the behaviour

Each deal has a hidden fit and a hidden engagement that wanders around it; a buyer may fall quiet for
weeks. They move replies, meetings and the share of decision makers in them, and have no other
way to the outcome. Stalls follow from silence and dwell.

## Not a cause

Call volume is a habit of the rep and changes nothing: calls do not even count for the distinct
contacts. Busy callers are no better and no worse.

## Accounts

Customers order in a rhythm of their own, from the first win on. Unhappy accounts send more inbound
messages; each message beyond {bearable:.0f} in eight weeks slows the rhythm by {slowing:.1%} a week, and
an account at under {slow_pace} of its pace ends the contract with {end_chance:.0%} a week, any other
customer with {silent_end_chance:.2%} for reasons nobody sees; none of them while a deal is open.

## Traps of the records

Meetings, visits and demos are typed in hours to weeks late, whatever the outcome. Some are forgotten:
if the deal is won they are typed in after the win, else never. Planned meetings are recorded before
they happen and never get an outcome; they count as agreed. `amount` of lost deals is mostly set to 0
at the close, of won deals to the order's value; `expected_close_at` of won deals to the close.
"""
