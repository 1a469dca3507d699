"""Activity volume, dialogue, rhythm and CRM use of an opportunity."""

from __future__ import annotations

import numpy as np

from features.families import Values
from features.history import History
from features.snapshots import Seen, Snapshots, days_since, share
from features.tables import ACTIVITY_KINDS, ACTIVITY_OUTCOMES, DIRECTIONS
from features.times import DAY, HOUR, BoolArray, FloatArray

MEETING_KINDS = ("meeting", "visit", "demo")
INTERNAL_KINDS = ("task", "crm_update", "other")


def volume(history: History, snapshots: Snapshots) -> Values:
    """How much was done: counts of activities by kind, in windows and in all."""
    seen = Seen(history.activities, snapshots)
    of = {
        "calls": seen.where(of_kind(history, "call")),
        "emails": seen.where(of_kind(history, "email")),
        "meetings": seen.where(of_kind(history, *MEETING_KINDS)),
        "messages": seen.where(of_kind(history, "message")),
    }
    last_month, two_months = seen.count(30), seen.count(60)
    counts = {
        "activities_7d": seen.count(7),
        "activities_30d": last_month,
        "activities_total": seen.count(),
        "activity_trend_30d": last_month - (two_months - last_month),
        **{f"{name}_30d": part.count(30) for name, part in of.items()},
        **{f"{name}_total": part.count() for name, part in of.items()},
        "proposals_total": seen.where(of_kind(history, "proposal")).count(),
        "internal_work_total": seen.where(of_kind(history, *INTERNAL_KINDS)).count(),
    }
    return {name: values.astype(np.float64) for name, values in counts.items()}


def dialogue(history: History, snapshots: Snapshots) -> Values:
    """Whether the customer answers: inbound records, replies, connected calls, kept meetings."""
    seen = Seen(history.activities, snapshots)
    inbound, outbound = (seen.where(of_direction(history, d)) for d in DIRECTIONS)
    received, sent = inbound.count(), outbound.count()
    emails = seen.where(of_kind(history, "email") & of_direction(history, "outbound"))
    timed = seen.where(history.activities["duration_s"] >= 0)
    return {
        "inbound_30d": inbound.count(30).astype(np.float64),
        "inbound_total": received.astype(np.float64),
        "outbound_30d": outbound.count(30).astype(np.float64),
        "inbound_share": share(received, received + sent),
        "reply_share": share(emails.where(of_outcome(emails, "replied")).count(), emails.count()),
        "connected_share": outcome_share(seen, ("connected",), ("connected", "no_answer")),
        "no_show_share": outcome_share(seen, ("no_show", "cancelled"), ("held", "no_show", "cancelled")),
        "mean_duration_s": share(timed.total(timed.records["duration_s"]), timed.count()),
    }


def rhythm(history: History, snapshots: Snapshots) -> Values:
    """How long ago, and how regularly."""
    seen = Seen(history.activities, snapshots)
    parts = {
        "activity": seen,
        "inbound": seen.where(of_direction(history, "inbound")),
        "outbound": seen.where(of_direction(history, "outbound")),
        "call": seen.where(of_kind(history, "call")),
        "email": seen.where(of_kind(history, "email")),
        "meeting": seen.where(of_kind(history, *MEETING_KINDS)),
        "message": seen.where(of_kind(history, "message")),
        "internal_work": seen.where(of_kind(history, *INTERNAL_KINDS)),
    }
    gap = seen.mean_gap_days()
    return {
        **{f"days_since_last_{name}": _since_last(part) for name, part in parts.items()},
        "mean_gap_days": gap,
        "silence_over_gap": share(_since_last(seen), np.nan_to_num(gap)),
        "planned_activities": seen.planned().astype(np.float64),
    }


def crm_use(history: History, snapshots: Snapshots) -> Values:
    """How promptly the CRM is kept."""
    seen = Seen(history.activities, snapshots)
    delay = history.activities.start - history.activities.at
    prompt = seen.where(delay <= DAY)
    return {
        "recorded_within_day_share": share(prompt.count(), seen.count()),
        "mean_recording_delay_hours": share(seen.total(delay) / HOUR, seen.count()),
    }


def of_kind(history: History, *kinds: str) -> BoolArray:
    """Mask of the activities of some kinds."""
    return np.isin(history.activities["kind"], [ACTIVITY_KINDS.index(kind) for kind in kinds])


def of_direction(history: History, direction: str) -> BoolArray:
    """Mask of the activities of a direction."""
    return np.equal(history.activities["direction"], DIRECTIONS.index(direction))


def of_outcome(seen: Seen, *outcomes: str) -> BoolArray:
    """Mask of the records with one of some outcomes."""
    return np.isin(seen.records["outcome"], [ACTIVITY_OUTCOMES.index(outcome) for outcome in outcomes])


def outcome_share(seen: Seen, part: tuple[str, ...], whole: tuple[str, ...]) -> FloatArray:
    """The share of some outcomes among others; NaN where none of the others is visible."""
    return share(seen.where(of_outcome(seen, *part)).count(), seen.where(of_outcome(seen, *whole)).count())


def _since_last(seen: Seen) -> FloatArray:
    return days_since(seen.last_at(), seen.snapshots.as_of)
