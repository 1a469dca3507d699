"""A deal scored with records that have not happened."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from serving.routes.bodies import body_of
from serving.routes.replies import reply
from serving.schemas import Schema, Score
from serving.service import Service
from serving.wording import language_of
from training.labels import Target

router = APIRouter(prefix="/v1", tags=["scores"])
Gain = dict[Target, float | None]


class ActionAnswer(Schema):
    """One thing to do, made of the records it would leave; `records` can be posted back."""

    action: str
    text: str
    at: str = Field(description="when it is judged")
    gain: Gain = Field(description="its score at `at` less that of doing nothing for 7 days; null: no score")
    records: dict[str, list[dict[str, Any]]]


class WhatIf(Schema):
    """An opportunity's scores now, and at `at` with and without what is supposed."""

    opportunity_id: str
    as_of: str
    at: str
    now: Score
    then: Score
    nothing: Score
    gain: Gain = Field(description="then - nothing; null where one of them has no score")
    note: str
    actions: list[ActionAnswer] = Field(
        description="where no records are given: what can be done next, the greatest gain in win first"
    )


@router.post(
    "/opportunities/{opportunity_id:path}/what-if",
    response_model=WhatIf,
    summary="Score a stored opportunity with records that have not happened",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/WhatIfRequest"}}},
        }
    },
)
async def what_if(
    request: Request,
    opportunity_id: str,
    accept_language: Annotated[str | None, Header(description="en or zh-CN")] = None,
) -> Any:
    """The deal's history with supposed records behind it, scored by the same models; nothing is kept."""
    service: Service = request.app.state.service
    body = await body_of(request, service.settings.max_body_bytes)
    language = language_of(accept_language)
    return reply(request, await run_in_threadpool(service.what_if, opportunity_id, body, language))
