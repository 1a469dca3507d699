"""Answers that are bytes already: conditional, and packed where they are large and the client takes it."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import Response

LEAST_PACKED = 2_048  # bytes from which on packing pays
_LEVEL = 1  # most of what packing gains, at the least time


def header(request: Request, name: bytes) -> str | None:
    """A header's text; None where it is absent. `name` is in lower case."""
    for key, value in request.scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


def reply(
    request: Request,
    body: bytes,
    tag: str | None = None,
    media_type: str = "application/json",
    more: Mapping[str, str] | None = None,
) -> Response:
    """The body; 304 without one where the client has what the tag names. `more`: headers of both."""
    headers = {"vary": "Accept-Encoding, Accept-Language", **(more or {})}
    if tag is not None:
        headers |= {"etag": tag, "cache-control": "private, no-cache"}
        known = header(request, b"if-none-match")
        if known is not None and _names(known, tag):
            return Response(status_code=304, headers=headers)
    if len(body) >= LEAST_PACKED and takes_gzip(header(request, b"accept-encoding")):
        headers["content-encoding"] = "gzip"
        body = gzip.compress(body, _LEVEL, mtime=0)
    return Response(body, media_type=media_type, headers=headers)


def takes_gzip(accepted: str | None) -> bool:
    """Whether an Accept-Encoding header allows gzip.

    >>> takes_gzip("br, gzip;q=0.5"), takes_gzip("gzip;q=0"), takes_gzip(None)
    (True, False, False)
    """
    for part in (accepted or "").lower().split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip() in ("gzip", "*"):
            quality = weight.strip().removeprefix("q=").strip()
            return not quality or quality.strip("0.") != ""
    return False


def _names(known: str, tag: str) -> bool:
    """Whether an If-None-Match header names a tag, by the weak comparison of RFC 9110."""
    bare = tag.removeprefix("W/")
    return any(part.strip().removeprefix("W/") in (bare, "*") for part in known.split(","))
