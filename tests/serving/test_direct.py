"""The short way to a direct route: who takes it, who goes the declared way, and what errors become."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from serving.problems import Problem
from serving.routes.direct import DirectRoute, Shortcut


class Told(DirectRoute):
    """Says what it was asked; passes over `odd`, and fails as it is told to."""

    async def answered(self, request: Request) -> Response | None:
        name = request.scope["path_params"].get("name", "-")
        if name == "odd":
            return None
        if name == "refused":
            raise Problem(409, "model-gone", "Gone", "it is gone")
        if name == "broken":
            raise RuntimeError("secret")
        return PlainTextResponse(f"direct {name}")


async def declared(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("declared")(scope, receive, send)


def asked(
    path: str, method: str = "GET", sent: list[Any] | None = None, **more: Any
) -> tuple[int, str, dict[str, Any]]:
    """Status and body of an answer, and the request's scope after it."""
    router = APIRouter(prefix="/v9", route_class=Told)
    for its_path in ("/one", "/things/{name:path}/score", "/models/{name}/infer"):
        router.add_api_route(its_path, lambda: None, methods=["GET"])
    app = Shortcut(declared, [route for route in router.routes if isinstance(route, DirectRoute)])
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": [], **more}
    sent = [] if sent is None else sent

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], sent[1]["body"].decode(), scope


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v9/one", "direct -"),
        ("/v9/one/", "declared"),
        ("/v9/things/a/score", "direct a"),
        ("/v9/things/a/b/score", "direct a/b"),
        ("/v9/things//score", "direct "),
        ("/v9/things/score", "declared"),
        ("/v9/models/win/infer", "direct win"),
        ("/v9/models/win/more/infer", "declared"),
        ("/v9/models//infer", "declared"),
        ("/v9/things/odd/score", "declared"),
        ("/other", "declared"),
    ],
)
def test_plain_questions_go_the_short_way_and_all_others_the_declared_one(path: str, said: str) -> None:
    status, body, scope = asked(path)
    assert (status, body) == (200, said)
    if said.startswith("direct"):
        assert scope["route"].path.startswith("/v9/")  # by which the request is counted


def test_other_methods_and_servers_under_a_path_go_the_declared_way() -> None:
    assert asked("/v9/one", "PUT")[1] == "declared"
    assert asked("/v9/one", root_path="/below")[1] == "declared"


def test_a_problem_is_answered_and_named_for_the_metrics() -> None:
    status, body, scope = asked("/v9/things/refused/score")
    assert status == 409
    assert "model-gone" in body
    assert scope["problem"] == "model-gone"


def test_an_error_of_ours_is_answered_without_its_words_and_told_to_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent: list[Any] = []
    with pytest.raises(RuntimeError, match="secret"):
        asked("/v9/things/broken/score", sent=sent)
    assert sent[0]["status"] == 500
    assert "internal-error" in sent[1]["body"].decode()
    assert "secret" not in sent[1]["body"].decode()
    assert "internal-error" in caplog.text


def test_a_route_with_parameters_that_the_short_way_does_not_know_is_refused() -> None:
    router = APIRouter(route_class=Told)
    router.add_api_route("/a/{one}/b/{two}", lambda: None)
    with pytest.raises(ValueError, match="no direct route has such parameters"):
        Shortcut(declared, [route for route in router.routes if isinstance(route, DirectRoute)])
