"""The gate before the routes: so many requests at a time, so many that wait, and none for ever.

A request is let in, or refused, before its body is read.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi.responses import Response

from serving.problems import Problem
from serving.running.metrics import Metrics
from serving.settings import Settings

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Refusal = Callable[[Scope, Problem], Response]  # how a problem is put to whom it concerns
_ALWAYS = ("/health/", "/metrics")  # asked to see how the server does, above all when it does not well


class Gate:
    """An ASGI app that lets requests into another one."""

    def __init__(
        self, app: App, settings: Settings, figures: Metrics, refusal: Refusal | None = None
    ) -> None:
        self._app, self._settings, self._figures = app, settings, figures
        self._refusal = refusal
        self._running = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or str(scope["path"]).startswith(_ALWAYS):
            await self._app(scope, receive, send)
            return
        if self._running < self._settings.running:
            self._running += 1
            self._figures.running.set(self._running)
        elif (refused := await self._turn()) is not None:
            self.tell(scope, refused)
            await self.answer(scope, refused)(scope, _nothing, send)
            return
        try:
            await _Timed(self, scope, receive, send).run(self._app)
        finally:
            self._let_go()

    async def _turn(self) -> Problem | None:
        """Wait until somebody hands over a place; the refusal where nobody does."""
        if len(self._queue) >= self._settings.waiting:
            return _too_many(self._settings)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self._figures.waiting.set(len(self._queue))
        try:
            await asyncio.wait_for(asyncio.shield(turn), self._settings.wait_seconds)
        except BaseException as error:
            if turn.done():  # the place came in the same moment
                self._let_go()
            else:
                self._queue.remove(turn)
            self._figures.waiting.set(len(self._queue))
            if isinstance(error, TimeoutError):
                return _waited(self._settings)
            raise
        return None

    def _let_go(self) -> None:
        """Hand a place over to who waits longest, or leave it free."""
        if self._queue:
            self._queue.popleft().set_result(None)
            self._figures.waiting.set(len(self._queue))
        else:
            self._running -= 1
            self._figures.running.set(self._running)

    def answer(self, scope: Scope, problem: Problem) -> Response:
        """A refusal as it is sent; problem+json unless something else was asked for."""
        return problem.response() if self._refusal is None else self._refusal(scope, problem)

    def tell(self, scope: Scope, problem: Problem) -> None:
        """Count a refusal."""
        scope["problem"] = problem.name
        self._figures.refused.labels(problem.name).inc()

    @property
    def settings(self) -> Settings:
        """Those it was made with."""
        return self._settings


class _Timed:
    """One request that was let in, answered in time whatever becomes of it.

    The route is not stopped, for a thread cannot be: it keeps its place until it ends, and what it then
    says is dropped.
    """

    def __init__(self, gate: Gate, scope: Scope, receive: Receive, send: Send) -> None:
        self._gate, self._scope, self._receive, self._send = gate, scope, receive, send
        self._begun = self._over = False
        self._has_body = scope["method"] in ("POST", "PUT", "PATCH")

    async def run(self, app: App) -> None:
        whole = first = self._gate.settings.request_seconds
        if self._has_body:
            first = min(first, self._gate.settings.body_seconds)
        self._timer = asyncio.get_running_loop().call_later(first, self._late, whole - first)
        try:
            await app(self._scope, self._received if self._has_body else self._receive, self._sent)
        except Exception:
            if not self._over:  # else the client has its answer, and the route ran into the end of it
                raise
        finally:
            self._timer.cancel()

    async def _received(self) -> Message:
        message = await self._receive()
        if not message.get("more_body"):
            self._has_body = False
        return message

    async def _sent(self, message: Message) -> None:
        if self._over:
            return
        self._begun = True
        await self._send(message)

    def _late(self, rest: float) -> None:
        """The answer should be there by now; where there is some time for it yet, at least the body."""
        if rest <= 0:
            self._end(_too_long(self._gate.settings))
        elif self._has_body:
            self._end(_slow_body(self._gate.settings))
        else:
            self._timer = asyncio.get_running_loop().call_later(rest, self._late, 0.0)

    def _end(self, problem: Problem) -> None:
        if self._begun or self._over:
            return
        self._over = True
        self._gate.tell(self._scope, problem)
        answer = self._gate.answer(self._scope, problem)
        self._answer = asyncio.ensure_future(answer(self._scope, _nothing, self._send))


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _too_many(settings: Settings) -> Problem:
    return Problem(
        429, "too-many-requests", "Too many requests",
        f"{settings.waiting} requests wait for their turn already; nothing was tried, try again later",
    )  # fmt: skip


def _waited(settings: Settings) -> Problem:
    return Problem(
        503, "overloaded", "The server is overloaded",
        f"no place came free within {settings.wait_seconds:g} s; nothing was tried, try again later",
    )  # fmt: skip


def _too_long(settings: Settings) -> Problem:
    return Problem(
        503, "timed-out", "The request took too long",
        f"there was no answer within {math.ceil(settings.request_seconds)} s; what it was to keep may be kept"
        " all the same, and sending it again does no harm",
    )  # fmt: skip


def _slow_body(settings: Settings) -> Problem:
    return Problem(
        408, "body-too-slow", "The body did not arrive",
        f"it has to be there within {settings.body_seconds:g} s",
    )  # fmt: skip
