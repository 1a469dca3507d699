"""What a request costs where next to nothing is done: three small applications to measure against.

`empty` reads a body and answers `{}`; `fast` decodes a ready-made row with msgspec and scores it by the
single-row way of LightGBM; `pydantic` does the same through FastAPI's own bodies and answers.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel

from training.library import Library


class Row(msgspec.Struct):
    """A feature row."""

    row: list[float | None]


class RowBody(BaseModel):
    """The same for pydantic."""

    row: list[float | None]


class Said(BaseModel):
    """Its answer."""

    margin: float


def app() -> FastAPI:
    """The application; the trees lie where DEALCAST_BENCH_MODEL says."""
    made = FastAPI()
    trees = Library(Path(os.environ["DEALCAST_BENCH_MODEL"]).read_text(encoding="utf-8"))
    decoder = msgspec.json.Decoder(Row)

    @made.post("/empty")
    async def empty(request: Request) -> Response:
        await request.body()
        return Response(b"{}", media_type="application/json")

    @made.post("/fast")
    async def fast(request: Request) -> Response:
        row = decoder.decode(await request.body()).row
        margin = float(trees.margins(np.array([row], np.float64))[0, 0])
        return Response(msgspec.json.encode({"margin": margin}), media_type="application/json")

    @made.post("/pydantic")
    async def slow(body: RowBody) -> Said:
        return Said(margin=float(trees.margins(np.array([body.row], np.float64))[0, 0]))

    return made
