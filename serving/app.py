"""The web application."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from serving.bundles import load_close, load_models
from serving.clock import now
from serving.closes import CloseModel
from serving.histories import of_tables
from serving.problems import MEDIA_TYPE, install
from serving.records import RecordsRequest
from serving.routes import (
    alerts,
    changes,
    forecast,
    health,
    inference,
    operations,
    pages,
    pipeline,
    predictions,
    priorities,
    records,
    scores,
    similar,
    team,
    what_if,
    widget,
)
from serving.routes.direct import Shortcut
from serving.running.ending import Ending
from serving.running.gate import Gate
from serving.running.memory import leave_out
from serving.running.metrics import metrics
from serving.running.origins import Origins
from serving.running.reload import Held, Reloader, held_already, held_of
from serving.running.warm import warm_up
from serving.running.watched import Watched
from serving.running.workers import leave
from serving.schemas import ScoreRequest
from serving.scorer import Model, Scorer
from serving.service import Service
from serving.settings import Settings, settings_from
from serving.store.store import open_store
from serving.stored import StoredScores
from serving.what_if import WhatIfRequest
from serving.whole import Whole
from training.labels import Target

_ROUNDS = 50_000, 20, 50  # of the garbage collector
_CROSSING: Mapping[str, Any] = {  # what pages of other origins may do
    "allow_methods": ("GET", "POST"),
    "allow_headers": ("Content-Type", "If-None-Match"),
    "expose_headers": ("ETag", "Retry-After", "X-Request-Id"),
    "max_age": 3600,
}
_WARM_UP_SECONDS = 0.5  # after the start
_PROBLEM = {"description": "problem+json (RFC 9457)", "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}


class App(FastAPI):
    """FastAPI, which looks at every request whether OpenTelemetry is set up: a twelfth of a ready-made row's.

    Attributes:
        told: whether it is; not known before the app has started.
    """

    told = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self.told or scope["type"] != "http" or self.root_path:
            await super().__call__(scope, receive, send)
        else:
            await Starlette.__call__(self, scope, receive, send)

    def see_who_is_told(self) -> None:
        """Look whether OpenTelemetry is set up; FastAPI knows of it from 0.16x on."""
        telemetry: Any = getattr(self, "_native_telemetry", None)
        self.told = telemetry is None or telemetry.enabled()


def create_app(service: Service, held: Held | None = None) -> FastAPI:
    """The API over a service that is ready to score; `held`: where its models came from."""
    app = App(
        title="dealcast",
        version=version("dealcast"),
        summary="Win, stall and churn from a CRM's activity histories, with reasons that add up.",
        responses={"4XX": _PROBLEM, "5XX": _PROBLEM},
        lifespan=_lifespan,
    )
    app.state.service = service
    app.state.reloader = Reloader(app, held or held_already(service), metrics())
    app.state.ending = Ending()
    install(app)
    pages.tell_people(app)
    app.include_router(scores.router)
    app.include_router(changes.router)
    app.include_router(what_if.router)
    app.include_router(similar.router)
    app.include_router(team.router)
    app.include_router(forecast.router)
    app.include_router(alerts.router)
    app.include_router(priorities.router)
    app.include_router(records.router)
    app.include_router(pipeline.router)
    app.include_router(predictions.router)
    app.include_router(inference.router)
    app.include_router(widget.router)
    app.include_router(health.router)
    app.include_router(operations.router)
    app.include_router(pages.router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    _surround(app, service.settings)
    return app


def _surround(app: FastAPI, settings: Settings) -> None:
    """Put the gate and the watch around all else, the answer to an error of ours included."""
    inner = app.build_middleware_stack

    def stack() -> Any:
        short = Shortcut(inner(), [*scores.DIRECT, *inference.DIRECT])
        gate: Any = Origins(Gate(short, settings, metrics(), pages.refusal), settings.cors_origins)
        if settings.cors_origins:
            gate = CORSMiddleware(gate, settings.cors_origins, **_CROSSING)
        return Watched(gate, metrics(), settings.log_requests)

    app.build_middleware_stack = stack  # type: ignore[method-assign]


@asynccontextmanager
async def _lifespan(app: App) -> AsyncIterator[None]:
    settings = app.state.service.settings
    app.state.ending.listen(settings.drain_seconds)
    app.see_who_is_told()
    following = asyncio.create_task(app.state.reloader.run())
    if getattr(app.state, "warms_up", False):  # a little later: being ready must not wait for it
        asyncio.get_running_loop().call_later(_WARM_UP_SECONDS, warm_up, app.state.service)
    yield
    app.state.ending.begun = True
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    leave(settings.run_folder)
    await run_in_threadpool(app.state.service.close)


def from_environment() -> FastAPI:
    """The app of a worker process: models and data set named by the environment, read here."""
    settings = settings_from(os.environ)
    held = held_of(settings.bundles)
    app = create_app(open_service(settings, held.models, held.close), held)
    settle()
    leave_out()
    app.state.warms_up = True
    return app


def settle() -> None:
    """Leave what was loaded out of the collector's rounds, and make these rarer: a request makes thousands
    of tuples and no cycle, and each full round would look at every module and model again. What loading left
    to be collected is some thousand small objects, which are not worth the seventh of a second of a round.
    """
    gc.freeze()
    gc.set_threshold(*_ROUNDS)
    gc.enable()


def open_service(
    settings: Settings, models: Mapping[Target, Model] | None = None, close: CloseModel | None = None
) -> Service:
    """Load the models, read the folder that is served and build its histories, or open the store.

    Args:
        models, close: those to score with; without, they are read from the bundles' folder.

    Raises:
        BundleError: there is no usable bundle.
        DataError: the data set cannot be read.
        StoreError: the store does not answer, or is of a later version.
    """
    if models is None:
        models, close = load_models(settings.bundles), load_close(settings.bundles)
    scorer = Scorer(models, close)
    if settings.data is None:
        stored = None
        if settings.database is not None:
            stored = StoredScores.of(open_store(settings.database), settings.kept_rows)
        return Service(scorer, None, settings, stored)
    from features.sources.folder import load

    data, _ = load(settings.data)
    histories = of_tables(data)
    for model in scorer.models.values():
        histories.under(model.bundle.conventions)
    return Service(scorer, Whole(histories, min(data.watermark(), now()), data), settings)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The document with the request body's models, which the route reads by itself."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        _, definitions = models_json_schema(
            [(each, "validation") for each in (ScoreRequest, RecordsRequest, WhatIfRequest)],
            ref_template="#/components/schemas/{model}",
        )
        document.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
        app.openapi_schema = document
    return app.openapi_schema
