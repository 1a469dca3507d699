"""The script of the `<deal-score>` element, for pages of other servers."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.responses import Response

from serving.routes.replies import takes_gzip

SCRIPT = "deal-score.js"
router = APIRouter(prefix="/widget", include_in_schema=False)


@router.get(f"/{SCRIPT}")
def script(request: Request) -> Response:
    """Whoever may load a page may load the script; what it asks for is another matter."""
    body, packed, tag = _script()
    headers = {
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": "public, max-age=3600",
        "etag": tag,
        "vary": "Accept-Encoding",
        "x-content-type-options": "nosniff",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if takes_gzip(request.headers.get("accept-encoding")):
        body, headers["content-encoding"] = packed, "gzip"
    return Response(body, media_type="text/javascript; charset=utf-8", headers=headers)


@cache
def _script() -> tuple[bytes, bytes, str]:
    """The script, the same packed, and its tag."""
    body = (files("serving.widget") / SCRIPT).read_bytes()
    return body, gzip.compress(body, 9, mtime=0), f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
