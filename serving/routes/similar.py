"""Closed deals that stood as an open one stands."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field

from serving.routes.replies import reply
from serving.schemas import Schema
from serving.service import Service
from serving.wording import language_of

router = APIRouter(prefix="/v1", tags=["scores"])


class Compared(Schema):
    """A behaviour in which two deals are alike or differ, and the feature that speaks loudest in it."""

    behaviour: str
    log_odds: list[float] = Field(description="what it adds here, and there", min_length=2, max_length=2)
    feature: str
    unit: str
    values: list[float | str | None] = Field(description="here, and there", min_length=2, max_length=2)
    text: str


class SimilarDeal(Schema):
    """A closed deal as it was when it had been in the stage for `compared_at_days`, and how it ended."""

    opportunity_id: str
    outcome: Literal["won", "lost"]
    closed_at: str
    compared_at: str
    days_from_there: float = Field(description="from `compared_at` to the close")
    days_in_all: float = Field(description="from its creation to the close")
    amount: float | None = Field(description="as it was known at `compared_at`")
    win_probability: float = Field(description="of the same model at `compared_at`")
    distance: float = Field(description="sum of the differences in log-odds over the behaviours")
    alike: list[Compared]
    apart: Compared | None = Field(description="the behaviour that differs most, where it matters")


class SimilarDeals(Schema):
    """The closed deals most like an open one, the nearest first."""

    opportunity_id: str
    as_of: str
    data_as_of: str | None
    model: str | None = Field(description="version of win")
    stage: str | None
    win_probability: float | None = Field(description="the deal's own")
    abstained: str | None = Field(description="why there is none, and nothing similar")
    days_in_stage: float | None
    compared_at_days: int | None = Field(description="days in the stage at which closed deals are looked at")
    candidates: int = Field(description="closed deals that were still in the stage then")
    candidates_won: int
    won: int = Field(description="of `similar`")
    note: str
    similar: list[SimilarDeal]


@router.get(
    "/opportunities/{opportunity_id:path}/similar",
    response_model=SimilarDeals,
    summary="Closed deals most like this one, and how they ended",
    responses={304: {"description": "what If-None-Match names has not changed"}},
)
def similar(
    request: Request,
    opportunity_id: str,
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
    as_of: Annotated[
        str | None, Query(description="ISO 8601; default: now; of a folder: its latest record")
    ] = None,
    accept_language: Annotated[str | None, Header(description="en or zh-CN")] = None,
) -> Any:
    """Near are deals to which the model gave the same points, behaviour by behaviour, in the same stage."""
    service: Service = request.app.state.service
    given = service.similar(opportunity_id, as_of, limit, language_of(accept_language))
    return reply(request, given.body, given.tag)
