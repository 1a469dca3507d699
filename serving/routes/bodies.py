"""Bodies of requests, read within a limit."""

from __future__ import annotations

from fastapi import Request

from serving.problems import too_large

MOST_DROPPED = 256 * 1024 * 1024  # bytes read in vain before the connection is cut


async def body_of(request: Request, limit: int) -> bytes:
    """The body, unless it is larger than the limit, of which no more is ever held.

    What is over the limit is read and dropped, within bounds, before the refusal: a client that
    is still sending would see a broken connection instead of the answer.
    """
    body = bytearray()
    dropped = 0
    async for chunk in request.stream():
        if dropped or len(body) + len(chunk) > limit:
            dropped += len(chunk)
            if dropped > MOST_DROPPED:
                break
        else:
            body += chunk
    if dropped:
        raise too_large(limit)
    return bytes(body)
