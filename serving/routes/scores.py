"""Scores: of posted histories, and of stored opportunities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from serving.routes.bodies import body_of
from serving.routes.direct import DirectRoute
from serving.routes.replies import header, reply
from serving.schemas import Score, ScoreResponse
from serving.service import Service
from serving.wording import language_of

router = APIRouter(prefix="/v1", tags=["scores"])
AcceptLanguage = Annotated[str | None, Header(description="en or zh-CN: the language of the texts")]
AT_ONCE_BYTES = 64 * 1024  # a body that is scored in a few milliseconds, in the event loop itself
_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "what If-None-Match names has not changed"}
}
_FLAGS = {"true": True, "false": False, "1": True, "0": False}


class StoredRoute(DirectRoute):
    """A stored score, in the event loop: a thread costs more than it takes. Where the store may let one
    wait, it is a thread all the same."""

    async def answered(self, request: Request) -> Response | None:
        service: Service = request.scope["app"].state.service
        asked = None if service.waits else question_of(request)
        return None if asked is None else _scored(request, service, asked)


class PostedRoute(DirectRoute):
    """Scores of posted histories, whose body is read by the service alone."""

    async def answered(self, request: Request) -> Response | None:
        return await _score_posted(request, header(request, b"accept-language"))


@dataclass(frozen=True)
class Question:
    """Which score is asked for."""

    opportunity_id: str
    as_of: str | None
    explain: bool
    accept_language: str | None


def question_of(request: Request) -> Question | None:
    """The question, where its parts are plainly written; None where FastAPI has to look at them."""
    query: dict[str, str] = {}
    if request.scope["query_string"]:
        pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        query = dict(pairs)
        if len(query) < len(pairs):
            return None
    explain = _FLAGS.get(query.get("explain", "true"))
    if explain is None:
        return None
    name = request.scope["path_params"]["opportunity_id"]
    return Question(name, query.get("as_of"), explain, header(request, b"accept-language"))


def _scored(request: Request, service: Service, asked: Question) -> Response:
    language = language_of(asked.accept_language)
    given = service.score_stored(asked.opportunity_id, asked.as_of, asked.explain, language)
    return reply(request, given.body, given.tag)


async def score_posted(request: Request, accept_language: AcceptLanguage = None) -> Any:
    """Scores opportunities from the histories in the body; nothing of them is kept."""
    return await _score_posted(request, accept_language)


async def _score_posted(request: Request, accept_language: str | None) -> Response:
    service: Service = request.scope["app"].state.service
    body = await body_of(request, service.settings.max_body_bytes)
    language = language_of(accept_language)
    if len(body) <= AT_ONCE_BYTES:
        return reply(request, service.score_posted(body, language))
    return reply(request, await run_in_threadpool(service.score_posted, body, language))


def score_stored(
    request: Request,
    opportunity_id: str,
    as_of: Annotated[
        str | None, Query(description="ISO 8601; default: now; of a folder: its latest record")
    ] = None,
    explain: Annotated[bool, Query(description="with reasons")] = True,
    accept_language: AcceptLanguage = None,
) -> Any:
    """The score of one opportunity of the store, or of the folder that the server was started with.

    Without `as_of` the day's score serves, while nothing that it rests on changes.
    """
    return _scored(
        request, request.app.state.service, Question(opportunity_id, as_of, explain, accept_language)
    )


router.add_api_route(
    "/scores",
    score_posted,
    methods=["POST"],
    response_model=ScoreResponse,
    summary="Score posted histories",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ScoreRequest"}}},
        }
    },
    route_class_override=PostedRoute,
)
router.add_api_route(
    "/opportunities/{opportunity_id:path}/score",
    score_stored,
    response_model=Score,
    summary="Score a stored opportunity",
    responses=_NOT_MODIFIED,
    route_class_override=StoredRoute,
)
DIRECT = [route for route in router.routes if isinstance(route, DirectRoute)]
