"""The week's list of each rep."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field

from serving.priorities import CAPACITY, Question
from serving.routes.replies import reply
from serving.schemas import Schema
from serving.service import Service
from serving.wording import language_of

router = APIRouter(prefix="/v1", tags=["lists"])


class PriorityLine(Schema):
    """One deal and what to do about it next."""

    opportunity_id: str
    account_id: str
    stage: str | None
    amount: float | None
    value: float
    value_from: Literal["amount", "won_at_stage", "won", "none"] = Field(
        description="where no amount is known: the median of won deals at the stage, of all, or 1"
    )
    win_probability: float = Field(description="that of the pipeline")
    action: str
    at: str = Field(description="when the action is judged")
    without: float = Field(description="win probability after a week without the action")
    with_: float = Field(alias="with", description="win probability at `at` with it")
    gain: float = Field(description="with - without, as the what-if says it")
    gained: float = Field(description="gain x value, by which the lines are ordered")
    text: str
    records: dict[str, list[dict[str, Any]]] = Field(description="that the action would leave")


class RepList(Schema):
    """A rep's list, what is gained most first."""

    rep_id: str | None
    team_id: str | None
    lines: list[PriorityLine]


class Priorities(Schema):
    """The lists, by rep in the order of their ids."""

    as_of: str
    capacity: int
    deals: int = Field(description="open deals of these reps, all of them judged")
    note: str
    reps: list[RepList]


@router.get(
    "/priorities",
    response_model=Priorities,
    summary="Whom to call or visit next, by expected gain x value",
    responses={304: {"description": "what If-None-Match names has not changed"}},
)
def priorities(  # noqa: PLR0917
    request: Request,
    rep_id: Annotated[str | None, Query(description="this rep's list alone")] = None,
    team_id: Annotated[str | None, Query(description="the lists of this team's reps alone")] = None,
    capacity: Annotated[int, Query(ge=1, le=100, description="actions a week of a rep")] = CAPACITY,
    as_of: Annotated[str | None, Query(description="ISO 8601; default: as of today's pipeline")] = None,
    accept_language: Annotated[str | None, Header(description="en or zh-CN")] = None,
) -> Any:
    """Each deal's best feasible action over doing nothing for a week, as the what-if says it; an association.
    Kept until records come in, a model changes or the day ends."""
    service: Service = request.app.state.service
    given = service.priorities(Question(rep_id, team_id, capacity), as_of, language_of(accept_language))
    return reply(request, given.body, given.tag)
