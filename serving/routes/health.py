"""Whether the server lives, whether it can score, and with what."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from serving.service import Service

router = APIRouter()


@router.get("/health/live", tags=["health"], summary="The process answers")
def live() -> dict[str, str]:
    """200 as long as the process answers at all."""
    return {"status": "live"}


@router.get("/health/ready", tags=["health"], summary="The process can score")
def ready(request: Request) -> dict[str, Any]:
    """200 once the models are loaded and the data set, if any, is read."""
    service: Service = request.app.state.service
    return {"status": "ready", "models": {t: m.version for t, m in service.scorer.models.items()}}


@router.get("/v1/models", tags=["models"], summary="Versions and accuracy")
def models(request: Request) -> dict[str, Any]:
    """The versions served, with the metrics and the reliability of their forward test."""
    service: Service = request.app.state.service
    return {"models": service.models()}
