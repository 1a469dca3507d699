"""One walk over an entity's records, for all its snapshots at once, against a loop for each.

What makes it hard are records in the middle of a walk that are not known yet at one snapshot and are at
the next, and those that are corrected between two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from features.conventions import Conventions
from features.from_rows import history_from_rows
from features.times import DAY, NEVER
from tests.factories import STAGES, Row, bits, deal, features_at
from tests.features.worlds import ENTITIES

KINDS = ("call", "email", "visit", "task")
WHO = (None, "p", "q", "s")
DIRECTIONS = (None, "inbound", "outbound")
CHANNELS = {"call", "email", "visit"}
CONVENTIONS = Conventions(STAGES)


class Version(NamedTuple):
    """One version of a record; times in days, of which a third are a microsecond off."""

    key: int
    at: int
    known: int
    until: int
    what: int
    who: int


class Told(NamedTuple):
    """What a version says."""

    at: int
    what: int
    who: int


TIMES = st.builds(lambda days, off: days * DAY + off, st.integers(0, 40), st.sampled_from([0, 0, 1]))
SAYS = st.builds(Told, TIMES, st.integers(0, 3), st.integers(0, 3))
DELAYS = st.sampled_from([0, 0, 1, DAY, 5 * DAY, 20 * DAY, -3 * DAY, -15 * DAY])
LATER = st.sampled_from([1, DAY, 6 * DAY, 25 * DAY])
RECORDS = st.lists(st.tuples(SAYS, DELAYS, st.lists(st.tuples(LATER, SAYS), max_size=2)), max_size=9)
ASKED = st.lists(
    st.builds(lambda days, off: days * DAY - off, st.integers(0, 110), st.sampled_from([0, 0, 1])),
    min_size=1,
    max_size=6,
)
Drawn = Sequence[tuple[Told, int, Sequence[tuple[int, Told]]]]


def versions_of(drawn: Drawn, *, at_is_the_key: bool = False) -> list[Version]:
    """All versions; where `at` is the key, a correction cannot change it, and no two records share it."""
    found: dict[int, list[Version]] = {}
    for number, (first, delay, corrections) in enumerate(drawn):
        key = first.at if at_is_the_key else number
        known, says = [first.at + delay], [first]
        for after, told in corrections:
            known.append(known[-1] + after)
            says.append(told)
        until = [*known[1:], NEVER]
        rows = [
            Version(key, first.at if at_is_the_key else told.at, since, to, told.what, told.who)
            for told, since, to in zip(says, known, until, strict=True)
        ]
        found.setdefault(key, rows)
    return [row for rows in found.values() for row in rows]


def seen_at(versions: Sequence[Version], as_of: int) -> list[Version]:
    """What is visible, in the order in which it happened."""
    seen = [v for v in versions if v.at <= as_of and v.known <= as_of < v.until]
    return sorted(seen, key=lambda v: (v.at, v.known, v.what, (v.what + v.who) % 3, v.who))


def within(versions: Sequence[Version], as_of: int, days: int) -> list[Version]:
    return [v for v in versions if as_of - v.at < days * DAY]


def since_last(versions: Sequence[Version], as_of: int) -> float | None:
    return (as_of - max(v.at for v in versions)) / DAY if versions else None


def differing(
    rows: Mapping[str, Sequence[Row]],
    entity: Any,
    asked: Sequence[int],
    expected: Callable[[int], dict[str, Any]],
) -> dict[int, dict[str, Any]]:
    """Snapshot -> feature -> (found, expected), where they differ."""
    history = history_from_rows({"opportunities": [deal()], **rows}, CONVENTIONS)
    wanted = [expected(as_of) for as_of in asked]
    name = "d" if entity == "opportunity" else "a"
    pairs = [(name, as_of) for as_of in asked]
    table = features_at(history, pairs, entity, only=tuple(wanted[0])).to_polars().to_dicts()
    wrong = {
        as_of: {n: (found[n], cell) for n, cell in cells.items() if found[n] != cell}
        for as_of, cells, found in zip(asked, wanted, table, strict=True)
    }
    return {as_of: cells for as_of, cells in wrong.items() if cells}


def activities_in(versions: Sequence[Version]) -> list[Row]:
    return [
        {
            "activity_id": f"x{v.key}", "opportunity_id": "d", "at": v.at, "recorded_at": v.known,
            "kind": KINDS[v.what], "direction": DIRECTIONS[(v.what + v.who) % 3], "contact_id": WHO[v.who],
            "rep_id": WHO[(v.who + v.what) % 4],
        }
        for v in versions
    ]  # fmt: skip


def plain_activities(versions: Sequence[Version], as_of: int) -> dict[str, Any]:
    seen = seen_at(versions, as_of)
    inbound = [v for v in seen if (v.what + v.who) % 3 == 1]
    days = [v.at // DAY for v in seen]
    gaps = [b.at - a.at for a, b in pairwise(seen)]
    silences = [*gaps, as_of - seen[-1].at] if seen else []
    planned = [v.at for v in versions if v.known <= as_of < min(v.at, v.until)]
    return {
        "activities_7d": len(within(seen, as_of, 7)),
        "activities_14d": len(within(seen, as_of, 14)),
        "activities_30d": len(within(seen, as_of, 30)),
        "activities_90d": len(within(seen, as_of, 90)),
        "activities_total": len(seen),
        "calls_30d": sum(KINDS[v.what] == "call" for v in within(seen, as_of, 30)),
        "visits_total": sum(KINDS[v.what] == "visit" for v in seen),
        "inbound_30d": len(within(inbound, as_of, 30)),
        "inbound_total": len(inbound),
        "days_since_last_activity": since_last(seen, as_of),
        "days_since_last_inbound": since_last(inbound, as_of),
        "days_since_last_internal_work": since_last([v for v in seen if KINDS[v.what] == "task"], as_of),
        "longest_silence_days": max(silences) / DAY if seen else None,
        "last_gap_days": gaps[-1] / DAY if gaps else None,
        "contacts_reached_30d": len({v.who for v in within(seen, as_of, 30)} - {0}),
        "contacts_reached_total": len({v.who for v in seen} - {0}),
        "contacts_answering": len({v.who for v in inbound} - {0}),
        "reps_involved": len({(v.who + v.what) % 4 for v in seen} - {0}),
        "channels_30d": len({KINDS[v.what] for v in within(seen, as_of, 30)} & CHANNELS),
        "active_days_30d": len({v.at // DAY for v in within(seen, as_of, 30)}),
        "active_days_total": len(set(days)),
        "busiest_day_activities": max(map(days.count, days), default=0),
        "outbound_since_last_inbound": sum(
            (v.what + v.who) % 3 == 2 for v in seen[max((seen.index(i) for i in inbound), default=-1) + 1 :]
        ),
        "planned_activities": len(planned),
        "days_to_next_activity": (min(planned) - as_of) / DAY if planned else None,
    }


LATE = [(Told(DAY, 0, 1), 30 * DAY, []), (Told(2 * DAY, 1, 2), 0, []), (Told(3 * DAY, 2, 3), 0, [])]
CORRECTED = [(Told(DAY, 0, 1), 0, [(9 * DAY, Told(5 * DAY, 1, 2)), (6 * DAY, Told(DAY, 3, 0))]), *LATE[1:]]
SOME_DAYS = [4 * DAY, 12 * DAY, 32 * DAY, 20 * DAY, 31 * DAY - 1]
UP_TO_A_CORRECTION = [4 * DAY, 10 * DAY]


@settings(deadline=None, max_examples=250)
@given(drawn=RECORDS, asked=ASKED)
@example(drawn=LATE, asked=SOME_DAYS)
@example(drawn=CORRECTED, asked=SOME_DAYS)
@example(drawn=CORRECTED, asked=UP_TO_A_CORRECTION)
@example(drawn=[*LATE, *CORRECTED], asked=SOME_DAYS)
def test_a_walk_over_activities_finds_what_a_loop_for_each_snapshot_finds(
    drawn: Drawn, asked: list[int]
) -> None:
    versions = versions_of(drawn)
    rows = {"activities": activities_in(versions)}
    assert differing(rows, "opportunity", asked, lambda as_of: plain_activities(versions, as_of)) == {}

    def of_account(as_of: int) -> dict[str, Any]:
        seen = seen_at(versions, as_of)
        shared = (
            "activities_30d", "activities_90d", "activities_total", "reps_involved",
            "days_since_last_activity", "days_since_last_inbound", "contacts_reached_total",
        )  # fmt: skip
        mine = plain_activities(versions, as_of)
        recent = within(seen, as_of, 90)
        return {name: mine[name] for name in shared} | {
            "contacts_reached_90d": len({v.who for v in recent} - {0}),
            "channels_90d": len({KINDS[v.what] for v in recent} & CHANNELS),
            "appointments_90d": sum(KINDS[v.what] == "visit" for v in recent),
        }

    assert differing(rows, "account", asked, of_account) == {}


@settings(deadline=None, max_examples=150)
@given(drawn=RECORDS, asked=ASKED)
@example(drawn=CORRECTED, asked=SOME_DAYS)
@example(drawn=CORRECTED, asked=UP_TO_A_CORRECTION)
def test_a_walk_over_orders_finds_what_a_loop_for_each_snapshot_finds(drawn: Drawn, asked: list[int]) -> None:
    versions = versions_of(drawn)
    rows = [
        {
            "order_id": f"o{v.key}", "account_id": "a", "at": v.at, "recorded_at": v.known,
            "amount": (v.what - 1) / 4, "product": WHO[v.who],
        }
        for v in versions
    ]  # fmt: skip

    def expected(as_of: int) -> dict[str, Any]:
        seen = seen_at(versions, as_of)
        amounts = [(v.what - 1) / 4 for v in seen]
        return {
            "orders_30d": len(within(seen, as_of, 30)),
            "orders_90d": len(within(seen, as_of, 90)),
            "orders_total": len(seen),
            "order_value_total": sum(amounts),
            "order_value_90d": sum((v.what - 1) / 4 for v in within(seen, as_of, 90)),
            "last_order_value": amounts[-1] if seen else None,
            "largest_order_value": max(amounts, default=None),
            "refunds_total": sum(amount < 0 for amount in amounts),
            "products_bought": len({v.who for v in seen} - {0}),
            "days_since_last_order": since_last(seen, as_of),
        }

    assert differing({"orders": rows}, "account", asked, expected) == {}


@settings(deadline=None, max_examples=150)
@given(drawn=RECORDS, asked=ASKED)
@example(drawn=CORRECTED, asked=SOME_DAYS)
@example(drawn=CORRECTED, asked=UP_TO_A_CORRECTION)
def test_a_walk_over_stages_finds_what_a_loop_for_each_snapshot_finds(drawn: Drawn, asked: list[int]) -> None:
    versions = versions_of(drawn, at_is_the_key=True)
    names = (*STAGES, "parked")
    rows = [
        {"opportunity_id": "d", "at": v.at, "recorded_at": v.known, "stage": names[v.what]} for v in versions
    ]

    def expected(as_of: int) -> dict[str, Any]:
        seen = seen_at(versions, as_of)
        entries = [v for i, v in enumerate(seen) if i == 0 or v.what != seen[i - 1].what]
        listed = [v.what for v in entries if v.what < len(STAGES)]
        ends = [*(v.at for v in entries[1:]), as_of]
        now = entries[-1] if entries else None
        return {
            "stage": names[now.what] if now else None,
            "previous_stage": names[entries[-2].what] if len(entries) > 1 else None,
            "days_in_stage": (as_of - now.at) / DAY if now else None,
            "stage_moves_total": len(entries),
            "times_in_stage": sum(v.what == now.what for v in entries) if now else 0,
            "longest_dwell_days": max((e - v.at) / DAY for v, e in zip(entries, ends, strict=True))
            if now
            else None,
            "stages_below_peak": max(listed) - now.what if now and now.what < len(STAGES) else None,
            "forward_moves": sum(b > a for a, b in pairwise(listed)),
            "skipped_stages": sum(max(b - a - 1, 0) for a, b in pairwise(listed)),
        }

    assert differing({"stage_changes": rows}, "opportunity", asked, expected) == {}


@settings(deadline=None, max_examples=150)
@given(drawn=RECORDS, asked=ASKED)
@example(drawn=CORRECTED, asked=SOME_DAYS)
@example(drawn=CORRECTED, asked=UP_TO_A_CORRECTION)
def test_a_walk_over_edits_finds_what_a_loop_for_each_snapshot_finds(drawn: Drawn, asked: list[int]) -> None:
    versions = versions_of(drawn, at_is_the_key=True)
    values = ("0", "50", "70.5", "much")
    rows = [
        {
            "opportunity_id": "d",
            "at": v.at,
            "recorded_at": v.known,
            "field": "amount",
            "value": values[v.what],
        }
        for v in versions
    ]

    def expected(as_of: int) -> dict[str, Any]:
        seen = seen_at(versions, as_of)
        numbers = [(0.0, 50.0, 70.5, None)[v.what] for v in seen]
        pairs = [(a, b) for a, b in pairwise(numbers) if None not in (a, b)]
        return {
            "edits_30d": len(within(seen, as_of, 30)),
            "edits_total": len(seen),
            "days_since_last_edit": since_last(seen, as_of),
            "amount": numbers[-1] if seen else None,
            "amount_changes": max(len(seen) - 1, 0),
            "amount_cuts": sum(b < a for a, b in pairs),
            "days_since_amount_change": since_last(seen, as_of) if len(seen) > 1 else None,
        }

    assert differing({"field_changes": rows}, "opportunity", asked, expected) == {}


@settings(deadline=None, max_examples=100)
@given(drawn=RECORDS, asked=ASKED)
@example(drawn=CORRECTED, asked=SOME_DAYS)
@example(drawn=CORRECTED, asked=UP_TO_A_CORRECTION)
@example(drawn=[*LATE, *CORRECTED], asked=SOME_DAYS)
def test_no_feature_of_a_snapshot_depends_on_the_snapshots_beside_it(drawn: Drawn, asked: list[int]) -> None:
    versions = versions_of(drawn)
    activities = activities_in(versions)
    for row in activities:
        row["outcome"] = ("held", "replied", "no_show", None)[len(row["contact_id"] or "") + row["at"] % 3]  # type: ignore[index]
        row["duration_s"] = (None, 40.0, 900.0)[row["at"] // DAY % 3]  # type: ignore[index]
    moves = versions_of(drawn, at_is_the_key=True)
    history = history_from_rows(
        {
            "opportunities": [deal()],
            "activities": activities,
            "stage_changes": [
                {"opportunity_id": "d", "at": v.at, "recorded_at": v.known, "stage": STAGES[v.what % 3]}
                for v in moves
            ],
            "contacts": [{"contact_id": "p", "account_id": "a", "role": "champion", "created_at": 3 * DAY}],
        },
        CONVENTIONS,
    )
    for entity in ENTITIES:
        name = "d" if entity == "opportunity" else "a"
        together = bits(features_at(history, [(name, as_of) for as_of in asked], entity))
        for number, as_of in enumerate(asked):
            alone = bits(features_at(history, [(name, as_of)], entity))
            assert alone == {n: [cells[number]] for n, cells in together.items()}
