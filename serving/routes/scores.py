"""Scores: of posted histories, and of stored opportunities."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from serving.routes.bodies import body_of
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

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PlainRoute(APIRoute):
    """A route whose usual questions are answered in the event loop, without FastAPI's reading of them.

    What is not of the usual shape goes the declared way, which also makes the document. A thread costs
    more than such a score takes; where the store may let one wait, it is a thread all the same.
    """

    def get_route_handler(self) -> Handler:
        declared = super().get_route_handler()

        async def handle(request: Request) -> Response:
            service: Service = request.app.state.service
            asked = None if service.waits else question_of(request)
            if asked is None:
                return await declared(request)
            return _scored(request, service, asked)

        return handle


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
    "/opportunities/{opportunity_id:path}/score",
    score_stored,
    response_model=Score,
    summary="Score a stored opportunity",
    responses=_NOT_MODIFIED,
    route_class_override=PlainRoute,
)
