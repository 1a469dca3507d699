"""The scored pipeline, page by page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field

from serving.pipeline import Sort, Wanted
from serving.routes.replies import reply
from serving.schemas import Schema, Score
from serving.service import Service
from serving.wording import language_of
from training.labels import Target

router = APIRouter(prefix="/v1", tags=["scores"])


class PipelinePage(Schema):
    """Open deals with their scores; `next` is the cursor of the next page."""

    as_of: str = Field(description="of every score; give it again with the cursor, and pages fit together")
    opportunities: list[Score] = Field(description="without reasons")
    next: str | None


class Tiers(Schema):
    """How many deals stand in each tier."""

    low: int
    medium: int
    high: int


class PipelineSummary(Schema):
    """The open deals in a few figures."""

    as_of: str
    open: int
    scored: dict[Target, int] = Field(description="deals that have a score")
    expected_wins: float | None = Field(description="the sum of the win probabilities; null: no win model")
    given_stage: str | None = Field(description="wins are given that the deal reaches this stage")
    need_help: int = Field(description="deals whose stall or churn risk is in its high tier")
    tiers: dict[Target, Tiers]
    reps: list[str] = Field(description="who have an open deal, whichever are asked for")
    teams: list[str]


@router.get(
    "/opportunities",
    response_model=PipelinePage,
    summary="Every open deal, scored",
    responses={304: {"description": "what If-None-Match names has not changed"}},
)
def pipeline(  # noqa: PLR0917
    request: Request,
    rep_id: Annotated[str | None, Query(description="deals of this rep alone")] = None,
    team_id: Annotated[str | None, Query(description="deals of this team's reps alone")] = None,
    sort: Annotated[
        Sort, Query(description="with - the greatest first; what is not known comes last")
    ] = "-win",
    cursor: Annotated[str | None, Query(description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    as_of: Annotated[str | None, Query(description="ISO 8601; default: as of today's pipeline")] = None,
    accept_language: Annotated[str | None, Header(description="en or zh-CN")] = None,
) -> Any:
    """The open deals, scored in one go; kept until records come in, a model changes or the day ends."""
    service: Service = request.app.state.service
    wanted = Wanted(rep_id, team_id, sort, limit, cursor)
    given = service.pipeline(wanted, as_of, language_of(accept_language))
    return reply(request, given.body, given.tag)


@router.get(
    "/pipeline",
    response_model=PipelineSummary,
    summary="Every open deal, in a few figures",
    responses={304: {"description": "what If-None-Match names has not changed"}},
)
def summary(
    request: Request,
    rep_id: Annotated[str | None, Query(description="deals of this rep alone")] = None,
    team_id: Annotated[str | None, Query(description="deals of this team's reps alone")] = None,
    as_of: Annotated[str | None, Query(description="ISO 8601; default: as of today's pipeline")] = None,
) -> Any:
    """How many deals are open, how many wins to expect of them, how many need help."""
    service: Service = request.app.state.service
    given = service.summary(Wanted(rep_id, team_id), as_of)
    return reply(request, given.body, given.tag)
