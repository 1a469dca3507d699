"""What a server tells its operators, and what a tracking store tells a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from serving.bundles import NUDGE
from serving.clock import now
from serving.problems import Problem
from serving.routes.bodies import body_of
from serving.running.metrics import CONTENT_TYPE, exposition
from serving.running.webhook import check_signature, is_about_a_champion
from serving.service import Service

router = APIRouter()
_MOST_BYTES = 64 * 1024


@router.get("/metrics", tags=["health"], summary="Figures for Prometheus", response_class=Response)
def figures() -> Response:
    """The figures of all workers of this server, in Prometheus's text format."""
    return Response(exposition(), media_type=CONTENT_TYPE)


@router.post("/v1/webhooks/mlflow", tags=["models"], summary="A champion was moved", status_code=202)
async def mlflow_webhook(request: Request) -> Any:
    """Takes MLflow's signed webhook for `model_version_alias.created` and has the champions looked at now.

    404 where no secret is set, 401 where the signature is none. Nothing in the body is trusted: it only
    brings forward the next look.
    """
    service: Service = request.app.state.service
    secret = service.settings.webhook_secret
    if secret is None:
        raise Problem(404, "not-found", "Not found", "no webhook is set up (DEALCAST_WEBHOOK_SECRET)")
    body = await body_of(request, _MOST_BYTES)
    check_signature(secret, request.headers, body, now())
    ours = is_about_a_champion(body)
    if ours:
        await run_in_threadpool(nudge, service.settings.bundles)
    return JSONResponse({"looking": ours}, status_code=202)


def nudge(folder: Path) -> None:
    """Have `dealcast follow` look at once. Raises Problem where the folder cannot be written."""
    try:
        (folder / NUDGE).touch()
    except OSError:
        raise Problem(
            503, "no-follower", "The champions cannot be looked at", "the bundles' folder cannot be written"
        ) from None
