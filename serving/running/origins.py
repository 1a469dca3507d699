"""Whose pages may write: a browser sends a form or a text of any page to any address, unasked."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from serving.problems import Problem

if TYPE_CHECKING:
    from serving.running.gate import App, Message, Receive, Scope, Send

_READING = ("GET", "HEAD", "OPTIONS")


class Origins:
    """An ASGI app that lets no page of a foreign server send anything to another app.

    Without this, a page that somebody merely looks at could post records to a service on their own
    machine. Only browsers send `Origin`; plugins and commands do not, and are let in.
    """

    def __init__(self, app: App, named: Collection[str]) -> None:
        self._app, self._named = app, named

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _READING:
            for name, value in scope["headers"]:
                if name == b"origin" and self._is_foreign(scope, value.decode("latin-1")):
                    scope["problem"] = _FOREIGN.name
                    await _FOREIGN.response()(scope, _nothing, send)
                    return
        await self._app(scope, receive, send)

    def _is_foreign(self, scope: Scope, origin: str) -> bool:
        own = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        return bool(origin) and urlsplit(origin).netloc != own and origin not in self._named


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


_FOREIGN = Problem(
    403, "foreign-origin", "A page of another server",
    "pages of this origin may not send anything here; name it in DEALCAST_CORS_ORIGINS if it may",
)  # fmt: skip
