"""The web application."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from serving.bundles import load_close, load_models
from serving.clock import now
from serving.histories import of_tables
from serving.problems import MEDIA_TYPE, install
from serving.routes import health, scores
from serving.schemas import ScoreRequest
from serving.scorer import Scorer
from serving.service import Service, Source
from serving.settings import Settings, settings_from

_PROBLEM = {"description": "problem+json (RFC 9457)", "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}


def create_app(service: Service) -> FastAPI:
    """The API over a service that is ready to score."""
    app = FastAPI(
        title="dealcast",
        version=version("dealcast"),
        summary="Win, stall and churn from a CRM's activity histories, with reasons that add up.",
        responses={"4XX": _PROBLEM, "5XX": _PROBLEM},
    )
    app.state.service = service
    install(app)
    app.include_router(scores.router)
    app.include_router(health.router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def from_environment() -> FastAPI:
    """The app of a worker process: models and data set named by the environment, read here."""
    settings = settings_from(os.environ)
    return create_app(open_service(settings))


def open_service(settings: Settings) -> Service:
    """Load the models, read the data set if there is one, and build its histories.

    Raises:
        BundleError: there is no usable bundle.
        DataError: the data set cannot be read.
    """
    scorer = Scorer(load_models(settings.bundles), load_close(settings.bundles))
    if settings.data is None:
        return Service(scorer, None, settings)
    from features.sources.folder import load

    data, _ = load(settings.data)
    histories = of_tables(data)
    for model in scorer.models.values():
        histories.under(model.bundle.conventions)
    return Service(scorer, Source(histories, min(data.watermark(), now())), settings)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The document with the request body's models, which the route reads by itself."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        _, definitions = models_json_schema(
            [(ScoreRequest, "validation")], ref_template="#/components/schemas/{model}"
        )
        document.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
        app.openapi_schema = document
    return app.openapi_schema
