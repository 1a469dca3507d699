"""Answers that are bytes already: conditional, and packed where they are large and the client takes it."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache

from fastapi import Request
from fastapi.responses import Response

LEAST_PACKED = 2_048  # bytes from which on packing pays
_LEVEL = 1  # most of what packing gains, at the least time
_VARY = (b"vary", b"Accept-Encoding, Accept-Language")
_PRIVATE = (b"cache-control", b"private, no-cache")
_PACKED = (b"content-encoding", b"gzip")


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
    """The body; 304 without one where the client has what the tag names.

    Args:
        more: headers of both, in lower case; a `vary` among them takes the place of the usual one.
    """
    headers = [_VARY]
    if more is not None:
        own = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in more.items()]
        headers = own if "vary" in more else [_VARY, *own]
    if tag is not None:
        headers += [(b"etag", tag.encode("latin-1")), _PRIVATE]
        known = header(request, b"if-none-match")
        if known is not None and _names(known, tag):
            return _Made(304, b"", headers)
    if len(body) >= LEAST_PACKED and takes_gzip(header(request, b"accept-encoding")):
        headers.append(_PACKED)
        body = gzip.compress(body, _LEVEL, mtime=0)
    headers += [(b"content-length", b"%d" % len(body)), (b"content-type", _type_of(media_type))]
    return _Made(200, body, headers)


class _Made(Response):
    """A response whose headers are bytes already."""

    def __init__(self, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.status_code, self.body, self.raw_headers = status, body, headers
        self.background = None


@cache
def _type_of(media_type: str) -> bytes:
    """A Content-Type; texts say their charset."""
    bare = media_type.startswith("text/") and "charset=" not in media_type
    return (media_type + ("; charset=utf-8" if bare else "")).encode("latin-1")


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
