"""The dated reference: what the closed deals up to a Monday say about deals like this one.

The sums come from `reference.sql`; the rates are plain arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tests.sql.oracle import Value, sql_features
from tests.sql.world import fetched, opened, run

if TYPE_CHECKING:
    from features.conventions import Conventions
    from tests.factories import Row, Rows
    from tests.sql.world import Snapshot

Reference = Mapping[tuple[str, str], Mapping[str, int]]

DAY = 86_400_000_000
FIRST_MONDAY = 4 * DAY  # 1970-01-05
PRIOR_DEALS, PRIOR_CYCLES = 20, 5
COUNTS = ("closed", "won", "cycle_s", "cycles")
MEASURES = {
    "all": (*COUNTS, "amount_cents", "amounts"),
    "rep": (*COUNTS, "open", "records", "prompt"),
    "team": (*COUNTS, "open", "reps"),
    "stage": (*COUNTS, "dwell_s", "dwells"),
    "kind": COUNTS,
    "source": COUNTS,
    "product": COUNTS,
    "industry": COUNTS,
}
SEGMENTS = ("kind", "source", "product", "industry", "stage")


def monday_of(as_of: int) -> int:
    """The latest Monday 00:00 UTC that is not after the instant."""
    return as_of - (as_of - FIRST_MONDAY) % (7 * DAY)


def reference_at(rows: Rows, conventions: Conventions, monday: int) -> Reference:
    """(scope, key) -> measure -> whole number, as of a Monday 00:00 UTC (microseconds).

    Every scope has the measures of `MEASURES`, zero where nothing counts; a key of which nothing
    at all is known is missing, ("all", "") never is. Money is in hundredths, time in whole seconds.
    """
    with opened(rows, conventions, _deals_at(rows, monday), "opportunity") as base:
        base.execute("CREATE TABLE reference_date AS SELECT CAST(? AS BIGINT) AS monday", [monday])
        run(base, "reference")
        found: dict[tuple[str, str], dict[str, int]] = {("all", ""): _zeros("all")}
        for row in fetched(base, "SELECT * FROM reference"):
            measures = found.setdefault((row["scope"], row["key"]), _zeros(row["scope"]))
            measures[row["measure"]] = int(row["number"])
    return found


def reference_features(
    rows: Rows, conventions: Conventions, snapshots: Sequence[Snapshot]
) -> list[dict[str, Value]]:
    """The features of each opportunity snapshot that need the dated reference, in the snapshots' order."""
    mondays = sorted({monday_of(as_of) for _, as_of in snapshots})
    references = {monday: reference_at(rows, conventions, monday) for monday in mondays}
    present = sql_features(rows, conventions, snapshots, "opportunity")
    owners = _owners(rows, conventions, snapshots)
    return [
        _features(references[monday_of(as_of)], deal, owner, as_of)
        for (_, as_of), deal, owner in zip(snapshots, present, owners, strict=True)
    ]


def _features(reference: Reference, deal: Mapping[str, Value], owner: Row, as_of: int) -> dict[str, Value]:
    every = reference["all", ""]
    overall = _ratio(every["won"], every["closed"])
    return {
        **{f"{scope}_win_rate": _win_rate(reference, scope, deal[scope], overall) for scope in SEGMENTS},
        **_rep_features(reference, owner, overall, as_of),
        "dwell_over_norm": _ratio(deal["days_in_stage"], _mean_dwell_days(reference, deal["stage"])),
        "age_over_norm": _ratio(deal["deal_age_days"], _ratio(every["cycle_s"] / 86_400, every["cycles"])),
        "amount_over_typical": _ratio(deal["amount"], _ratio(every["amount_cents"] / 100, every["amounts"])),
    }


def _rep_features(reference: Reference, owner: Row, overall: float | None, as_of: int) -> dict[str, Value]:
    rep, team, hired_at = owner["rep_id"], owner["team_id"], owner["hired_at"]
    own, mates = _measures(reference, "rep", rep), _measures(reference, "team", team)
    team_rate = _win_rate(reference, "team", team, overall)
    return {
        "rep_win_rate": _win_rate(reference, "rep", rep, overall if team is None else team_rate),
        "team_win_rate": team_rate,
        "rep_cycle_days": _rep_cycle_days(reference, rep, team),
        "rep_closed_deals": None if rep is None else float(own["closed"]),
        "rep_open_deals": None if rep is None else float(own["open"]),
        "rep_tenure_days": None if hired_at is None or hired_at > as_of else (as_of - hired_at) / DAY,
        "rep_prompt_recording_share": _ratio(own["prompt"], own["records"]),
        "team_open_deals_per_rep": _ratio(mates["open"], mates["reps"]),
    }


def _win_rate(reference: Reference, scope: str, key: Value, base: float | None) -> float | None:
    """The rate of one key, drawn towards `base` as if by twenty more deals."""
    if key is None or base is None:
        return None
    counts = _measures(reference, scope, key)
    return (counts["won"] + PRIOR_DEALS * base) / (counts["closed"] + PRIOR_DEALS)


def _rep_cycle_days(reference: Reference, rep: str | None, team: str | None) -> float | None:
    """The mean cycle of the rep's won deals, drawn towards the team's, and that towards all."""
    mean = _ratio(reference["all", ""]["cycle_s"], reference["all", ""]["cycles"])
    if rep is None or mean is None:
        return None
    for scope, key in (("team", team), ("rep", rep)):
        if key is not None:
            counts = _measures(reference, scope, key)
            mean = (counts["cycle_s"] + PRIOR_CYCLES * mean) / (counts["cycles"] + PRIOR_CYCLES)
    return mean / 86_400


def _mean_dwell_days(reference: Reference, stage: Value) -> float | None:
    counts = _measures(reference, "stage", stage)
    return _ratio(counts["dwell_s"] / 86_400, counts["dwells"])


def _measures(reference: Reference, scope: str, key: Value) -> Mapping[str, int]:
    return reference.get((scope, str(key)), _zeros(scope)) if key is not None else _zeros(scope)


def _zeros(scope: str) -> dict[str, int]:
    return dict.fromkeys(MEASURES[scope], 0)


def _ratio(part: Value, whole: Value) -> float | None:
    if part is None or not whole:
        return None
    return float(part) / float(whole)


def _deals_at(rows: Rows, monday: int) -> list[tuple[str, int]]:
    """Every closed deal at its close, every open one an instant before the date."""
    closes = [(row["opportunity_id"], row.get("closed_at")) for row in rows["opportunities"]]
    return [
        (name, monday - 1 if closed_at is None or closed_at >= monday else closed_at)
        for name, closed_at in closes
    ]


def _owners(rows: Rows, conventions: Conventions, snapshots: Sequence[Snapshot]) -> list[dict[str, Any]]:
    """Whose each deal is at its snapshot: rep_id, and of the rep team_id and hired_at."""
    with opened(rows, conventions, snapshots, "opportunity") as base:
        return fetched(
            base,
            """
            SELECT t.text AS rep_id, r.team_id, r.hired_at
            FROM scene s
            LEFT JOIN told t ON t.n = s.n AND t.field = 'rep_id' AND t.from_end = 1
            LEFT JOIN reps r ON r.rep_id = t.text
            ORDER BY s.n
            """,
        )
