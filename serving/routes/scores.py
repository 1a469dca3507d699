"""Scores: of posted histories, and of stored opportunities."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from serving.routes.bodies import body_of
from serving.schemas import Score, ScoreResponse
from serving.service import Service
from serving.wording import language_of

router = APIRouter(prefix="/v1", tags=["scores"])
AcceptLanguage = Annotated[str | None, Header(description="en or zh-CN: the language of the texts")]


@router.post(
    "/scores",
    response_model=ScoreResponse,
    summary="Score posted histories",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ScoreRequest"}}},
        }
    },
)
async def score_posted(request: Request, accept_language: AcceptLanguage = None) -> Any:
    """Scores opportunities from the histories in the body; nothing of them is kept."""
    service: Service = request.app.state.service
    body = await body_of(request, service.settings.max_body_bytes)
    language = language_of(accept_language)
    parsed = await run_in_threadpool(service.parsed, body)
    return JSONResponse(await run_in_threadpool(service.score_posted, parsed, language))


@router.get(
    "/opportunities/{opportunity_id:path}/score", response_model=Score, summary="Score a stored opportunity"
)
def score_stored(
    request: Request,
    opportunity_id: str,
    as_of: Annotated[
        str | None, Query(description="ISO 8601; default: now; of a folder: its latest record")
    ] = None,
    explain: Annotated[bool, Query(description="with reasons")] = True,
    accept_language: AcceptLanguage = None,
) -> Any:
    """The score of one opportunity of the store, or of the folder that the server was started with."""
    service: Service = request.app.state.service
    language = language_of(accept_language)
    return JSONResponse(service.score_stored(opportunity_id, as_of, explain, language))
