"""Every error as RFC 9457 problem+json: one table from domain errors to problems."""

from __future__ import annotations

import json
import logging
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from features.errors import DataError, UnknownEntity
from serving.store.errors import KeyReused, StoreAway, StoreError, StoreFull, UnknownPrediction
from serving.study import StudyDamaged
from training.errors import BundleError, FrameMismatch

log = logging.getLogger("dealcast.serving")
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "1"  # after which what is refused for now may be tried again
_AGAIN = (429, 503)
_MOST_ERRORS = 20


@dataclass(eq=False)
class Problem(Exception):
    """An error as it is answered; raise it in a route, or let the table below make one.

    `errors` says where in the request, and never what stood there.
    """

    status: int
    name: str
    title: str
    detail: str
    errors: tuple[dict[str, str], ...] = ()

    def members(self) -> dict[str, Any]:
        """What the answer says beyond RFC 9457's members."""
        return {}

    def response(self) -> Response:
        """The problem+json answer."""
        body: dict[str, Any] = {
            "type": f"urn:dealcast:problem:{self.name}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = list(self.errors)
        content = json.dumps(body | self.members(), ensure_ascii=False)
        headers = {"Retry-After": RETRY_SECONDS} if self.status in _AGAIN else None
        return Response(content, status_code=self.status, media_type=MEDIA_TYPE, headers=headers)


_DOMAIN: tuple[tuple[type[Exception], int, str, str], ...] = (
    (StoreFull, 507, "store-full", "The store is full"),
    (StoreAway, 503, "store-away", "The store does not answer"),
    (KeyReused, 422, "idempotency-key-reused", "The key was used for another body"),
    (UnknownPrediction, 404, "unknown-prediction", "Unknown prediction"),
    (StoreError, 503, "store-failed", "The store cannot be used"),
    (UnknownEntity, 404, "unknown-opportunity", "Unknown opportunity"),
    (FrameMismatch, 500, "model-mismatch", "The model does not fit this version"),
    (BundleError, 503, "no-model", "No model to score with"),
    (StudyDamaged, 503, "study-damaged", "The study of the past cannot be read"),
    (DataError, 422, "invalid-data", "The data cannot be used"),
)
_HTTP = {
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "Method not allowed"),
}


def not_json(detail: str) -> Problem:
    """The body is no JSON at all."""
    return Problem(400, "not-json", "The body is not JSON", detail)


def too_large(limit: int) -> Problem:
    """The body is larger than the server takes."""
    return Problem(
        413, "body-too-large", "The body is too large",
        f"at most {limit:,} bytes are taken; send fewer opportunities in one call",
    )  # fmt: skip


def invalid(error: ValidationError | RequestValidationError) -> Problem:
    """The request's parts that are wrong: where, and what was expected; not what stood there."""
    found: Sequence[Any] = error.errors()
    places = tuple(
        {"at": ".".join(str(part) for part in e["loc"]), "message": e["msg"]} for e in found[:_MOST_ERRORS]
    )
    more = f" ({len(found) - _MOST_ERRORS} more)" if len(found) > _MOST_ERRORS else ""
    first = f"{places[0]['at']}: {places[0]['message']}" if places else ""
    return Problem(
        422, "invalid-request", "The request is not valid",
        f"{len(found)} error{'s' if len(found) > 1 else ''}{more}, first {first}", places,
    )  # fmt: skip


def unfit(at: str, message: str) -> Problem:
    """One part of a request that does not fit the others."""
    errors = ({"at": at, "message": message},)
    return Problem(
        422, "invalid-request", "The request is not valid", f"1 error, first {at}: {message}", errors
    )


def problem_of(error: Exception) -> Problem:
    """The problem of any error; one that is not in the table is ours, and says nothing of itself."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError | ValidationError):
        return invalid(error)
    if isinstance(error, HTTPException):
        name, title = _HTTP.get(error.status_code, ("http-error", "Request failed"))
        return Problem(error.status_code, name, title, str(error.detail))
    for kind, status, name, title in _DOMAIN:
        if isinstance(error, kind):
            return Problem(status, name, title, str(error))
    return Problem(500, "internal-error", "Internal error", "an error of the server; its log says more")


def answer_of(scope: MutableMapping[str, Any], error: Exception) -> Response:
    """The answer to a request that ended in an error."""
    problem = problem_of(error)
    if problem.status >= 500:
        log.error("%s: %s", scope["method"], problem.name, exc_info=error)  # no path: it holds ids
    scope["problem"] = problem.name  # for the metrics
    return problem.response()


def install(app: FastAPI) -> None:
    """Answer every error of an app by the table."""

    async def answer(request: Request, error: Exception) -> Response:
        return answer_of(request.scope, error)

    for kind in (Problem, DataError, RequestValidationError, ValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)
