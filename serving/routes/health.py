"""Whether the server lives, whether it can score, and with what."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request

from serving.problems import Problem
from serving.service import Service
from serving.wording import Language, language_of

router = APIRouter()


@router.get("/health/live", tags=["health"], summary="The process answers")
def live() -> dict[str, str]:
    """200 as long as the process answers at all."""
    return {"status": "live"}


@router.get("/health/ready", tags=["health"], summary="The process can score")
def ready(request: Request) -> dict[str, Any]:
    """200 once the models are loaded and the data set, if any, is read; 503 without a model, and from the
    moment on at which the server was told to end."""
    service: Service = request.app.state.service
    if request.app.state.ending.begun:
        raise Problem(503, "ending", "The server is about to end", "ask another one")
    if not service.scorer.models:
        raise Problem(503, "no-model", "No model to score with", "train one, or fetch one (`dealcast pull`)")
    return {"status": "ready", "models": {t: m.version for t, m in service.scorer.models.items()}}


@router.get("/v1/models", tags=["models"], summary="Versions, accuracy and drift")
def models(
    request: Request,
    accept_language: Annotated[str | None, Header(description="en or zh-CN")] = None,
) -> dict[str, Any]:
    """The versions served, with the metrics and the reliability of their forward test, and what has drifted
    since by the study of the past; what each worker serves and since when, what the pointer of the bundles'
    folder says, and whether all agree with it."""
    return models_of(request, language_of(accept_language))


def models_of(request: Request, language: Language) -> dict[str, Any]:
    """The answer in one language."""
    service: Service = request.app.state.service
    return {"models": service.models(language), **request.app.state.reloader.state()}
