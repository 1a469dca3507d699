"""Every feature again, in plain loops over records, one snapshot at a time: slow, and independent.

Nothing is shared with `features/` but the words. A feature that is not given is None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from features.conventions import Conventions
from tests.factories import Row, Rows, known_of

DAY = 86_400_000_000
KEYS = {
    "stage_changes": ("opportunity_id", "at"),
    "field_changes": ("opportunity_id", "at", "field"),
    "activities": ("activity_id",),
    "orders": ("order_id",),
}
MEETING = ("meeting", "visit", "demo")
INTERNAL = ("task", "crm_update", "other")
Value = float | str | None
Test = Callable[[Row], bool]


def current(rows: Rows, table: str, as_of: int) -> list[Row]:
    """The latest version of each record that was known, whether its time has come or not."""
    latest: dict[Any, Row] = {}
    for row in rows.get(table, ()):
        key = tuple(row[name] for name in KEYS[table])
        if known_of(row) <= as_of and (key not in latest or known_of(row) > known_of(latest[key])):
            latest[key] = row
    return list(latest.values())


def opportunity_features(rows: Rows, conventions: Conventions, name: str, as_of: int) -> dict[str, Value]:
    """The catalogue of one opportunity at one instant."""
    deal = next(row for row in rows["opportunities"] if row["opportunity_id"] == name)
    activities = [r for r in current(rows, "activities", as_of) if r["opportunity_id"] == name]
    orders = [
        r for r in _happened(current(rows, "orders", as_of), as_of) if r["account_id"] == deal["account_id"]
    ]
    return {
        **_activity_features(_happened(activities, as_of), as_of),
        "planned_activities": sum(r["at"] > as_of for r in activities),
        **_people_features(rows, deal, _happened(activities, as_of), as_of),
        **_stage_features(rows, conventions, deal, as_of),
        **_terms(rows, conventions, deal, as_of),
        "account_orders_total": len(orders),
        "account_orders_365d": _count(orders, as_of, 365),
        "account_order_value_365d": math.fsum(r["amount"] for r in orders if as_of - r["at"] < 365 * DAY),
        "days_since_account_order": _since_last(orders, as_of),
        **_account(rows, deal["account_id"], as_of),
        **_calendar(conventions, as_of),
    }


def account_features(rows: Rows, conventions: Conventions, name: str, as_of: int) -> dict[str, Value]:
    """The catalogue of one account at one instant."""
    orders = [r for r in _happened(current(rows, "orders", as_of), as_of) if r["account_id"] == name]
    value = math.fsum(r["amount"] for r in orders)
    gap = _mean_gap(orders)
    since = _since_last(orders, as_of)
    return {
        "orders_total": len(orders),
        **{f"orders_{days}d": _count(orders, as_of, days) for days in (30, 90, 365)},
        "order_trend_90d": 2 * _count(orders, as_of, 90) - _count(orders, as_of, 180),
        "order_value_total": value,
        "order_value_90d": math.fsum(r["amount"] for r in orders if as_of - r["at"] < 90 * DAY),
        "mean_order_value": _ratio(value, len(orders)),
        "days_since_last_order": since,
        "days_since_first_order": (as_of - min(r["at"] for r in orders)) / DAY if orders else None,
        "mean_order_gap_days": gap,
        "silence_over_gap": _ratio(since, gap),
        "account_contacts_known": _contacts_known(rows, name, as_of),
        **_account(rows, name, as_of),
        **_calendar(conventions, as_of),
    }


def _activity_features(rows: Sequence[Row], as_of: int) -> dict[str, Value]:
    def of(*kinds: str) -> list[Row]:
        return [r for r in rows if r["kind"] in kinds]

    def going(direction: str) -> list[Row]:
        return [r for r in rows if r["direction"] == direction]

    def ending(*outcomes: str) -> list[Row]:
        return [r for r in rows if r["outcome"] in outcomes]

    groups = {"calls": of("call"), "emails": of("email"), "meetings": of(*MEETING), "messages": of("message")}
    last = {
        "activity": rows, "inbound": going("inbound"), "outbound": going("outbound"),
        "call": of("call"), "email": of("email"), "meeting": of(*MEETING), "message": of("message"),
        "internal_work": of(*INTERNAL),
    }  # fmt: skip
    sent = [r for r in of("email") if r["direction"] == "outbound"]
    timed = [round(r["duration_s"]) for r in rows if r["duration_s"] is not None]
    delays = [max(known_of(r) - r["at"], 0) for r in rows]
    inbound, outbound = len(going("inbound")), len(going("outbound"))
    return {
        "activities_7d": _count(rows, as_of, 7),
        "activities_30d": _count(rows, as_of, 30),
        "activities_total": len(rows),
        "activity_trend_30d": 2 * _count(rows, as_of, 30) - _count(rows, as_of, 60),
        **{f"{name}_30d": _count(part, as_of, 30) for name, part in groups.items()},
        **{f"{name}_total": len(part) for name, part in groups.items()},
        "proposals_total": len(of("proposal")),
        "internal_work_total": len(of(*INTERNAL)),
        "inbound_30d": _count(going("inbound"), as_of, 30),
        "inbound_total": inbound,
        "outbound_30d": _count(going("outbound"), as_of, 30),
        "inbound_share": _ratio(inbound, inbound + outbound),
        "activity_intensity": _intensity(rows, as_of),
        **{f"{way}_intensity": _intensity(going(way), as_of) for way in ("inbound", "outbound")},
        "held_intensity": _intensity(ending("held"), as_of),
        "reply_share": _ratio(sum(r["outcome"] == "replied" for r in sent), len(sent)),
        "connected_share": _ratio(len(ending("connected")), len(ending("connected", "no_answer"))),
        "no_show_share": _ratio(
            len(ending("no_show", "cancelled")), len(ending("held", "no_show", "cancelled"))
        ),
        "mean_duration_s": _ratio(sum(timed), len(timed)),
        **{f"days_since_last_{name}": _since_last(part, as_of) for name, part in last.items()},
        "mean_gap_days": _mean_gap(rows),
        "silence_over_gap": _ratio(_since_last(rows, as_of), _mean_gap(rows)),
        "recorded_within_day_share": _ratio(sum(delay <= DAY for delay in delays), len(delays)),
        "mean_recording_delay_hours": _ratio(sum(delays) / (DAY / 24), len(delays)),
    }


def _intensity(rows: Sequence[Row], as_of: int) -> float:
    ages = [(as_of - r["at"]) // (DAY // 24) for r in rows]
    return math.fsum(0.5 ** (hours / 336) for hours in ages if hours < 280 * 24)


def _people_features(rows: Rows, deal: Row, activities: Sequence[Row], as_of: int) -> dict[str, Value]:
    deciding = {
        r["contact_id"]
        for r in rows["contacts"]
        if r["role"] == "decision_maker" and (r["created_at"] is None or r["created_at"] <= as_of)
    }
    reached = [r for r in activities if r["contact_id"] is not None]
    decisive = [r for r in reached if r["contact_id"] in deciding]
    return {
        "contacts_reached_30d": len({r["contact_id"] for r in reached if as_of - r["at"] < 30 * DAY}),
        "contacts_reached_total": len({r["contact_id"] for r in reached}),
        "decision_makers_reached": len({r["contact_id"] for r in decisive}),
        "decision_maker_meetings": sum(r["kind"] in MEETING for r in decisive),
        "days_since_last_decision_maker": _since_last(decisive, as_of),
        "reps_involved": len({r["rep_id"] for r in activities} - {None}),
        "contacts_known": _contacts_known(rows, deal["account_id"], as_of),
    }


def _stage_features(rows: Rows, conventions: Conventions, deal: Row, as_of: int) -> dict[str, Value]:
    moves = [
        r for r in _happened(current(rows, "stage_changes", as_of), as_of)
        if r["opportunity_id"] == deal["opportunity_id"]
    ]  # fmt: skip
    now = max(moves, key=lambda r: r["at"], default=None)
    order = {stage: float(place) for place, stage in enumerate(conventions.stages)}
    position = order.get(now["stage"]) if now else None
    peak = max((order[r["stage"]] for r in moves if r["stage"] in order), default=None)
    age = (as_of - deal["created_at"]) / DAY if deal["created_at"] <= as_of else None
    dwell = (as_of - now["at"]) / DAY if now else None
    return {
        "stage": now["stage"] if now else None,
        "stage_position": position,
        "stages_below_peak": None if peak is None or position is None else peak - position,
        "days_in_stage": dwell,
        "days_to_reach_stage": None if age is None or dwell is None else age - dwell,
        "stage_moves_total": len(moves),
        "deal_age_days": age,
        "days_per_stage_move": _ratio(age, len(moves)),
    }


def _terms(rows: Rows, conventions: Conventions, deal: Row, as_of: int) -> dict[str, Value]:
    def told(field: str) -> list[Any]:
        """Every value that the field has had, as it was known, the first one first."""
        if field in conventions.fixed:
            return [deal[field]] if deal["created_at"] <= as_of else []
        changes = [
            r for r in _happened(current(rows, "field_changes", as_of), as_of)
            if r["opportunity_id"] == deal["opportunity_id"] and r["field"] == field
        ]  # fmt: skip
        return [r["value"] for r in sorted(changes, key=lambda r: r["at"])]

    amounts = [_number(value) for value in told("amount")] or [None]
    closes = [_time(value, conventions.time_zone) for value in told("expected_close_at")] or [None]
    shift = None if None in (closes[0], closes[-1]) else closes[-1] - closes[0]
    growth = None if amounts[0] is None or amounts[-1] is None else amounts[-1] - amounts[0]
    return {
        "amount": amounts[-1],
        "amount_changes": len(amounts) - 1,
        "amount_change_share": _ratio(growth, amounts[0]),
        "days_to_expected_close": None if closes[-1] is None else (closes[-1] - as_of) / DAY,
        "close_date_changes": len(closes) - 1,
        "close_date_shift_days": None if shift is None else shift / DAY,
        **{field: (told(field) or [None])[-1] for field in ("kind", "source", "product")},
    }


def _account(rows: Rows, name: str, as_of: int) -> dict[str, Value]:
    found = [r for r in rows["accounts"] if r["account_id"] == name]
    known = found[0] if found and (found[0]["created_at"] is None or found[0]["created_at"] <= as_of) else {}
    created = known.get("created_at")
    tenure = None if created is None else (as_of - created) / DAY
    return {"account_tenure_days": tenure, "industry": known.get("industry"), "region": known.get("region")}


def _calendar(conventions: Conventions, as_of: int) -> dict[str, Value]:
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=as_of)
    local = utc.astimezone(ZoneInfo(conventions.time_zone))
    quarter = (utc.month - 1) // 3
    end = datetime(utc.year + quarter // 3, (quarter * 3 + 3) % 12 + 1, 1, tzinfo=UTC)
    return {
        "days_to_quarter_end": (end - utc) / timedelta(days=1),
        "month_of_quarter": (utc.month - 1) % 3 + 1,
        "weekday": local.isoweekday(),
        "hour_of_day": local.hour,
    }


def _happened(rows: Iterable[Row], as_of: int) -> list[Row]:
    return [r for r in rows if r["at"] <= as_of]


def _count(rows: Iterable[Row], as_of: int, days: int) -> int:
    return sum(as_of - r["at"] < days * DAY for r in rows)


def _since_last(rows: Iterable[Row], as_of: int) -> float | None:
    return min(((as_of - r["at"]) / DAY for r in rows), default=None)


def _mean_gap(rows: Iterable[Row]) -> float | None:
    times = sorted(r["at"] for r in rows)
    gaps = [(b - a) / DAY for a, b in pairwise(times)]
    return math.fsum(gaps) / len(gaps) if gaps else None


def _contacts_known(rows: Rows, account: str, as_of: int) -> int:
    its = [r["created_at"] for r in rows["contacts"] if r["account_id"] == account]
    return sum(created is None or created <= as_of for created in its)


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def _time(value: Any, time_zone: str) -> int | None:
    if value is None or isinstance(value, int):
        return value
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=ZoneInfo(time_zone))
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
