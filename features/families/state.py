"""What the walk over a deal's activities keeps: whole numbers that each activity adds to.

`state` holds one number per name below; `people` a row per contact; `reps` a number per rep; and
`totals` a row per activity: the running totals before it, so that what a window holds is one row
less another.
"""

from __future__ import annotations

from features.compiled import compiled
from features.tables import ACTIVITY_KINDS, ACTIVITY_OUTCOMES, DIRECTIONS
from features.times import DAY, HOUR, MISSING, SECOND, IntArray

CALL, EMAIL, MEETING, VISIT, MESSAGE, DEMO, PROPOSAL, CRM_UPDATE, TASK, OTHER = range(len(ACTIVITY_KINDS))
INBOUND, OUTBOUND = range(len(DIRECTIONS))
CONNECTED, NO_ANSWER, SENT, OPENED, REPLIED, HELD, NO_SHOW, CANCELLED = range(len(ACTIVITY_OUTCOMES))

SHORT_CALL_S = 60
EFFECTIVE_S = 15 * 60  # a shorter meeting is hardly one
FOLLOW_UP = 2 * DAY
PROMPT = DAY
LONGEST_GAP_S = 10 * 365 * 86_400  # a longer gap is a typing error; held so that sums of squares fit

# totals: the first eight are the kinds from CALL to CRM_UPDATE.
ALL, IN, OUT, TIME, TIMED, APPOINTMENTS, DAYS = range(8, 15)
TOTALS = 15

(
    FIRST, LAST, LAST_IN, LAST_OUT, LAST_CALL, LAST_EMAIL, LAST_APPOINTMENT, LAST_MESSAGE, LAST_DEMO,
    LAST_PROPOSAL, LAST_INTERNAL, LAST_CONNECTED, LAST_HELD, WAITING, WAITING_FOR_CUSTOMER,
) = range(15)  # fmt: skip
(
    N_CONNECTED, N_NO_ANSWER, N_HELD, N_MISSED, N_SENT, N_OPENED, N_REPLIED, N_CALLS_TIMED, CALL_SECONDS,
    N_CALLS_SHORT, CALL_LONGEST, APPOINTMENT_SECONDS, N_APPOINTMENTS_TIMED, N_APPOINTMENTS_ENDED,
    N_EFFECTIVE, N_OFF_DAY, N_PROMPT, DELAY, LAST_DELAY, GAP_LAST, GAP_LONGEST, GAP_SECONDS, GAP_SQUARES,
    DAY_NOW, DAY_COUNT, DAY_BUSIEST, MEETINGS_TO_FOLLOW, MEETINGS_FOLLOWED, PROPOSALS_TO_FOLLOW,
    PROPOSALS_FOLLOWED, N_RESPONSES, RESPONSE, RESPONSE_LAST, RESPONSE_SLOWEST, N_PROMPT_RESPONSES,
    N_CUSTOMER_RESPONSES, CUSTOMER_RESPONSE, OUT_SINCE_IN, OUT_SINCE_DEMO, N_WITH_CONTACT,
) = range(15, 55)  # fmt: skip
STATE = 55

# people: a row per contact.
P_COUNT, P_FIRST, P_LAST, P_APPOINTMENTS, P_INBOUND = range(5)
PERSON = 5


@compiled()
def clear(state: IntArray) -> None:
    """The state before any activity."""
    state[:] = 0
    state[: WAITING_FOR_CUSTOMER + 1] = MISSING
    state[DAY_NOW] = MISSING


@compiled()
def is_appointment(kind: int) -> bool:
    return kind in (MEETING, VISIT, DEMO)


@compiled()
def is_follow_up(tag: int) -> bool:
    """An outbound call, e-mail, message or proposal."""
    kind = tag >> 6
    outbound = ((tag >> 4) & 3) - 1 == OUTBOUND
    return outbound and kind in (CALL, EMAIL, MESSAGE, PROPOSAL)


@compiled()
def wants_follow_up(tag: int) -> int:
    """1 for a meeting, visit or demo that was held, 2 for a proposal, else 0."""
    kind = tag >> 6
    if kind == PROPOSAL:
        return 2
    return 1 if is_appointment(kind) and (tag & 15) - 1 == HELD else 0


@compiled()
def add(
    state: IntArray,
    total: IntArray,
    at: int,
    delay: int,
    tag: int,
    seconds: int,
    day: int,
    works: bool,
) -> None:
    """One more activity, the latest so far; `total` is the row of totals behind it, a copy of the one
    before when this is called."""
    kind, direction, outcome = tag >> 6, ((tag >> 4) & 3) - 1, (tag & 15) - 1
    _add_gap(state, total[ALL], at)
    if day != state[DAY_NOW]:
        state[DAY_NOW], state[DAY_COUNT] = day, 0
        total[DAYS] += 1
    state[DAY_COUNT] += 1
    state[DAY_BUSIEST] = max(state[DAY_BUSIEST], state[DAY_COUNT])
    state[N_OFF_DAY] += not works
    state[N_PROMPT] += delay <= DAY
    state[DELAY] += delay
    state[LAST_DELAY] = delay
    total[ALL] += 1
    if kind <= CRM_UPDATE:
        total[kind] += 1
    if seconds >= 0:
        total[TIME] += seconds
        total[TIMED] += 1
    if kind >= CRM_UPDATE:
        state[LAST_INTERNAL] = at
    _add_direction(state, total, direction, at)
    _add_kind(state, total, kind, direction, outcome, seconds, at)
    _add_outcome(state, outcome, at)


@compiled()
def _add_gap(state: IntArray, before: int, at: int) -> None:
    if before > 0:
        gap = at - state[LAST]
        state[GAP_LAST] = gap
        state[GAP_LONGEST] = max(state[GAP_LONGEST], gap)
        seconds = min(gap // SECOND, LONGEST_GAP_S)
        state[GAP_SECONDS] += seconds
        state[GAP_SQUARES] += seconds * seconds
    else:
        state[FIRST] = at
    state[LAST] = at


@compiled()
def _add_direction(state: IntArray, total: IntArray, direction: int, at: int) -> None:
    """Who waits for whom: the first unanswered contact of either side, and how long answers took."""
    if direction == INBOUND:
        total[IN] += 1
        state[LAST_IN] = at
        state[OUT_SINCE_IN] = 0
        if state[WAITING] == MISSING:
            state[WAITING] = at
        if state[WAITING_FOR_CUSTOMER] != MISSING:
            state[N_CUSTOMER_RESPONSES] += 1
            state[CUSTOMER_RESPONSE] += at - state[WAITING_FOR_CUSTOMER]
            state[WAITING_FOR_CUSTOMER] = MISSING
    elif direction == OUTBOUND:
        total[OUT] += 1
        state[LAST_OUT] = at
        state[OUT_SINCE_IN] += 1
        state[OUT_SINCE_DEMO] += 1
        if state[WAITING_FOR_CUSTOMER] == MISSING:
            state[WAITING_FOR_CUSTOMER] = at
        if state[WAITING] != MISSING:
            took = at - state[WAITING]
            state[N_RESPONSES] += 1
            state[RESPONSE] += took
            state[RESPONSE_LAST] = took
            state[RESPONSE_SLOWEST] = max(state[RESPONSE_SLOWEST], took)
            state[N_PROMPT_RESPONSES] += took <= 24 * HOUR
            state[WAITING] = MISSING


@compiled()
def _add_kind(
    state: IntArray, total: IntArray, kind: int, direction: int, outcome: int, seconds: int, at: int
) -> None:
    if kind == CALL:
        state[LAST_CALL] = at
        if seconds >= 0:
            state[N_CALLS_TIMED] += 1
            state[CALL_SECONDS] += seconds
            state[N_CALLS_SHORT] += seconds < SHORT_CALL_S
            state[CALL_LONGEST] = max(state[CALL_LONGEST], seconds)
    elif kind == EMAIL:
        state[LAST_EMAIL] = at
        if direction == OUTBOUND:
            state[N_SENT] += 1
            state[N_OPENED] += outcome in (OPENED, REPLIED)
            state[N_REPLIED] += outcome == REPLIED
    elif kind == MESSAGE:
        state[LAST_MESSAGE] = at
    elif kind == PROPOSAL:
        state[LAST_PROPOSAL] = at
    elif is_appointment(kind):
        total[APPOINTMENTS] += 1
        state[LAST_APPOINTMENT] = at
        if kind == DEMO:
            state[LAST_DEMO] = at
            state[OUT_SINCE_DEMO] = 0
        if seconds >= 0:
            state[N_APPOINTMENTS_TIMED] += 1
            state[APPOINTMENT_SECONDS] += seconds
        if outcome in (HELD, NO_SHOW, CANCELLED):
            state[N_APPOINTMENTS_ENDED] += 1
            state[N_EFFECTIVE] += outcome == HELD and (seconds < 0 or seconds >= EFFECTIVE_S)


@compiled()
def _add_outcome(state: IntArray, outcome: int, at: int) -> None:
    if outcome == CONNECTED:
        state[N_CONNECTED] += 1
        state[LAST_CONNECTED] = at
    elif outcome == NO_ANSWER:
        state[N_NO_ANSWER] += 1
    elif outcome == HELD:
        state[N_HELD] += 1
        state[LAST_HELD] = at
    elif outcome in (NO_SHOW, CANCELLED):
        state[N_MISSED] += 1


@compiled()
def add_person(person: IntArray, at: int, tag: int) -> None:
    """One more activity with a contact."""
    if person[P_COUNT] == 0:
        person[P_FIRST] = at
    person[P_COUNT] += 1
    person[P_LAST] = at
    person[P_APPOINTMENTS] += is_appointment(tag >> 6)
    person[P_INBOUND] += ((tag >> 4) & 3) - 1 == INBOUND
