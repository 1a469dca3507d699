"""Whether the customer answers, and whether contacts come to anything."""

from __future__ import annotations

import math

import numpy as np

from features.compiled import compiled
from features.families import state as s
from features.families.values import ratio
from features.families.volume import WINDOWS
from features.times import HOUR, MISSING, FloatArray, Int32Array, IntArray
from features.visibility import is_visible

INTENSITIES = ("activity_intensity", "inbound_intensity", "outbound_intensity", "held_intensity")
COLUMNS = (
    *(f"activity_time_s_{window}" for window in WINDOWS),
    *(f"mean_duration_s_{window}" for window in WINDOWS),
    "inbound_30d", "inbound_total", "outbound_30d", "outbound_total", "inbound_share",
    "inbound_trend_30d", "connected_share", "mean_call_s", "short_call_share", "longest_call_s",
    "mean_appointment_s", "open_share", "reply_share", "held_total", "missed_total", "no_show_share",
    "effective_meeting_share", "meeting_follow_up_share", "proposal_follow_up_share",
    "outbound_since_last_inbound", "outbound_since_last_demo", *INTENSITIES,
)  # fmt: skip
WIDTH = len(COLUMNS)
CORE = COLUMNS[:10]
_INTENSITIES = WIDTH - len(INTENSITIES)
HALF_LIFE_HOURS = 14 * 24
FORGOTTEN_HOURS = 20 * HALF_LIFE_HOURS  # what is older counts a millionth, and then nothing
# By whole hours, so that a table serves, and the same bits come of one snapshot as of many.
_COUNTS = np.array([0.5 ** (hours / HALF_LIFE_HOURS) for hours in range(FORGOTTEN_HOURS)])


@compiled()
def write(v: FloatArray, c: int, totals: Int32Array, spent: IntArray, edge: IntArray, end: int) -> None:
    """The times, from v[c] on; see `volume.write`.

    Args:
        spent: running totals of seconds.
    """
    for i in range(5):
        then = edge[i if i < 3 else 4] if i < 4 else 0
        seconds = spent[end] - spent[then]
        v[c + i] = seconds
        timed = totals[end, s.TIMED] - totals[then, s.TIMED]
        v[c + 5 + i] = seconds / timed if timed else math.nan


@compiled()
def write_deeply(
    v: FloatArray,
    c: int,
    state: IntArray,
    totals: Int32Array,
    edge: IntArray,
    end: int,
    meetings_pending: int,
    proposals_pending: int,
) -> None:
    """The family's other columns.

    Args:
        meetings_pending, proposals_pending: not followed up yet, and less than two days old.
    """
    c += 10
    now, month, two_months = totals[end], totals[edge[2]], totals[edge[3]]
    received, sent = now[s.IN], now[s.OUT]
    v[c] = received - month[s.IN]
    v[c + 1] = received
    v[c + 2] = sent - month[s.OUT]
    v[c + 3] = sent
    v[c + 4] = ratio(received, received + sent)
    v[c + 5] = (received - month[s.IN]) - (month[s.IN] - two_months[s.IN])
    outcomes = state[s.N_OF_OUTCOME + 1 : s.TIMED_OF_KIND]
    connected, held = outcomes[s.CONNECTED], outcomes[s.HELD]
    missed = outcomes[s.NO_SHOW] + outcomes[s.CANCELLED]
    v[c + 6] = ratio(connected, connected + outcomes[s.NO_ANSWER])
    calls = state[s.TIMED_OF_KIND + s.CALL]
    v[c + 7] = ratio(state[s.SECONDS_OF_KIND + s.CALL], calls)
    v[c + 8] = ratio(state[s.N_CALLS_SHORT], calls)
    v[c + 9] = state[s.CALL_LONGEST] if calls else math.nan
    in_meetings = meetings = 0
    for kind in (s.MEETING, s.VISIT, s.DEMO):
        in_meetings += state[s.SECONDS_OF_KIND + kind]
        meetings += state[s.TIMED_OF_KIND + kind]
    v[c + 10] = ratio(in_meetings, meetings)
    v[c + 11] = ratio(state[s.N_OPENED], state[s.N_SENT])
    v[c + 12] = ratio(state[s.N_REPLIED], state[s.N_SENT])
    v[c + 13] = held
    v[c + 14] = missed
    v[c + 15] = ratio(missed, held + missed)
    v[c + 16] = ratio(state[s.N_EFFECTIVE], state[s.N_APPOINTMENTS_ENDED])
    v[c + 17] = ratio(state[s.MEETINGS_FOLLOWED], state[s.MEETINGS_TO_FOLLOW] - meetings_pending)
    v[c + 18] = ratio(state[s.PROPOSALS_FOLLOWED], state[s.PROPOSALS_TO_FOLLOW] - proposals_pending)
    v[c + 19] = state[s.OUT_SINCE_IN]
    v[c + 20] = math.nan if state[s.LAST_OF_KIND + s.DEMO] == MISSING else state[s.OUT_SINCE_DEMO]


@compiled()
def write_intensities(
    v: FloatArray,
    c: int,
    low: int,
    end: int,
    as_of: int,
    at: IntArray,
    known: IntArray,
    until: IntArray,
    tag: IntArray,
) -> None:
    """Contacts of late: each counts half as much with every two weeks that have passed; v as in `write`.

    Args:
        low, end: the deal's activities up to `as_of`.
    """
    c += _INTENSITIES
    v[c : c + 4] = 0
    for i in range(end - 1, low - 1, -1):
        hours = (as_of - at[i]) // HOUR
        if hours >= FORGOTTEN_HOURS:
            break
        if is_visible(at[i], known[i], until[i], as_of):
            counts = _COUNTS[hours]
            direction = ((tag[i] >> 4) & 3) - 1
            v[c] += counts
            if direction == s.INBOUND:
                v[c + 1] += counts
            elif direction == s.OUTBOUND:
                v[c + 2] += counts
            if (tag[i] & 15) - 1 == s.HELD:
                v[c + 3] += counts
