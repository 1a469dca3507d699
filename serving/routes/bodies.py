"""Bodies of requests, read within a limit."""

from __future__ import annotations

from fastapi import Request
from starlette.requests import ClientDisconnect

from serving.problems import too_large

MOST_DROPPED = 256 * 1024 * 1024  # bytes read in vain before the connection is cut


async def body_of(request: Request, limit: int) -> bytes:
    """The body, unless it is larger than the limit, of which no more is ever held.

    What is over the limit is read and dropped, within bounds, before the refusal: a client that
    is still sending would see a broken connection instead of the answer. Of a body that comes whole, as
    most do, no copy is made.
    """
    kept = bytearray()
    dropped, more = 0, True
    while more and dropped <= MOST_DROPPED:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        if dropped or len(kept) + len(chunk) > limit:
            dropped += len(chunk)
        elif kept or more:
            kept += chunk
        else:
            return bytes(chunk)
    if dropped:
        raise too_large(limit)
    return bytes(kept)
