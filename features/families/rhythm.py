"""How long ago, how regularly, and how soon answers come."""

from __future__ import annotations

import math

from features.compiled import compiled
from features.families import state as s
from features.families.values import days, days_since, hours, ratio, variation
from features.times import MISSING, NEVER, FloatArray, IntArray

LAST = (
    "activity", "inbound", "outbound", "call", "email", "meeting", "message", "demo", "proposal",
    "internal_work", "connected", "held",
)  # fmt: skip
COLUMNS = (
    *(f"days_since_last_{what}" for what in LAST),
    "first_activity_delay_days", "mean_gap_days", "last_gap_days", "longest_silence_days", "gap_variation",
    "silence_over_gap", "silence_over_longest_gap", "mean_response_hours", "last_response_hours",
    "slowest_response_hours", "unanswered_hours", "prompt_response_share", "mean_customer_response_hours",
    "days_to_next_activity",
)  # fmt: skip
WIDTH = len(COLUMNS)
_DEEP = ("inbound", "outbound", "connected", "held")
CORE = (
    *(f"days_since_last_{what}" for what in LAST if what not in _DEEP),
    "mean_gap_days", "longest_silence_days",
)  # fmt: skip


@compiled()
def write(v: FloatArray, c: int, state: IntArray, count: int, as_of: int) -> None:
    """Recency and gaps, from v[c] on; `count` activities in all."""
    kind = state[s.LAST_OF_KIND : s.GAP_LONGEST]
    v[c] = days_since(state[s.LAST], as_of)
    v[c + 3] = days_since(kind[s.CALL], as_of)
    v[c + 4] = days_since(kind[s.EMAIL], as_of)
    v[c + 5] = days_since(max(kind[s.MEETING], kind[s.VISIT], kind[s.DEMO]), as_of)
    v[c + 6] = days_since(kind[s.MESSAGE], as_of)
    v[c + 7] = days_since(kind[s.DEMO], as_of)
    v[c + 8] = days_since(kind[s.PROPOSAL], as_of)
    v[c + 9] = days_since(max(kind[s.CRM_UPDATE], kind[s.TASK], kind[s.OTHER]), as_of)
    c += len(LAST)
    v[c + 1] = v[c + 3] = math.nan
    if count:
        v[c + 3] = days(max(state[s.GAP_LONGEST], as_of - state[s.LAST]))
    if count > 1:
        v[c + 1] = days(state[s.LAST] - state[s.FIRST]) / (count - 1)


@compiled()
def write_deeply(
    v: FloatArray, c: int, state: IntArray, count: int, as_of: int, created_at: int, next_at: int
) -> None:
    """Recency by direction and outcome, the first activity's delay, the gaps' course, answers, what is
    planned; after `write`.

    Args:
        created_at: of the deal.
        next_at: of the next planned activity, `NEVER` without one.
    """
    v[c + 1] = days_since(state[s.LAST_OF_DIRECTION + 1 + s.INBOUND], as_of)
    v[c + 2] = days_since(state[s.LAST_OF_DIRECTION + 1 + s.OUTBOUND], as_of)
    v[c + 10] = days_since(state[s.LAST_OF_OUTCOME + 1 + s.CONNECTED], as_of)
    v[c + 11] = days_since(state[s.LAST_OF_OUTCOME + 1 + s.HELD], as_of)
    c += len(LAST)
    v[c] = days(state[s.FIRST] - created_at) if count and created_at <= as_of else math.nan
    v[c + 2] = v[c + 4] = v[c + 5] = v[c + 6] = math.nan
    if count > 1:
        silence = as_of - state[s.LAST]
        v[c + 2] = days(state[s.GAP_LAST])
        v[c + 4] = variation(count - 1, state[s.GAP_SECONDS], state[s.GAP_SQUARES])
        v[c + 5] = ratio(days(silence), v[c + 1])
        v[c + 6] = ratio(silence, state[s.GAP_LONGEST])
    answered = state[s.N_RESPONSES]
    waiting = state[s.WAITING]
    late = waiting != MISSING and as_of - waiting > s.PROMPT
    v[c + 7] = ratio(hours(state[s.RESPONSE]), answered)
    v[c + 8] = hours(state[s.RESPONSE_LAST]) if answered else math.nan
    v[c + 9] = hours(state[s.RESPONSE_SLOWEST]) if answered else math.nan
    v[c + 10] = math.nan if waiting == MISSING else hours(as_of - waiting)
    v[c + 11] = ratio(state[s.N_PROMPT_RESPONSES], answered + late)
    v[c + 12] = ratio(hours(state[s.CUSTOMER_RESPONSE]), state[s.N_CUSTOMER_RESPONSES])
    v[c + 13] = math.nan if next_at == NEVER else days(next_at - as_of)
