"""Each request counted, timed, told in the log, and known by its id."""

from __future__ import annotations

import logging
import re
import secrets
from typing import Any

from serving.clock import elapsed
from serving.running.gate import App, Message, Receive, Scope, Send
from serving.running.logs import REQUEST_ID
from serving.running.metrics import Metrics

log = logging.getLogger("dealcast.requests")
_HEADER = b"x-request-id"
_ID = re.compile(rb"[A-Za-z0-9._:\-]{1,128}")
_STORE = ("store-away", "store-failed", "store-full")
_SLOW_SECONDS = 1.0


class Watched:
    """An ASGI app around the whole of another one.

    `X-Request-Id` is taken from the request where it is 1 to 128 letters, digits, `.`, `_`, `:` or `-`, and
    made up else. What is told of a request: the route's template, never its path, which holds ids.
    """

    def __init__(self, app: App, figures: Metrics, log_all: bool) -> None:
        self._app, self._figures, self._log_all = app, figures, log_all
        self._counters: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, request_id, status = elapsed(), _id_of(scope), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (_HEADER, request_id)]
            await send(message)

        token = REQUEST_ID.set(request_id.decode())
        try:
            await self._app(scope, receive, sent)
        finally:
            self._tell(scope, status, elapsed() - begun)
            REQUEST_ID.reset(token)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        """`status` 0: the client went away before there was an answer."""
        route, method = _template(scope), _method(scope)
        requests, histogram = self._figures_of(method, route, status)
        requests.inc()
        histogram.observe(seconds)
        problem = scope.get("problem")
        if problem in _STORE:
            self._figures.store_errors.labels(problem).inc()
        worth = self._log_all or status >= 500 or status in (0, 408, 429) or seconds >= _SLOW_SECONDS
        if worth and log.isEnabledFor(logging.INFO):
            told = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 2)}
            if problem is not None:
                told["problem"] = problem
            log.info("request", extra={"told": told})

    def _figures_of(self, method: str, route: str, status: int) -> tuple[Any, Any]:
        key = (method, route, status)
        found = self._counters.get(key)
        if found is None:
            figures = self._figures
            found = figures.requests.labels(method, route, str(status)), figures.seconds.labels(route)
            self._counters[key] = found
        return found


def _id_of(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == _HEADER and _ID.fullmatch(value):
            return bytes(value)
    return secrets.token_hex(16).encode()


def _template(scope: Scope) -> str:
    """The matched route as it is declared; requests that were never let in have none."""
    return str(getattr(scope.get("route"), "path", None) or "-")


def _method(scope: Scope) -> str:
    """One of the few there are: what a client makes up must not make figures of its own."""
    method = str(scope["method"])
    return method if method in ("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE") else "other"
