"""Whom the rep has reached."""

from __future__ import annotations

from features.compiled import compiled
from features.families import state as s
from features.families.values import days_since, ratio
from features.tables import ROLES
from features.times import DAY, MISSING, FloatArray, IntArray

COLUMNS = (
    "contacts_reached_7d", "contacts_reached_14d", "contacts_reached_30d", "contacts_reached_90d",
    "contacts_reached_total", "new_contacts_30d", "days_since_new_contact", "roles_reached",
    "decision_makers_reached", "champions_reached", "decision_maker_meetings",
    "days_since_last_decision_maker", "top_contact_share", "contacts_answering", "reps_involved",
)  # fmt: skip
WIDTH = len(COLUMNS)
CORE = COLUMNS[:5]
DECISION_MAKER, CHAMPION = ROLES.index("decision_maker"), ROLES.index("champion")


@compiled()
def write(
    v: FloatArray,
    c: int,
    state: IntArray,
    people: IntArray,
    role: IntArray,
    since: IntArray,
    count: int,
    reps: IntArray,
    as_of: int,
    deep: bool,
) -> None:
    """The family's columns from v[c] on; those of `CORE` alone unless `deep`.

    Args:
        people: a row per contact of the deal (`state.add_person`); `count` of them.
        role, since: of each: place in `tables.ROLES`, and from when on it is known.
        reps: how many activities each rep of the deal has.
    """
    week = fortnight = month = quarter = total = new = answering = 0
    deciding = champions = meetings = roles = most = 0
    newest = last_deciding = MISSING
    for i in range(count):
        if people[i, s.P_COUNT] == 0:
            continue
        total += 1
        age = as_of - people[i, s.P_LAST]
        week += age < 7 * DAY
        fortnight += age < 14 * DAY
        month += age < 30 * DAY
        quarter += age < 90 * DAY
        if not deep:
            continue
        new += as_of - people[i, s.P_FIRST] < 30 * DAY
        newest = max(newest, people[i, s.P_FIRST])
        most = max(most, people[i, s.P_COUNT])
        answering += people[i, s.P_INBOUND] > 0
        if role[i] >= 0 and since[i] <= as_of:
            roles |= 1 << role[i]
            champions += role[i] == CHAMPION
            if role[i] == DECISION_MAKER:
                deciding += 1
                meetings += people[i, s.P_APPOINTMENTS]
                last_deciding = max(last_deciding, people[i, s.P_LAST])
    v[c], v[c + 1], v[c + 2], v[c + 3], v[c + 4] = week, fortnight, month, quarter, total
    if not deep:
        return
    distinct_roles = 0
    while roles:
        distinct_roles += roles & 1
        roles >>= 1
    v[c + 5] = new
    v[c + 6] = days_since(newest, as_of)
    v[c + 7] = distinct_roles
    v[c + 8] = deciding
    v[c + 9] = champions
    v[c + 10] = meetings
    v[c + 11] = days_since(last_deciding, as_of)
    v[c + 12] = ratio(most, state[s.N_WITH_CONTACT])
    v[c + 13] = answering
    involved = 0
    for count_of in reps:
        involved += count_of > 0
    v[c + 14] = involved
