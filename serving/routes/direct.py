"""Routes that answer usual questions by themselves."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send


class DirectRoute(APIRoute):
    """A route whose usual questions are answered without FastAPI's reading of them.

    What is not of the usual shape goes the declared way, which also makes the document.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that came to this route."""
        mine = scope["method"] in (self.methods or ())
        found = await self.answered(Request(scope, receive)) if mine else None
        await (super().handle if found is None else found)(scope, receive, send)

    async def answered(self, request: Request) -> Response | None:
        """The answer to a usual question; None for another one, of which no body was read."""
        raise NotImplementedError
