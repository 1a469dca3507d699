"""The Open Inference Protocol's routes."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from serving.answers import encoded
from serving.inference import PREFIX, InferenceProblem, infer, metadata
from serving.routes.bodies import body_of
from serving.routes.direct import DirectRoute
from serving.routes.replies import reply
from serving.scorer import Model
from serving.service import Service
from training.labels import TARGETS

router = APIRouter(prefix="/v2", tags=["open inference protocol"])
AT_ONCE_BYTES = 16 * 1024  # a row or a few, predicted in the event loop itself
_TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"enum": ["FP64", "FP32", "BYTES"]},
        "data": {"type": "array", "items": {}},
    },
}
_REQUEST = {
    "type": "object",
    "required": ["inputs"],
    "properties": {"id": {"type": "string"}, "inputs": {"type": "array", "items": _TENSOR}},
}


@router.get("", summary="The server")
def server() -> dict[str, Any]:
    """Name and version."""
    return {"name": "dealcast", "version": version("dealcast"), "extensions": []}


@router.get("/health/live", summary="The process answers")
def live() -> dict[str, bool]:
    """200 as long as the process answers at all."""
    return {"live": True}


@router.get("/health/ready", summary="The process can score")
def ready() -> dict[str, bool]:
    """200 once the models are loaded."""
    return {"ready": True}


@router.get("/models/{name}", summary="What a model reads and gives")
def model(request: Request, name: str) -> dict[str, Any]:
    """Its tensors; the order of the features and the categories' vocabularies are among the parameters."""
    return metadata(name, _model(request, name))


@router.get("/models/{name}/ready", summary="The model can score")
def model_ready(request: Request, name: str) -> dict[str, Any]:
    """200 where the model is served."""
    _model(request, name)
    return {"name": name, "ready": True}


class InferRoute(DirectRoute):
    """Ready-made rows, whose body is read by the service alone."""

    async def answered(self, request: Request) -> Response | None:
        return await model_infer(request, request.scope["path_params"]["name"])


async def model_infer(request: Request, name: str) -> Response:
    """The probability of each row of the tensor `features`; reasons are not part of the protocol."""
    found = _model(request, name)
    service: Service = request.scope["app"].state.service
    body = await body_of(request, service.settings.max_body_bytes)
    if len(body) <= AT_ONCE_BYTES:
        return reply(request, encoded(infer(name, found, body)))
    return reply(request, encoded(await run_in_threadpool(infer, name, found, body)))


router.add_api_route(
    "/models/{name}/infer",
    model_infer,
    methods=["POST"],
    summary="Probabilities of ready-made feature rows",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _REQUEST}}}},
    route_class_override=InferRoute,
)
DIRECT = [route for route in router.routes if isinstance(route, DirectRoute)]


def _model(request: Request, name: str) -> Model:
    service: Service = request.scope["app"].state.service
    for target in TARGETS:
        if name == PREFIX + target and target in service.scorer.models:
            return service.scorer.models[target]
    served = ", ".join(PREFIX + target for target in service.scorer.models)
    detail = f"no such model is served (there are: {served})"
    raise InferenceProblem(404, "not-found", "Not found", detail)
