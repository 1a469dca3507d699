"""Logs as JSON, one object a line, with the request's id and without anything of a customer."""

from __future__ import annotations

import json
import logging
import traceback
from contextvars import ContextVar
from typing import Any

from features.times import iso

REQUEST_ID: ContextVar[str | None] = ContextVar("dealcast_request_id", default=None)
_MOST_FRAMES = 30


class JsonFormatter(logging.Formatter):
    """A record as a line of JSON.

    Of an exception its type and the places are told, never its message nor a value: these may hold what a
    customer is called. What a record carries as `told` stands beside the common fields.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": iso(int(record.created * 1e6)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        request_id = REQUEST_ID.get()
        if request_id is not None:
            line["request_id"] = request_id
        line.update(getattr(record, "told", {}))
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _errors(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def log_config() -> dict[str, Any]:
    """For `logging.config.dictConfig`: everything from INFO on to stderr, as JSON."""
    quiet = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "serving.running.logs.JsonFormatter"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "json",
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "dealcast": {"level": "INFO"},
            "uvicorn": {**quiet, "level": "INFO"},
            "uvicorn.error": {**quiet, "level": "INFO"},
            "uvicorn.access": {"handlers": [], "propagate": False, "level": "ERROR"},  # it prints ids
        },
    }


def _errors(error: BaseException) -> list[dict[str, Any]]:
    """An exception and what led to it, the last one first: type and frames."""
    found: list[dict[str, Any]] = []
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None:
        if id(at) in seen:
            break
        seen.add(id(at))
        frames = traceback.extract_tb(at.__traceback__)[-_MOST_FRAMES:]
        found.append(
            {"type": type(at).__name__, "frames": [f"{f.filename}:{f.lineno} {f.name}" for f in frames]}
        )
        at = at.__cause__ or at.__context__
    return found
