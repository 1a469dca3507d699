"""Stage and dwell, people, and deal terms of an opportunity."""

from __future__ import annotations

import numpy as np

from features.families import Values
from features.families.activity import MEETING_KINDS, of_kind
from features.history import FieldHistory, History, Records
from features.readers import TextArray
from features.snapshots import Seen, Snapshots, age_days, days_since, share, texts_where
from features.times import DAY, NEVER, BoolArray, FloatArray, IntArray


def stage(history: History, snapshots: Snapshots) -> Values:
    """Where the deal stands, for how long, and how it came there."""
    seen = Seen(history.stage_changes, snapshots)
    row = seen.last_row()
    current = _pick(history.stage_changes["stage"], row)
    age = age_days(history.opportunities.created_at[snapshots.entity], snapshots.as_of)
    dwell = np.where(row >= 0, days_since(_pick(seen.records.at, row), snapshots.as_of), np.nan)
    moves = seen.count()
    return {
        "stage": stage_name(history, current),
        "stage_position": _position(history, current),
        "stages_below_peak": _peak(history, snapshots) - _position(history, current),
        "days_in_stage": dwell,
        "days_to_reach_stage": age - dwell,
        "stage_moves_total": moves.astype(np.float64),
        "deal_age_days": age,
        "days_per_stage_move": share(age, moves),
    }


def current_stage(history: History, snapshots: Snapshots) -> IntArray:
    """Index into `history.stage_names` of each snapshot's stage; -1 where none was known yet."""
    return _pick(history.stage_changes["stage"], Seen(history.stage_changes, snapshots).last_row())


def people(history: History, snapshots: Snapshots) -> Values:
    """Whom the rep has reached."""
    activities = history.activities
    seen = Seen(activities, snapshots)
    reached = seen.where(activities["contact"] >= 0)
    deciding = Seen(_with_decision_makers(activities), snapshots)
    meetings = np.flatnonzero(activities["decision_maker_from"] < NEVER)
    in_person = deciding.where(of_kind(history, *MEETING_KINDS)[meetings])
    return {
        "contacts_reached_30d": reached.distinct(reached.records["contact"], 30).astype(np.float64),
        "contacts_reached_total": reached.distinct(reached.records["contact"]).astype(np.float64),
        "decision_makers_reached": deciding.distinct(deciding.records["contact"]).astype(np.float64),
        "decision_maker_meetings": in_person.count().astype(np.float64),
        "days_since_last_decision_maker": days_since(deciding.last_at(), snapshots.as_of),
        "reps_involved": _reps_involved(seen),
        "contacts_known": _contacts_known(history, snapshots),
    }


def terms(history: History, snapshots: Snapshots) -> Values:
    """Amount, expected close and kind of the deal, each as it was known."""
    amount, first_amount, amount_changes = number_now(history, "amount", snapshots)
    close, first_close, close_changes = number_now(history, "expected_close_at", snapshots)
    return {
        "amount": amount,
        "amount_changes": amount_changes,
        "amount_change_share": share(amount - first_amount, first_amount),
        "days_to_expected_close": (close - snapshots.as_of) / DAY,
        "close_date_changes": close_changes,
        "close_date_shift_days": (close - first_close) / DAY,
        **{field: text_now(history, field, snapshots) for field in ("kind", "source", "product")},
    }


def text_now(history: History, field: str, snapshots: Snapshots) -> TextArray:
    """A category of the opportunity as it was known; None where it was not."""
    if field in history.opportunities.texts:
        texts = history.opportunities.texts[field][snapshots.entity]
        return texts_where(_created(history, snapshots), texts)
    changes = history.field_changes[field]
    row = Seen(changes.records, snapshots).last_row()
    return _texts_at(changes, row)


def number_now(
    history: History, field: str, snapshots: Snapshots
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A number as it was known: the value now, the first value, the number of changes since.

    NaN where it was not known; a fixed column has no changes.
    """
    if field in history.opportunities.numbers:
        value = history.opportunities.numbers[field][snapshots.entity]
        value = np.where(_created(history, snapshots), value, np.nan)
        return value, value, np.zeros(len(snapshots))
    changes = history.field_changes[field]
    seen = Seen(changes.records, snapshots)
    count = np.maximum(seen.count() - 1, 0).astype(np.float64)
    return _numbers_at(changes, seen.last_row()), _numbers_at(changes, seen.first_row()), count


def stage_name(history: History, stage_code: IntArray) -> TextArray:
    """The names of stages by their code; None for -1."""
    names = np.array([*history.stage_names, None], object)
    return names[stage_code]


def _created(history: History, snapshots: Snapshots) -> BoolArray:
    """Whether each snapshot's opportunity exists already: before that nothing in its row is known."""
    return history.opportunities.created_at[snapshots.entity] <= snapshots.as_of


def _position(history: History, stage_code: IntArray) -> FloatArray:
    """0 for the first open stage and so on; NaN for none or one that is not in the order."""
    listed = (stage_code >= 0) & (stage_code < len(history.conventions.stages))
    return np.where(listed, stage_code, np.nan)


def _peak(history: History, snapshots: Snapshots) -> FloatArray:
    """The latest open stage the deal has ever been in."""
    listed = Seen(history.stage_changes, snapshots).where(
        history.stage_changes["stage"] < len(history.conventions.stages)
    )
    best = listed.greatest(listed.records["stage"])
    return np.where(best >= 0, best, np.nan)


def _with_decision_makers(activities: Records) -> Records:
    """The activities with decision makers, known once the contact is known to be one."""
    since = activities["decision_maker_from"]
    rows = np.flatnonzero(since < NEVER)
    part = activities.take(rows)
    known = np.maximum(part.known, since[rows])
    return Records(part.entity, part.at, known, part.until, part.columns)


def _reps_involved(seen: Seen) -> FloatArray:
    named = seen.where(seen.records["rep"] >= 0)
    return named.distinct(named.records["rep"]).astype(np.float64)


def _contacts_known(history: History, snapshots: Snapshots) -> FloatArray:
    account = history.opportunities.account[snapshots.entity]
    return Seen(history.contacts, Snapshots(account, snapshots.as_of)).count().astype(np.float64)


def _numbers_at(changes: FieldHistory, row: IntArray) -> FloatArray:
    code = _pick(changes.records["value"], row)
    values = np.append(np.asarray(changes.values, np.float64), np.nan)
    return values[code]


def _texts_at(changes: FieldHistory, row: IntArray) -> TextArray:
    values: TextArray = np.array([*changes.values, None], object)
    return values[_pick(changes.records["value"], row)]


def _pick(values: IntArray, row: IntArray) -> IntArray:
    """The value of each row; -1 for row -1."""
    return np.append(values, -1)[row]
