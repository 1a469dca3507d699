"""The web application."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.concurrency import run_in_threadpool

from serving.bundles import load_models
from serving.clock import now
from serving.histories import of_tables
from serving.problems import MEDIA_TYPE, install
from serving.records import RecordsRequest
from serving.routes import health, inference, pipeline, predictions, records, scores
from serving.schemas import ScoreRequest
from serving.scorer import Scorer
from serving.service import Service, Source
from serving.settings import Settings, settings_from
from serving.store.store import open_store
from serving.stored import StoredScores

_ROUNDS = 50_000, 20, 50  # of the garbage collector
_PROBLEM = {"description": "problem+json (RFC 9457)", "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}


def create_app(service: Service) -> FastAPI:
    """The API over a service that is ready to score."""
    app = FastAPI(
        title="dealcast",
        version=version("dealcast"),
        summary="Win, stall and churn from a CRM's activity histories, with reasons that add up.",
        responses={"4XX": _PROBLEM, "5XX": _PROBLEM},
        lifespan=_lifespan,
    )
    app.state.service = service
    install(app)
    app.include_router(scores.router)
    app.include_router(records.router)
    app.include_router(pipeline.router)
    app.include_router(predictions.router)
    app.include_router(inference.router)
    app.include_router(health.router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await run_in_threadpool(app.state.service.close)


def from_environment() -> FastAPI:
    """The app of a worker process: models and data set named by the environment, read here."""
    settings = settings_from(os.environ)
    app = create_app(open_service(settings))
    settle()
    return app


def settle() -> None:
    """Leave what was loaded out of the collector's rounds, and make these rarer: a request makes thousands
    of tuples and no cycle, and each full round would look at every module and model again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_ROUNDS)


def open_service(settings: Settings) -> Service:
    """Load the models, read the folder that is served and build its histories, or open the store.

    Raises:
        BundleError: there is no usable bundle.
        DataError: the data set cannot be read.
        StoreError: the store does not answer, or is of a later version.
    """
    scorer = Scorer(load_models(settings.bundles))
    if settings.data is None:
        stored = None if settings.database is None else StoredScores.of(open_store(settings.database))
        return Service(scorer, None, settings, stored)
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
            [(ScoreRequest, "validation"), (RecordsRequest, "validation")],
            ref_template="#/components/schemas/{model}",
        )
        document.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
        app.openapi_schema = document
    return app.openapi_schema
