"""A deal scored with records that have not happened: beside doing nothing until then, nothing kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from features.tables import TABLES
from features.times import DAY, iso
from serving.actions import Action, actions_of, shown_records
from serving.answers import answer
from serving.around import Record, Records, known_at
from serving.histories import of_rows
from serving.problems import invalid, not_json, unfit
from serving.schemas import (
    Contact,
    FieldChange,
    OptionalInstant,
    OptionalText,
    Schema,
    StageChange,
    known_of,
    record_model,
    settled,
)
from serving.scorer import Scorer, Scores
from serving.wording import Language, association_text
from training.labels import TARGETS, Target

AHEAD = 7 * DAY  # when an action is judged
_MOST = 1_000  # records of one kind
_CLOSED = ConfigDict(extra="forbid")  # a misspelt table would be a record that silently does nothing

WhatIfActivity = record_model(
    "WhatIfActivity", TABLES["activities"], without=("activity_id", "opportunity_id", "account_id"),
    activity_id=(OptionalText, None), opportunity_id=(OptionalText, None), account_id=(OptionalText, None),
)  # fmt: skip


def _short(of: Any) -> Any:
    return Annotated[list[of], Field(max_length=_MOST)]


class WhatIfRecords(Schema):
    """Records as in `POST /v1/scores`; an activity needs no id."""

    model_config = _CLOSED

    activities: _short(WhatIfActivity) = Field(default=[])  # type: ignore[valid-type]
    stage_changes: _short(StageChange) = Field(default=[])  # type: ignore[valid-type]
    field_changes: _short(FieldChange) = Field(default=[])  # type: ignore[valid-type]
    contacts: _short(Contact) = Field(default=[])  # type: ignore[valid-type]


def _nothing_if_null(value: Any) -> Any:
    return {} if value is None else value


class WhatIfRequest(Schema):
    """What is supposed to happen after `as_of`, and when the deal is scored then."""

    model_config = _CLOSED

    as_of: Annotated[OptionalInstant, Field(description="default: now; of a folder: its latest record")] = (
        None
    )
    at: Annotated[
        OptionalInstant,
        Field(
            description="when to score; default: once the last of the records is known, without records"
            " 7 days after as_of"
        ),
    ] = None
    records: Annotated[WhatIfRecords, BeforeValidator(_nothing_if_null)] = WhatIfRecords()
    target: Annotated[Target | None, Field(description="of the gains; default: all")] = None


@dataclass(frozen=True)
class _Asked:
    """A request with its defaults: times in microseconds, the hypothetical rows by table."""

    opportunity_id: str
    as_of: int
    at: int
    added: Records
    targets: Sequence[Target]
    language: Language


def parsed(body: bytes, time_zone: str) -> WhatIfRequest:
    """A request body; raises Problem where it is no JSON (400) or not of the shape (422)."""
    try:
        return WhatIfRequest.model_validate_json(body or b"{}", context={"time_zone": time_zone})
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise not_json(str(error.errors()[0]["ctx"]["error"])) from None
        raise invalid(error) from None


def what_if(
    scorer: Scorer,
    around: tuple[Records, int],
    opportunity_id: str,
    request: WhatIfRequest,
    language: Language,
) -> dict[str, Any]:
    """The deal's scores now, then with the supposed records, and then without; JSON-ready.

    Args:
        around: all that is known around the deal, and up to when; see `Service.around`.

    Raises:
        UnknownEntity: the records lack the opportunity.
        Problem: 422, a record lies not after `as_of`, or is known only after `at`, or `at` lies before.
    """
    records, latest = around
    as_of = latest if request.as_of is None else request.as_of
    known = known_at(records, opportunity_id, as_of)
    added = _added(request.records, known, opportunity_id)
    at = _moment(request, added, as_of)
    targets = TARGETS if request.target is None else (request.target,)
    asked = _Asked(opportunity_id, as_of, at, added, targets, language)
    actions = [] if any(added.values()) else actions_of(known, opportunity_id, as_of)
    together = [(known, as_of), (known, at), (with_added(known, added), at)]
    scores = _scored(scorer, opportunity_id, together, explain=True)
    now, nothing, then = (answer(scores, i, latest, language) for i in range(3))
    return {
        "opportunity_id": opportunity_id,
        "as_of": iso(as_of),
        "at": iso(at),
        "now": now,
        "then": then,
        "nothing": nothing,
        "gain": {t: _gain(scores, t, 2, 1) for t in targets},
        "note": association_text(language),
        "actions": _ranked(scorer, known, asked, actions) if actions else [],
    }


def with_added(known: Records, added: Records) -> Records:
    """The records with further ones, as a posted history with all of them is read."""
    return known | {  # type: ignore[operator, no-any-return]
        name: settled(TABLES[name], [*map(dict, known.get(name, ())), *map(dict, rows)])
        for name, rows in added.items()
        if rows
    }


def _added(posted: WhatIfRecords, known: Records, opportunity_id: str) -> Records:
    """The supposed records as canonical rows of the deal and its account."""
    account = next(
        row["account_id"] for row in known["opportunities"] if row["opportunity_id"] == opportunity_id
    )
    own = {"opportunity_id": opportunity_id}
    activities = []
    for place, activity in enumerate(posted.activities):
        row = activity.model_dump()
        row["activity_id"] = row["activity_id"] or f"what-if {place}"
        activities.append(row if "opportunity_id" in activity.model_fields_set else row | own)
    contacts = [contact.model_dump() for contact in posted.contacts]
    return {
        "activities": activities,
        "stage_changes": [row.model_dump() | own for row in posted.stage_changes],
        "field_changes": [row.model_dump() | own for row in posted.field_changes],
        "contacts": [row | {"account_id": row["account_id"] or account} for row in contacts],
    }


def _moment(request: WhatIfRequest, added: Records, as_of: int) -> int:
    """When to score, where everything that is supposed lies between `as_of` and then.

    Raises:
        Problem: 422, naming the first record that does not.
    """
    times = {
        f"records.{name}.{place}": _times_of(row)
        for name, rows in added.items()
        for place, row in enumerate(rows)
    }
    latest = max((max(its) for its in times.values() if its), default=None)
    at = request.at
    if at is None:
        at = latest if latest is not None else as_of if any(added.values()) else as_of + AHEAD
    if at < as_of:
        raise unfit("at", "lies before as_of")
    for place, its in times.items():
        if its and min(its) <= as_of:
            raise unfit(place, "lies not after as_of: what is supposed has not happened yet")
        if its and max(its) > at:
            raise unfit(place, "is known only after `at`: it could not count")
    return at


def _times_of(row: Record) -> list[int]:
    """When a row happens and when it is known; of a contact, since when it is, if that is given."""
    if "at" in row:
        return [row["at"], known_of(row)]
    return [] if row["created_at"] is None else [row["created_at"]]


def _scored(
    scorer: Scorer, opportunity_id: str, parts: Sequence[tuple[Records, int]], *, explain: bool
) -> Scores:
    times = np.array([at for _, at in parts], np.int64)
    histories = [of_rows(records) for records, _ in parts]
    return scorer.score_each(histories, [opportunity_id] * len(parts), times, explain=explain)


def _gain(scores: Scores, target: Target, with_it: int, without: int) -> float | None:
    """The difference of two probabilities; None where one of them cannot be given."""
    probability = scores.targets[target].probability
    found = float(probability[with_it] - probability[without])
    return None if math.isnan(found) else found


def _ranked(scorer: Scorer, known: Records, asked: _Asked, actions: Sequence[Action]) -> list[dict[str, Any]]:
    """The actions with what each gains over doing nothing for a week, the greatest gain in win first."""
    parts = [(known, asked.as_of + AHEAD)]
    parts += [(with_added(known, action.records), asked.as_of + action.ahead) for action in actions]
    scores = _scored(scorer.without_close, asked.opportunity_id, parts, explain=False)
    ranked = [_judged(scores, i, action, asked) for i, action in enumerate(actions, start=1)]
    order: Mapping[str, float] = {
        action.name: _gain(scores, "win", i, 0) or 0.0 for i, action in enumerate(actions, start=1)
    }
    return sorted(ranked, key=lambda each: -order[each["action"]])


def _judged(scores: Scores, i: int, action: Action, asked: _Asked) -> dict[str, Any]:
    return {
        "action": action.name,
        "text": action.text[asked.language == "zh-CN"],
        "at": iso(asked.as_of + action.ahead),
        "gain": {target: _gain(scores, target, i, 0) for target in asked.targets},
        "records": shown_records(action.records),
    }
