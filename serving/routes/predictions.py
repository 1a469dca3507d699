"""Scores that were given: their receipts, and the same score made again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from serving.schemas import Schema, Score
from serving.service import Service
from serving.wording import language_of

router = APIRouter(prefix="/v1", tags=["scores"])


class ReceiptAnswer(Schema):
    """What was said of an opportunity, by which versions, on which data."""

    prediction_id: str
    opportunity_id: str
    as_of: str
    given_at: str
    watermark: int = Field(description="the records up to this number were known")
    probabilities: dict[str, float | None]
    models: dict[str, str | None]
    feature_hashes: dict[str, str | None]
    abstained: dict[str, str | None]


class Replayed(Schema):
    """A score made again; `same` says whether every probability is the same to the bit."""

    prediction_id: str
    same: bool
    receipt: ReceiptAnswer
    score: Score


class ScoreHistory(Schema):
    """Scores given of one opportunity, the latest first; `next` is the cursor of the next page."""

    scores: list[ReceiptAnswer]
    next: str | None


@router.get(
    "/opportunities/{opportunity_id:path}/scores", response_model=ScoreHistory, summary="Scores given so far"
)
def score_history(
    request: Request,
    opportunity_id: str,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before")] = None,
) -> Any:
    """Every score of one opportunity that was given from the store, the latest `as_of` first."""
    service: Service = request.app.state.service
    return JSONResponse(service.stored().history(opportunity_id, limit, cursor))


@router.get("/predictions/{prediction_id}", response_model=ReceiptAnswer, summary="A score's receipt")
def prediction(request: Request, prediction_id: str) -> Any:
    """The receipt of a score that was given from the store."""
    service: Service = request.app.state.service
    return JSONResponse(service.receipt(prediction_id))


@router.post(
    "/predictions/{prediction_id}/replay", response_model=Replayed, summary="The same score made again"
)
def replay(
    request: Request,
    prediction_id: str,
    explain: Annotated[bool, Query(description="with reasons")] = True,
    accept_language: Annotated[str | None, Header(description="en or zh-CN")] = None,
) -> Any:
    """The score made again from the records that were known then; 409 where a model of it is gone."""
    service: Service = request.app.state.service
    return JSONResponse(service.replay(prediction_id, explain, language_of(accept_language)))
