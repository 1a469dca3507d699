"""What moved an opportunity's probabilities between two moments."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field

from serving.answers import encoded
from serving.routes.replies import reply
from serving.schemas import Schema
from serving.service import Service
from serving.wording import language_of
from training.labels import Target

router = APIRouter(prefix="/v1", tags=["scores"])


class Part(Schema):
    """What one behaviour group adds, in probability."""

    behaviour: str
    points: float


class ClockStep(Schema):
    """What the mere passage of time did: the score at `until`, had nothing come in after `since`, less the
    score at `since`. Its behaviours add up to it."""

    points: float
    percent_points: int
    text: str
    behaviours: list[Part]


class BehaviourStep(Schema):
    """What the records of one behaviour group that came in did."""

    behaviour: str
    points: float
    percent_points: int
    text: str


class ModelStep(Schema):
    """What another version of the model did: what the present one says of the same moment, less what was
    shown. 0 where the same version showed it, or nothing is known to have been shown."""

    shown_by: str = Field(alias="from")
    to: str
    points: float
    percent_points: int
    text: str


class RecordCounts(Schema):
    """Records that came to be known after `since` and by `until`; opportunities: others of the account."""

    opportunities: int
    stage_changes: int
    field_changes: int
    activities: int
    orders: int
    contacts: int
    leads: int


class TargetChanges(Schema):
    """before + model + clock + the behaviours = after; where a score is missing, `abstained` says why."""

    since: str = Field(
        description="as asked; where another version of the model showed the score before: its as_of"
    )
    before: float | None
    before_percent: int | None
    after: float | None
    after_percent: int | None
    change: float | None
    clock: ClockStep | None
    behaviours: list[BehaviourStep] | None
    model: ModelStep | None
    records: RecordCounts | None
    abstained: str | None


class Changes(Schema):
    """What moved each target's probability between two moments."""

    opportunity_id: str
    since: str
    until: str
    targets: dict[Target, TargetChanges]


@router.get(
    "/opportunities/{opportunity_id:path}/changes",
    response_model=Changes,
    summary="What moved the score between two moments",
)
def changes(  # noqa: PLR0917
    request: Request,
    opportunity_id: str,
    since: Annotated[str, Query(description="ISO 8601")],
    until: Annotated[
        str | None, Query(description="ISO 8601; default: now; of a folder: its latest record")
    ] = None,
    target: Annotated[Target | None, Query(description="default: all")] = None,
    accept_language: Annotated[str | None, Header(description="en or zh-CN")] = None,
) -> Any:
    """The steps from the one shown probability to the other: clock, behaviours, model; they add up."""
    service: Service = request.app.state.service
    found = service.changes(opportunity_id, (since, until), target, language_of(accept_language))
    return reply(request, encoded(found))
