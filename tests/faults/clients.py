"""Clients that go on asking while something happens to the server."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """A status, headers in lower case, and the body's JSON (or its text)."""

    status: int
    headers: Mapping[str, str]
    body: Any


def ask(address: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
    """One request on a connection of its own; raises OSError where there is no answer."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("GET" if raw is None else "POST", path, raw, dict(headers or {}))
        answer = connection.getresponse()
        text = answer.read()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, json.loads(text) if "json" in found["content-type"] else text)
    finally:
        connection.close()


@dataclass
class Asked:
    """What several clients were answered, in no order; `broken`: requests without an answer."""

    answers: list[Answer] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def statuses(self) -> set[int]:
        return {answer.status for answer in self.answers}


@contextmanager
def clients(count: int, request: Callable[[], Answer]) -> Iterator[Asked]:
    """So many clients that ask again and again, until the context is left."""
    asked, over = Asked(), threading.Event()

    def go_on() -> None:
        while not over.is_set():
            try:
                asked.answers.append(request())
            except (OSError, http.client.HTTPException) as error:
                asked.broken.append(repr(error))
            over.wait(0.01)  # the clients share a machine with the server

    threads = [threading.Thread(target=go_on) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield asked
    finally:
        over.set()
        for thread in threads:
            thread.join()


def until(holds: Callable[[], bool], what: str, seconds: float = 60) -> float:
    """Seconds until something holds; fails where it does not in time."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - begun


def figure(address: str, name: str) -> float:
    """A figure of /metrics by its name and labels, as they are written there; 0 where it is not told."""
    text = ask(address, "/metrics").body.decode()
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
    return float(found[1]) if found else 0.0
