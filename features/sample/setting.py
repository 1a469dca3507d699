"""What stands before the first week: time, the firm's habits, reps, accounts and contacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.config import PipelineConfig
from features.tables import ROLES
from features.times import DAY, HOUR, SECOND, WEEK, BoolArray, FloatArray, IntArray, parse_instant

START: Final = parse_instant("2023-01-02")  # a Monday
WEEKS: Final = 130
END: Final = START + WEEKS * WEEK  # 2025-06-30, a Monday: nothing is recorded later

STAGES: Final = ("Qualification", "Discovery", "Demo", "Proposal", "Negotiation", "Commit")
WON: Final = "Closed Won"
LOST: Final = "Closed Lost"
SOURCES: Final = ("inbound", "referral", "outbound", "event", "partner")
PRODUCTS: Final = ("Core", "Flow", "Insight", "Secure")
INDUSTRIES: Final = (
    "chemicals", "education", "finance", "food", "health", "logistics", "machinery", "retail",
)  # fmt: skip
REGIONS: Final = ("Central", "East", "North", "South", "West")
CURRENCY: Final = "EUR"
CONFIG: Final = PipelineConfig(
    stages=STAGES,
    currency=CURRENCY,
    time_zone="UTC",
    fixed_fields=("kind", "source", "product", "currency"),
)

_SYLLABLES: Final = (
    "bra", "dol", "fen", "gil", "hus", "jor", "kel", "lum", "mar", "nov", "oqui", "pel",
    "quo", "rin", "sav", "tur", "ul", "vek", "wim", "xan", "yor", "zeb",
)  # fmt: skip
_ENDINGS: Final = ("Works", "Group", "Trading", "Labs", "Supply", "Partners", "Mills", "Systems")


@dataclass(frozen=True)
class Reps:
    """One row is one rep.

    Attributes:
        team: index of the team.
        region: index into `REGIONS`.
        hired_at: microseconds.
        calls_per_week: calls to each open deal in a week; a habit without any effect.
        response_hours: typical hours until the rep answers a buyer.
        diligence: factor of the rep's emails, 1 is usual.
        delay: factor of the time until the rep types a meeting in, 1 is usual.
    """

    team: IntArray
    region: IntArray
    hired_at: IntArray
    calls_per_week: FloatArray
    response_hours: FloatArray
    diligence: FloatArray
    delay: FloatArray


@dataclass(frozen=True)
class Accounts:
    """One row is one account; its contacts are rows `first_contact` to `first_contact + contacts - 1`.

    `decision_maker` is the row of the contact who decides, -1 where there is none; `weight` is
    the account's share of new deals, up to a factor.
    """

    industry: IntArray
    region: IntArray
    employees: IntArray
    created_at: IntArray
    owner: IntArray
    contacts: IntArray
    first_contact: IntArray
    decision_maker: IntArray
    weight: FloatArray
    customer_from_start: BoolArray


@dataclass(frozen=True)
class Setting:
    """The people and firms of one sample; `contact_role` is an index into `features.tables.ROLES`."""

    reps: Reps
    accounts: Accounts
    contact_account: IntArray
    contact_role: IntArray


def make_setting(opportunities: int, rng: np.random.Generator) -> Setting:
    """Reps, accounts and contacts in numbers that suit so many opportunities."""
    reps = _reps(max(8, round(opportunities / 125)), rng)
    count = max(12, round(opportunities * 0.34))
    contacts = 1 + rng.binomial(5, 0.42, count)
    contact_account = np.repeat(np.arange(count), contacts)
    role = rng.choice(len(ROLES), len(contact_account), p=[0.3, 0.2, 0.12, 0.3, 0.08])
    accounts = _accounts(reps, contacts, _first_of(contact_account, role == 0, count), rng)
    return Setting(reps, accounts, contact_account, role)


def account_names(count: int, rng: np.random.Generator) -> list[str]:
    """Invented names of firms, all different."""
    names: dict[str, None] = {}
    while len(names) < count:
        word = "".join(rng.choice(_SYLLABLES, 3)).capitalize()
        names.setdefault(f"{word} {rng.choice(_ENDINGS)}")
    return list(names)


def working_time(monday: IntArray, rng: np.random.Generator) -> IntArray:
    """One instant in the working hours (Monday to Friday, 8 to 18) of each of the weeks given."""
    size = len(monday)
    seconds = rng.integers(8 * 3600, 18 * 3600, size)
    return monday + rng.integers(0, 5, size) * DAY + seconds * SECOND


def _reps(count: int, rng: np.random.Generator) -> Reps:
    team = np.arange(count) % max(2, round(count / 6.7))
    return Reps(
        team=team,
        region=team % len(REGIONS),
        hired_at=START - rng.integers(60, 2000, count) * DAY + 9 * HOUR,
        calls_per_week=0.3 * rng.lognormal(0.0, 0.6, count),
        response_hours=8.0 * rng.lognormal(0.0, 0.6, count),
        diligence=rng.lognormal(0.0, 0.2, count),
        delay=rng.lognormal(0.0, 0.4, count),
    )


def _accounts(reps: Reps, contacts: IntArray, decision_maker: IntArray, rng: np.random.Generator) -> Accounts:
    count = len(contacts)
    owner = rng.integers(0, len(reps.team), count)
    customer = rng.random(count) < 0.3
    old = customer | (rng.random(count) < 0.5)
    days = np.where(old, -rng.integers(10, 1100, count), rng.integers(0, (WEEKS - 4) * 7, count))
    return Accounts(
        industry=rng.integers(0, len(INDUSTRIES), count),
        region=np.where(rng.random(count) < 0.8, reps.region[owner], rng.integers(0, len(REGIONS), count)),
        employees=np.maximum(5, rng.lognormal(5.0, 1.2, count)).astype(np.int64),
        created_at=START + days * DAY + rng.integers(8 * 3600, 18 * 3600, count) * SECOND,
        owner=owner,
        contacts=contacts,
        first_contact=np.cumsum(contacts) - contacts,
        decision_maker=decision_maker,
        weight=rng.gamma(1.5, 1.0, count),
        customer_from_start=customer,
    )


def _first_of(account: IntArray, is_wanted: BoolArray, count: int) -> IntArray:
    """The first contact row with the mark in each account, -1 where there is none."""
    first = np.full(count, -1, dtype=np.int64)
    wanted = np.flatnonzero(is_wanted)[::-1]
    first[account[wanted]] = wanted
    return first
