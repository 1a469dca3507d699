"""Records that come in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from serving.records import RecordsAnswer
from serving.routes.bodies import body_of
from serving.service import Service

router = APIRouter(prefix="/v1", tags=["records"])


@router.post(
    "/records",
    response_model=RecordsAnswer,
    summary="Keep canonical records",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RecordsRequest"}}},
        }
    },
)
async def append_records(
    request: Request,
    idempotency_key: Annotated[str | None, Header(description="makes the call happen once")] = None,
) -> Any:
    """Keeps 1 to 10,000 records; what is acknowledged is on the disk. Repeats are harmless."""
    service: Service = request.app.state.service
    body = await body_of(request, service.settings.max_body_bytes)
    answer = await run_in_threadpool(service.keep_records, body, idempotency_key)
    return Response(answer, media_type="application/json")
