"""What a rep could do next about a deal, as the records that it would leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from features.conventions import OWNER_FIELD
from features.tables import TABLES, Kind
from features.times import DAY, HOUR, iso
from serving.around import Record, Records

_WEEK = 7 * DAY
_FRESH = 30 * DAY  # a meeting or proposal that a follow-up still follows
_APPOINTMENTS = ("meeting", "visit", "demo")
_MEETING_S, _CALL_S = 3_600.0, 600.0  # an hour, and ten minutes: round numbers of the trade


@dataclass(frozen=True)
class Action:
    """One thing to do.

    Attributes:
        name: of the action, for programs.
        text: in English and in Chinese.
        records: what it leaves, by table.
        ahead: when it is judged, in microseconds after the moment of the question.
    """

    name: str
    text: tuple[str, str]
    records: Records
    ahead: int = _WEEK


@dataclass(frozen=True)
class _Deal:
    """What is known of a deal when it is asked what to do.

    Attributes:
        contacts: of its account, those its activities named last first.
        done: its activities that have happened, in their order.
    """

    opportunity_id: str
    account_id: str
    rep_id: str
    as_of: int
    contacts: Sequence[Record]
    done: Sequence[Record]


def actions_of(known: Records, opportunity_id: str, as_of: int) -> list[Action]:
    """The actions that can be taken: none that needs a person or an occasion that is not there, and none at
    all of a deal that is not open.

    Args:
        known: what was known at `as_of` (microseconds); see `around.known_at`.
    """
    own = next(row for row in known["opportunities"] if row["opportunity_id"] == opportunity_id)
    if own["closed_at"] is not None or own["created_at"] > as_of:
        return []
    deal = _deal(known, own, as_of)
    made = (make(deal) for make in _MAKERS)
    return [*(action for action in made if action is not None), _NOTHING]


def shown_records(records: Records) -> dict[str, list[dict[str, Any]]]:
    """Records as a client may post them: times in ISO 8601, empty columns left out."""
    return {name: [_shown(name, row) for row in rows] for name, rows in records.items()}


def _shown(table: str, row: Record) -> dict[str, Any]:
    times = {column.name for column in TABLES[table].columns if column.kind is Kind.TIME}
    given = {name: value for name, value in row.items() if value is not None}
    return {name: iso(value) if name in times else value for name, value in given.items()}


def _deal(known: Records, own: Record, as_of: int) -> _Deal:
    mine = own["opportunity_id"]
    done = [row for row in known["activities"] if row["opportunity_id"] == mine and row["at"] <= as_of]
    done.sort(key=lambda row: (row["at"], row["activity_id"]))
    place = {row["contact_id"]: i for i, row in enumerate(done)}
    contacts = [row for row in known["contacts"] if row["account_id"] == own["account_id"]]
    contacts.sort(key=lambda row: (-place.get(row["contact_id"], -1), row["contact_id"]))
    return _Deal(mine, own["account_id"], _owner(known, own, as_of), as_of, contacts, done)


def _owner(known: Records, own: Record, as_of: int) -> str:
    """Who has the deal: as was told last, else as its row says."""
    told = [row for row in known["field_changes"] if row["field"] == OWNER_FIELD and row["at"] <= as_of]
    last = max(told, key=lambda row: row["at"], default=None)
    return str(own["rep_id"] if last is None else last["value"])


def _activity(deal: _Deal, kind: str, after: int, contact: str | None, **more: Any) -> Records:
    row = {
        "activity_id": f"what-if {kind}",
        "at": deal.as_of + after,
        "kind": kind,
        "opportunity_id": deal.opportunity_id,
        "account_id": deal.account_id,
        "rep_id": deal.rep_id,
        "contact_id": contact,
        **dict.fromkeys(("direction", "outcome", "duration_s", "recorded_at")),
    }
    return {"activities": [row | more]}


def _decision_maker_meeting(deal: _Deal) -> Action | None:
    contact = next((row["contact_id"] for row in deal.contacts if row["role"] == "decision_maker"), None)
    if contact is None:
        return None
    records = _activity(deal, "meeting", 3 * DAY, contact, outcome="held", duration_s=_MEETING_S)
    text = "meet a decision maker in 3 days", "3 天后与决策人会面"
    return Action("decision-maker-meeting", text, records)


def _meeting(deal: _Deal) -> Action | None:
    """With whom the deal has spoken last, decision makers aside: they have an action of their own."""
    contact = next((row["contact_id"] for row in deal.contacts if row["role"] != "decision_maker"), None)
    if contact is None:
        return None
    records = _activity(deal, "meeting", 3 * DAY, contact, outcome="held", duration_s=_MEETING_S)
    return Action("meeting", ("meet a contact in 3 days", "3 天后与联系人会面"), records)


def _call(deal: _Deal) -> Action | None:
    if not deal.contacts:
        return None
    how = {"direction": "outbound", "outcome": "connected", "duration_s": _CALL_S}
    records = _activity(deal, "call", DAY, deal.contacts[0]["contact_id"], **how)
    return Action("call", ("reach a contact by phone tomorrow", "明天与联系人通话"), records)


def _reply(deal: _Deal) -> Action | None:
    """Where the last e-mail came in, and waits for an answer."""
    mails = [row for row in deal.done if row["kind"] == "email" and row["direction"] is not None]
    if not mails or mails[-1]["direction"] != "inbound":
        return None
    how = {"direction": "outbound", "outcome": "sent"}
    records = _activity(deal, "email", 12 * HOUR, mails[-1]["contact_id"], **how)
    return Action(
        "email-reply", ("answer the waiting e-mail within a day", "一天内回复待处理的邮件"), records
    )


def _follow_up(deal: _Deal) -> Action | None:
    """Where the last meeting or proposal is fresh, and nothing went out since."""
    last = None
    for row in deal.done:
        if row["kind"] == "proposal" or (row["kind"] in _APPOINTMENTS and row["outcome"] == "held"):
            last = row
        elif row["direction"] == "outbound":
            last = None
    if last is None or last["at"] < deal.as_of - _FRESH:
        return None
    how = {"direction": "outbound", "outcome": "sent"}
    records = _activity(deal, "email", DAY, last["contact_id"], **how)
    text = "follow up on the last meeting or proposal tomorrow", "明天跟进最近的会面或方案"
    return Action("follow-up", text, records)


_NOTHING = Action("nothing", ("do nothing for two weeks", "两周内不采取任何行动"), {}, 2 * _WEEK)
_MAKERS: tuple[Callable[[_Deal], Action | None], ...] = (
    _decision_maker_meeting, _meeting, _call, _reply, _follow_up,
)  # fmt: skip
