"""What the walk over a deal's activities keeps: whole numbers that each activity adds to.

`state` holds one number per name below; `people` a row per contact; `reps` a number per rep; and
`totals` a row per activity: the running totals before it, so that what a window holds is one row
less another.
"""

from __future__ import annotations

import numpy as np

from features.compiled import compiled
from features.tables import ACTIVITY_KINDS, ACTIVITY_OUTCOMES, DIRECTIONS
from features.times import DAY, MISSING, SECOND, Int32Array, IntArray

CALL, EMAIL, MEETING, VISIT, MESSAGE, DEMO, PROPOSAL, CRM_UPDATE, TASK, OTHER = range(len(ACTIVITY_KINDS))
INBOUND, OUTBOUND = range(len(DIRECTIONS))
CONNECTED, NO_ANSWER, SENT, OPENED, REPLIED, HELD, NO_SHOW, CANCELLED = range(len(ACTIVITY_OUTCOMES))

SHORT_CALL_S = 60
EFFECTIVE_S = 15 * 60  # a shorter meeting is hardly one
FOLLOW_UP = 2 * DAY
PROMPT = DAY
LONGEST_GAP_S = 10 * 365 * 86_400  # a longer gap is a typing error; held so that sums of squares fit

# totals: int32; the kinds from CALL to CRM_UPDATE, the two others, all, and by direction (none,
# inbound, outbound): sixteen, which fill one line of the processor's cache.
INTERNAL = TASK
ALL = INTERNAL + 1
BY_DIRECTION = ALL + 1
IN, OUT = BY_DIRECTION + 1, BY_DIRECTION + 2
TIMED, APPOINTMENTS, DAYS = range(OUT + 1, OUT + 4)
TOTALS = DAYS + 1
_TAGS = len(ACTIVITY_KINDS) * 4  # kind and direction as they stand in a tag
STILL = 4 * _TAGS  # the step of an activity that is not visible

# state: instants first, which begin as `MISSING`. By direction and by outcome the first is for none.
KINDS = len(ACTIVITY_KINDS)
FIRST, LAST = 0, 1
LAST_OF_KIND = 2
GAP_LONGEST = LAST_OF_KIND + KINDS
CORE = GAP_LONGEST + 1  # what counts, times, recency and gaps need; the rest is for deeper features
LAST_OF_DIRECTION = CORE
LAST_OF_OUTCOME = LAST_OF_DIRECTION + 1 + len(DIRECTIONS)
WAITING = LAST_OF_OUTCOME + 1 + len(ACTIVITY_OUTCOMES)
WAITING_FOR_CUSTOMER, DAY_NOW = WAITING + 1, WAITING + 2
N_OF_OUTCOME = DAY_NOW + 1
TIMED_OF_KIND = N_OF_OUTCOME + 1 + len(ACTIVITY_OUTCOMES)
SECONDS_OF_KIND = TIMED_OF_KIND + KINDS
_REST = SECONDS_OF_KIND + KINDS
(
    N_SENT, N_OPENED, N_REPLIED, N_CALLS_SHORT, CALL_LONGEST, N_APPOINTMENTS_ENDED, N_EFFECTIVE, N_OFF_DAY,
    N_PROMPT, DELAY, LAST_DELAY, GAP_LAST, GAP_SECONDS, GAP_SQUARES, DAY_COUNT, DAY_BUSIEST, PENDING,
    MEETINGS_TO_FOLLOW, MEETINGS_FOLLOWED, PROPOSALS_TO_FOLLOW, PROPOSALS_FOLLOWED, N_RESPONSES, RESPONSE,
    RESPONSE_LAST, RESPONSE_SLOWEST, N_PROMPT_RESPONSES, N_CUSTOMER_RESPONSES, CUSTOMER_RESPONSE,
    OUT_SINCE_IN, OUT_SINCE_DEMO, N_WITH_CONTACT,
) = range(_REST, _REST + 31)  # fmt: skip
STATE = _REST + 31

# people: a row per contact; the first two are all that features beyond the deeper ones need.
P_COUNT, P_LAST, P_FIRST, P_APPOINTMENTS, P_INBOUND = range(5)
PERSON_CORE, PERSON = 2, 5


def _steps() -> Int32Array:
    """What an activity adds to the totals: a row per `step_of`, and one of nothing, `STILL`."""
    steps = np.zeros((STILL + 1, TOTALS), np.int32)
    for step in range(STILL):
        kind, direction = divmod(step % _TAGS, 4)
        steps[step, min(kind, INTERNAL)] = steps[step, ALL] = 1
        steps[step, min(BY_DIRECTION + direction, OUT)] += 1
        steps[step, TIMED] = step // _TAGS % 2
        steps[step, APPOINTMENTS] = kind in (MEETING, VISIT, DEMO)
        steps[step, DAYS] = step // _TAGS // 2
    return steps


STEPS = _steps().view(np.int64)


@compiled()
def step_of(tag: int, is_timed: bool, is_new_day: int) -> int:
    """The step of an activity that is visible."""
    return (2 * is_new_day + is_timed) * _TAGS + (tag >> 4)


@compiled()
def advance(pairs: IntArray, row: int, step: int) -> None:
    """The totals behind the activity in `row`; they are seen as int64, two at a time, and never overflow."""
    before, behind, more = pairs[row], pairs[row + 1], STEPS[step]
    for n in range(TOTALS // 2):
        behind[n] = before[n] + more[n]


@compiled()
def clear(state: IntArray, width: int) -> None:
    """The state before any activity: its first `width` numbers, `CORE` or `STATE`."""
    state[:GAP_LONGEST] = MISSING
    state[GAP_LONGEST] = 0
    if width > CORE:
        state[CORE : DAY_NOW + 1] = MISSING
        state[DAY_NOW + 1 :] = 0


@compiled()
def put(
    state: IntArray,
    people: IntArray,
    reps: IntArray,
    to_state: IntArray,
    to_people: IntArray,
    to_reps: IntArray,
    sizes: tuple[int, int, int, int],
) -> None:
    """Copies what a walk keeps: the first numbers of the state, the people and of each of them, the reps.

    In loops, since a copy of a slice costs more than the few numbers there are.
    """
    width, n_people, of_person, n_reps = sizes
    for i in range(width):
        to_state[i] = state[i]
    for i in range(n_people):
        for n in range(of_person):
            to_people[i, n] = people[i, n]
    for i in range(n_reps):
        to_reps[i] = reps[i]


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
def _add_quality(state: IntArray, kind: int, direction: int, outcome: int, seconds: int) -> None:
    """E-mails opened and replied to, short calls, meetings that were ones."""
    sent = int(kind == EMAIL) & int(direction == OUTBOUND)
    state[N_SENT] += sent
    state[N_OPENED] += sent & (int(outcome == OPENED) | int(outcome == REPLIED))
    state[N_REPLIED] += sent & int(outcome == REPLIED)
    call = int(kind == CALL)
    state[N_CALLS_SHORT] += call & int(seconds >= 0) & int(seconds < SHORT_CALL_S)
    state[CALL_LONGEST] = max(state[CALL_LONGEST], call * seconds)
    meeting = int(is_appointment(kind))
    held = int(outcome == HELD)
    state[N_APPOINTMENTS_ENDED] += meeting & (held | int(outcome == NO_SHOW) | int(outcome == CANCELLED))
    state[N_EFFECTIVE] += meeting & held & (int(seconds < 0) | int(seconds >= EFFECTIVE_S))


@compiled()
def _add_answers(state: IntArray, inbound: int, outbound: int, at: int) -> None:
    """Who waits for whom: the first unanswered contact of either side, and how long answers took."""
    waiting, of_customer = state[WAITING], state[WAITING_FOR_CUSTOMER]
    answers = outbound & int(waiting != MISSING)
    took = (at - waiting) if answers else 0
    state[N_RESPONSES] += answers
    state[RESPONSE] += took
    state[RESPONSE_LAST] = took if answers else state[RESPONSE_LAST]
    state[RESPONSE_SLOWEST] = max(state[RESPONSE_SLOWEST], took)
    state[N_PROMPT_RESPONSES] += answers & int(took <= PROMPT)
    customer_answers = inbound & int(of_customer != MISSING)
    state[N_CUSTOMER_RESPONSES] += customer_answers
    state[CUSTOMER_RESPONSE] += (at - of_customer) if customer_answers else 0
    waiting = MISSING if outbound else waiting
    state[WAITING] = at if inbound and waiting == MISSING else waiting
    of_customer = MISSING if inbound else of_customer
    state[WAITING_FOR_CUSTOMER] = at if outbound and of_customer == MISSING else of_customer
    state[OUT_SINCE_IN] = (state[OUT_SINCE_IN] + outbound) * (1 - inbound)
    state[OUT_SINCE_DEMO] += outbound


@compiled()
def add(state: IntArray, at: int, tag: int) -> None:
    """One more activity, the latest so far.

    Written without branches where it can be: kinds, directions and outcomes come in no order that
    a processor could foresee.
    """
    if state[LAST] != MISSING:
        state[GAP_LONGEST] = max(state[GAP_LONGEST], at - state[LAST])
    else:
        state[FIRST] = at
    state[LAST] = at
    state[LAST_OF_KIND + (tag >> 6)] = at


@compiled()
def add_deeply(state: IntArray, at: int, delay: int, tag: int, seconds: int, day: int, works: bool) -> int:
    """What more than counts, times, recency and gaps need of an activity, before `add` is given it.

    Returns:
        1 for the first of its day, else 0.
    """
    kind, direction, outcome = tag >> 6, ((tag >> 4) & 3) - 1, (tag & 15) - 1
    if state[LAST] != MISSING:
        gap = at - state[LAST]
        whole = min(gap // SECOND, LONGEST_GAP_S)
        state[GAP_LAST] = gap
        state[GAP_SECONDS] += whole
        state[GAP_SQUARES] += whole * whole
    state[LAST_OF_DIRECTION + 1 + direction] = at
    state[LAST_OF_OUTCOME + 1 + outcome] = at
    new_day = int(day != state[DAY_NOW])
    state[DAY_NOW] = day
    state[DAY_COUNT] = state[DAY_COUNT] * (1 - new_day) + 1
    state[DAY_BUSIEST] = max(state[DAY_BUSIEST], state[DAY_COUNT])
    state[N_OFF_DAY] += not works
    state[N_PROMPT] += delay <= DAY
    state[DELAY] += delay
    state[LAST_DELAY] = delay
    timed = int(seconds >= 0)
    state[N_OF_OUTCOME + 1 + outcome] += 1
    state[TIMED_OF_KIND + kind] += timed
    state[SECONDS_OF_KIND + kind] += seconds * timed
    _add_quality(state, kind, direction, outcome, seconds)
    _add_answers(state, int(direction == INBOUND), int(direction == OUTBOUND), at)
    state[OUT_SINCE_DEMO] *= kind != DEMO
    return new_day


@compiled()
def add_person(person: IntArray, at: int, tag: int) -> None:
    """One more activity with a contact, all that is asked of it."""
    if person[P_COUNT] == 0:
        person[P_FIRST] = at
    person[P_COUNT] += 1
    person[P_LAST] = at
    person[P_APPOINTMENTS] += is_appointment(tag >> 6)
    person[P_INBOUND] += ((tag >> 4) & 3) - 1 == INBOUND
