"""Routes that answer usual questions by themselves, and the short way to them.

What FastAPI and Starlette do around a route (middleware, finding it among all, exit stacks, reading its
parameters) costs as much as a tenth of a score and more than a ready-made row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from features.errors import DataError
from serving.problems import Problem, answer_of


class DirectRoute(APIRoute):
    """A route whose usual questions are answered without FastAPI's reading of them.

    What is not of the usual shape goes the declared way, which also makes the document.
    """

    async def answered(self, request: Request) -> Response | None:
        """The answer to a usual question; None for another one, of which no body was read."""
        raise NotImplementedError


@dataclass(frozen=True)
class _Way:
    """A route's path around its only parameter, if it has one."""

    route: DirectRoute
    methods: frozenset[str]
    begin: str
    end: str
    parameter: str
    any_sign: bool


class Shortcut:
    """An ASGI app around the one with all routes: what a direct route answers does not get there."""

    def __init__(self, app: ASGIApp, routes: Sequence[DirectRoute]) -> None:
        self._app, self._ways = app, [_way_of(route) for route in routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        found = None
        if scope["type"] == "http" and not scope.get("root_path"):
            path, method = scope["path"], scope["method"]
            for way in self._ways:
                if method in way.methods and _leads(way, path):
                    found = await self._answered(way, scope, receive, send)
                    break
        await (self._app if found is None else found)(scope, receive, send)

    async def _answered(self, way: _Way, scope: Scope, receive: Receive, send: Send) -> Response | None:
        path = scope["path"]
        named = {way.parameter: path[len(way.begin) : len(path) - len(way.end)]} if way.parameter else {}
        request = Request({**scope, "path_params": named}, receive)
        scope["route"] = way.route
        try:
            return await way.route.answered(request)
        except (Problem, DataError) as error:
            return answer_of(scope, error)
        except Exception as error:
            await answer_of(scope, error)(scope, receive, send)
            raise  # as Starlette does: the server tells it too


def _way_of(route: DirectRoute) -> _Way:
    begin, brace, rest = route.path.partition("{")
    inside, _, end = rest.partition("}")
    parameter, _, kind = inside.partition(":")
    if "{" in end or kind not in ("", "path"):
        raise ValueError(f"{route.path}: no direct route has such parameters")
    methods = frozenset(route.methods or ()) - {"HEAD"}
    return _Way(route, methods, begin, end if brace else "", parameter, kind == "path")


def _leads(way: _Way, path: str) -> bool:
    if not way.parameter:
        return path == way.begin
    last = len(path) - len(way.end)
    if last < len(way.begin) or not path.startswith(way.begin) or not path.endswith(way.end):
        return False
    inside = path[len(way.begin) : last]
    return way.any_sign or (inside != "" and "/" not in inside)
